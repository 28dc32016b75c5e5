export interface WakeWatchHandlers {
  /** The device may have slept, or the page is looked at again. */
  onWake(): void;
  onOnline(online: boolean): void;
}

/** A timer that is due every so often… */
const tickMs = 2_000;
/** …and comes that late has slept. */
const sleptMs = 10_000;

/** Listens for a device that wakes up or finds its network again. Does nothing outside a browser. */
export class WakeWatch {
  readonly #handlers: WakeWatchHandlers;
  #timer: ReturnType<typeof setInterval> | undefined;
  #tickedAtMs = 0;

  constructor(handlers: WakeWatchHandlers) {
    this.#handlers = handlers;
  }

  start(): void {
    if (this.#timer !== undefined || globalThis.window === undefined) return;
    // The wall clock: others stand still while the device sleeps.
    this.#tickedAtMs = Date.now();
    this.#timer = setInterval(this.#tick, tickMs);
    window.addEventListener("online", this.#onOnline);
    window.addEventListener("offline", this.#onOffline);
    window.addEventListener("pageshow", this.#onShown);
    document.addEventListener("visibilitychange", this.#onShown);
  }

  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    window.removeEventListener("online", this.#onOnline);
    window.removeEventListener("offline", this.#onOffline);
    window.removeEventListener("pageshow", this.#onShown);
    document.removeEventListener("visibilitychange", this.#onShown);
  }

  readonly #tick = (): void => {
    const nowMs = Date.now();
    const slept = nowMs - this.#tickedAtMs > sleptMs;
    this.#tickedAtMs = nowMs;
    if (slept) this.#handlers.onWake();
  };

  readonly #onShown = (): void => {
    if (document.visibilityState === "visible") this.#handlers.onWake();
  };

  readonly #onOnline = (): void => this.#handlers.onOnline(true);
  readonly #onOffline = (): void => this.#handlers.onOnline(false);
}
