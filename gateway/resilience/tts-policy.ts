/** How speech goes on in the next voice: after the last word that was handed on. */
import type { CallContext, ProviderFault, TtsEvent, TtsRequest } from "../providers/provider.ts";
import type { ChainDeadlines, ChainPolicy, Continuation } from "./continuation.ts";
import { streamDueAtMs } from "./continuation.ts";
import { fadeMs, fadeOut, speechLevel } from "./tts-audio.ts";
import { TtsLink } from "./tts-link.ts";
import type { Place, ReferenceReader } from "./tts-place.ts";
import { placeByMarks, placeBySound } from "./tts-place.ts";
import type { SpokenToken } from "./tts-text.ts";
import { spokenTokens } from "./tts-text.ts";
import { voiceNotes } from "./voice-notes.ts";

export const ttsDeadlines: ChainDeadlines = {
  connectMs: 1000,
  usefulMs: 1200,
  stallMs: 1000,
  lastLinkRatio: 8,
};

/** A shorter gap is what a client's own buffer is for. */
const gapLeastMs = 60;

export interface TtsPolicyOptions {
  /** Audio much too long or too short for its text is a failure. Off for voices that don't speak (tones in tests). */
  plausible?: boolean;
  /** How fast a link speaks that is asked for `ratio`: not every voice can be as slow or fast. Absent: as it is asked. */
  speedOf?(link: string, ratio: number): number;
  /** Reads the same text with known word times, to find out where a voice without them was; absent: estimated. */
  reference?: ReferenceReader;
}

/** Levels are compared over at least so much speech. */
const comparedMs = 100;
/** No voice is made louder or softer by more than that factor (6 dB). */
const gainMax = 2;

/**
 * The TTS stage's policy. With word marks a word is handed on when it is whole; without them a little of the end is held
 * back, so that a voice that dies can be cut between two words. What is no speech is a failure of its link.
 */
export function createTtsPolicy(options: TtsPolicyOptions = {}): ChainPolicy<TtsRequest, TtsEvent> {
  return {
    stage: "tts",
    deadlines: ttsDeadlines,
    spareMs: 200,
    begin: (request, _clock, _dueChanged, context) => new TtsContinuation(request, options, context),
  };
}

/** For voices of any kind; estimates where a voice without word times was. */
export const ttsPolicy = createTtsPolicy();

class TtsContinuation implements Continuation<TtsRequest, TtsEvent> {
  readonly #request: TtsRequest;
  /** As the link speaks it. */
  #spoken: TtsRequest;
  readonly #options: TtsPolicyOptions;
  readonly #context: CallContext | undefined;
  readonly #tokens: SpokenToken[];
  /** First word that is still to be spoken. */
  #nextToken = 0;
  /** Samples handed on by the links before. */
  #offset = 0;
  /** How loud the voice before spoke, as it was handed on; null when none has. */
  #levelBefore: number | null = null;
  #link: TtsLink;
  /** When the listener will have heard all that was handed on of the link; null before its first sound. */
  #dryAtMs: number | null = null;
  #starvedMs = 0;

  constructor(request: TtsRequest, options: TtsPolicyOptions, context: CallContext | undefined) {
    this.#request = this.#spoken = request;
    this.#options = options;
    this.#context = context;
    this.#tokens = spokenTokens(request.text);
    this.#link = this.#open("");
  }

  get useful(): boolean {
    return this.#link.audible;
  }

  get starvedMs(): number {
    return this.#starvedMs;
  }

  nextRequest(name = ""): TtsRequest | null {
    this.#link = this.#open(name);
    this.#dryAtMs = null;
    this.#starvedMs = 0;
    if (this.#nextToken === 0) return this.#request;
    const next = this.#tokens[this.#nextToken];
    return next === undefined ? null : { ...this.#request, text: this.#request.text.slice(next.at) };
  }

  beside(): TtsContinuation {
    const other = new TtsContinuation(this.#request, this.#options, this.#context);
    other.#nextToken = this.#nextToken;
    other.#offset = this.#offset;
    other.#levelBefore = this.#levelBefore;
    return other;
  }

  take(event: TtsEvent, out: TtsEvent[]): ProviderFault | null {
    const link = this.#link;
    const heard = link.audible;
    const fault = link.take(event);
    if (!heard && link.audible) this.#matchLevel();
    const unplayedMs = this.#context?.unplayedMs?.();
    const { handed } = link;
    link.hand(link.handableUntil(unplayedMs), this.#offset, out);
    if (unplayedMs !== undefined && link.handed > handed) this.#noteGap(unplayedMs, link.handed - handed);
    return fault;
  }

  complete(out: TtsEvent[]): ProviderFault | null {
    const link = this.#link;
    const fault = link.faultAtEnd();
    if (fault !== null) return fault;
    link.hand(link.received, this.#offset, out);
    link.handMarks(Number.POSITIVE_INFINITY, this.#offset, out);
    link.learn();
    return null;
  }

  fail(out: TtsEvent[]): "next" | "done" | Promise<"next" | "done"> {
    const link = this.#link;
    if (!link.audible) return "next";
    if (link.allSaid) {
      link.hand(link.received, this.#offset, out);
      return "done";
    }
    if (link.marked) return this.#leave(placeByMarks(link), out);
    const { reference } = this.#options;
    return placeBySound(link, this.#spoken, reference, this.#context).then((place) =>
      this.#leave(place, out),
    );
  }

  exhausted(out: TtsEvent[]): boolean {
    const saidCharacters = this.#tokens[this.#nextToken]?.at ?? this.#request.text.length;
    if (this.#offset > 0) out.push({ type: "brokenOff", saidCharacters });
    return false;
  }

  dueAtMs(startedAtMs: number, waitingSinceMs: number, deadlines: ChainDeadlines): number {
    const { audible, anyEvent } = this.#link;
    return streamDueAtMs(audible, anyEvent, startedAtMs, waitingSinceMs, deadlines);
  }

  #open(name: string): TtsLink {
    const { plausible = false, speedOf } = this.#options;
    const { speedRatio } = this.#request;
    this.#spoken = { ...this.#request, speedRatio: speedOf?.(name, speedRatio) ?? speedRatio };
    const notes = voiceNotes(this.#context?.conversation, name);
    return new TtsLink({
      request: this.#spoken,
      tokens: this.#tokens.slice(this.#nextToken),
      ...{ plausible, notes, joins: this.#offset > 0 },
    });
  }

  /** The next voice is to be about as loud as the one before. */
  #matchLevel(): void {
    const { notes } = this.#link;
    if (this.#levelBefore !== null && notes.gain === null) {
      const { rms, activeMs } = speechLevel(this.#link.pending, this.#request.sampleRateHz);
      if (activeMs >= comparedMs && rms > 0) {
        notes.gain = Math.min(gainMax, Math.max(1 / gainMax, this.#levelBefore / rms));
      }
    }
    this.#link.gain = notes.gain ?? 1;
  }

  /** Whether the listener had heard all before this came. */
  #noteGap(unplayedMs: number, samples: number): void {
    const nowMs = this.#context!.clock.nowMs();
    const gapMs = unplayedMs > 0 || this.#dryAtMs === null ? 0 : nowMs - this.#dryAtMs;
    if (gapMs >= gapLeastMs) this.#starvedMs += gapMs;
    this.#dryAtMs = nowMs + unplayedMs + (samples * 1_000) / this.#request.sampleRateHz;
  }

  /** The end of what a dead voice says: up to the cut, fading. */
  #leave({ cut, next }: Place, out: TtsEvent[]): "next" | "done" {
    const link = this.#link;
    const fadeSamples = Math.round((fadeMs * this.#request.sampleRateHz) / 1_000);
    const fadeFrom = Math.max(link.handed, cut - fadeSamples);
    link.hand(fadeFrom, this.#offset, out);
    const last = link.withdraw(cut - fadeFrom);
    if (last.length > 0) out.push({ type: "audio", pcm: fadeOut(last) });
    this.#offset += link.handed + last.length;
    const { rms, activeMs } = speechLevel(link.kept, this.#request.sampleRateHz);
    if (activeMs >= comparedMs) this.#levelBefore = rms * link.gain;
    this.#nextToken += next;
    return this.#nextToken >= this.#tokens.length ? "done" : "next";
  }
}
