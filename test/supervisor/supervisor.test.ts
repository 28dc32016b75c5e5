import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { Supervised } from "./supervised.ts";

const primary = fileURLToPath(new URL("./primary.ts", import.meta.url));
const running: Supervised[] = [];

function start(fixture: string, settings: Record<string, string> = {}): Supervised {
  const environment = {
    PARLEY_PORT: "0",
    PARLEY_PROCESSES: "1",
    PARLEY_STT: "scripted",
    PARLEY_AI: "scripted",
    PARLEY_TTS: "scripted",
    ...settings,
  };
  const one = new Supervised(primary, [JSON.stringify(environment)], { env: { FIXTURE: fixture } });
  running.push(one);
  return one;
}

async function textOf(url: string): Promise<string> {
  return (await fetch(url, { headers: { Connection: "close" } })).text();
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.end()));
});

describe("the supervisor", () => {
  it("says where Parley is once, with the port that was found for 0, and ends well on SIGTERM", async () => {
    const one = start("good", { PARLEY_PROCESSES: "2" });
    const url = await one.url();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*\/$/);
    await one.sees("stderr", /sockets null/, 2);
    one.child.kill("SIGTERM");
    expect(await one.exited).toBe(0);
    expect(one.stderr.match(/told to drain/g)).toHaveLength(2);
    expect(one.stdout).toBe(`Parley is at ${url}\n`);
  });

  it("brings a killed gateway back at the same port, and counts it", async () => {
    const one = start("good");
    const url = await one.url();
    const pid = Number(await textOf(`${url}pid`));
    process.kill(pid, "SIGKILL");
    await one.sees("stderr", /sockets null/, 2);
    expect(Number(await textOf(`${url}pid`))).not.toBe(pid);
    const metrics = await textOf(`${url}metrics`);
    expect(metrics).toContain('parley_worker_restarts_total{worker="gateway"} 1');
    expect(one.stdout.match(/Parley is at/g)).toHaveLength(1);
  });

  it("kills a gateway that hangs without dying, and brings it back at the same port", async () => {
    const one = start("good", { PARLEY_HANG_TIMEOUT_MS: "1000" });
    const url = await one.url();
    const pid = Number(await textOf(`${url}pid`));
    process.kill(pid, "SIGSTOP");
    await one.sees("stderr", new RegExp(`"pid":${pid},"msg":"gateway process hangs; it is killed"`));
    await one.sees("stderr", /sockets null/, 2);
    expect(Number(await textOf(`${url}pid`))).not.toBe(pid);
    expect(await textOf(`${url}metrics`)).toContain('parley_worker_restarts_total{worker="gateway"} 1');
  });

  it("joins the metrics of all its gateways", async () => {
    const one = start("good", { PARLEY_PROCESSES: "2" });
    const url = await one.url();
    await one.sees("stderr", /sockets null/, 2);
    expect((await textOf(`${url}metrics`)).split("\n")).toContain("parley_sockets 2");
  });

  it("starts the speech engines where a chain names them, hands their sockets on, and ends them", async () => {
    const one = start("good", { PARLEY_TTS: "scripted,embedded" });
    await one.url();
    expect(one.stderr).toContain('sockets {"recogniser":"/r","voices":"/v","embeddings":"/e"}');
    one.child.kill("SIGINT");
    expect(await one.exited).toBe(0);
    expect(one.stdout).toMatch(/^speech starts\nParley is at .*\nspeech ends\n$/);
  });

  it("kills gateways that do not end within the drain's time", async () => {
    const one = start("stubborn", { PARLEY_DRAIN_TIMEOUT_MS: "0" });
    await one.url();
    one.child.kill("SIGTERM");
    await one.sees("stderr", /told to drain/);
    expect(await one.exited).toBe(0);
  });

  it("ends at once on a second signal", async () => {
    const one = start("stubborn", { PARLEY_DRAIN_TIMEOUT_MS: "3600000" });
    const url = await one.url();
    one.child.kill("SIGTERM");
    await one.sees("stderr", /told to drain/);
    one.child.kill("SIGTERM");
    expect(await one.exited).toBe(1);
    await expect(textOf(url)).rejects.toThrow();
  });

  it("gives up in a plain line what no restart would mend", async () => {
    const one = start("fail");
    expect(await one.exited).toBe(1);
    expect(one.stderr).toContain("\nPort 1 on here is already in use.\n");
    expect(one.stdout).toBe("");
  });

  it("gives up on gateways that die again and again before they are ready", async () => {
    const one = start("crash");
    expect(await one.exited).toBe(1);
    expect(one.stderr).toContain("The gateway process dies before it is ready");
    expect(one.stderr.match(/gateway process died; it is started again/g)).toHaveLength(4);
  });
});
