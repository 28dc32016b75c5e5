/** The process around an engine: its socket, its queue, its life (it ends with its parent). */
import { rmdirSync, rmSync } from "node:fs";
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { setPriority } from "node:os";
import { dirname } from "node:path";
import {
  type AnswerFrame,
  createFrameReader,
  type EngineFaultCode,
  type EngineState,
  encodeFrame,
  type RequestFrame,
} from "./frames.ts";
import { ModelError } from "./model-files.ts";
import { createWorkQueue, type Job, type WorkQueue } from "./work-queue.ts";

/** A fault that goes to the caller with its code; anything else thrown becomes `engine_failed`. */
export class EngineFault extends Error {
  readonly code: EngineFaultCode;
  constructor(code: EngineFaultCode, message: string) {
    super(message);
    this.name = "EngineFault";
    this.code = code;
  }
}

/** What a call gets beside its arguments. */
export interface EngineCall {
  args: Record<string, unknown>;
  /** Valid during the call only. */
  payload: Uint8Array;
  signal: AbortSignal;
  emit(event: Record<string, unknown>, payload?: Uint8Array): void;
  /** What the caller sends after its request (`more` frames). */
  inbox: Inbox;
}

/** What came of a call since it began, waiting to be taken. */
export class Inbox {
  /** Called whenever something has come; set by the operation. */
  arrived: () => void = () => {};
  #parts: MorePart[] = [];
  #bytes = 0;

  /** @returns false when more waits than is allowed; nothing is kept then */
  push(part: MorePart): boolean {
    this.#bytes += part.payload.byteLength + PART_BYTES;
    if (this.#bytes > MAX_INBOX_BYTES) return false;
    this.#parts.push(part);
    this.arrived();
    return true;
  }

  /** Empties it. */
  take(): MorePart[] {
    this.#bytes = 0;
    return this.#parts.splice(0);
  }
}

/** One `more` frame. */
export interface MorePart {
  args: Record<string, unknown>;
  payload: Uint8Array;
}

/** A loaded engine: its operations by name. */
export type EngineOperations = Record<string, (call: EngineCall) => Promise<void>>;

/** What the parent hands to an engine's process, as JSON in its first argument. */
export interface EngineSettings {
  socketPath: string;
  modelsDir: string;
  /** Threads of native inference. */
  threads: number;
  /** How many requests may wait. */
  queueLimit: number;
  /** How often this engine's process died while it loaded, in a row. */
  loadDeaths?: number;
}

/** What a parent asks over the IPC channel to see whether the process lives, and what it is answered. */
export const ping = "ping";
export const pong = "pong";

/** What a process tells its parent over the IPC channel. */
export interface EngineReport {
  state: EngineState;
  loadMs?: number;
  code?: EngineFaultCode;
  message?: string;
}

export interface EngineServerOptions extends Pick<EngineSettings, "socketPath" | "queueLimit"> {
  name: string;
  /** How many calls run at once. */
  concurrency: number;
  load(): Promise<EngineOperations>;
  report(report: EngineReport): void;
}

/** A peer that reads nothing for so long that this much waits is dropped. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
/** Half a minute of audio at 16 kHz that nobody took is too much. */
const MAX_INBOX_BYTES = 1024 * 1024;
/** What a part costs beside its payload. */
const PART_BYTES = 64;
/** Beside the gateways' 0: an engine has what they leave. */
const ENGINE_NICENESS = 10;
/** Who would have to wait longer than people do is told so at once. */
const WAIT_MAX_MS = 20_000;
/** Gateways of a machine, with room for a restart's overlap. */
const MAX_CONNECTIONS = 256;

interface Connection {
  send(frame: AnswerFrame, payload?: Uint8Array): void;
  calls: Map<number, Underway>;
}

interface Underway {
  job: Job;
  abort: AbortController;
  inbox: Inbox;
  fail(code: EngineFaultCode, message: string): void;
}

interface Engine {
  queue: WorkQueue;
  connections: Set<Connection>;
  operations: EngineOperations | null;
  state: Extract<AnswerFrame, { type: "state" }>;
}

function begin(
  engine: Engine,
  connection: Connection,
  frame: Extract<RequestFrame, { type: "request" }>,
  payload: Uint8Array,
): void {
  const { id } = frame;
  const abort = new AbortController();
  const inbox = new Inbox();
  const finish = (end: Omit<Extract<AnswerFrame, { type: "end" }>, "type" | "id">) => {
    if (connection.calls.delete(id)) connection.send({ type: "end", id, ...end });
  };
  const fail = (code: EngineFaultCode, message: string) => finish({ outcome: "failed", code, message });
  const job: Job = {
    tenant: String(frame.tenant),
    deadlineMs: performance.now() + Number(frame.budgetMs),
    refuse: (code) => fail(code, engine.state.message ?? code),
    async run() {
      connection.send({ type: "started", id });
      const operation = Object.hasOwn(engine.operations!, frame.op)
        ? engine.operations![frame.op]
        : undefined;
      try {
        if (!operation) throw new EngineFault("invalid_request", `no operation ${String(frame.op)}`);
        await operation({
          args: frame.args ?? {},
          payload,
          inbox,
          signal: abort.signal,
          emit: (event, bytes) => {
            if (!abort.signal.aborted) connection.send({ type: "event", id, event }, bytes);
          },
        });
        finish({ outcome: abort.signal.aborted ? "cancelled" : "completed" });
      } catch (error) {
        const known = error instanceof EngineFault;
        fail(
          known ? error.code : "engine_failed",
          known ? error.message : `${frame.op} failed: ${(error as Error).message}`,
        );
        if (!known) console.error(error);
      }
    },
  };
  connection.calls.set(id, { job, abort, inbox, fail });
  engine.queue.add(job);
}

function giveMore(engine: Engine, connection: Connection, id: number, part: MorePart): void {
  const call = connection.calls.get(id);
  if (!call || call.inbox.push(part)) return;
  call.abort.abort();
  engine.queue.remove(call.job);
  call.fail("overloaded", "more was sent than the engine keeps up with");
}

function cancel(engine: Engine, connection: Connection, id: number): void {
  const call = connection.calls.get(id);
  if (!call) return;
  call.abort.abort();
  // What can't be interrupted (native inference) runs out with nobody listening.
  engine.queue.remove(call.job);
  connection.calls.delete(id);
  connection.send({ type: "end", id, outcome: "cancelled" });
}

function serve(engine: Engine, socket: Socket): void {
  const reader = createFrameReader<RequestFrame>();
  const connection: Connection = {
    calls: new Map(),
    send(frame, payload) {
      if (socket.destroyed) return;
      socket.write(encodeFrame(frame, payload));
      if (socket.writableLength > MAX_UNSENT_BYTES) socket.destroy();
    },
  };
  engine.connections.add(connection);
  connection.send(engine.state);
  socket.on("data", (bytes) => {
    try {
      for (const { header, payload } of reader.push(bytes)) {
        if (header.type === "cancel") cancel(engine, connection, header.id);
        else if (header.type === "request") begin(engine, connection, header, payload);
        else if (header.type === "more")
          giveMore(engine, connection, header.id, { args: header.args ?? {}, payload });
      }
    } catch (error) {
      console.error(`dropping a connection: ${(error as Error).message}`);
      socket.destroy();
    }
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    engine.connections.delete(connection);
    for (const id of [...connection.calls.keys()]) cancel(engine, connection, id);
  });
}

async function listen(server: Server, socketPath: string): Promise<void> {
  const isPipe = socketPath.startsWith("\\\\.\\pipe\\");
  if (!isPipe) await rm(socketPath, { force: true });
  const umask = isPipe ? 0 : process.umask(0o177);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, resolve);
  }).finally(() => {
    if (!isPipe) process.umask(umask);
  });
  if (!isPipe) await chmod(socketPath, 0o600);
}

/**
 * Listens at once and loads beside: requests wait in the queue meanwhile. A model that can't be used leaves the
 * process up, answering every request with the reason.
 *
 * @throws Error if it can't listen
 */
export async function serveEngine(options: EngineServerOptions): Promise<void> {
  const { name, socketPath, queueLimit, concurrency } = options;
  const engine: Engine = {
    queue: createWorkQueue({
      ...{ queueLimit, waitMaxMs: WAIT_MAX_MS, concurrency },
      nowMs: () => performance.now(),
    }),
    connections: new Set(),
    operations: null,
    state: { type: "state", engine: name, state: "loading" },
  };
  const enter = (report: EngineReport) => {
    const { loadMs: _, ...told } = report;
    engine.state = { type: "state", engine: name, ...told };
    for (const connection of engine.connections) connection.send(engine.state);
    options.report(report);
  };
  const server = createServer((socket) => serve(engine, socket));
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, socketPath);
  options.report({ state: "loading" });
  const startedMs = performance.now();
  try {
    engine.operations = await options.load();
  } catch (error) {
    const code = error instanceof ModelError ? error.code : null;
    // Not the model's fault, so another try may do: the parent restarts what dies.
    if (code === null) throw error;
    enter({ state: "refused", code, message: (error as Error).message });
    engine.queue.refuseAll(code);
    return;
  }
  enter({ state: "ready", loadMs: performance.now() - startedMs });
  engine.queue.open();
}

/** A parent that was killed can't tidy up: each engine removes its socket, the last one their directory. */
function removeSocket(socketPath: string): void {
  if (socketPath.startsWith("\\\\.\\pipe\\")) return;
  try {
    rmSync(socketPath, { force: true });
    rmdirSync(dirname(socketPath));
  } catch {
    // Others are still in it.
  }
}

/** Runs an engine as this process: settings from the first argument, reports over IPC, gone when the parent is. */
export function runEngineProcess(
  name: string,
  concurrency: number,
  load: (settings: EngineSettings) => Promise<EngineOperations>,
): void {
  const settings = JSON.parse(process.argv[2] ?? "{}") as EngineSettings;
  process.title = `parley-${name}`;
  // Speech that is worked on may wait for frames that are on their way, never the other way round.
  setPriority(ENGINE_NICENESS);
  process.on("disconnect", () => {
    removeSocket(settings.socketPath);
    process.exit(0);
  });
  process.on("message", (message) => {
    if (message === ping && process.connected) process.send?.(pong, () => {});
  });
  // The parent decides when it is over: a terminal's Ctrl-C reaches the whole group, and calls still drain.
  process.on("SIGINT", () => {});
  if (!process.connected) process.exit(0);
  const { socketPath, queueLimit } = settings;
  serveEngine({
    name,
    socketPath,
    queueLimit,
    concurrency,
    load: () => load(settings),
    report: (report) => {
      if (process.connected) process.send?.(report, () => {});
    },
  }).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
}
