/** What a connection needs to know of the request that opened it. */
export interface HandshakeRequest {
  /** Path and query as sent, e.g. `/v1/realtime?model=x`. */
  url: URL;
  headers: Record<string, string | undefined>;
  /** Offered subprotocols, in order. */
  subprotocols: string[];
  remoteAddress: string;
  secure: boolean;
}

/** A handshake's outcome: the handler to attach, or a refusal in HTTP. */
export type HandshakeDecision =
  | { accept: true; subprotocol: string | null; open: (socket: TransportSocket) => SocketHandler }
  | { accept: false; status: number; code: string; message: string; headers?: Record<string, string> };

/** Called by the transport; must not throw. */
export interface SocketHandler {
  onText(text: string): void;
  /** `bytes` is valid only during the call: copy what outlives it. */
  onBinary(bytes: Uint8Array): void;
  /** The send buffer fell under the low-water mark after `send` returned "backlogged". */
  onDrain(): void;
  /** Always the last call, exactly once. */
  onClose(code: number, reason: string): void;
}

export type SendResult = "sent" | "backlogged" | "closed";

/** One open connection. */
export interface TransportSocket {
  readonly id: string;
  readonly remoteAddress: string;
  /** Never throws. A send past the hard limit closes the socket with the coded reason `slow_client`. */
  send(data: string | Uint8Array): SendResult;
  /** Bytes accepted but not yet handed to the kernel. */
  readonly bufferedBytes: number;
  /** Starts the closing handshake; `reason` is cut to 123 bytes. Idempotent. */
  close(code: number, reason: string): void;
  /** Moment (clock.nowMs) at which the message being delivered was read from the socket. */
  readonly readAtMs: number;
}

export interface Transport {
  /** Resolves with the bound address. Rejects with a GatewayError when the port is taken. */
  listen(): Promise<{ host: string; port: number }>;
  /** Stops accepting; open sockets live on until closed. */
  stopAccepting(): void;
  /** Closes every socket with `code` and frees the port. */
  close(code: number, reason: string): Promise<void>;
  readonly openSockets: number;
  /** Whether the limits on connections leave one more place for that client address. */
  hasPlaceFor(address: string): boolean;
}

/** Who opened a realtime connection, and with what. */
export interface RealtimeContext {
  /** Whose usage it is: the key's name, or "local" where no keys are set. */
  tenant: string;
  keyName: string;
  /** Path and query as sent. */
  url: URL;
  /** Session configuration that a client secret carries (the protocol's own JSON, unchecked); null without one. */
  clientSecretSession: unknown | null;
  /** The caller's address (behind trusted proxies: the one that they name). */
  remoteAddress: string;
}

/** What speaks `GET /v1/realtime` once the door let the caller in. */
export interface RealtimeEndpoint {
  /** Begins a session (or resumes one) on an open socket. Must not throw. */
  open(context: RealtimeContext, socket: TransportSocket): SocketHandler;
  readonly activeSessions: number;
  /**
   * Judges a session configuration that a client secret is to carry (the protocol's own JSON).
   *
   * @throws {GatewayError} as a `session.update` with it would be refused
   */
  checkSession?(session: unknown): void;
  /** What is known of the vendors behind it, for `/readyz`; absent where there are none. */
  vendors?(): readonly { stage: string; provider: string; ok: boolean | null; problem: string | null }[];
  /** True while a stage has no provider that works: no session could be served. */
  stageDown?(): boolean;
  /**
   * Before a planned stop: announces it to clients that asked, starts no more turns, resolves when those at work are
   * over or the signal aborts. Never rejects.
   */
  drain(signal: AbortSignal): Promise<void>;
  /** Frees what the sessions hold, after the sockets were closed. */
  close(): Promise<void>;
}
