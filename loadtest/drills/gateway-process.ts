/** The gateway under test: a process of its own, started the way a user does. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitOnSignals } from "./exit-signals.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const readyLine = /Parley is at (https?:\/\/[^\s/]+\/)/;
const startTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;
const maxLogCharacters = 4 * 1024 * 1024;

export interface GatewayProcess {
  /** With a slash at the end. */
  url: string;
  /** `ws://host:port/v1/realtime`. */
  wsUrl: string;
  /** Everything printed, at most 4 MiB of it, the newest. */
  log(): string;
  /** SIGTERM, then SIGKILL when it doesn't leave. Idempotent. @returns the exit code or signal */
  stop(): Promise<number | string>;
}

/**
 * Starts `node gateway/main.ts` on a free port, in a folder of its own.
 *
 * @throws {Error} with what it printed when it leaves or says no address within a minute
 */
export async function startGatewayProcess(
  settings: Readonly<Record<string, string>>,
): Promise<GatewayProcess> {
  const home = await mkdtemp(join(tmpdir(), "parley-drill-"));
  const child = spawn(process.execPath, ["gateway/main.ts"], {
    cwd: root,
    // Nothing of the operator's own settings, least of all keys, gets into a drill.
    env: {
      PATH: process.env.PATH,
      HOME: home,
      TMPDIR: tmpdir(),
      PARLEY_PORT: "0",
      PARLEY_DATA_DIR: home,
      PARLEY_PROCESSES: "1",
      ...settings,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // A drill that is broken off leaves nobody behind, and nothing.
  const leave = () => {
    child.kill("SIGTERM");
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once("exit", leave);
  const forgetSignals = exitOnSignals();
  let log = "";
  let onOutput = () => {};
  const collect = (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-maxLogCharacters);
    onOutput();
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const exited = new Promise<number | string>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown"));
    child.once("error", (error) => resolve(error.message));
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    const outcome = await exited;
    clearTimeout(killer);
    leave();
    process.off("exit", leave);
    forgetSignals();
    return outcome;
  };
  const address = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the gateway said no address")), startTimeoutMs);
    const settle = () => {
      clearTimeout(timer);
      onOutput = () => {};
    };
    onOutput = () => {
      const match = readyLine.exec(log);
      if (match === null) return;
      settle();
      resolve(match[1]!);
    };
    exited.then((outcome) => {
      settle();
      reject(new Error(`the gateway left with ${outcome}`));
    });
  });
  try {
    const url = await address;
    return { url, wsUrl: `${url.replace(/^http/, "ws")}v1/realtime`, log: () => log, stop };
  } catch (error) {
    await stop();
    throw new Error(`${error instanceof Error ? error.message : error}; it printed:\n${log}`);
  }
}
