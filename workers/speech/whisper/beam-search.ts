/** Beam search over word pieces: which text is the likeliest, given what a decoder says of the next piece. */
import type { Vocabulary } from "./tokens.ts";

/** The best next pieces of each beam, beam by beam. */
export interface Continuations {
  /** Logarithms of probabilities; `perBeam` a beam, best first. */
  scores: Float32Array;
  pieces: BigInt64Array;
  perBeam: number;
}

/** What the decoder is told of the next piece. */
export interface Wanted {
  /** 0 or -inf a piece; added to its score. */
  allowed: Float32Array;
  perBeam: number;
}

/** A decoder that has heard something. */
export interface Decoder {
  /** The first pieces of a text: one beam. */
  begin(wanted: Wanted): Promise<Continuations>;
  /** One more piece for every beam. `parents`: the beam of the last step that each goes on from. */
  advance(pieces: readonly number[], parents: readonly number[], wanted: Wanted): Promise<Continuations>;
}

export interface SearchOptions {
  beams: number;
  /** A text is cut there. */
  maxPieces: number;
  /** Whether the search ends where the text says its beginning again, unfinished (`saysBeginningAgain`). */
  stopsAtEcho: boolean;
  /** Looked at before every step. */
  signal?: AbortSignal;
}

interface Hypothesis {
  pieces: readonly number[];
  score: number;
}

interface Candidate {
  beam: number;
  piece: number;
  score: number;
}

/** Pieces that a repetition may be long; a run of twelve words has about sixteen. */
const maxLoopPieces = 24;
/** So often in a row is no speech any more: `transcript.ts` takes six turns for nonsense. */
const loopTurns = 8;
/** So many pieces of the beginning, said again, are an echo. */
const echoPieces = 5;
/** A single piece is a digit or a syllable, and may come oftener in earnest. */
const loopTurnsOfOnePiece = 16;

/** Whether a text ends in the same pieces over and over. */
export function endsInLoop(pieces: readonly number[]): boolean {
  for (let length = 1; length <= maxLoopPieces; length++) {
    const turns = length === 1 ? loopTurnsOfOnePiece : loopTurns;
    const from = pieces.length - length * turns;
    if (from < 0) continue;
    let at = from;
    while (at + length < pieces.length && pieces[at] === pieces[at + length]) at++;
    if (at + length === pieces.length) return true;
  }
  return false;
}

/**
 * Whether a text ends in what it began with: padding is sometimes heard as an echo. The first piece doesn't count, which has a
 * blank or a quotation mark the second time.
 */
export function saysBeginningAgain(pieces: readonly number[]): boolean {
  const from = pieces.length - echoPieces;
  if (from < 1 + echoPieces) return false;
  for (let at = 0; at < echoPieces; at++) if (pieces[1 + at] !== pieces[from + at]) return false;
  return true;
}

function listCandidates(beams: readonly Hypothesis[], next: Continuations): Candidate[] {
  const all: Candidate[] = [];
  for (const [beam, { score }] of beams.entries()) {
    for (let at = beam * next.perBeam; at < (beam + 1) * next.perBeam; at++) {
      if (next.scores[at]! === Number.NEGATIVE_INFINITY) continue;
      all.push({ beam, piece: Number(next.pieces[at]!), score: score + next.scores[at]! });
    }
  }
  return all.sort((a, b) => b.score - a.score);
}

/** Of any of them. */
function chanceOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { score }) => sum + Math.exp(score), 0);
}

function bestOf(hypotheses: readonly Hypothesis[]): readonly number[] {
  return hypotheses.reduce((best, one) => (one.score > best.score ? one : best)).pieces;
}

/**
 * Finds the likeliest text. Where the best first piece begins a remark in brackets or ends the text, and the best first words
 * together are no likelier, there are none to search for: the remark is written down greedily. Elsewhere remarks may not be
 * written, nor may a text be empty, since the probability of a whole sentence is soon smaller than that of an early end.
 *
 * Repetition ends the search: the text that repeats is handed back as it is, for `transcript.ts` to judge.
 *
 * @returns pieces without the end; null when the signal was aborted
 */
export async function searchText(
  decoder: Decoder,
  vocabulary: Vocabulary,
  options: SearchOptions,
): Promise<readonly number[] | null> {
  const { end, remarks, blank } = vocabulary;
  // Enough to choose from when remarks are struck out.
  const first = await decoder.begin({ allowed: vocabulary.allText, perBeam: 4 * options.beams });
  const candidates = listCandidates([{ pieces: [], score: 0 }], first);
  const isNone = ({ piece }: Candidate) => piece === end || remarks.has(piece);
  const words = candidates.filter((one) => one.piece !== blank && !isNone(one));
  const [likeliest] = candidates;
  const isWordless =
    likeliest === undefined ||
    (isNone(likeliest) && chanceOf(words.slice(0, options.beams)) < chanceOf(candidates.filter(isNone)));
  if (isWordless && (likeliest?.piece ?? end) === end) return [];
  const opening = isWordless ? candidates.slice(0, 1) : words;
  const beams = isWordless ? 1 : options.beams;
  return follow(decoder, opening.slice(0, beams), end, {
    ...{ maxPieces: options.maxPieces, signal: options.signal, stopsAtEcho: options.stopsAtEcho },
    ...{ beams, wanted: { allowed: isWordless ? vocabulary.allText : vocabulary.words, perBeam: beams + 1 } },
  });
}

interface FollowOptions {
  beams: number;
  maxPieces: number;
  stopsAtEcho: boolean;
  signal: AbortSignal | undefined;
  wanted: Wanted;
}

async function follow(
  decoder: Decoder,
  opening: readonly Candidate[],
  end: number,
  { beams, maxPieces, stopsAtEcho, signal, wanted }: FollowOptions,
): Promise<readonly number[] | null> {
  let alive: Hypothesis[] = opening.map(({ piece, score }) => ({ pieces: [piece], score }));
  let parents = opening.map(({ beam }) => beam);
  const done: Hypothesis[] = [];
  for (let length = 1; length < maxPieces; length++) {
    if (signal?.aborted) return null;
    const { pieces: leading } = alive[0]!;
    if (endsInLoop(leading) || (stopsAtEcho && saysBeginningAgain(leading))) return leading;
    const next = await decoder.advance(
      alive.map(({ pieces }) => pieces.at(-1)!),
      parents,
      wanted,
    );
    const grown: Hypothesis[] = [];
    parents = [];
    for (const { beam, piece, score } of listCandidates(alive, next)) {
      if (grown.length === beams) break;
      const { pieces } = alive[beam]!;
      if (piece === end) {
        // In two sentences, an end after the first is soon likelier than all of the second: a text ends only where
        // nothing is likelier to come next.
        if (Number(next.pieces[beam * next.perBeam]) === end) done.push({ pieces, score });
      } else {
        grown.push({ pieces: [...pieces, piece], score });
        parents.push(beam);
      }
    }
    // Scores only fall: what is behind a finished text stays there.
    const isOver = done.some(({ score }) => score > (grown[0]?.score ?? Number.NEGATIVE_INFINITY));
    if (isOver || done.length >= beams || grown.length === 0) return bestOf(done);
    alive = grown;
  }
  return bestOf(done.length > 0 ? done : alive);
}
