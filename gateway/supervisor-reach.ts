/** How the gateways are called from outside: the machine's names, and their own certificate where one is wanted. */
import type { Clock, Timer } from "./clock.ts";
import type { Config } from "./config.ts";
import type { HostNames } from "./host-names.ts";
import { namesReached } from "./host-names.ts";
import type { Reach } from "./process-messages.ts";
import type { SelfSigned } from "./self-signed.ts";
import type { Log } from "./telemetry/log.ts";

/** How often addresses and the certificate's end are looked at; a laptop changes its network while Parley runs. */
const lookEveryMs = 60_000;

/** What the supervisor is given to find out. */
export interface Surroundings {
  readNames(): HostNames;
  /** The kept certificate, or a new one where the kept one does not do. Called only when PARLEY_TLS is self. */
  loadCertificate(names: HostNames): Promise<SelfSigned>;
}

export interface ReachWatchOptions {
  config: Config;
  clock: Clock;
  log: Log;
  surroundings: Surroundings;
  /** Addresses or the certificate changed while the gateways run. */
  onChange(watch: ReachWatch, renewed: boolean): void;
}

/** Knows the reach, and looks again once a minute when the certificate is the gateway's own. */
export class ReachWatch {
  readonly #options: ReachWatchOptions;
  #names: HostNames;
  #certificate: SelfSigned | null = null;
  #timer: Timer | null = null;
  #stopped = false;

  private constructor(options: ReachWatchOptions) {
    this.#options = options;
    this.#names = options.surroundings.readNames();
  }

  /** @throws {GatewayError} `invalid_config` when a certificate is wanted and can't be kept */
  static async begin(options: ReachWatchOptions): Promise<ReachWatch> {
    const watch = new ReachWatch(options);
    if (options.config.tls === "self") {
      watch.#certificate = await options.surroundings.loadCertificate(watch.#names);
      watch.#schedule();
    }
    return watch;
  }

  get names(): HostNames {
    return this.#names;
  }

  get certificate(): SelfSigned | null {
    return this.#certificate;
  }

  /** What gateways are told. */
  get reach(): Reach {
    if (this.#certificate === null) return { tls: null, ownNames: [] };
    const { cert, key } = this.#certificate;
    const { steady, passing } = this.#names;
    return { tls: { cert, key }, ownNames: namesReached(this.#options.config.host, [...steady, ...passing]) };
  }

  /** Ends the watch. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    const { clock } = this.#options;
    this.#timer = clock.timer(clock.nowMs() + lookEveryMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { log, onChange, surroundings } = this.#options;
    try {
      const before = JSON.stringify(this.reach);
      const names = surroundings.readNames();
      const certificate = await surroundings.loadCertificate(names);
      const renewed = certificate.fingerprint !== this.#certificate?.fingerprint;
      this.#names = names;
      this.#certificate = certificate;
      if (!this.#stopped && JSON.stringify(this.reach) !== before) onChange(this, renewed);
    } catch (err) {
      // The gateways go on with what they have; the next look may go better.
      log.error({ err }, "the gateway's own certificate could not be looked after");
    }
    if (!this.#stopped) this.#schedule();
  }
}
