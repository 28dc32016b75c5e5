/** One voice's part of a piece of speech: what was received of it, what may be handed on, whether it is speech at all. */
import type { ProviderFault, TtsEvent, TtsRequest } from "../providers/provider.ts";
import type { NoiseWatch } from "./tts-audio.ts";
import { audibleEnd, createNoiseWatch, fadeMs, firstAudible, shape, speechLevel } from "./tts-audio.ts";
import type { SpokenToken } from "./tts-text.ts";
import { createNamer, expectedMs } from "./tts-text.ts";
import type { VoiceNotes } from "./voice-notes.ts";
import { paceOf } from "./voice-notes.ts";

/** More silence than this before the first sound, and the link counts as mute. */
export const leadingSilenceMaxMs = 2000;
/** More silence than this inside a piece, and the link fell mute. */
export const innerSilenceMaxMs = 2500;
/** Held back of a voice without word marks, to be cut between two words should it die. */
export const heldMs = 600;
/** Unless the listener has less than that left to hear: a voice that is hardly faster than its playing must not falter. */
const cushionMs = 500;
/** While so much is left to play, pieces are handed on as they came: cutting them at words would only make them many. */
const plentyMs = 1000;
const longPieceMs = 250;
/** So many whole words are to be there before the first is handed on: the next one is to be whole before they are heard. */
const startMs = 250;
/** A voice that takes over brings no more silence than that. */
const joinSilenceMs = 60;
/** Audio shorter or longer than these shares of what its text takes is not of that text. */
const shortestRatio = 0.35;
const longestRatio = 4;
/** The same, once the voice's own pace is known. */
const shortestKnownRatio = 0.6;
const longestKnownRatio = 1.7;
/** Speech of a voice after which its pace is known. */
const knownMs = 8000;
/** Shorter texts are not measured. */
const measuredMs = 700;
/** Beside the ratio: pauses that a text does not show. */
const longestSlackMs = 2500;
/** Marks whose words begin that long after the last sound are of words that nobody hears. */
const silentWordsMs = 300;

const unsound = (message: string): ProviderFault => ({
  code: "provider_unavailable",
  message,
  retryable: true,
});
const mute = unsound("The audio held no sound.");
const fellMute = unsound("The audio fell silent.");
const noise = unsound("The audio was noise.");
const tooShort = unsound("The audio was too short for its text.");
const tooLong = unsound("The audio was too long for its text.");

export interface TtsLinkOptions {
  request: TtsRequest;
  /** What it is asked to say. */
  tokens: readonly SpokenToken[];
  plausible: boolean;
  notes: VoiceNotes;
  /** It takes over from another voice inside the piece. */
  joins: boolean;
}

export class TtsLink {
  readonly tokens: readonly SpokenToken[];
  readonly notes: VoiceNotes;
  audible = false;
  anyEvent = false;
  marked = false;
  gain = 1;
  /** Samples so far, those that were left out at its beginning not counted. */
  received = 0;
  handed = 0;
  /** One past the last sample that is heard. */
  soundUntil = 0;
  /** Audio held back, from `handed` on. */
  readonly pending: Int16Array[] = [];
  /** All of a voice without marks (it must be listened to if it dies), and of others as much as tells their level. */
  readonly kept: Int16Array[] = [];
  /** Where its words begin. */
  readonly starts: number[] = [];
  /** Which words of the text they are. */
  readonly named: number[] = [];
  /** Nothing is missing although it failed. */
  allSaid = false;
  readonly #request: TtsRequest;
  readonly #plausible: boolean;
  readonly #joins: boolean;
  readonly #noise: NoiseWatch;
  /** Marks that were not handed on yet. */
  readonly #marks: { text: string; fromSample: number }[] = [];
  readonly #nameOf: (mark: string) => number;
  #keptSamples = 0;
  /** Samples of silence left out at its beginning. */
  #skipped = 0;
  /** Its first sample that is heard. */
  soundFrom = 0;

  constructor({ request, tokens, plausible, notes, joins }: TtsLinkOptions) {
    this.#request = request;
    this.tokens = tokens;
    this.#nameOf = createNamer(tokens);
    this.#plausible = plausible;
    this.notes = notes;
    this.#joins = joins;
    this.#noise = createNoiseWatch(request.sampleRateHz, request.speedRatio);
  }

  get sampleRateHz(): number {
    return this.#request.sampleRateHz;
  }

  #samples(ms: number): number {
    return Math.round((ms * this.#request.sampleRateHz) / 1_000);
  }

  /** Where noise, or what may become it, begins; Infinity when there is none. */
  get noiseFrom(): number {
    const from = this.#noise.suspectFrom;
    return from === null ? Number.POSITIVE_INFINITY : from - this.#skipped;
  }

  /** A fault gives the link up. */
  take(event: TtsEvent): ProviderFault | null {
    this.anyEvent = true;
    if (event.type === "word") {
      this.#takeMark(event.text, event.fromSample);
      return null;
    }
    if (event.type === "brokenOff" || event.pcm.length === 0) return null;
    return this.#takeAudio(event.pcm);
  }

  #takeMark(text: string, at: number): void {
    const fromSample = Math.max(0, at - this.#skipped);
    this.marked = true;
    this.#marks.push({ text, fromSample });
    this.starts.push(fromSample);
    this.named.push(this.#nameOf(text));
  }

  #takeAudio(pcm: Int16Array): ProviderFault | null {
    this.pending.push(pcm);
    const before = this.received;
    this.received += pcm.length;
    this.#noise.push(pcm);
    const end = audibleEnd(pcm);
    if (end > 0) {
      this.soundUntil = before + end;
      if (!this.audible) this.#begin(before + firstAudible(pcm));
    }
    if (this.audible) this.#keep(pcm);
    if (!this.audible) return this.received > this.#samples(leadingSilenceMaxMs) ? mute : null;
    if (this.#noise.isNoise) return this.#turnOut(noise);
    if (this.received - this.soundUntil > this.#samples(innerSilenceMaxMs)) return fellMute;
    return this.#isEndless() ? tooLong : null;
  }

  /** Noise from the first sound on was no voice at all. */
  #turnOut(fault: ProviderFault): ProviderFault {
    if (this.handed === 0 && this.noiseFrom <= this.soundFrom + this.#samples(40)) this.audible = false;
    return fault;
  }

  #begin(soundFrom: number): void {
    this.audible = true;
    this.soundFrom = soundFrom;
    const surplus = this.#joins ? Math.max(0, soundFrom - this.#samples(joinSilenceMs)) : 0;
    if (surplus > 0) this.#skip(surplus);
  }

  /** Leaves samples out at the beginning. */
  #skip(samples: number): void {
    this.withdraw(samples);
    this.received -= samples;
    this.soundUntil -= samples;
    this.soundFrom -= samples;
    this.#skipped += samples;
    for (const mark of this.#marks) mark.fromSample = Math.max(0, mark.fromSample - samples);
    this.starts.forEach((start, index) => {
      this.starts[index] = Math.max(0, start - samples);
    });
  }

  #keep(pcm: Int16Array): void {
    if (this.kept.length === 0) {
      // With what was silent before the first sound: positions count from the beginning.
      this.kept.push(...this.pending);
      this.#keptSamples = this.received;
    } else if (!this.marked || this.#keptSamples < this.#request.sampleRateHz) {
      this.kept.push(pcm);
      this.#keptSamples += pcm.length;
    }
  }

  /**
   * How far it may be handed on: the last moment of it is kept to fade in, should it be cut there.
   *
   * @param unplayedMs - what the listener has still to hear; undefined where nobody knows
   */
  handableUntil(unplayedMs: number | undefined): number {
    if (!this.audible) return 0;
    // What may become noise, as the end of "judge", belongs to a word that is not whole yet.
    const until = this.marked ? this.wholeWordsBefore(this.noiseFrom) : this.#allButTheEnd(unplayedMs);
    if (this.marked && this.handed === 0 && until - this.soundFrom < this.#samples(startMs)) return 0;
    const handable = Math.min(until - this.#samples(fadeMs), this.noiseFrom);
    return (unplayedMs ?? 0) > plentyMs ? this.#wholePieces(handable) : handable;
  }

  /** Where the last piece ends that lies before that sample; the sample itself in a long piece. */
  #wholePieces(untilSample: number): number {
    let end = this.handed;
    for (const { length } of this.pending) {
      if (end + length > untilSample) return length > this.#samples(longPieceMs) ? untilSample : end;
      end += length;
    }
    return end;
  }

  /** Where the word begins that is being received, or was at that sample. */
  wholeWordsBefore(sample: number): number {
    const begun = this.starts.findLast((start) => start <= this.received && start <= sample) ?? 0;
    return begun === this.starts[0] ? 0 : begun;
  }

  #allButTheEnd(unplayedMs: number | undefined): number {
    const needed =
      unplayedMs === undefined
        ? this.soundFrom + this.#samples(heldMs)
        : this.handed + this.#samples(Math.max(0, cushionMs - unplayedMs));
    return Math.max(Math.min(this.received, needed), this.received - this.#samples(heldMs));
  }

  /** Hands on what lies before `untilSample`, `offset` samples after the piece's start. */
  hand(untilSample: number, offset: number, out: TtsEvent[]): void {
    if (untilSample <= this.handed) return;
    this.handMarks(untilSample, offset, out);
    const fadeSamples = this.#joins ? this.#samples(fadeMs) : 0;
    while (this.handed < untilSample) {
      const done = this.handed;
      const pcm = this.#takePending(untilSample - done);
      if (pcm === null) return;
      this.handed += pcm.length;
      out.push({ type: "audio", pcm: shape(pcm, this.gain, done, fadeSamples) });
    }
  }

  handMarks(untilSample: number, offset: number, out: TtsEvent[]): void {
    while (this.#marks.length > 0 && this.#marks[0]!.fromSample < untilSample) {
      const { text, fromSample } = this.#marks.shift()!;
      out.push({ type: "word", text, fromSample: offset + fromSample });
    }
  }

  #takePending(room: number): Int16Array | null {
    const chunk = this.pending.shift();
    if (chunk === undefined) return null;
    if (chunk.length <= room) return chunk;
    this.pending.unshift(chunk.subarray(room));
    return chunk.subarray(0, room);
  }

  /** Takes up to `samples` off what is held, at the voice's gain; `handed` moves on only by `hand`. */
  withdraw(samples: number): Int16Array {
    const taken = new Int16Array(Math.max(0, samples));
    let at = 0;
    while (at < taken.length) {
      const pcm = this.#takePending(taken.length - at);
      if (pcm === null) break;
      taken.set(pcm, at);
      at += pcm.length;
    }
    return shape(taken.subarray(0, at), this.gain, 1, 0);
  }

  // ---- whether it is speech ----

  /** About how long a voice of this pace takes for the text, ms. */
  get expectedMs(): number {
    return (expectedMs(this.tokens).wholeMs * paceOf(this.notes)) / this.#request.speedRatio;
  }

  get receivedMs(): number {
    return (this.received * 1_000) / this.#request.sampleRateHz;
  }

  #isEndless(): boolean {
    return this.#plausible && this.receivedMs > this.expectedMs * longestRatio + longestSlackMs;
  }

  /** What is wrong with a link that says that it completed. */
  faultAtEnd(): ProviderFault | null {
    if (!this.audible) return mute;
    const unheard = this.starts.filter((start) => start > this.soundUntil);
    if (unheard.length > 1 && unheard.at(-1)! - this.soundUntil > this.#samples(silentWordsMs))
      return fellMute;
    const expected = this.expectedMs;
    if (!this.#plausible || expected < measuredMs) return null;
    const spokenMs = (this.soundUntil * 1_000) / this.#request.sampleRateHz;
    if (spokenMs < expected * shortestRatio) return tooShort;
    if (this.notes.spokenMs < knownMs) return null;
    // A voice that suddenly has another pace plays at a wrong rate: its words were all said.
    this.allSaid = true;
    if (spokenMs < expected * shortestKnownRatio) return tooShort;
    if (spokenMs > expected * longestKnownRatio + longestSlackMs) return tooLong;
    this.allSaid = false;
    return null;
  }

  /** What was spoken before a sample of it, pauses left out. */
  voicedMsUntil(sample: number): number {
    let ms = 0;
    let at = 0;
    for (const pcm of this.kept) {
      if (at >= sample) break;
      ms += speechLevel([pcm.subarray(0, sample - at)], this.sampleRateHz).activeMs;
      at += pcm.length;
    }
    return ms;
  }

  /** Notes the pace of a piece that was spoken whole. */
  learn(): void {
    const { speedRatio, sampleRateHz } = this.#request;
    const { wordsMs, wholeMs } = expectedMs(this.tokens);
    this.notes.expectedMs += wholeMs;
    this.notes.spokenMs += (this.soundUntil * 1_000 * speedRatio) / sampleRateHz;
    // Where a voice tells its words nobody asks how fast they are, and it isn't kept whole.
    if (this.marked) return;
    this.notes.wordsMs += wordsMs;
    this.notes.voicedMs += this.voicedMsUntil(this.received) * speedRatio;
  }
}
