/** Starts real gateways as processes of their own, the way a user does, and stops them for certain. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Certificate } from "./certificate.ts";

/** The repository's root, with a slash at the end. */
export const repositoryRoot: string = fileURLToPath(new URL("../../", import.meta.url));

const readyLine = /Parley is at (https?:\/\/[^\s/]+:(\d+)\/)/;
const startTimeoutMs = 60_000;
const stopTimeoutMs = 15_000;
const scriptName = "script.json";
const maxLogBytes = 4 * 1024 * 1024;

export interface StartOptions {
  /** Settings (PARLEY_…) beside the defaults for tests: any free port, embedded engines. */
  env?: Record<string, string>;
  /** What the engine `scripted` hears, answers and plays (the content of PARLEY_SCRIPT's file). */
  script?: Record<string, unknown>;
  /** Serves https and wss with it. */
  tls?: Certificate;
  /** Another checkout than this one. */
  root?: string;
  /** Flags for Node itself, e.g. `--expose-gc`. */
  nodeFlags?: string[];
}

/** A running gateway. */
export interface RunningGateway {
  /** With a slash at the end. */
  url: string;
  /** `ws(s)://host:port/v1/realtime`, without a query. */
  wsUrl: string;
  port: number;
  process: ChildProcess;
  /** Milliseconds from spawn to the line that says where it is. */
  startedInMs: number;
  /** Everything printed so far, both streams (at most 4 MiB, the newest). */
  log(): string;
  /** SIGTERM, then SIGKILL when it doesn't leave. Idempotent. @returns the exit code or signal */
  stop(): Promise<number | string>;
}

/**
 * Spawns `node gateway/main.ts` with the Node that runs the caller and waits for the line with its address.
 *
 * @throws {Error} with the log when it exits or stays silent for a minute
 */
export async function startGateway(options: StartOptions = {}): Promise<RunningGateway> {
  const root = options.root ?? repositoryRoot;
  const home = await mkdtemp(join(tmpdir(), "parley-test-"));
  if (options.script) await writeFile(join(home, scriptName), JSON.stringify(options.script));
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), "gateway/main.ts"], {
    cwd: root,
    env: gatewayEnvironment(options, home),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  const collect = (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-maxLogBytes);
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
    await rm(home, { recursive: true, force: true });
    return outcome;
  };
  try {
    const [url, port] = await waitForAddress(child, exited, () => log);
    const wsUrl = `${url.replace(/^http/, "ws")}v1/realtime`;
    return {
      url,
      wsUrl,
      port,
      process: child,
      startedInMs: performance.now() - startedAtMs,
      log: () => log,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function gatewayEnvironment(options: StartOptions, home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: home,
    TMPDIR: tmpdir(),
    PARLEY_PORT: "0",
    PARLEY_DATA_DIR: home,
    PARLEY_PROCESSES: "1",
    ...(options.tls ? { PARLEY_TLS_CERT: options.tls.certFile, PARLEY_TLS_KEY: options.tls.keyFile } : {}),
    ...(options.script ? { PARLEY_SCRIPT: join(home, scriptName) } : {}),
    ...options.env,
  };
}

async function waitForAddress(
  child: ChildProcess,
  exited: Promise<number | string>,
  log: () => string,
): Promise<[url: string, port: number]> {
  let timer: NodeJS.Timeout | undefined;
  let look: (() => void) | undefined;
  try {
    return await new Promise<[string, number]>((resolve, reject) => {
      look = () => {
        const match = readyLine.exec(log());
        if (match) resolve([match[1]!, Number(match[2])]);
      };
      child.stdout?.on("data", look);
      timer = setTimeout(
        () => reject(new Error(`gateway said no address in ${startTimeoutMs} ms; it printed:\n${log()}`)),
        startTimeoutMs,
      );
      exited.then((outcome) => reject(new Error(`gateway left with ${outcome}; it printed:\n${log()}`)));
    });
  } finally {
    clearTimeout(timer);
    if (look) child.stdout?.off("data", look);
  }
}

/** Settings for engines that answer at once. */
export const scriptedEngines: Readonly<Record<string, string>> = {
  PARLEY_STT: "scripted",
  PARLEY_AI: "scripted",
  PARLEY_TTS: "scripted",
};
