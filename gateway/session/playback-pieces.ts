/** Pieces of a reply on their way out: audio that waits, words that belong to it. */
import type { SpokenPiece } from "./state.ts";

/** A speakable piece, until all of it was sent. */
export interface Piece {
  readonly index: number;
  text: string;
  chunks: Int16Array[];
  words: { text: string; fromSample: number }[];
  whole: boolean;
  samples: number;
  /** Samples of its own audio sent so far. */
  sentSamples: number;
  /** Silence that was sent in its middle: before which of its samples, and how long. */
  gaps: { atSample: number; durationMs: number }[];
  fromMs: number | null;
  /** A sentence before the answer, with an item of its own. */
  aside: boolean;
}

/** Before all pieces of a reply. */
export const asideIndex = -1;

/** @param pcm - all of its audio, where it is there already */
export function newPiece(index: number, text: string, pcm: Int16Array | null): Piece {
  const chunks = pcm === null ? [] : [pcm];
  const known = { whole: pcm !== null, samples: pcm?.length ?? 0, aside: index === asideIndex };
  return { index, text, chunks, words: [], ...known, sentSamples: 0, gaps: [], fromMs: null };
}

/** Where a piece's words begin as far as they were told; null while none was. */
export function placedWords(piece: Piece, rateHz: number): { text: string; fromMs: number }[] | null {
  return piece.words.length > 0 ? piece.words.map((word) => placeWord(word, piece, rateHz)) : null;
}

/** Where a word begins in its piece as it was sent, silence in between included. */
export function placeWord({ text, fromSample }: Piece["words"][number], piece: Piece, rateHz: number) {
  let fromMs = (fromSample * 1_000) / rateHz;
  for (const gap of piece.gaps) if (gap.atSample <= fromSample) fromMs += gap.durationMs;
  return { text, fromMs };
}

/** More silence is sent before the piece's next sample. */
export function addGap({ gaps, sentSamples }: Piece, durationMs: number): void {
  const last = gaps.at(-1);
  if (last?.atSample === sentSamples) last.durationMs += durationMs;
  else gaps.push({ atSample: sentSamples, durationMs });
}

/** The silence sent in a piece's middle, for what is known of it. */
export function silencesIn({ gaps }: Piece, rateHz: number): Pick<SpokenPiece, "silences"> {
  if (gaps.length === 0) return {};
  let silentMs = 0;
  const silences = gaps.map(({ atSample, durationMs }) => {
    const fromMs = (atSample * 1_000) / rateHz + silentMs;
    silentMs += durationMs;
    return { fromMs, durationMs };
  });
  return { silences };
}

/** Takes up to `count` samples off the front, without copying where they lie in one piece. */
export function takeSamples(chunks: Int16Array[], count: number): Int16Array {
  const parts: Int16Array[] = [];
  let left = count;
  for (let head = chunks[0]; head && left > 0; head = chunks[0]) {
    const part = head.length > left ? head.subarray(0, left) : head;
    if (part === head) chunks.shift();
    else chunks[0] = head.subarray(left);
    parts.push(part);
    left -= part.length;
  }
  if (parts.length === 1 && parts[0]) return parts[0];
  const joined = new Int16Array(count - left);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
