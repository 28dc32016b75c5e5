import type { ParleyClientOptions } from "./client-events.ts";
import { errorOfClose, ParleyError } from "./parley-error.ts";
import {
  defaultReconnectPolicy,
  isReconnectable,
  type ReconnectPolicy,
  reconnectDelayMs,
} from "./reconnect-policy.ts";
import {
  diagnoseRefusal,
  subprotocols,
  type WebSocketConstructor,
  type WebSocketLike,
} from "./server-link.ts";

export interface ConnectionOptions {
  /** Asked anew for every attempt. */
  url: () => URL;
  /** Asked anew for every attempt; "" for none. */
  apiKey: () => Promise<string>;
  /** From the first byte to the server's first event. */
  connectTimeoutMs: number;
  /** Null: a lost connection is not taken up again. */
  policy: ReconnectPolicy | null;
  webSocket: WebSocketConstructor;
  /** Uniform in [0, 1). */
  random: () => number;
}

/** From the first byte to the server's readiness. */
export const defaultConnectTimeoutMs = 10_000;

/** What a client's options say about its connection, with the defaults. */
export function connectionOptions(options: ParleyClientOptions, url: () => URL): ConnectionOptions {
  return {
    url,
    apiKey: async () => (typeof options.apiKey === "function" ? options.apiKey() : (options.apiKey ?? "")),
    connectTimeoutMs: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    policy: options.reconnect === false ? null : { ...defaultReconnectPolicy, ...options.reconnect },
    webSocket: options.webSocket ?? (globalThis.WebSocket as unknown as WebSocketConstructor),
    random: options.random ?? Math.random,
  };
}

export interface ConnectionHandlers {
  /** @returns whether the conversation stands: the server said that it is ready */
  onMessage(data: unknown): boolean;
  /** The connection is gone and will be taken up again. */
  onLost(cause: ParleyError): void;
  onReconnecting(notice: { attempt: number; delayMs: number; cause: ParleyError }): void;
  /** Brings a fresh connection to where the lost one was; it counts as restored once that has worked. */
  restore(): Promise<void>;
  onRestored(): void;
  /** The last call of a connection that was opened, whoever ended it; null if it was wanted. */
  onEnd(error: ParleyError | null): void;
}

/** Attempts made without a network aren't counted, for that long after the loss. */
const maxOfflineMs = 5 * 60_000;

/** One WebSocket to the server after another, as long as the reconnect policy gives hope. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #handlers: ConnectionHandlers;
  #socket: WebSocketLike | null = null;
  /** Aborted when the caller or the policy ends it all; null while closed. */
  #life: AbortController | null = null;
  #reconnecting = false;
  #online = true;
  /** Attempts since the loss, or since the network came back. */
  #failures = 0;
  #endWait: (() => void) | null = null;

  constructor(options: ConnectionOptions, handlers: ConnectionHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  /** Bytes that the network has not taken yet. */
  get unsentBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /**
   * Connects once.
   *
   * @throws {ParleyError} why it didn't work, or `closed_by_caller`
   */
  async open(): Promise<void> {
    const life = new AbortController();
    this.#life = life;
    try {
      await this.#attempt(life.signal);
    } catch (error) {
      this.#end(life, null);
      throw error;
    }
  }

  /** Nothing is sent while there is no open socket. */
  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState === 1) this.#socket.send(data);
  }

  /** Ends the connection, or the attempt at one. */
  close(): void {
    if (this.#life !== null) this.#end(this.#life, null);
  }

  /** Whether the device has a network, as far as it knows; once it has one again, attempts are counted anew. */
  setOnline(online: boolean): void {
    if (online && !this.#online) this.#failures = 0;
    this.#online = online;
  }

  /** Ends the wait for the next attempt. */
  retryNow(): void {
    this.#endWait?.();
  }

  /** The socket looks open but is dead: leaves it as if it had been lost. */
  lose(cause: ParleyError): void {
    const socket = this.#socket;
    if (socket === null) return;
    this.#onLoss(socket, cause, 1006);
    socket.close();
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const key = await this.#askKey();
    const protocols = subprotocols(key);
    if (signal.aborted) throw new ParleyError("closed_by_caller");
    const url = this.#options.url();
    const socket = new this.#options.webSocket(url.href, protocols);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    try {
      await this.#establish(socket, () => diagnoseRefusal(url, key, this.#options.connectTimeoutMs), signal);
    } catch (error) {
      if (this.#socket === socket) this.#socket = null;
      socket.close();
      throw error;
    }
  }

  /** The application gets the key from a server of its own, which may be away as ours is. */
  async #askKey(): Promise<string> {
    try {
      return await this.#options.apiKey();
    } catch (error) {
      if (error instanceof ParleyError) throw error;
      throw new ParleyError("server_unreachable", { detail: String(error) });
    }
  }

  /** Resolves at the server's word that it is ready; from then on a close is a loss. */
  #establish(
    socket: WebSocketLike,
    diagnose: () => Promise<ParleyError>,
    signal: AbortSignal,
  ): Promise<void> {
    let onAbort = (): void => {};
    let timer: ReturnType<typeof setTimeout> | undefined;
    const established = new Promise<void>((resolve, reject) => {
      onAbort = () => reject(new ParleyError("closed_by_caller"));
      timer = setTimeout(() => reject(new ParleyError("connect_timeout")), this.#options.connectTimeoutMs);
      this.#attach(socket, diagnose, resolve, reject);
    });
    signal.addEventListener("abort", onAbort, { once: true });
    return established.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    });
  }

  #attach(
    socket: WebSocketLike,
    diagnose: () => Promise<ParleyError>,
    onReady: () => void,
    onRefused: (error: ParleyError) => void,
  ): void {
    let opened = false;
    let ready = false;
    socket.addEventListener("open", () => {
      opened = true;
    });
    socket.addEventListener("message", ({ data }) => {
      if (this.#socket !== socket || !this.#handlers.onMessage(data)) return;
      ready = true;
      onReady();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (ready) this.#onLoss(socket, errorOfClose(code, reason), code);
      else if (opened) onRefused(errorOfClose(code, reason));
      else if (this.#socket === socket) void diagnose().then(onRefused);
    });
  }

  #onLoss(socket: WebSocketLike, cause: ParleyError, code: number): void {
    if (this.#socket !== socket || this.#life === null) return;
    this.#socket = null;
    const { policy } = this.#options;
    if (policy === null || !isReconnectable(code)) {
      this.#end(this.#life, cause);
      return;
    }
    this.#handlers.onLost(cause);
    // Lost again while it was being restored: the loop under way hears of it from `restore`.
    if (!this.#reconnecting) void this.#reconnect(policy, cause, this.#life);
  }

  async #reconnect(policy: ReconnectPolicy, cause: ParleyError, life: AbortController): Promise<void> {
    this.#reconnecting = true;
    let end: ParleyError | null = null;
    const lostAtMs = performance.now();
    for (this.#failures = 0; !life.signal.aborted; ) {
      this.#failures++;
      // Without a network an attempt is bound to fail (unless the server is this very machine).
      if (!this.#online && performance.now() - lostAtMs < maxOfflineMs)
        this.#failures = Math.min(this.#failures, policy.maxAttempts);
      const attempt = this.#failures;
      const delayMs = reconnectDelayMs(attempt, policy, this.#options.random());
      if (delayMs === null) {
        end = new ParleyError("reconnect_failed", cause.details);
        break;
      }
      this.#handlers.onReconnecting({ attempt, delayMs, cause });
      await this.#wait(delayMs, life.signal);
      if (life.signal.aborted) break;
      let attempted = false;
      try {
        await this.#attempt(life.signal);
        attempted = true;
        await this.#handlers.restore();
        // Lost again before anything was asked of it.
        if (this.#socket === null) continue;
        break;
      } catch (error) {
        const lostAgain = attempted && this.#socket === null;
        this.#drop();
        if (lostAgain) continue;
        const failure =
          error instanceof ParleyError
            ? error
            : new ParleyError("reconnect_failed", { detail: String(error) });
        if (failure.retryable) continue;
        end = failure;
        break;
      }
    }
    this.#reconnecting = false;
    if (life.signal.aborted) return;
    if (end === null) this.#handlers.onRestored();
    else this.#end(life, end);
  }

  /** Leaves the socket without ending the connection. */
  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000, "");
  }

  #end(life: AbortController, error: ParleyError | null): void {
    if (this.#life !== life) return;
    this.#life = null;
    this.#drop();
    life.abort();
    this.#handlers.onEnd(error);
  }

  /** Resolves after `durationMs`, at `retryNow`, or when the signal is aborted. */
  #wait(durationMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#endWait = null;
        resolve();
      };
      const timer = setTimeout(done, durationMs);
      signal.addEventListener("abort", done, { once: true });
      this.#endWait = done;
      if (signal.aborted) done();
    });
  }
}
