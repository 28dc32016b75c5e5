/**
 * What the gateway and the audio thread say to each other. Samples are always counted on one clock: mono 16 kHz,
 * from the session's first received sample (0). Audio itself never travels in a message: it lies in shared memory.
 */

/** How a client's audio arrives. */
export type InputEncoding = "pcm16" | "pcmu" | "pcma";

export interface InputFormat {
  encoding: InputEncoding;
  /** 8000 for G.711. */
  sampleRateHz: 8000 | 16000 | 24000;
}

/** Threshold and durations of speech detection. */
export interface VadSettings {
  /** Speech is at or above it, 0 to 1. */
  thresholdRatio: number;
  /** That much speech in a row makes an onset, half of it where it is beyond doubt. Default 64. */
  minSpeechMs?: number;
  /** That long under the threshold makes a pause. Default 64. */
  minPauseMs?: number;
}

export interface FrontEndSettings {
  input: InputFormat;
  /** Strength of the spectral gate. */
  noiseReduction: "near_field" | "far_field" | null;
  /** null: no detection (manual turns), no inference is spent. */
  vad: VadSettings | null;
  /** What Silero listens to. Default "raw". */
  vadInput: "raw" | "gated";
  /** Whether the gated signal is synthesised at all (something reads it, e.g. the recogniser). */
  keepGated: boolean;
  /** `level` events every so many ms of audio; null: none. */
  levelIntervalMs: number | null;
  /** Whether Silero rests where the sub-bands say that nobody can be speaking. Default true. */
  preGate?: boolean;
  /** Whether what is played (`reference`) is expected back in the input: a client without echo cancellation. Default false. */
  echoGuard?: boolean;
}

/** Bands of a `level` event: equal steps on the mel scale, 60 Hz to 8 kHz. */
export const levelBands = 16;

/** Moments on the process-wide monotonic clock, for the ledger. */
export interface Stamps {
  /** When the tick took the frame that the event is about (an alarm's own sample). */
  takenAtMs: number;
  /** When it was decided (after inference). */
  decidedAtMs: number;
}

/** What the thread reports, in order of samples within a session. */
export type FrontEndEvent =
  /**
   * Speech began at `sample` (back-dated to its first voiced window, refined by energy). Where the echo guard heard the
   * reply's own echo in the second before, it was all there was up to `echoUntilSample`: nothing for a recogniser.
   */
  | ({ type: "onset"; sample: number; echoUntilSample?: number } & Stamps)
  /** Speech paused; `sample` is the last voiced one (back-dated by probabilities and energy). */
  | ({ type: "pause"; sample: number } & Stamps)
  /** Speech went on after a pause without a new onset being needed; `sample` is where it began again. */
  | ({ type: "resumed"; sample: number; echoUntilSample?: number } & Stamps)
  /**
   * Everything up to the alarm's sample was heard (VAD windows covering it are decided). While somebody speaks,
   * `voicedUntilSample` is the last sample before it with a voice's energy: a pause may be there that is not decided yet.
   */
  | ({ type: "alarm"; key: string; sample: number; voicedUntilSample?: number } & Stamps)
  /** RMS in dBFS before and after the gate, noise floor, and speech probability; the bands only where the gate runs. */
  | {
      type: "level";
      sample: number;
      rawDb: number;
      gatedDb: number;
      noiseDb: number;
      speechRatio: number;
      /** `levelBands` values each, dBFS, means over the interval. */
      rawBandsDb?: number[];
      gatedBandsDb?: number[];
    };

/** Length of one frame of `reference` (16 ms). */
export const referenceFrameMs = 16;

/**
 * One session's place on the bus, as the gateway sees it. All calls are cheap and synchronous.
 */
export interface AudioChannel {
  readonly slot: number;
  /**
   * Appends received bytes in the current input format (copied before it returns).
   *
   * @param readAtMs when the frame was read from the socket (for `frameTimes`)
   * @returns "full" when the bounded backlog can't take them: nothing of `bytes` was kept
   */
  write(bytes: Uint8Array, readAtMs: number): "written" | "full";
  /** Samples received so far, backlog included (16 kHz clock). */
  readonly receivedSamples: number;
  /** Samples that can be read (16 kHz clock). */
  readonly readableSamples: number;
  /** Gated samples that can be read; trails the raw ones by a little. */
  readonly gatedReadableSamples?: number;
  /** Oldest sample that is still kept. */
  readonly keptFromSample: number;
  /** Changes settings for audio written from now on. */
  configure(settings: FrontEndSettings): void;
  /** Asks for an `alarm` once `atSample` was heard; the same key replaces. Fires at the next tick if it's past. */
  alarm(key: string, atSample: number): void;
  cancelAlarm(key: string): void;
  /** Forgets a turn's speech state (after commit or clear): the next speech makes a new `onset`. */
  resetSpeech(): void;
  /** Copy of samples [from, to); raw, or gated where the settings keep it. @throws RangeError if not kept or not yet there */
  read(fromSample: number, toSample: number, signal?: "raw" | "gated"): Int16Array;
  /**
   * Tells the echo guard what the client is going to play: RMS in dBFS of frames of 16 ms, the first of them sounding
   * when the input sample `fromSample` is recorded (an echo comes later by what the room and the client's buffers add).
   * What was said before about that time and after it is replaced. Costs nothing while `echoGuard` is off.
   *
   * @throws RangeError for more than 256 frames (4 s) or a sample below 0
   */
  reference?(fromSample: number, framesDb: Float32Array): void;
  /** Lets go of everything before the sample (never backwards). */
  release(beforeSample: number): void;
  /** When the frame that holds the sample was read from the socket and stood in the bus; null if too long ago. */
  frameTimes(sample: number): { readAtMs: number; inBusAtMs: number } | null;
  /** Called after a tick in which this channel got events. */
  onEvents: ((events: FrontEndEvent[]) => void) | null;
  /** Called when more samples can be read: about every 100 ms, or after the next tick once `hasten` was called. */
  onReadable: (() => void) | null;
  /** Somebody waits for the very next samples: `onReadable` is called as soon as there are any, once. */
  hasten?(): void;
  /** Frees the slot. */
  close(): void;
}

/** The bus of one gateway process. */
export interface AudioBus {
  /** @returns null when every slot is taken */
  open(settings: FrontEndSettings): AudioChannel | null;
  readonly openChannels: number;
  /** Resolves when the thread runs and its model is loaded. */
  ready(): Promise<void>;
  /** The thread died and was restarted: every open channel was rebuilt from kept audio; for metrics. */
  onRestart: (() => void) | null;
  /** False while the thread is down. */
  readonly healthy: boolean;
  close(): Promise<void>;
}
