/** The sound of one reply as its listener gets it: when each piece of it plays, what of it was played when it was cut off. */
import { type HeardWord, soundRateHz, WordReader } from "./word-sound.ts";

const samplesPerMs = soundRateHz / 1_000;

export class ReplySound {
  readonly reader = new WordReader();
  readonly itemIds = new Set<string>();
  #samples = 0;
  /** Runs without a gap: the first sample of each, and when it plays. */
  readonly #runs: { fromSample: number; atMs: number }[] = [];
  #cutAtMs = Number.POSITIVE_INFINITY;

  /** When all that came has been played. */
  get endsAtMs(): number {
    const last = this.#runs.at(-1);
    return last === undefined ? 0 : last.atMs + (this.#samples - last.fromSample) / samplesPerMs;
  }

  get wasCut(): boolean {
    return this.#cutAtMs < Number.POSITIVE_INFINITY;
  }

  /** More of it came; plays from `atMs` on, or after what came before. */
  push(pcm: Int16Array, atMs: number): void {
    if (this.#runs.length === 0 || atMs > this.endsAtMs) this.#runs.push({ fromSample: this.#samples, atMs });
    this.#samples += pcm.length;
    this.reader.push(pcm);
  }

  /** Falls silent, once. */
  cut(atMs: number): void {
    this.#cutAtMs = Math.min(this.#cutAtMs, atMs);
  }

  /** How many words had begun, and how many of them were over `marginMs` of its sound before it fell silent. */
  played(heard: readonly HeardWord[], marginMs: number): { begun: number; over: number } {
    if (!this.wasCut) return { begun: heard.length, over: heard.length };
    const untilSample = this.#sampleAt(this.#cutAtMs);
    const overSample = untilSample - marginMs * samplesPerMs;
    return {
      begun: heard.filter(({ fromSample }) => fromSample < untilSample).length,
      over: heard.filter((word) => word.untilSample <= overSample).length,
    };
  }

  #sampleAt(atMs: number): number {
    const index = this.#runs.findLastIndex((run) => run.atMs <= atMs);
    const run = this.#runs[index];
    if (run === undefined) return 0;
    const next = this.#runs[index + 1]?.fromSample ?? this.#samples;
    return Math.min(next, run.fromSample + (atMs - run.atMs) * samplesPerMs);
  }
}
