/** People begin to speak while they press, and let go on their last syllable. */
const preRollMs = 240;
const tailMs = 160;
/** Whoever presses for less than that didn't mean to speak. */
const minPressMs = 250;

export interface TalkButtonHandlers {
  /** A frame that belongs to the turn. */
  audio(pcm: Int16Array): void;
  /** All of the turn was handed over. `long` is false if the button was only touched. */
  ended(long: boolean): void;
}

/** Push-to-talk over a stream of frames: which of them belong to the turn. Pure; time is what the frames hold. */
export class TalkButton {
  readonly #sampleRateHz: number;
  readonly #handlers: TalkButtonHandlers;
  #preRoll: Int16Array[] = [];
  #preRollSamples = 0;
  #state: "up" | "down" | "tail" = "up";
  #samplesInState = 0;
  #heldSamples = 0;

  constructor(sampleRateHz: number, handlers: TalkButtonHandlers) {
    this.#sampleRateHz = sampleRateHz;
    this.#handlers = handlers;
  }

  /** Whether a turn is going on, its last moments included. */
  get active(): boolean {
    return this.#state !== "up";
  }

  get down(): boolean {
    return this.#state === "down";
  }

  /** The turn begins, or goes on if it had hardly ended. @returns false if the button was down already */
  press(): boolean {
    if (this.#state === "down") return false;
    if (this.#state === "up") {
      this.#heldSamples = 0;
      for (const pcm of this.#preRoll) this.#handlers.audio(pcm);
      this.#forgetPreRoll();
    }
    this.#state = "down";
    return true;
  }

  /** The turn ends with the frames of the next moment. @returns false if the button wasn't down */
  release(): boolean {
    if (this.#state !== "down") return false;
    this.#state = "tail";
    this.#samplesInState = 0;
    return true;
  }

  frame(pcm: Int16Array): void {
    if (this.#state === "up") {
      this.#keep(pcm);
      return;
    }
    this.#handlers.audio(pcm);
    if (this.#state === "down") {
      this.#heldSamples += pcm.length;
      return;
    }
    this.#samplesInState += pcm.length;
    if (this.#samplesInState >= this.#samples(tailMs)) this.finish();
  }

  /** Ends the turn at once: no more frames come. */
  finish(): void {
    if (this.#state === "up") return;
    this.#state = "up";
    this.#handlers.ended(this.#heldSamples >= this.#samples(minPressMs));
  }

  /** Forgets the turn: it can't be sent any more. */
  reset(): void {
    this.#state = "up";
    this.#forgetPreRoll();
  }

  #keep(pcm: Int16Array): void {
    this.#preRoll.push(pcm);
    this.#preRollSamples += pcm.length;
    while (this.#preRollSamples > this.#samples(preRollMs)) {
      const oldest = this.#preRoll.shift();
      this.#preRollSamples -= oldest?.length ?? this.#preRollSamples;
    }
  }

  #forgetPreRoll(): void {
    this.#preRoll = [];
    this.#preRollSamples = 0;
  }

  #samples(durationMs: number): number {
    return (durationMs * this.#sampleRateHz) / 1000;
  }
}
