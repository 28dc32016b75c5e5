/**
 * A gateway's end of an engine's socket: reconnects, keeps calls within a limit, and sends a call again when the
 * engine died over it. A call is a value, so sending it again is all that a restart costs.
 */
import { connect, type Socket } from "node:net";
import {
  type AnswerFrame,
  createFrameReader,
  type EngineFaultCode,
  type EngineState,
  encodeFrame,
  type RequestFrame,
} from "./frames.ts";

/** The part of a clock that the client needs. */
export interface EngineClock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Runs `fn` once at `atMs`. */
  timer(atMs: number, fn: () => void): { cancel(): void };
}

export interface EngineClientOptions {
  socketPath: string;
  clock: EngineClock;
  /** Calls in flight at most; more are answered `overloaded`. Default 256. */
  maxInFlight?: number;
  /** How often a call that was being served when the engine died is sent again. Default 2. */
  maxResends?: number;
  /** Calls fail at once when the engine is lost, and while it is away, in place of waiting for it to come back. */
  failWhenLost?: boolean;
}

/** What to do. */
export interface EngineRequest {
  op: string;
  args: Record<string, unknown>;
  payload?: Uint8Array;
  tenant: string;
}

export interface EngineCallOptions {
  signal: AbortSignal;
  /** On the client's clock. */
  deadlineMs: number;
  onEvent(event: Record<string, unknown>, payload: Uint8Array): void;
  /** The call starts over: events begin again from the first. */
  onResend?(): void;
  /** Handed what sends `more` to the call; only with `failWhenLost`, since what was sent is not kept for a second time. */
  onBegin?(send: SendMore): void;
}

/** Sends more to a call under way; nothing happens once the call has ended. */
export type SendMore = (args: Record<string, unknown>, payload?: Uint8Array) => void;

/** `unavailable`: the engine was not to be had (or died too often); `timeout`: it was, but too slow. */
export type EngineFailureCode = EngineFaultCode | "unavailable" | "timeout";
export type EngineResult =
  | { outcome: "completed" | "cancelled" }
  | { outcome: "failed"; code: EngineFailureCode; message: string };

export interface EngineClient {
  /** Never rejects. */
  call(request: EngineRequest, options: EngineCallOptions): Promise<EngineResult>;
  /** What the engine last said; `connecting` while there is no connection. */
  readonly state: EngineState | "connecting";
  /** Why the engine refused its model, in one line; null unless it did. */
  readonly refusal: string | null;
  /** Calls not yet ended. */
  readonly inFlight: number;
  /** How long a call would wait behind other callers', by what calls took lately, in ms. */
  readonly waitMs: number;
  /** Resolves once the engine is ready (or refused its model, or the client was closed); never rejects. */
  ready(): Promise<void>;
  /** Ends every call with `unavailable` and closes the connection. */
  close(): Promise<void>;
}

const FIRST_BACKOFF_MS = 25;
const MAX_BACKOFF_MS = 1000;
/** An engine that reads nothing for so long that this much waits is asked no more. */
const MAX_UNSENT_BYTES = 32 * 1024 * 1024;
const DEFAULT_MAX_IN_FLIGHT = 256;
const DEFAULT_MAX_RESENDS = 2;
/** Calls that one caller alone has at once (an utterance heard at its pause and at its end, the pieces of a reply): no queue yet. */
const OWN_CALLS = 2;
/** Weight of the newest call in what one takes. */
const LEARNING_RATIO = 0.2;

interface PendingCall {
  id: number;
  request: EngineRequest;
  deadlineMs: number;
  sent: boolean;
  started: boolean;
  resends: number;
  /** What waits for the request to be sent. */
  waitingMore: Buffer[];
  onEvent: EngineCallOptions["onEvent"];
  onResend: (() => void) | undefined;
  settle(result: EngineResult): void;
}

/** One client for one engine; connects at once and stays connected until `close()`. */
export function connectEngine(options: EngineClientOptions): EngineClient {
  return new SocketEngineClient(options);
}

class SocketEngineClient implements EngineClient {
  private readonly options: Required<EngineClientOptions>;
  private readonly pending = new Map<number, PendingCall>();
  private readonly waitingForReady = new Set<() => void>();
  private socket: Socket | null = null;
  private connected = false;
  private everConnected = false;
  private closed = false;
  private backoffMs = FIRST_BACKOFF_MS;
  private retry: { cancel(): void } | null = null;
  private nextId = 1;
  /** What a call takes of the engine's time, with what others than us take meanwhile. */
  private callMs = 0;
  private doneAtMs = Number.NEGATIVE_INFINITY;
  private engineState: Extract<AnswerFrame, { type: "state" }> | null = null;

  constructor(options: EngineClientOptions) {
    this.options = {
      ...{ maxInFlight: DEFAULT_MAX_IN_FLIGHT, maxResends: DEFAULT_MAX_RESENDS, failWhenLost: false },
      ...options,
    };
    this.open();
  }

  get state(): EngineState | "connecting" {
    return this.engineState?.state ?? "connecting";
  }
  get refusal(): string | null {
    return this.engineState?.state === "refused" ? (this.engineState.message ?? "") : null;
  }
  get inFlight(): number {
    return this.pending.size;
  }
  get waitMs(): number {
    return Math.max(0, this.pending.size - OWN_CALLS) * this.callMs;
  }

  /** One more call is done: as long as others wait, the time since the one before is what each of them costs. */
  private learn(sentAtMs: number): void {
    const nowMs = this.options.clock.nowMs();
    const tookMs = nowMs - Math.max(sentAtMs, this.doneAtMs);
    this.doneAtMs = nowMs;
    this.callMs += (tookMs - this.callMs) * LEARNING_RATIO;
  }

  ready(): Promise<void> {
    if (this.closed || this.state === "ready" || this.state === "refused") return Promise.resolve();
    return new Promise((resolve) => this.waitingForReady.add(resolve));
  }

  call(
    request: EngineRequest,
    { signal, deadlineMs, onEvent, onResend, onBegin }: EngineCallOptions,
  ): Promise<EngineResult> {
    if (signal.aborted) return Promise.resolve({ outcome: "cancelled" });
    if (this.closed) return Promise.resolve({ outcome: "failed", code: "unavailable", message: "closed" });
    if (this.pending.size >= this.options.maxInFlight) {
      return Promise.resolve({ outcome: "failed", code: "overloaded", message: "too many calls in flight" });
    }
    if ((this.socket?.writableLength ?? 0) > MAX_UNSENT_BYTES) {
      return Promise.resolve({ outcome: "failed", code: "overloaded", message: "the engine reads nothing" });
    }
    if (this.options.failWhenLost && this.everConnected && !this.connected) {
      return Promise.resolve({ outcome: "failed", code: "unavailable", message: "the engine is away" });
    }
    return new Promise((resolve) => {
      const id = this.nextId++;
      const sentAtMs = this.options.clock.nowMs();
      const timer = this.options.clock.timer(deadlineMs, () => {
        this.forget(id);
        const served = this.state === "ready";
        call.settle({
          outcome: "failed",
          code: served ? "timeout" : "unavailable",
          message: served ? "the engine did not answer in time" : "the engine was not available in time",
        });
      });
      const onAbort = () => {
        this.forget(id);
        call.settle({ outcome: "cancelled" });
      };
      const call: PendingCall = {
        ...{ id, request, deadlineMs, onEvent, onResend },
        ...{ sent: false, started: false, resends: 0, waitingMore: [] },
        settle: (result) => {
          if (result.outcome === "completed") this.learn(sentAtMs);
          this.pending.delete(id);
          timer.cancel();
          signal.removeEventListener("abort", onAbort);
          resolve(result);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.pending.set(id, call);
      if (this.connected) this.send(call);
      onBegin?.((args, payload) => this.sendMore(call, args, payload));
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.retry?.cancel();
    this.failAll("the client was closed");
    this.releaseWaiters();
    const { socket } = this;
    if (!socket || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.destroy();
    });
  }

  private send(call: PendingCall): void {
    const { request, id } = call;
    call.sent = true;
    const frame: RequestFrame = {
      ...{ type: "request", id, op: request.op, tenant: request.tenant, args: request.args },
      budgetMs: call.deadlineMs - this.options.clock.nowMs(),
    };
    this.socket?.write(encodeFrame(frame, request.payload));
    for (const more of call.waitingMore.splice(0)) this.socket?.write(more);
  }

  private sendMore(call: PendingCall, args: Record<string, unknown>, payload?: Uint8Array): void {
    if (this.pending.get(call.id) !== call) return;
    const frame = encodeFrame({ type: "more", id: call.id, args }, payload);
    if (call.sent) this.socket?.write(frame);
    else call.waitingMore.push(frame);
  }

  private forget(id: number): void {
    if (this.pending.get(id)?.sent && this.connected) this.socket?.write(encodeFrame({ type: "cancel", id }));
  }

  private failAll(message: string): void {
    for (const call of [...this.pending.values()]) {
      call.settle({ outcome: "failed", code: "unavailable", message });
    }
  }

  private releaseWaiters(): void {
    for (const resolve of this.waitingForReady) resolve();
    this.waitingForReady.clear();
  }

  private open(): void {
    if (this.closed) return;
    const reader = createFrameReader<AnswerFrame>();
    const socket = connect(this.options.socketPath);
    this.socket = socket;
    socket.on("connect", () => {
      this.connected = true;
      this.everConnected = true;
      this.backoffMs = FIRST_BACKOFF_MS;
      for (const call of this.pending.values()) this.send(call);
    });
    socket.on("data", (bytes) => {
      try {
        for (const { header, payload } of reader.push(bytes)) this.take(header, payload);
      } catch {
        // Not our engine, or out of step with it: a new connection starts clean.
        socket.destroy();
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.lost());
  }

  private take(frame: AnswerFrame, payload: Uint8Array): void {
    if (frame.type === "state") {
      this.engineState = frame;
      if (frame.state !== "loading") this.releaseWaiters();
      return;
    }
    const call = this.pending.get(frame.id);
    if (!call) return;
    if (frame.type === "started") call.started = true;
    else if (frame.type === "event") call.onEvent(frame.event, payload);
    else if (frame.type === "end") {
      call.settle(
        frame.outcome === "failed"
          ? {
              outcome: "failed",
              code: frame.code ?? "engine_failed",
              message: frame.message ?? "the engine failed",
            }
          : { outcome: frame.outcome },
      );
    }
  }

  private lost(): void {
    this.connected = false;
    this.engineState = null;
    if (this.closed) return;
    for (const call of [...this.pending.values()]) {
      if (!call.sent) continue;
      if (this.options.failWhenLost) {
        call.settle({ outcome: "failed", code: "unavailable", message: "the engine was lost" });
        continue;
      }
      // Only a call that was being served is suspect: it must not kill the engine for ever.
      if (call.started && ++call.resends > this.options.maxResends) {
        call.settle({ outcome: "failed", code: "unavailable", message: "the engine died over this call" });
        continue;
      }
      call.sent = false;
      call.started = false;
      call.onResend?.();
    }
    const { clock } = this.options;
    this.retry = clock.timer(clock.nowMs() + this.backoffMs, () => this.open());
    this.backoffMs = Math.min(MAX_BACKOFF_MS, this.backoffMs * 2);
  }
}
