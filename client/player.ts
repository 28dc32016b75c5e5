import { AudioClock } from "./audio-clock.ts";
import { Emitter } from "./emitter.ts";
import { defaultJitter, type JitterLimits } from "./jitter-target.ts";
import { ParleyError } from "./parley-error.ts";
import type { Flushed, Heard, ReplyAudio } from "./playback-queue.ts";
import { loadWorklet } from "./worklet-loader.ts";
import type { PlayerCommand, PlayerProcessorOptions, PlayerReport } from "./worklets/player-messages.ts";

export interface PlayerOptions {
  /** Where the bundled `worklets/player-worklet.ts` is served. */
  workletUrl: string;
  /** Rate of the audio handed to `play`. Default 24,000. */
  sampleRateHz?: number;
  /**
   * How long a reply is held back so that the network's jitter isn't heard (not at all if the server sends ahead): it
   * begins with `startMs`, grows when it was too short, and shrinks while less would do. Default 120, 40 to 400.
   */
  jitter?: Partial<JitterLimits>;
  /** How often `position` and `level` come while something plays. Default 80. */
  reportIntervalMs?: number;
  /** Keeps what is played (at most 5 minutes), for debugging: see `recording`. */
  record?: boolean;
}

export interface PlayerEvents {
  /** Sound begins or ends. */
  playing: boolean;
  /** How far an item was heard: every `reportIntervalMs`, and at its end. */
  position: Heard & { finished: boolean };
  /** How loud what is played is, root mean square, 0 to 1; 0 once at the end. */
  level: number;
  /** The first sound of an item leaves the loudspeaker at `atMs` (`performance.now()`'s clock). */
  sounded: { itemId: string; atMs: number };
  /** The network was slower than the speech: silence until enough is there again. */
  underrun: Heard;
  error: ParleyError;
}

/** More than that waiting is refused: a server that doesn't pace may send a long reply at once. */
const maxBufferedMs = 10 * 60_000;
/** An unfinished item that gets no audio for that long counts as finished. */
const maxStarvedMs = 15_000;
const maxRecordedMs = 5 * 60_000;
/** A sleeping audio thread doesn't answer; what was last reported stands then. */
const flushTimeoutMs = 300;
/** Volume while a possible interruption is judged (-14 dB), and how fast it gets there and back. */
const duckedGain = 0.2;
const duckSeconds = 0.03;
const unduckSeconds = 0.15;
/** A browser that claims a longer way to the loudspeaker is not believed. */
const maxLatencyMs = 1_000;

/** Plays replies and knows to the sample how much of each was played. Browser only. */
export class Player extends Emitter<PlayerEvents> {
  readonly #options: PlayerOptions;
  readonly sampleRateHz: number;
  #context: AudioContext | null = null;
  #node: AudioWorkletNode | null = null;
  #gain: GainNode | null = null;
  #playing = false;
  #position: Heard | null = null;
  #clock = new AudioClock();
  /** Ends of items that were handed to the loudspeaker and are not heard yet. */
  readonly #settling = new Map<() => void, ReturnType<typeof setTimeout>>();
  #flushCount = 0;
  readonly #flushes = new Map<number, (flushed: Flushed[]) => void>();
  #recorded: Int16Array[] = [];
  #recordedSamples = 0;

  constructor(options: PlayerOptions) {
    super();
    this.#options = options;
    this.sampleRateHz = options.sampleRateHz ?? 24_000;
  }

  /** Whether sound is coming out, or waiting for its buffer to fill. */
  get playing(): boolean {
    return this.#playing;
  }

  /**
   * Gets ready. Call it from a click or a key press, or browsers keep the audio asleep.
   *
   * @throws {ParleyError} `playback_failed`
   */
  async start(): Promise<void> {
    if (this.#context !== null) return;
    let context: AudioContext | null = null;
    try {
      // At the replies' rate: the browser resamples to the device's.
      context = new AudioContext({ latencyHint: "interactive", sampleRate: this.sampleRateHz });
      this.#context = context;
      await Promise.all([loadWorklet(context, this.#options.workletUrl), context.resume()]);
      if (this.#context !== context) throw new ParleyError("closed_by_caller");
      this.#connect(context);
    } catch (error) {
      // It may have been closed and started again meanwhile.
      if (this.#context === context) this.close();
      throw error instanceof ParleyError
        ? error
        : new ParleyError("playback_failed", { detail: String(error) });
    }
  }

  /** How long sound takes from here to the listener's ear, as far as the browser tells. */
  get latencyMs(): number {
    const { baseLatency = 0, outputLatency = 0 } = (this.#context ?? {}) as Partial<AudioContext>;
    const latencyMs = (baseLatency + outputLatency) * 1000;
    return latencyMs > 0 ? Math.min(maxLatencyMs, latencyMs) : 0;
  }

  /** Looks at both clocks; the more often it is called, the better `sounded` knows the time. */
  observeClock(): void {
    if (this.#context?.state === "running") this.#clock.observe(this.#context.currentTime, performance.now());
  }

  /** Adds reply audio; its buffer is taken over and can't be used afterwards. */
  play(audio: ReplyAudio): void {
    if (this.#node === null) return;
    this.observeClock();
    this.#settle();
    this.#setPlaying(true);
    this.#command({ type: "play", audio }, [audio.pcm.buffer as ArrayBuffer]);
  }

  /** No more audio will come for the item. */
  finish(itemId: string): void {
    this.#command({ type: "finish", itemId });
  }

  /**
   * Stops at once and drops what waits: the user interrupts.
   *
   * @returns the items dropped and how much of each was heard; `cut: false` marks one that was heard whole
   */
  async flush(): Promise<Flushed[]> {
    // Whoever spoke over the last of it interrupts silence.
    this.unduck();
    if (this.#node === null || !this.#playing) return [];
    this.#settle();
    this.#flushCount++;
    const id = this.#flushCount;
    const last = this.#position;
    const flushed = await new Promise<Flushed[]>((resolve) => {
      const timer = setTimeout(() => resolve(last === null ? [] : [{ ...last, cut: true }]), flushTimeoutMs);
      this.#flushes.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#command({ type: "flush", id });
    });
    this.#flushes.delete(id);
    this.#fallSilent();
    return flushed;
  }

  /** Lowers the volume: somebody may be about to interrupt. */
  duck(): void {
    this.#ramp(duckedGain, duckSeconds);
  }

  /** Brings the volume back. */
  unduck(): void {
    this.#ramp(1, unduckSeconds);
  }

  /** Wakes the audio up after the device slept or a call came in. */
  async wake(): Promise<void> {
    if (this.#context !== null && this.#context.state !== "running") await this.#context.resume();
  }

  /** What was played so far, int16 mono at `sampleRateHz`, if `record` is on: a debugging aid. */
  recording(): Int16Array {
    const whole = new Int16Array(this.#recordedSamples);
    let at = 0;
    for (const piece of this.#recorded) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** Falls silent and lets go of the device. Idempotent. */
  close(): void {
    if (this.#node !== null) this.#node.port.onmessage = null;
    if (this.#context !== null && this.#context.state !== "closed") void this.#context.close();
    this.#context = null;
    this.#node = null;
    this.#gain = null;
    for (const resolve of this.#flushes.values()) resolve([]);
    this.#settle();
    this.#clock = new AudioClock();
    this.#fallSilent();
  }

  #connect(context: AudioContext): void {
    const processorOptions: PlayerProcessorOptions = {
      jitter: { ...defaultJitter, ...this.#options.jitter },
      reportIntervalMs: this.#options.reportIntervalMs ?? 80,
      maxBufferedMs,
      maxStarvedMs,
      record: this.#options.record === true,
    };
    const node = new AudioWorkletNode(context, "parley-player", {
      numberOfInputs: 0,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      processorOptions,
    });
    node.port.onmessage = ({ data }: MessageEvent<PlayerReport>) => this.#onReport(data);
    node.onprocessorerror = () => this.emit("error", new ParleyError("playback_failed"));
    this.#gain = context.createGain();
    node.connect(this.#gain).connect(context.destination);
    this.#node = node;
  }

  #onReport(report: PlayerReport): void {
    switch (report.type) {
      case "started":
        this.#setPlaying(true);
        this.#keepPosition(report);
        break;
      case "position":
        this.#keepPosition(report);
        this.emit("level", report.levelRatio);
        this.#tellPosition(report);
        break;
      case "finished":
        this.#keepPosition(report);
        this.#onceHeard(() => this.emit("position", { ...heardOf(report), finished: true }));
        break;
      case "sounded":
        this.#onSounded(report);
        break;
      case "underrun":
        this.emit("underrun", heardOf(report));
        break;
      case "drained":
        this.#position = null;
        this.#onceHeard(() => this.#fallSilent());
        break;
      case "flushed":
        this.#flushes.get(report.id)?.(report.flushed);
        break;
      case "refused":
        this.emit("error", new ParleyError("playback_buffer_full"));
        break;
      case "recorded":
        this.#keepRecorded(report.pcm);
        break;
    }
  }

  /** What was handed over is heard a little later. */
  #tellPosition(handedOver: Heard): void {
    const playedMs = Math.floor(handedOver.playedMs - this.latencyMs);
    if (playedMs > 0) this.emit("position", { ...heardOf(handedOver), playedMs, finished: false });
  }

  #onSounded({ itemId, atSeconds }: { itemId: string; atSeconds: number }): void {
    this.observeClock();
    const atMs = this.#clock.toNowMs(atSeconds);
    if (atMs !== null) this.emit("sounded", { itemId, atMs: atMs + this.latencyMs });
  }

  /** Does what belongs to a sound's end when the sound has reached the listener. */
  #onceHeard(action: () => void): void {
    const { latencyMs } = this;
    if (latencyMs < 1) {
      action();
      return;
    }
    const done = (): void => {
      this.#settling.delete(done);
      action();
    };
    this.#settling.set(done, setTimeout(done, latencyMs));
  }

  /** What is on its way to the ear will be heard, whatever comes next. */
  #settle(): void {
    for (const [done, timer] of [...this.#settling]) {
      clearTimeout(timer);
      done();
    }
  }

  #fallSilent(): void {
    if (this.#playing) this.emit("level", 0);
    this.#setPlaying(false);
  }

  #keepPosition(heard: Heard): void {
    this.#position = heardOf(heard);
  }

  #keepRecorded(pcm: Int16Array): void {
    if (this.#recordedSamples + pcm.length > (maxRecordedMs * this.sampleRateHz) / 1000) return;
    this.#recorded.push(pcm);
    this.#recordedSamples += pcm.length;
  }

  #setPlaying(playing: boolean): void {
    if (playing === this.#playing) return;
    this.#playing = playing;
    this.emit("playing", playing);
  }

  #ramp(gain: number, seconds: number): void {
    if (this.#gain === null || this.#context === null) return;
    const now = this.#context.currentTime;
    const { gain: parameter } = this.#gain;
    parameter.cancelScheduledValues(now);
    parameter.setValueAtTime(parameter.value, now);
    parameter.linearRampToValueAtTime(gain, now + seconds);
  }

  #command(command: PlayerCommand, transfer: Transferable[] = []): void {
    this.#node?.port.postMessage(command, transfer);
  }
}

function heardOf({ itemId, contentIndex, playedMs }: Heard): Heard {
  return { itemId, contentIndex, playedMs };
}
