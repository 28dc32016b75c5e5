/** An answer that took longer belongs to something else. */
const maxWaitMs = 60_000;

/** Measures how long the user waited: from the last voiced moment of a turn to the first sound of its answer. Pure. */
export class AnswerTimer {
  #voicedAtMs: number | null = null;
  #endedAtMs: number | null = null;

  /** The user's voice was heard at that moment. */
  voiced(atMs: number): void {
    this.#voicedAtMs = Math.max(this.#voicedAtMs ?? atMs, atMs);
  }

  /** The user's turn is over: what the microphone hears from now on belongs to the next one. */
  turnEnded(): void {
    this.#endedAtMs = this.#voicedAtMs;
    this.#voicedAtMs = null;
  }

  /** @returns the wait, if that was the first sound since a turn's end */
  sounded(atMs: number): number | null {
    const endedAtMs = this.#endedAtMs;
    this.#endedAtMs = null;
    if (endedAtMs === null) return null;
    const waitMs = atMs - endedAtMs;
    return waitMs >= 0 && waitMs <= maxWaitMs ? waitMs : null;
  }

  reset(): void {
    this.#voicedAtMs = null;
    this.#endedAtMs = null;
  }
}
