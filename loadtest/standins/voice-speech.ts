/** Speech of the stand-ins' voices: flite's, some of them higher or lower, so that a listener hears one vendor take over from another. */
import type { Flite, FliteVoice } from "../../workers/speech/flite.ts";
import { MAX_TEXT_CHARACTERS } from "../../workers/speech/flite.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";

export interface Speech {
  /** Mono. */
  pcm: Int16Array;
  words: { text: string; fromSample: number }[];
}

export interface SpeechRequest {
  text: string;
  /** A stand-in's name, one of flite's voices, or any other name (one of ours is chosen for it). */
  voice: string;
  sampleRateHz: number;
  speedRatio: number;
}

/** How a voice sounds: pitch above 1 is higher. Ratios of small numbers, since the pitch is made by resampling. */
interface Timbre {
  base: FliteVoice;
  pitchRatio: number;
}

const timbres: Readonly<Record<string, Timbre>> = {
  "google-tts": { base: "rms", pitchRatio: 1 },
  elevenlabs: { base: "slt", pitchRatio: 1.125 },
  cartesia: { base: "awb", pitchRatio: 1 },
  "openai-tts": { base: "rms", pitchRatio: 0.875 },
  slt: { base: "slt", pitchRatio: 1 },
  rms: { base: "rms", pitchRatio: 1 },
  awb: { base: "awb", pitchRatio: 1 },
  kal16: { base: "kal16", pitchRatio: 1 },
};

/** Names of voices that sound as they say; any other gets one of them. */
export const voiceNames: readonly string[] = Object.keys(timbres);

/** The timbre for a name: `elevenlabs` and `elevenlabs:Rachel` are the same voice. */
function timbreOf(voice: string): Timbre {
  const known = timbres[voice] ?? timbres[voice.split(/[:/]/)[0] ?? ""];
  if (known !== undefined) return known;
  let sum = 0;
  for (let index = 0; index < voice.length; index++) sum = (sum * 31 + voice.charCodeAt(index)) >>> 0;
  return timbres[voiceNames[sum % 4]!]!;
}

/** One key for all names of the same sound. */
export function voiceKey(voice: string): string {
  const { base, pitchRatio } = timbreOf(voice);
  return `${base}*${pitchRatio}`;
}

const speeds: readonly [number, number] = [0.25, 4];
const fliteRateHz = 16_000;

function clamp(value: number, [least, most]: readonly [number, number]): number {
  return Math.max(least, Math.min(most, value));
}

/** Cuts a text into pieces that flite takes, at spaces. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let rest = text.trim();
  while (rest.length > MAX_TEXT_CHARACTERS) {
    const space = rest.lastIndexOf(" ", MAX_TEXT_CHARACTERS);
    const cut = space > 0 ? space : MAX_TEXT_CHARACTERS;
    pieces.push(rest.slice(0, cut));
    rest = rest.slice(cut).trim();
  }
  if (rest !== "") pieces.push(rest);
  return pieces;
}

/** Speaks; blocks for about a hundredth of the speech's length. The same request gives the same samples. */
export function renderSpeech(flite: Flite, { text, voice, sampleRateHz, speedRatio }: SpeechRequest): Speech {
  const { base, pitchRatio } = timbreOf(voice);
  const stretched = clamp(speedRatio / pitchRatio, speeds);
  const parts: Int16Array[] = [];
  const words: Speech["words"] = [];
  let length = 0;
  for (const piece of piecesOf(text)) {
    const spoken = flite.speak(piece, base, { speedRatio: stretched });
    // Played faster by the pitch, which also raises it: samples of rate R are taken for samples of R x pitch.
    const fromHz = Math.round((spoken.sampleRateHz * pitchRatio) / 1000) * 1000;
    const pcm = resampleWhole(spoken.pcm, fromHz, sampleRateHz);
    const ratio = pcm.length / Math.max(1, spoken.pcm.length);
    for (const word of spoken.words) {
      words.push({ text: word.text, fromSample: length + Math.round(word.fromSample * ratio) });
    }
    parts.push(pcm);
    length += pcm.length;
  }
  const pcm = new Int16Array(length);
  let at = 0;
  for (const part of parts) {
    pcm.set(part, at);
    at += part.length;
  }
  return { pcm, words };
}

/** Rates that can be asked for: whole multiples of 50 Hz reach every one in use (22,050 and 44,100 among them). */
export function isSpeakableRate(rateHz: number): boolean {
  return Number.isInteger(rateHz) && rateHz >= fliteRateHz / 2 && rateHz <= 48_000 && rateHz % 50 === 0;
}
