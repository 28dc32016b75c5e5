/** The audio front end of one simulated call: it knows when its person speaks, and rings alarms on the clock of samples. */
import type { Clock, Timer } from "../../gateway/clock.ts";
import type { AudioChannel, FrontEndEvent } from "../../workers/audio/messages.ts";

const samplesPerMs = 16;
/** How late voice detection finds an onset and a pause. */
const onsetLagMs = 90;
const pauseLagMs = 190;

export class SimChannel implements AudioChannel {
  readonly slot = 0;
  keptFromSample = 0;
  onEvents: ((events: FrontEndEvent[]) => void) | null = null;
  onReadable: (() => void) | null = null;
  readonly #clock: Clock;
  readonly #openedAtMs: number;
  readonly #alarms = new Map<string, Timer>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#openedAtMs = clock.nowMs();
  }

  get receivedSamples(): number {
    return Math.round((this.#clock.nowMs() - this.#openedAtMs) * samplesPerMs);
  }

  get readableSamples(): number {
    return this.receivedSamples;
  }

  write(): "written" {
    return "written";
  }

  configure(): void {}
  resetSpeech(): void {}

  alarm(key: string, atSample: number): void {
    this.cancelAlarm(key);
    const atMs = this.#openedAtMs + atSample / samplesPerMs;
    const timer = this.#clock.timer(Math.max(atMs, this.#clock.nowMs()), () => {
      this.#alarms.delete(key);
      const nowMs = this.#clock.nowMs();
      this.#tell({ type: "alarm", key, sample: atSample, takenAtMs: nowMs, decidedAtMs: nowMs });
    });
    this.#alarms.set(key, timer);
  }

  cancelAlarm(key: string): void {
    this.#alarms.get(key)?.cancel();
    this.#alarms.delete(key);
  }

  hasten(): void {
    this.#clock.timer(this.#clock.nowMs() + 10, () => this.onReadable?.());
  }

  read(fromSample: number, toSample: number): Int16Array {
    return new Int16Array(toSample - fromSample);
  }

  release(beforeSample: number): void {
    this.keptFromSample = Math.max(this.keptFromSample, beforeSample);
  }

  frameTimes(): null {
    return null;
  }

  close(): void {
    this.#closed = true;
    for (const key of [...this.#alarms.keys()]) this.cancelAlarm(key);
  }

  /** The person speaks from now on for `ms`. @returns the range in samples */
  speak(ms: number): { fromSample: number; untilSample: number } {
    const nowMs = this.#clock.nowMs();
    const fromSample = this.receivedSamples;
    const untilSample = fromSample + Math.round(ms * samplesPerMs);
    const stamp = (atMs: number) => ({ takenAtMs: atMs, decidedAtMs: atMs });
    this.#clock.timer(nowMs + onsetLagMs, () =>
      this.#tell({ type: "onset", sample: fromSample, ...stamp(this.#clock.nowMs()) }),
    );
    this.#clock.timer(nowMs + ms + pauseLagMs, () =>
      this.#tell({ type: "pause", sample: untilSample, ...stamp(this.#clock.nowMs()) }),
    );
    return { fromSample, untilSample };
  }

  #tell(event: FrontEndEvent): void {
    if (this.#closed) return;
    this.onEvents?.([event]);
    this.onReadable?.();
  }
}
