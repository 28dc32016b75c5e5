/**
 * A neural voice as an engine's operations, whichever library makes the sound: texts are cut at clauses so that the first one sounds
 * soon, calls take turns a piece each, silences are as people leave them.
 */
import { type EngineCall, EngineFault, type EngineOperations } from "./engine-server.ts";
import { payloadOf } from "./frames.ts";
import { createResampler, type Resampler } from "./resample.ts";
import { makeSpeakable, type SpokenWord } from "./speakable.ts";
import { cutPieces, soundOf } from "./utterance.ts";

/** Longest text of one call. */
export const MAX_LOCAL_TEXT_CHARACTERS = 2000;
/** Calls that take turns: all start to sound soon. */
export const LOCAL_VOICE_CONCURRENCY = 8;
const CHUNK_MS = 200;
const LEAD_MS = 20;
const CLAUSE_PAUSE_MS = 130;
const SENTENCE_PAUSE_MS = 250;

/** What makes the sound. */
export interface LocalVoice {
  readonly sampleRateHz: number;
  readonly speakerCount: number;
  /** As espeak-ng calls it ("en-us"); null when it isn't known, or there are several. */
  readonly language: string | null;
  /** Number of a speaker by its name, in small letters. */
  readonly speakers: Readonly<Record<string, number>>;
  /**
   * @param speedRatio 1 is normal, 2 twice as fast
   * @returns mono samples, -1 to 1, at `sampleRateHz`; none where there is nothing to say
   */
  generate(text: string, speaker: number, speedRatio: number): Promise<Float32Array>;
}

interface SpeakArgs {
  text: string;
  voice: string;
  fallbackVoice: string;
  speedRatio: number;
  sampleRateHz: number;
  language: string;
}

function refuse(message: string): EngineFault {
  return new EngineFault("invalid_request", message);
}

function readArgs(args: Record<string, unknown>): SpeakArgs {
  const { text, voice, fallbackVoice, speedRatio, sampleRateHz, language } = args;
  if (typeof text !== "string" || text.length > MAX_LOCAL_TEXT_CHARACTERS) {
    throw refuse(`text must be a string of at most ${MAX_LOCAL_TEXT_CHARACTERS} characters`);
  }
  if (typeof speedRatio !== "number" || !(speedRatio >= 0.25 && speedRatio <= 4)) {
    throw refuse("speedRatio must be 0.25 to 4");
  }
  if (![8000, 16000, 24000].includes(sampleRateHz as number)) {
    throw refuse("sampleRateHz must be 8000, 16000 or 24000");
  }
  return {
    ...{ text, speedRatio, sampleRateHz: sampleRateHz as number },
    voice: typeof voice === "string" ? voice : "",
    fallbackVoice: typeof fallbackVoice === "string" ? fallbackVoice : "",
    language: typeof language === "string" ? language : "",
  };
}

/** The first part of a language's name: "en" of "en-US". */
function primaryOf(language: string): string {
  return language.toLowerCase().split(/[-_]/)[0] ?? "";
}

/** Whether a voice can speak a language, as far as both are known. */
export function speaksLanguage(voice: Pick<LocalVoice, "language">, language: string): boolean {
  return voice.language === null || language === "" || primaryOf(voice.language) === primaryOf(language);
}

/** The speaker that a name or a number means; null for none of this voice's. */
function speakerOf(voice: LocalVoice, name: string): number | null {
  const known = name.trim().toLowerCase();
  if (Object.hasOwn(voice.speakers, known)) return voice.speakers[known]!;
  return /^\d{1,6}$/.test(known) && Number(known) < voice.speakerCount ? Number(known) : null;
}

/** Numbers and abbreviations are spelled out for English; espeak-ng reads those of other languages itself. */
function wordsOf(voice: LocalVoice, text: string): SpokenWord[] {
  if (voice.language !== null && primaryOf(voice.language) === "en") return makeSpeakable(text);
  const tokens = text.trim().split(/\s+/).filter(Boolean);
  return tokens.map((token) => ({ shown: token, spoken: token }));
}

/** As 16-bit samples; from the sound on, a short lead before it, and a pause after it. */
function shape(samples: Float32Array, rateHz: number, pauseMs: number): Int16Array | null {
  const pcm = Int16Array.from(samples, (sample) =>
    Math.max(-32768, Math.min(32767, Math.round(sample * 32767))),
  );
  const sound = soundOf(pcm);
  if (sound === null) return null;
  const from = Math.max(0, sound.first - Math.round((LEAD_MS * rateHz) / 1000));
  const wanted = sound.last + 1 + Math.round((pauseMs * rateHz) / 1000);
  const shaped = new Int16Array(wanted - from);
  shaped.set(pcm.subarray(from, Math.min(wanted, pcm.length)));
  return shaped;
}

function emitChunks(emit: EngineCall["emit"], pcm: Int16Array, chunkSamples: number): void {
  for (let at = 0; at < pcm.length; at += chunkSamples) {
    emit({ audio: true }, payloadOf(pcm.subarray(at, at + chunkSamples)));
  }
}

/** One at a time, in the order of asking: a second synthesis beside the first would only share its cores. */
function createTurnstile(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}

/**
 * Operations of a voice's process. `speak`: args `{ text, voice, fallbackVoice, speedRatio, sampleRateHz, language }`; events
 * `{ audio: true }` with up to 200 ms of mono int16. `describe`: one event `{ language, speakerCount }`.
 */
export function createSpeaking(voice: LocalVoice): EngineOperations {
  const inTurn = createTurnstile();
  return {
    async describe({ emit }) {
      emit({ language: voice.language, speakerCount: voice.speakerCount });
    },
    async speak({ args, signal, emit }) {
      const { text, speedRatio, sampleRateHz, language, ...named } = readArgs(args);
      if (!speaksLanguage(voice, language)) throw refuse("the voice speaks another language");
      const speaker = speakerOf(voice, named.voice) ?? speakerOf(voice, named.fallbackVoice) ?? 0;
      const chunkSamples = (CHUNK_MS * sampleRateHz) / 1000;
      const resampler: Resampler = createResampler(voice.sampleRateHz, sampleRateHz);
      for (const piece of cutPieces(wordsOf(voice, text))) {
        const said = piece.map(({ spoken }) => spoken).join(" ");
        const samples = await inTurn(async () =>
          signal.aborted ? null : voice.generate(said, speaker, speedRatio),
        );
        if (signal.aborted || samples === null) return;
        const pauseMs = (/[.!?]$/.test(said) ? SENTENCE_PAUSE_MS : CLAUSE_PAUSE_MS) / speedRatio;
        const pcm = shape(samples, voice.sampleRateHz, pauseMs);
        if (pcm !== null) emitChunks(emit, resampler.push(pcm), chunkSamples);
      }
      emitChunks(emit, resampler.flush(), chunkSamples);
    },
  };
}
