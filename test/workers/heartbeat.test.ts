import { describe, expect, it } from "vitest";
import { Heartbeat } from "../../workers/heartbeat.ts";
import { HandClock } from "../supervisor/hand-clock.ts";

function watch() {
  const clock = new HandClock();
  const said = { asked: 0, hung: 0 };
  let answers = true;
  const heartbeat = new Heartbeat({
    ...{ clock, hangTimeoutMs: 10_000, startTimeoutMs: 60_000 },
    ask: () => {
      said.asked++;
      if (answers) heartbeat.beat();
    },
    onHang: () => void said.hung++,
  });
  const fallSilent = () => {
    answers = false;
  };
  return { clock, said, heartbeat, fallSilent };
}

describe("the supervisor's watch over a gateway", () => {
  it("lets a process be that answers", () => {
    const { clock, said, heartbeat } = watch();
    heartbeat.ready();
    clock.pass(600_000);
    expect(said.hung).toBe(0);
    expect(said.asked).toBeGreaterThan(100);
    heartbeat.stop();
  });

  it("takes one for hung that was silent for the timeout, not before, once, and asks it no more meanwhile", () => {
    const { clock, said, heartbeat, fallSilent } = watch();
    heartbeat.ready();
    clock.pass(1000);
    fallSilent();
    clock.pass(1000);
    const { asked } = said;
    clock.pass(9900);
    expect(said).toEqual({ asked, hung: 0 });
    clock.pass(2100);
    expect(said).toEqual({ asked, hung: 1 });
    clock.pass(60_000);
    expect(said.hung).toBe(1);
  });

  it("takes one for hung that never gets ready", () => {
    const { clock, said } = watch();
    clock.pass(59_900);
    expect(said.hung).toBe(0);
    clock.pass(100);
    expect(said).toEqual({ asked: 0, hung: 1 });
  });

  it("does not blame a process for the supervisor's own standstill", () => {
    const { clock, said, heartbeat, fallSilent } = watch();
    heartbeat.ready();
    fallSilent();
    clock.pass(2000);
    clock.jump(3_600_000);
    expect(said.hung).toBe(0);
    heartbeat.beat();
    clock.pass(4000);
    expect(said.hung).toBe(0);
  });
});
