/** One WebSocket to a voice vendor, with the contexts on it. */
import { WebSocket } from "ws";
import type { Clock, Timer } from "../../clock.ts";
import type { ProviderFault } from "../provider.ts";
import { faultFromError, faultFromStatus, malformedAnswer, vendorFault } from "../vendor-fault.ts";
import type {
  ContextListener,
  VoiceDialect,
  VoiceLease,
  VoiceMessage,
  VoiceSocketLimits,
} from "./voice-sockets.ts";

/** A message larger than this is no second of speech. */
const messageMaxBytes = 8 * 1024 * 1024;
/** An opening that is older is joined by nobody: it may hang for good. */
const joinMs = 1000;
/** Messages of one context that may wait for the socket to open. */
const unsentMax = 8;

export interface SocketOwner {
  /** A place was given back. */
  changed(): void;
  gone(): void;
}

interface Context {
  /** Null: nobody listens, the vendor is still ending it. */
  listener: ContextListener | null;
  sentAtMs: number;
  /** Runs while the vendor is ending it. */
  closing: Timer | null;
}

export class VoiceSocket {
  readonly key: string;
  /** Resolves when it is open or gone. */
  readonly opened: Promise<void>;
  readonly #dialect: VoiceDialect;
  readonly #limits: VoiceSocketLimits;
  readonly #clock: Clock;
  readonly #owner: SocketOwner;
  readonly #ws: WebSocket;
  readonly #contexts = new Map<string, Context>();
  readonly #startedAtMs: number;
  #unsent: { contextId: string; data: string }[] = [];
  #state: "opening" | "open" | "closed" = "opening";
  #retired = false;
  #heardAtMs: number;
  #restsSinceMs: number;
  #awaitsPong = false;
  #pinging: Timer | null = null;
  #isOpened = () => {};

  /** Begins to open it. */
  constructor(
    key: string,
    dialect: VoiceDialect,
    limits: VoiceSocketLimits,
    clock: Clock,
    owner: SocketOwner,
  ) {
    this.key = key;
    this.#dialect = dialect;
    this.#limits = limits;
    this.#clock = clock;
    this.#owner = owner;
    this.#startedAtMs = this.#heardAtMs = this.#restsSinceMs = clock.nowMs();
    this.opened = new Promise<void>((resolve) => {
      this.#isOpened = resolve;
    });
    const { url, headers } = dialect.address(key);
    this.#ws = new WebSocket(url, {
      headers,
      perMessageDeflate: false,
      maxPayload: messageMaxBytes,
      handshakeTimeout: limits.connectMs,
      followRedirects: false,
    });
    this.#listen();
  }

  get state(): "opening" | "open" | "closed" {
    return this.#state;
  }

  /** Places taken, those that the vendor is still ending included. */
  get taken(): number {
    return this.#contexts.size;
  }

  /** Contexts that a call listens to. */
  get listened(): number {
    let count = 0;
    for (const { listener } of this.#contexts.values()) if (listener !== null) count += 1;
    return count;
  }

  get hasPlace(): boolean {
    if (this.#state === "closed" || this.#retired) return false;
    if (this.#contexts.size >= this.#limits.contextsPerSocketMax) return false;
    if (this.#state === "open") return this.#ws.readyState === WebSocket.OPEN;
    return this.#clock.nowMs() - this.#startedAtMs < joinMs;
  }

  /** Open, and no context on it. */
  get rests(): boolean {
    return this.#state === "open" && this.#contexts.size === 0;
  }

  get restsSinceMs(): number {
    return this.#restsSinceMs;
  }

  attach(contextId: string, listener: ContextListener): VoiceLease {
    const context: Context = { listener, sentAtMs: Number.POSITIVE_INFINITY, closing: null };
    this.#contexts.set(contextId, context);
    const isMine = () => context.listener !== null && this.#contexts.get(contextId) === context;
    return {
      send: (message) => {
        if (isMine()) this.#send(contextId, context, JSON.stringify(message));
      },
      release: (farewell) => {
        if (isMine()) this.#release(contextId, context, farewell);
      },
    };
  }

  close(): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.close(1000);
    this.#drop(vendorFault("the connection was closed"));
  }

  #listen(): void {
    const ws = this.#ws;
    ws.on("open", () => this.#begin());
    ws.on("pong", () => {
      this.#awaitsPong = false;
    });
    ws.on("message", (data, isBinary) => this.#take(data as Buffer, isBinary));
    ws.on("unexpected-response", (_request, response) => {
      const retryAfter = response.headers["retry-after"] ?? null;
      this.#drop(faultFromStatus(response.statusCode ?? 500, retryAfter, this.#clock.epochMs()));
      response.destroy();
    });
    ws.on("error", (err) => {
      // ws has no code for a handshake that takes too long.
      const isLate = err.message === "Opening handshake has timed out";
      this.#drop(isLate ? late() : faultFromError(err));
    });
    ws.on("close", (code) => this.#drop(this.#dialect.faultOfClose(code)));
  }

  #begin(): void {
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#heardAtMs = this.#restsSinceMs = this.#clock.nowMs();
    for (const { contextId, data } of this.#unsent) {
      this.#ws.send(data);
      const context = this.#contexts.get(contextId);
      if (context) context.sentAtMs = this.#heardAtMs;
    }
    this.#unsent = [];
    this.#pingLater();
    this.#isOpened();
    this.#settle();
  }

  #pingLater(): void {
    this.#pinging = this.#clock.timer(this.#clock.nowMs() + this.#limits.pingMs, () => this.#ping());
  }

  /** A dead peer is noticed by its silence, before a call has to find out. */
  #ping(): void {
    if (this.#awaitsPong) return this.#drop(vendorFault("the connection to the vendor was dead"));
    this.#awaitsPong = true;
    this.#ws.ping();
    const { keepAlive } = this.#dialect;
    if (keepAlive !== null && this.#contexts.size === 0) this.#ws.send(keepAlive);
    this.#pingLater();
  }

  #send(contextId: string, context: Context, data: string): void {
    if (this.#state === "open") {
      this.#ws.send(data);
      context.sentAtMs = Math.min(context.sentAtMs, this.#clock.nowMs());
    } else if (this.#unsent.length < unsentMax * this.#limits.contextsPerSocketMax) {
      this.#unsent.push({ contextId, data });
    }
  }

  #release(contextId: string, context: Context, farewell: object | null): void {
    this.#unsent = this.#unsent.filter((message) => message.contextId !== contextId);
    // The vendor never heard of it.
    if (context.sentAtMs === Number.POSITIVE_INFINITY) return this.#finish(contextId);
    if (farewell !== null) this.#ws.send(JSON.stringify(farewell));
    const nowMs = this.#clock.nowMs();
    if (this.#dialect.lingers) {
      context.listener = null;
      context.closing = this.#clock.timer(nowMs + this.#limits.closingMs, () => this.#retire());
    } else this.#contexts.delete(contextId);
    if (nowMs - Math.max(this.#heardAtMs, context.sentAtMs) > this.#limits.silentMs) this.#retire();
    else this.#settle();
  }

  #take(data: Buffer, isBinary: boolean): void {
    this.#heardAtMs = this.#clock.nowMs();
    const message = isBinary ? null : parse(data);
    if (message === null) return this.#drop({ ...malformedAnswer });
    const fault = this.#dialect.faultOf(message);
    const contextId = this.#dialect.contextOf(message);
    if (contextId === null) {
      if (fault !== null) this.#drop(fault);
      return;
    }
    const listener = this.#contexts.get(contextId)?.listener;
    if (fault === null) listener?.message(message);
    else listener?.lost(fault);
    if (fault !== null || this.#dialect.isLast(message)) this.#finish(contextId);
  }

  #finish(contextId: string): void {
    this.#contexts.get(contextId)?.closing?.cancel();
    if (this.#contexts.delete(contextId)) this.#settle();
  }

  /** Takes no new contexts, and is closed when nobody listens to those that there are. */
  #retire(): void {
    this.#retired = true;
    this.#settle();
  }

  #settle(): void {
    if (this.#state === "closed") return;
    if (this.#retired && this.listened === 0) return this.close();
    if (this.#contexts.size === 0) {
      const nowMs = this.#clock.nowMs();
      this.#restsSinceMs = nowMs;
      // Nobody waits for it any more, and it has taken too long to be of use to others.
      if (this.#state === "opening" && nowMs - this.#startedAtMs > joinMs) return this.#drop(late());
    }
    this.#owner.changed();
  }

  /** Everything ends here, once. */
  #drop(fault: ProviderFault): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#pinging?.cancel();
    this.#ws.terminate();
    const lost = [...this.#contexts.values()];
    for (const { closing } of lost) closing?.cancel();
    this.#contexts.clear();
    this.#unsent = [];
    this.#isOpened();
    this.#owner.gone();
    for (const { listener } of lost) listener?.lost(fault);
  }
}

function late(): ProviderFault {
  return vendorFault("the vendor did not answer in time", "provider_timeout");
}

function parse(data: Buffer): VoiceMessage | null {
  try {
    const value: unknown = JSON.parse(data.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as VoiceMessage)
      : null;
  } catch {
    return null;
  }
}
