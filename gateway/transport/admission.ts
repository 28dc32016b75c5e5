import type { Clock } from "../clock.ts";
import type { TransportLimits } from "./limits.ts";
import { burstSeconds } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/**
 * Who gets a place: so many connections in all, so many of one address, so many new ones a second. A place is held
 * from the handshake on, so that pending handshakes count.
 */
export class Admission {
  readonly #limits: TransportLimits;
  readonly #handshakes: TokenBucket;
  /** Bounded by `maxConnections`: an address without a place has no entry. */
  readonly #byAddress = new Map<string, number>();
  #held = 0;

  constructor(limits: TransportLimits, clock: Clock) {
    this.#limits = limits;
    const rate = limits.maxHandshakesPerSecond;
    this.#handshakes = new TokenBucket(rate, rate * burstSeconds.handshakes, () => clock.nowMs());
  }

  /** @returns false when there is no place; else `leave` must be called once */
  enter(address: string): boolean {
    if (!this.hasPlaceFor(address) || !this.#handshakes.take(1)) return false;
    this.#held++;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
    return true;
  }

  /** Whether there is a place, the rate of handshakes apart. */
  hasPlaceFor(address: string): boolean {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    return this.#held < this.#limits.maxConnections && ofAddress < this.#limits.maxConnectionsPerAddress;
  }

  leave(address: string): void {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    this.#held--;
    if (ofAddress <= 1) this.#byAddress.delete(address);
    else this.#byAddress.set(address, ofAddress - 1);
  }
}
