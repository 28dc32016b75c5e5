/** What one transport takes; all of it from the settings. */
export interface TransportLimits {
  maxConnections: number;
  maxConnectionsPerAddress: number;
  maxHandshakesPerSecond: number;
  /** Headers, TLS handshake and the decision on an upgrade must each be done by then. */
  handshakeTimeoutMs: number;
  maxMessageBytes: number;
  maxMessagesPerSecond: number;
  maxInputBytesPerSecond: number;
  /** Hard limit of what waits for a client; "backlogged" begins at a quarter of it, drained is an eighth. */
  sendBufferBytes: number;
  pingIntervalMs: number;
  /** How long a closing handshake may take before the socket is cut. */
  closeTimeoutMs: number;
}

/** What a transport tells whoever watches. Calls are cheap; bytes come summed up, about once a second. */
export interface TransportObserver {
  opened(): void;
  closed(code: number): void;
  /** A handshake was turned away. */
  refused(code: string): void;
  /** A ping's round trip. */
  pinged(roundTripMs: number): void;
  bytes(direction: "in" | "out", bytes: number): void;
  /** Bytes that wait for all clients together. */
  backlog(bytes: number): void;
  /** A handler threw or a socket failed: for the log. */
  fault(error: unknown): void;
}

/** Bursts, in seconds' worth of the rate. */
export const burstSeconds = { handshakes: 2, messages: 10, bytes: 10 } as const;

/**
 * How many pieces one message may come in. A peer that cuts finer than 4 KiB a fragment, or whose link delivers less
 * than 512 bytes a read over a whole message of the greatest size, is attacking the bookkeeping, not sending.
 */
export function pieceLimits(maxMessageBytes: number): { maxFragments: number; maxBufferedChunks: number } {
  return {
    maxFragments: Math.max(64, Math.ceil(maxMessageBytes / 4096)),
    maxBufferedChunks: Math.max(256, Math.ceil(maxMessageBytes / 512)),
  };
}
