/** Who breaks a drill off, or a demo, is left with nothing of it: no process, no folder. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Supervised } from "../supervisor/supervised.ts";
import { readProcessTree } from "../support/process-tree.ts";

const starter = join(import.meta.dirname, "gateway-starter.ts");
const goneWithinMs = 20_000;
const timeout = 90_000;
let folder: string;
let drill: Supervised;
let started: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-left-"));
  drill = new Supervised(starter, [], { env: { TMPDIR: folder } });
  await drill.sees("stdout", /started http/);
  started = readProcessTree(drill.child.pid!).map(({ pid }) => pid);
  expect(started.length).toBeGreaterThan(2);
  expect(await readHomes()).toHaveLength(1);
}, timeout);

afterEach(async () => {
  for (const pid of started.filter(isAlive)) process.kill(pid, "SIGKILL");
  await drill.end();
  await rm(folder, { recursive: true, force: true });
});

const readHomes = async () => (await readdir(folder)).filter((name) => name.startsWith("parley-drill-"));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Those that are still there when it is time. */
async function waitUntilGone(pids: readonly number[]): Promise<number[]> {
  const untilMs = performance.now() + goneWithinMs;
  while (pids.some(isAlive) && performance.now() < untilMs) await sleep(50);
  return pids.filter(isAlive);
}

it.each([
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("leaves no process and no folder behind at %s", { timeout }, async (signal, code) => {
  drill.child.kill(signal);
  expect(await drill.exited).toBe(code);
  expect(await waitUntilGone(started)).toEqual([]);
  expect(await readHomes()).toEqual([]);
});

it("leaves nothing behind when it is stopped, nor a listener for signals", { timeout }, async () => {
  drill.child.kill("SIGUSR2");
  expect(await drill.exited).toBe(0);
  expect(drill.stdout).toContain("0 listeners are left");
  expect(await waitUntilGone(started)).toEqual([]);
  expect(await readHomes()).toEqual([]);
});
