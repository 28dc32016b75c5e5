/**
 * Whisper tiny.en, decoded by beam search over several hearings of the same audio. How many, the noise decides.
 *
 * @see docs/decisions/0009-how-whisper-decodes.md (what was measured)
 */
import { saysBeginningAgain, searchText } from "./beam-search.ts";
import { loadGraphs } from "./decoder.ts";
import { type Hearing, makeHearing } from "./hearings.ts";
import { measureSnrDb } from "./noise.ts";
import { readVocabulary } from "./tokens.ts";

const sampleRateHz = 16_000;
/** Whisper's window. */
export const maxSamples = 30 * sampleRateHz;

/** How an utterance is decoded. */
export interface DecodingPlan {
  hearings: readonly Hearing[];
  beams: number;
}

/** Quiet and loud frames nearer to each other than that: noise. 10 dB of pink noise measure 12 to 16, none measures 18. */
const noisyUnderDb = 17;
const clearPlan: DecodingPlan = { hearings: ["raw", "slower"], beams: 5 };
const noisyPlan: DecodingPlan = { hearings: ["raw", "gated", "half"], beams: 5 };
/** What is longer is heard once: it takes half a second and more of processor time as it is. */
const longPlan: DecodingPlan = { hearings: ["raw"], beams: 5 };
const longSamples = 10 * sampleRateHz;
/**
 * Features of nothing after the audio, 4 s: with less the model repeats itself. It sometimes does even so, and rarely
 * with 10 s; what repeats itself is heard again with these.
 */
const paddingFrames = 400;
const longPaddingFrames = 1000;
/** Pieces of a text that nobody speaks faster than, and what a short one has anyhow. */
const piecesPerSecond = 8;
const leastPieces = 16;
/** Half of what the model can look back on. */
const mostPieces = 224;

/** Where the files are. */
export interface WhisperFiles {
  encoder: string;
  step: string;
  tokens: string;
}

/** The model, loaded. */
export interface Whisper {
  /**
   * Writes down what is said.
   *
   * @param pcm - mono at 16 kHz, up to 30 s; not modified
   * @returns the text as the model wrote it; null when the signal was aborted
   */
  transcribe(pcm: Int16Array, signal?: AbortSignal, plan?: DecodingPlan): Promise<string | null>;
}

/** Hearings and beams for an utterance: more where it is noisy, one where it is long. */
export function planDecoding(pcm: Int16Array): DecodingPlan {
  if (pcm.length > longSamples) return longPlan;
  return measureSnrDb(pcm) < noisyUnderDb ? noisyPlan : clearPlan;
}

/**
 * Loads the model and runs it once: the first run allocates what later ones use.
 *
 * @param threads - of each inference
 * @throws ModelError if the vocabulary doesn't belong to the encoder
 */
export async function loadWhisper(files: WhisperFiles, threads: number): Promise<Whisper> {
  const vocabulary = await readVocabulary(files.encoder, files.tokens);
  const graphs = await loadGraphs(files.encoder, files.step, threads);
  const transcribe: Whisper["transcribe"] = async (pcm, signal, plan = planDecoding(pcm)) => {
    if (signal?.aborted) return null;
    const versions = plan.hearings.map((hearing) => makeHearing(hearing, pcm));
    const search = {
      beams: plan.beams,
      maxPieces: Math.min(mostPieces, leastPieces + Math.ceil((piecesPerSecond * pcm.length) / sampleRateHz)),
      ...(signal && { signal }),
    };
    let pieces: readonly number[] | null = null;
    for (const frames of [paddingFrames, longPaddingFrames]) {
      const decoder = await graphs.hear(versions, frames, vocabulary.prompt, signal);
      if (decoder === null) return null;
      pieces = await searchText(decoder, vocabulary, { ...search, stopsAtEcho: frames === paddingFrames });
      if (pieces === null) return null;
      if (!saysBeginningAgain(pieces)) break;
    }
    return pieces && vocabulary.spell(pieces);
  };
  await transcribe(new Int16Array(sampleRateHz));
  return { transcribe };
}
