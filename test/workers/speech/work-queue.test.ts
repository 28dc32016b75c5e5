import { describe, expect, it } from "vitest";
import { createWorkQueue, type Job } from "../../../workers/speech/work-queue.ts";

function setUp(queueLimit = 3, waitMaxMs = Number.POSITIVE_INFINITY) {
  const log: string[] = [];
  const finishers: (() => void)[] = [];
  let now = 0;
  const queue = createWorkQueue({ queueLimit, waitMaxMs, concurrency: 1, nowMs: () => now });
  const job = (name: string, tenant = "t", deadlineMs = 1000): Job => ({
    ...{ tenant, deadlineMs },
    run: () => {
      log.push(`run ${name}`);
      return new Promise<void>((resolve) => finishers.push(resolve));
    },
    refuse: (code) => log.push(`${name} ${code}`),
  });
  const finish = async () => {
    finishers.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, log, job, finish, setNow: (ms: number) => (now = ms) };
}

describe("an engine's queue", () => {
  it("lets requests wait while the model loads, and refuses at once beyond its limit", () => {
    const { queue, log, job } = setUp(2);
    for (const name of ["a", "b", "c"]) queue.add(job(name));
    expect(log).toEqual(["c overloaded"]);
    queue.open();
    expect(log).toEqual(["c overloaded", "run a"]);
    expect([queue.waiting, queue.running]).toEqual([1, 1]);
  });
  it("drops what is late unserved, also to make room", async () => {
    const { queue, log, job, finish, setNow } = setUp(1);
    queue.open();
    queue.add(job("a"));
    queue.add(job("late", "t", 10));
    setNow(20);
    queue.add(job("c"));
    expect(log).toEqual(["run a", "late expired"]);
    setNow(2000);
    await finish();
    expect(log).toEqual(["run a", "late expired", "c expired"]);
  });
  it("refuses at once who would have to wait too long, by what requests took lately", async () => {
    const { queue, log, job, finish, setNow } = setUp(100, 1_000);
    queue.open();
    for (let index = 1; index <= 20; index += 1) {
      queue.add(job("a", "t", 1e9));
      setNow(index * 400);
      await finish();
    }
    log.length = 0;
    for (const name of ["b", "c", "d", "e", "f"]) queue.add(job(name, "t", 1e9));
    expect(log).toEqual(["run b", "f overloaded"]);
  });
  it("takes a cancelled request out", async () => {
    const { queue, log, job, finish } = setUp();
    queue.open();
    queue.add(job("a"));
    const waiting = job("b");
    queue.add(waiting);
    expect([queue.remove(waiting), queue.remove(waiting)]).toEqual([true, false]);
    await finish();
    expect(log).toEqual(["run a"]);
  });
  it("serves tenants in turn", async () => {
    const { queue, log, job, finish } = setUp(10);
    queue.open();
    for (const name of ["a1", "a2", "a3"]) queue.add(job(name, "a"));
    for (const name of ["b1", "b2"]) queue.add(job(name, "b"));
    for (let i = 0; i < 4; i++) await finish();
    expect(log).toEqual(["run a1", "run b1", "run a2", "run b2", "run a3"]);
  });
  it("refuses all with the reason when the model can't be used", () => {
    const { queue, log, job } = setUp();
    queue.add(job("a"));
    queue.refuseAll("model_checksum_mismatch");
    queue.add(job("b"));
    expect(log).toEqual(["a model_checksum_mismatch", "b model_checksum_mismatch"]);
  });
});
