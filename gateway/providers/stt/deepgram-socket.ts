/**
 * A connection to Deepgram's live API, by `ws`: the SDK's socket connects again by itself, hides the status of a refused
 * upgrade (so neither 401 nor Retry-After is seen), never removes its abort listener and queues without a limit.
 */
import type { Agent } from "node:https";
import { WebSocket } from "ws";
import type { Clock, Timer } from "../../clock.ts";
import type { ProviderFault } from "../provider.ts";
import {
  brokenOff,
  faultFromError,
  faultFromStatus,
  keyFault,
  malformedAnswer,
  requestFault,
  vendorFault,
} from "../vendor-fault.ts";

/** Deepgram ends a connection without audio for 10 s, and asks for a KeepAlive every 3 to 5 s. */
export const deepgramKeepAliveMs = 4_000;
const handshakeMs = 10_000;
const maxMessageBytes = 1_048_576;

export interface DeepgramSocketOptions {
  /** With the query. */
  url: string;
  apiKey: string;
  clock: Clock;
  /** Keeps TLS sessions. */
  agent: Agent;
  /** After that long without audio. */
  keepAliveMs: number;
  /** A language or phrases came with the request: what can't be done for it is the request's fault, not the settings'. */
  hasWishes: boolean;
}

/** What arrives; set before anything else is done with the socket. */
export interface DeepgramListener {
  onMessage(message: Record<string, unknown>): void;
  /** The last that is heard of it: null when Deepgram closed in good order. Not called after `cancel`. */
  onClose(fault: ProviderFault | null): void;
  /** A waiting message was sent. */
  onSent(): void;
}

export class DeepgramSocket {
  listener: DeepgramListener | null = null;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #keepAliveMs: number;
  readonly #epochMs: () => number;
  #early: (Buffer | string)[] = [];
  #unsent = 0;
  #sentAtMs = 0;
  #timer: Timer | null = null;
  #fault: ProviderFault | null = null;
  #state: "connecting" | "open" | "closed" = "connecting";

  constructor({ url, apiKey, clock, agent, keepAliveMs, hasWishes }: DeepgramSocketOptions) {
    this.#clock = clock;
    this.#keepAliveMs = keepAliveMs;
    this.#epochMs = () => clock.epochMs();
    this.#socket = new WebSocket(url, {
      ...(url.startsWith("wss:") ? { agent } : {}),
      ...(apiKey === "" ? {} : { headers: { authorization: `Token ${apiKey}` } }),
      ...{ perMessageDeflate: false, maxPayload: maxMessageBytes, handshakeTimeout: handshakeMs },
    });
    this.#socket.on("open", () => this.#onOpen());
    this.#socket.on("message", (data: Buffer, isBinary: boolean) => this.#onMessage(data, isBinary));
    this.#socket.on("unexpected-response", (request, response) => {
      const status = response.statusCode ?? 0;
      this.#fault = faultOfUpgrade(
        status,
        response.headers["retry-after"] ?? null,
        hasWishes,
        this.#epochMs(),
      );
      response.resume();
      request.destroy();
      this.#close();
    });
    this.#socket.on("error", (err) => {
      this.#fault ??= faultFromError(err);
      this.#close();
    });
    this.#socket.on("close", (code) => {
      this.#fault ??= faultOfClose(code);
      this.#close();
    });
  }

  get state(): "connecting" | "open" | "closed" {
    return this.#state;
  }
  /** Messages that wait for the connection or the network. */
  get unsent(): number {
    return this.#early.length + this.#unsent;
  }

  send(message: Buffer): void {
    this.#write(message);
  }
  control(type: "KeepAlive" | "Finalize" | "CloseStream"): void {
    this.#write(JSON.stringify({ type }));
  }
  /** Ends it at once; nothing is told any more. */
  cancel(): void {
    this.listener = null;
    if (this.#state === "open") this.#socket.close(1000);
    this.#close();
  }

  #write(message: Buffer | string): void {
    if (this.#state === "closed") return;
    if (this.#state === "connecting") {
      this.#early.push(message);
      return;
    }
    this.#sentAtMs = this.#clock.nowMs();
    this.#unsent += 1;
    this.#socket.send(message, () => {
      this.#unsent -= 1;
      this.listener?.onSent();
    });
  }

  #onOpen(): void {
    this.#state = "open";
    const early = this.#early;
    this.#early = [];
    this.#sentAtMs = this.#clock.nowMs();
    for (const message of early) this.#write(message);
    this.#keepAlive();
    this.listener?.onSent();
  }

  #keepAlive(): void {
    this.#timer = this.#clock.timer(this.#sentAtMs + this.#keepAliveMs, () => {
      if (this.#state !== "open") return;
      if (this.#clock.nowMs() >= this.#sentAtMs + this.#keepAliveMs) this.control("KeepAlive");
      this.#keepAlive();
    });
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    let message: unknown = null;
    try {
      if (!isBinary) message = JSON.parse(data.toString("utf8"));
    } catch {
      // Reported below, as what is no object.
    }
    if (typeof message !== "object" || message === null) {
      this.#fault = { ...malformedAnswer };
      return this.#close();
    }
    this.listener?.onMessage(message as Record<string, unknown>);
  }

  /** Whatever was the reason: timer, buffers and the connection go, and the listener is told once. */
  #close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timer?.cancel();
    this.#early = [];
    this.#socket.removeAllListeners("message");
    // Whom nobody talks to any more need not be waited for; a close frame on its way still goes out.
    if (this.#socket.readyState !== WebSocket.CLOSED) this.#terminateSoon();
    const { listener } = this;
    this.listener = null;
    listener?.onClose(this.#fault);
  }

  #terminateSoon(): void {
    if (this.#socket.readyState !== WebSocket.CLOSING) return this.#socket.terminate();
    const timer = this.#clock.timer(this.#clock.nowMs() + closeMs, () => this.#socket.terminate());
    this.#socket.once("close", () => timer.cancel());
  }
}

/** How long a closing handshake may take. */
const closeMs = 1_000;

/** Our requests differ in language and phrases only, so a bad one is one of these, or the settings' model. */
function faultOfUpgrade(
  status: number,
  retryAfter: string | null,
  hasWishes: boolean,
  epochMs: number,
): ProviderFault {
  if (status === 400) {
    return hasWishes
      ? requestFault("the recogniser refuses the language or the phrases that were asked for (400)")
      : keyFault("the recogniser knows no such model in that language (400)");
  }
  return faultFromStatus(status, retryAfter, epochMs);
}

/** 1008 and 1002: "cannot be decoded as audio"; 1011: NET-0000, it has nothing to say, and NET-0001, it heard nothing. */
function faultOfClose(code: number): ProviderFault | null {
  switch (code) {
    case 1000:
      return null;
    case 1002:
    case 1008:
      return requestFault(`the recogniser can't read the audio (close ${code})`);
    case 1007:
      return { ...malformedAnswer };
    case 1011:
      return vendorFault("the recogniser gave the connection up (close 1011)");
    case 1013:
      return vendorFault("the recogniser is overloaded (close 1013)", "provider_overloaded");
  }
  return { ...brokenOff };
}
