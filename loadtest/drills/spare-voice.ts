/** What the gateway's own voice may have said: its words are not on record anywhere, but the same engine says them the same way. */
import { type Flite, loadFlite } from "../../workers/speech/flite.ts";
import { createUtterance } from "../../workers/speech/utterance.ts";
import { finderRateHz, type Source } from "./speech-waveform.ts";
import { wordsOf } from "./word-comparison.ts";

/** The voice that drills set (PARLEY_VOICE). */
export const spareVoice = "slt";
/** Beginnings that are tried before and after the first word that no vendor spoke. */
const reachWords = 2;
/** Texts that are rendered for one turn. */
const maxTexts = 80;
/** Texts that are kept for other turns. */
const maxSpoken = 200;

let engine: Promise<Flite> | null = null;
const spoken = new Map<string, Source>();

function joinPieces(flite: Flite, text: string): Source {
  const parts: Int16Array[] = [];
  const words: { text: string; fromSample: number }[] = [];
  const options = { voice: spareVoice, speedRatio: 1, sampleRateHz: finderRateHz } as const;
  for (const piece of createUtterance(flite, text, options)) {
    parts.push(piece.pcm);
    words.push(...piece.words);
  }
  const pcm = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    pcm.set(part, at);
    at += part.length;
  }
  return { voice: "embedded", pcm, words };
}

/**
 * Speech for the words of a reply that no vendor's voice spoke.
 *
 * @param transcript - what was to be said
 * @param missing - indexes into its words (`wordsOf`)
 * @param parts - of sentences, too: the voice may have begun inside one
 */
export async function renderSpare(
  transcript: string,
  missing: ReadonlySet<number>,
  parts: boolean,
): Promise<Source[]> {
  const texts = textsFor(transcript, missing, parts);
  if (texts.length === 0) return [];
  engine ??= loadFlite();
  const flite = await engine;
  return texts.map((text) => speakSpare(flite, text)).filter((source) => source.pcm.length > 0);
}

/** A crowd is told the same over and over. */
function speakSpare(flite: Flite, text: string): Source {
  let source = spoken.get(text);
  if (source === undefined) {
    source = joinPieces(flite, text);
    if (spoken.size >= maxSpoken) spoken.clear();
    spoken.set(text, source);
  }
  return source;
}

/** Words as they are written; what is none of its own, as the sign in "35 %", belongs to the one before. */
function tokensOf(sentence: string): string[] {
  const tokens: string[] = [];
  for (const token of sentence.split(/\s+/)) {
    if (wordsOf(token).length > 0) tokens.push(token);
    else if (tokens.length > 0) tokens.push(`${tokens.pop()} ${token}`);
  }
  return tokens;
}

/** Each sentence with a missing word: whole; with `parts` its clauses, and what begins near its first missing word. */
function textsFor(transcript: string, missing: ReadonlySet<number>, parts: boolean): string[] {
  const texts = new Set<string>();
  let before = 0;
  for (const sentence of transcript.split(/(?<=[.!?])\s+/)) {
    const tokens = tokensOf(sentence);
    const gaps = tokens.flatMap((token, index) => {
      const from = before;
      before += wordsOf(token).length;
      return wordsOf(token).some((_, at) => missing.has(from + at)) ? [index] : [];
    });
    const [first] = gaps;
    if (first === undefined) continue;
    if (!parts) {
      texts.add(tokens.join(" "));
      continue;
    }
    const ends = tokens.flatMap((token, index) => (/[,;:]$/.test(token) ? [index + 1] : []));
    ends.push(tokens.length);
    const starts = new Set([0, ...ends]);
    for (let start = first - reachWords; start <= first + reachWords; start++) starts.add(start);
    for (const start of starts) {
      if (start < 0 || start >= tokens.length) continue;
      for (const end of ends) if (end > start) texts.add(tokens.slice(start, end).join(" "));
    }
  }
  return [...texts].slice(0, maxTexts);
}
