/** Keeps a phone's screen on during a call: a locked phone takes the microphone away. Where browsers can't, nothing. */
export class KeepAwake {
  #wanted = false;
  #lock: WakeLockSentinel | null = null;

  constructor() {
    // The lock is lost whenever the page is out of sight.
    document.addEventListener("visibilitychange", () => this.#renew());
  }

  set wanted(wanted: boolean) {
    this.#wanted = wanted;
    this.#renew();
  }

  #renew(): void {
    if (!this.#wanted || document.hidden) {
      void this.#lock?.release().catch(() => {});
      this.#lock = null;
      return;
    }
    if (this.#lock !== null && !this.#lock.released) return;
    navigator.wakeLock?.request("screen").then(
      (lock) => {
        this.#lock = lock;
        if (!this.#wanted) this.#renew();
      },
      // A battery saver says no: the screen goes dark as it always does.
      () => {},
    );
  }
}
