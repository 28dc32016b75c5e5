/** `npm start` for real: supervisor, gateways, audio threads; engines are scripted, so that no model of speech is loaded. */

import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Supervised } from "./supervisor/supervised.ts";

const main = fileURLToPath(new URL("../gateway/main.ts", import.meta.url));
const scripted = { PARLEY_STT: "scripted", PARLEY_AI: "scripted", PARLEY_TTS: "scripted" };
const running: Supervised[] = [];
let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "parley-main-"));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.end()));
  rmSync(cwd, { recursive: true, force: true });
});

function start(env: Record<string, string>): Supervised {
  const one = new Supervised(main, [], { cwd, env: { PARLEY_PORT: "0", ...scripted, ...env } });
  running.push(one);
  return one;
}

describe("npm start", () => {
  it("comes up, survives the kill of a gateway, and drains on SIGTERM", async () => {
    const one = start({ PARLEY_PROCESSES: "1" });
    const url = await one.url();
    expect((await fetch(`${url}readyz`)).status).toBe(200);
    const [, pid] = await one.sees("stderr", /"pid":(\d+),"process":"gateway".*"the gateway is ready"/);
    process.kill(Number(pid), "SIGKILL");
    await one.sees("stderr", /"the gateway is ready"/, 2);
    expect((await fetch(`${url}readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${url}metrics`)).text();
    expect(metrics).toContain('parley_worker_restarts_total{worker="gateway"} 1');
    expect(metrics).toContain("parley_build_info{");
    one.child.kill("SIGTERM");
    expect(await one.exited).toBe(0);
    expect(one.stdout).toBe(`Parley is at ${url}\n`);
  });

  it("replaces a gateway that hangs, and leaves one alone that works", async () => {
    const one = start({ PARLEY_PROCESSES: "1", PARLEY_HANG_TIMEOUT_MS: "3000" });
    const url = await one.url();
    const [, pid] = await one.sees("stderr", /"pid":(\d+),"process":"gateway".*"the gateway is ready"/);
    expect((await fetch(`${url}readyz`)).status).toBe(200);
    process.kill(Number(pid), "SIGSTOP");
    await one.sees("stderr", /"the gateway is ready"/, 2);
    expect((await fetch(`${url}readyz`)).status).toBe(200);
    expect(one.stderr.match(/gateway process hangs; it is killed/g)).toHaveLength(1);
  });

  it("makes its secret once, for its own eyes only", async () => {
    const path = join(cwd, ".parley", "secret");
    const first = start({});
    await first.url();
    const secret = readFileSync(path, "utf8");
    expect(secret.length).toBeGreaterThanOrEqual(32);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(cwd, ".parley")).mode & 0o777).toBe(0o700);
    await first.end();
    const second = start({});
    await second.url();
    expect(readFileSync(path, "utf8")).toBe(secret);
  });

  it("refuses bad settings with all problems in plain lines and exit code 1", async () => {
    const one = start({ PARLEY_PORT: "many", PARLEY_HOTS: "x", PARLEY_API_KEYS: "acme:hunter2" });
    expect(await one.exited).toBe(1);
    const lines = one.stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toBe('PARLEY_PORT must be a whole number from 0 to 65535 (port), not "many"');
    expect(lines[2]).toContain("PARLEY_HOTS is not a setting");
    expect(one.stderr).not.toContain("hunter2");
    expect(one.stdout).toBe("");
  });

  it("says in a plain line that the port is taken, and exits with 1", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const one = start({ PARLEY_PORT: String(port) });
    expect(await one.exited).toBe(1);
    expect(one.stderr.trimEnd().split("\n").at(-1)).toBe(`Port ${port} on 127.0.0.1 is already in use.`);
    other.close();
  });
});
