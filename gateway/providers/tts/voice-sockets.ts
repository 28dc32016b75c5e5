/**
 * A pool of WebSockets to one voice vendor. Each carries several utterances ("contexts") side by side; sockets are reused
 * by all calls of the process, bounded in number, watched while they rest, and replaced when they die.
 */
import type { Clock, Timer } from "../../clock.ts";
import type { ProviderFault, TtsProvider } from "../provider.ts";
import { brokenOff, fullFault, vendorFault } from "../vendor-fault.ts";
import { VoiceSocket } from "./voice-socket.ts";

/** How full a pool is. */
export interface PoolFigures {
  /** Sockets that are open or being opened. */
  open: number;
  /** Calls under way. */
  inUse: number;
  /** Calls that wait for a place. */
  waiting: number;
}

/** A voice that says how full its pool is. */
export interface PooledVoice extends TtsProvider {
  pool(): PoolFigures;
}

export interface VoiceSocketLimits {
  socketsMax: number;
  /** Contexts at once on one socket; the vendor's own limit. */
  contextsPerSocketMax: number;
  /** Calls that may wait for a place; more are refused at once. */
  waitingMax: number;
  /** How long one waits. */
  waitMaxMs: number;
  /** How long a socket may take to open. */
  connectMs: number;
  /** How often an open socket is asked whether it lives, and kept from falling asleep. */
  pingMs: number;
  /** Resting sockets that are kept open; more are closed after `surplusMs`. */
  restingKept: number;
  surplusMs: number;
  /** A vendor that has been told to end a context, and has not said that it did by then, gets no new ones on that socket. */
  closingMs: number;
  /** Nothing heard for that long while a context waited: its socket gets no new ones once the caller gave up. */
  silentMs: number;
}

export type VoiceMessage = Readonly<Record<string, unknown>>;

/** What a vendor's messages mean. */
export interface VoiceDialect {
  /** Where the sockets of a key go (contexts of one key can share a socket). */
  address(key: string): { url: string; headers: Record<string, string> };
  /** Context that a message belongs to; null: to the whole socket. */
  contextOf(message: VoiceMessage): string | null;
  /** What an error message means; null when it is none. */
  faultOf(message: VoiceMessage): ProviderFault | null;
  /** What it means that the vendor closed a socket under its contexts. */
  faultOfClose(code: number): ProviderFault;
  /** Nothing follows in this context. */
  isLast(message: VoiceMessage): boolean;
  /** Sent on a resting socket with every ping; null: pings do. */
  keepAlive: string | null;
  /** A context counts as open at the vendor until its last message came, even if nobody listens any more. */
  lingers: boolean;
}

/** What a call hears of its context. */
export interface ContextListener {
  message(message: VoiceMessage): void;
  /** The context is gone; nothing follows. */
  lost(fault: ProviderFault): void;
}

/** A call's place on a socket. */
export interface VoiceLease {
  /** Goes out at once, or when the socket has opened. */
  send(message: object): void;
  /** Gives the place back; `farewell` tells the vendor, unless it never heard of the context or is done with it. Idempotent. */
  release(farewell: object | null): void;
}

export interface VoiceSockets {
  readonly figures: PoolFigures;
  /**
   * Takes a place on a socket of `key`; waits for one while all are taken.
   *
   * @returns a lease, or a fault when the pool is full; null when the signal aborted first
   */
  acquire(
    key: string,
    contextId: string,
    listener: ContextListener,
    signal: AbortSignal,
  ): Promise<VoiceLease | ProviderFault | null>;
  /** Opens a socket of `key` unless one is there; resolves when it is open, or has failed. */
  warm(key: string): Promise<void>;
  /** Closes all; calls under way lose their contexts. */
  close(): Promise<void>;
}

/** What it means that a socket was closed under its contexts, as long as the vendor has no word for it. */
export function faultOfClose(code: number): ProviderFault {
  // Without a closing handshake: cut on the way, or kept for so long that somebody forgot it.
  if (code === 1006) return { ...vendorFault("the connection to the vendor was cut"), reset: true };
  return { ...brokenOff };
}

const poolFull: Readonly<ProviderFault> = fullFault("all connections to the vendor are in use");

/**
 * Waiting for a place, where a vendor has some 300 of them, each for a second or two: one is free every few milliseconds, so
 * who has none after that long is better off with the next vendor, and more than so many would wait in vain.
 */
export const placeWait = { waitingMax: 32, waitMaxMs: 100 } as const;

/** A connection on which a call heard nothing for so long is thought dead; less than a call is ever given (800 ms). */
export const silentMs = 700;

interface Waiting {
  key: string;
  /** With a socket that has a place, or a fault. */
  leave(result: VoiceSocket | ProviderFault | null): void;
}

export function createVoiceSockets(
  dialect: VoiceDialect,
  limits: VoiceSocketLimits,
  clock: Clock,
): VoiceSockets {
  const sockets = new Set<VoiceSocket>();
  const queue = new Set<Waiting>();
  let closed = false;

  let sweep: Timer | null = null;

  function open(key: string): VoiceSocket {
    const socket: VoiceSocket = new VoiceSocket(key, dialect, limits, clock, {
      changed() {
        serve();
        planSweep();
      },
      gone() {
        sockets.delete(socket);
        serve();
      },
    });
    sockets.add(socket);
    return socket;
  }

  /** A socket of this key with a place, opening one if need be; null while there is none. */
  function find(key: string): VoiceSocket | null {
    let best: VoiceSocket | null = null;
    for (const socket of sockets) {
      if (socket.key !== key || !socket.hasPlace) continue;
      if (best === null || rank(socket) < rank(best)) best = socket;
    }
    if (best !== null) return best;
    if (sockets.size >= limits.socketsMax) {
      // One that rests with another voice makes room.
      for (const socket of sockets) {
        if (!socket.rests) continue;
        socket.close();
        break;
      }
    }
    return sockets.size < limits.socketsMax ? open(key) : null;
  }

  function serve(): void {
    if (closed) return;
    for (const waiting of queue) {
      const socket = find(waiting.key);
      if (socket === null) continue;
      waiting.leave(socket);
    }
  }

  /** Sockets that rest for long are closed, but for the few that are kept warm. */
  function planSweep(): void {
    if (sweep !== null || closed) return;
    const resting = [...sockets].filter((socket) => socket.rests);
    if (resting.length <= limits.restingKept) return;
    const oldestMs = Math.min(...resting.map((socket) => socket.restsSinceMs));
    sweep = clock.timer(oldestMs + limits.surplusMs, () => {
      sweep = null;
      const dueMs = clock.nowMs() - limits.surplusMs;
      const now = [...sockets].filter((socket) => socket.rests);
      now.sort((one, other) => one.restsSinceMs - other.restsSinceMs);
      for (const socket of now.slice(0, Math.max(0, now.length - limits.restingKept)))
        if (socket.restsSinceMs <= dueMs) socket.close();
      planSweep();
    });
  }

  function wait(key: string, signal: AbortSignal): Promise<VoiceSocket | ProviderFault | null> {
    if (queue.size >= limits.waitingMax) return Promise.resolve({ ...poolFull });
    return new Promise((resolve) => {
      const leave = (result: VoiceSocket | ProviderFault | null) => {
        queue.delete(waiting);
        timer.cancel();
        signal.removeEventListener("abort", onAbort);
        resolve(result);
      };
      const waiting: Waiting = { key, leave };
      const timer = clock.timer(clock.nowMs() + limits.waitMaxMs, () => leave({ ...poolFull }));
      const onAbort = () => leave(null);
      signal.addEventListener("abort", onAbort, { once: true });
      queue.add(waiting);
    });
  }

  return {
    get figures() {
      let inUse = 0;
      for (const socket of sockets) inUse += socket.listened;
      return { open: sockets.size, inUse, waiting: queue.size };
    },
    async acquire(key, contextId, listener, signal) {
      for (;;) {
        if (signal.aborted) return null;
        if (closed) return vendorFault("the provider was closed");
        const found = find(key) ?? (await wait(key, signal));
        if (!(found instanceof VoiceSocket)) return found;
        // Between the place's offer and now, others may have come.
        if (found.hasPlace) return found.attach(contextId, listener);
      }
    },
    async warm(key) {
      for (const socket of sockets) if (socket.key === key && socket.state !== "closed") return socket.opened;
      if (!closed && sockets.size < limits.socketsMax) await open(key).opened;
    },
    async close() {
      closed = true;
      sweep?.cancel();
      for (const { leave } of [...queue]) leave(vendorFault("the provider was closed"));
      for (const socket of [...sockets]) socket.close();
    },
  };
}

/** The emptiest first: a socket that dies takes few with it. Open ones before those that still open. */
function rank(socket: VoiceSocket): number {
  return socket.taken + (socket.state === "open" ? 0 : 1000);
}
