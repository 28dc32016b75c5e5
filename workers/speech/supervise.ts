/** Starts the speech engines as processes, restarts what dies, and takes them along when it goes. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Heartbeat } from "../heartbeat.ts";
import type { EngineClock } from "./client.ts";
import { type EngineReport, type EngineSettings, ping, pong } from "./engine-server.ts";
import type { EngineFaultCode } from "./frames.ts";

export const engineNames = ["recogniser", "voices", "embeddings"] as const;
/** Started only where the operator gave a folder. */
export const localEngineNames = ["local-recogniser", "local-voices"] as const;
export type LocalEngineName = (typeof localEngineNames)[number];
export type EngineName = (typeof engineNames)[number] | LocalEngineName;

export interface SpeechLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface SpeechOptions {
  /** Holds `whisper-tiny.en` and `all-minilm-l6-v2`. */
  modelsDir: string;
  /** Folder of each local engine that is to run; none by default. */
  local?: Partial<Record<LocalEngineName, string>>;
  /** Under which the directory of sockets is made; default the system's for temporary files. Keep it short. */
  dir?: string;
  /** The node that runs the engines; default the one that runs us. */
  nodePath?: string;
  /** Environment of the engines; default empty (Windows wants `SystemRoot`). */
  env?: Record<string, string>;
  /** Threads of one transcription, and of one synthesis of a local voice. */
  recogniserThreads: number;
  /** How many requests may wait in each engine. */
  queueLimit: number;
  /** An engine that stands still for longer is killed and started again. */
  hangTimeoutMs: number;
  log: SpeechLog;
  /** An engine died and is started again. */
  onRestart(name: EngineName): void;
}

export interface EngineProcessState {
  /** `down`: dead, to be started again; `refused`: up, but without its model. */
  state: "starting" | "loading" | "ready" | "refused" | "down";
  pid: number | null;
  restarts: number;
  /** How long its model took to load, once ready. */
  loadMs: number | null;
  code: EngineFaultCode | null;
  message: string | null;
}

export interface SpeechProcesses {
  /** Paths that stay the same over restarts. */
  readonly sockets: PerEngine<string>;
  states(): PerEngine<EngineProcessState>;
  /** Stops the engines and removes their sockets. */
  close(): Promise<void>;
}

/** One thing for each engine that runs. */
export type PerEngine<Value> = Record<(typeof engineNames)[number], Value> &
  Partial<Record<LocalEngineName, Value>>;

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5000;
/** An engine that lived that long starts over with the first backoff. */
const HEALTHY_AFTER_MS = 30_000;
const KILL_AFTER_MS = 1000;
/** Large models from slow disks take their time. */
const START_TIMEOUT_MS = 300_000;
const MAX_ERROR_LINE_CHARACTERS = 500;

interface Engine {
  name: EngineName;
  settings: EngineSettings;
  state: EngineProcessState;
  child: ChildProcess | null;
  startedMs: number;
  backoffMs: number;
  retry: NodeJS.Timeout | null;
}

function idle(): EngineProcessState {
  return { state: "starting", pid: null, restarts: 0, loadMs: null, code: null, message: null };
}

function take(engine: Engine, report: EngineReport, log: SpeechLog): void {
  const { state, loadMs, code, message } = report;
  engine.state = {
    ...engine.state,
    state,
    loadMs: loadMs ?? null,
    code: code ?? null,
    message: message ?? null,
  };
  if (state === "ready")
    log.info({ engine: engine.name, loadMs: Math.round(loadMs ?? 0) }, "speech engine is ready");
  if (state === "refused")
    log.error({ engine: engine.name, code }, message ?? "speech engine refused its model");
}

function launch(engine: Engine, options: SpeechOptions, died: () => void): void {
  const script = fileURLToPath(new URL(`./${engine.name}.ts`, import.meta.url));
  const { log } = options;
  const child = spawn(options.nodePath ?? process.execPath, [script, JSON.stringify(engine.settings)], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // What it needs comes in its arguments; keys of vendors in our environment are none of its business.
    env: options.env ?? {},
  });
  engine.child = child;
  engine.startedMs = performance.now();
  engine.state = { ...engine.state, state: "starting", pid: child.pid ?? null };
  const heartbeat = watch(engine, child, options);
  child.on("message", (message) => {
    if (message === pong) return heartbeat.beat();
    const report = message as EngineReport;
    take(engine, report, log);
    // Said once: it has loaded, or won't.
    if (report.state !== "loading") heartbeat.ready();
  });
  child.stderr?.setEncoding("utf8");
  child.stderr?.on("data", (text: string) => {
    const line = text.trim().slice(0, MAX_ERROR_LINE_CHARACTERS);
    if (line) log.warn({ engine: engine.name }, line);
  });
  child.on("error", (error) => log.error({ engine: engine.name }, `can't start: ${error.message}`));
  child.once("close", (exitCode, signal) => {
    heartbeat.stop();
    engine.child = null;
    const { state } = engine.state;
    engine.settings.loadDeaths = state === "loading" ? (engine.settings.loadDeaths ?? 0) + 1 : 0;
    engine.state = { ...engine.state, state: "down", pid: null };
    log.warn({ engine: engine.name, exitCode, signal }, "speech engine ended");
    died();
  });
}

const clock: EngineClock = {
  nowMs: () => performance.now(),
  timer(atMs, fn) {
    const timeout = setTimeout(fn, atMs - performance.now());
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** An engine that neither dies nor answers would leave every caller without ears or voice. */
function watch(engine: Engine, child: ChildProcess, { hangTimeoutMs, log }: SpeechOptions): Heartbeat {
  return new Heartbeat({
    ...{ clock, hangTimeoutMs, startTimeoutMs: START_TIMEOUT_MS },
    ask: () => {
      if (child.connected) child.send(ping, () => {});
    },
    onHang: () => {
      log.error({ engine: engine.name, pid: child.pid }, "speech engine hangs; it is killed");
      child.kill("SIGKILL");
    },
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const force = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
    child.once("close", () => {
      clearTimeout(force);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

/**
 * Starts the engines; resolves as soon as they are spawned, while their models go on loading (`states()`).
 * Calls made meanwhile wait in the engines' queues.
 *
 * @throws Error if the directory for the sockets can't be made
 */
export async function startSpeech(options: SpeechOptions): Promise<SpeechProcesses> {
  // A new directory each start (mode 0700): engines of another version are never met.
  const dir = mkdtempSync(join(options.dir ?? tmpdir(), "parley-"));
  const isWindows = process.platform === "win32";
  const socketOf = (name: EngineName) => {
    // Short: a socket's path may have a hundred characters at most.
    const short = name.replace(/(?<=\w)[a-z]+/g, "");
    return isWindows ? `\\\\.\\pipe\\${dir.split(/[\\/]/).at(-1)}-${short}` : join(dir, `${short}.sock`);
  };
  const { local = {} } = options;
  const names: EngineName[] = [
    ...engineNames,
    ...localEngineNames.filter((name) => local[name] !== undefined),
  ];
  let closing = false;

  const engines = names.map((name): Engine => {
    const threads = name === "voices" || name === "embeddings" ? 1 : options.recogniserThreads;
    const modelsDir = local[name as LocalEngineName] ?? options.modelsDir;
    const settings = { socketPath: socketOf(name), modelsDir, threads, queueLimit: options.queueLimit };
    return {
      ...{ name, settings, state: idle(), child: null },
      ...{ startedMs: 0, backoffMs: FIRST_BACKOFF_MS, retry: null },
    };
  });
  const start = (engine: Engine): void => {
    launch(engine, options, () => {
      if (closing) return;
      if (performance.now() - engine.startedMs > HEALTHY_AFTER_MS) engine.backoffMs = FIRST_BACKOFF_MS;
      engine.retry = setTimeout(() => {
        engine.state = { ...engine.state, restarts: engine.state.restarts + 1, loadMs: null };
        options.onRestart(engine.name);
        start(engine);
      }, engine.backoffMs);
      engine.backoffMs = Math.min(MAX_BACKOFF_MS, engine.backoffMs * 2);
    });
  };
  for (const engine of engines) start(engine);

  return {
    sockets: Object.fromEntries(names.map((name) => [name, socketOf(name)])) as PerEngine<string>,
    states: () =>
      Object.fromEntries(
        engines.map((engine) => [engine.name, { ...engine.state }]),
      ) as PerEngine<EngineProcessState>,
    async close() {
      closing = true;
      for (const engine of engines) if (engine.retry) clearTimeout(engine.retry);
      await Promise.all(engines.map((engine) => (engine.child ? stop(engine.child) : null)));
      await rm(dir, { recursive: true, force: true });
    },
  };
}
