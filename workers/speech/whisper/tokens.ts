/** Whisper's vocabulary: which pieces there are, which may be written, and what they spell. */
import { readFile } from "node:fs/promises";
import { ModelError } from "../model-files.ts";
import { readOnnxMetadata } from "../onnx-metadata.ts";

/** The model's pieces by what they are for; from the metadata that its encoder carries. */
export interface Vocabulary {
  size: number;
  /** What a text begins with: start of transcript, no time stamps. */
  prompt: readonly number[];
  end: number;
  /** Brackets, musical notes and other signs that begin a remark in place of words; the blank is none of them. */
  remarks: ReadonlySet<number>;
  /** 0 for every piece that may be written, -inf for control pieces and time stamps. */
  allText: Float32Array;
  /** The same, and -inf for remarks. */
  words: Float32Array;
  blank: number;
  /** What the pieces spell; broken UTF-8 at the ends is left out. */
  spell(pieces: readonly number[]): string;
}

function numberIn(metadata: Record<string, string>, key: string): number {
  const value = Number(metadata[key]);
  if (metadata[key] === undefined || !Number.isInteger(value) || value < 0)
    throw new ModelError("model_unavailable", `the encoder's metadata has no ${key}`);
  return value;
}

/**
 * Reads the vocabulary.
 *
 * @param encoderPath - the encoder, whose metadata numbers the control pieces
 * @param tokensPath - lines of a piece in base64 and its number
 * @throws ModelError `model_unavailable` if something is missing
 */
export async function readVocabulary(encoderPath: string, tokensPath: string): Promise<Vocabulary> {
  const metadata = await readOnnxMetadata(encoderPath);
  if (metadata === null) throw new ModelError("model_unavailable", "the encoder has no metadata");
  const size = numberIn(metadata, "n_vocab");
  const end = numberIn(metadata, "eot");
  const withoutTimes = numberIn(metadata, "no_timestamps");
  const start = numberIn(metadata, "sot");
  const remarks = new Set((metadata.non_speech_tokens ?? "").split(",").map(Number));

  const spellings: (Buffer | undefined)[] = new Array(size);
  for (const line of (await readFile(tokensPath, "utf8")).split("\n")) {
    const [base64, number] = line.trim().split(/\s+/);
    if (base64 && number !== undefined) spellings[Number(number)] = Buffer.from(base64, "base64");
  }
  // All that is above the end of the text is for control, and time stamps.
  const allText = new Float32Array(size).fill(0, 0, end + 1).fill(Number.NEGATIVE_INFINITY, end + 1);
  const words = allText.slice();
  for (const piece of remarks) words[piece] = Number.NEGATIVE_INFINITY;
  return {
    ...{ size, end, remarks, allText, words },
    prompt: [start, withoutTimes],
    blank: numberIn(metadata, "blank_id"),
    spell: (pieces) =>
      Buffer.concat(pieces.flatMap((piece) => (piece < end ? (spellings[piece] ?? []) : [])))
        .toString("utf8")
        .replaceAll("\ufffd", "")
        .trim(),
  };
}
