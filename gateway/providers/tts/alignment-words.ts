/** ElevenLabs says when each character sounds; the gateway wants to know when each word begins. */
import type { VoiceMessage } from "./voice-sockets.ts";

export interface WordMark {
  text: string;
  /** From the beginning of the context's audio. */
  fromMs: number;
}

/** Characters of one alignment; a message with more is not believed. */
const charactersMax = 20_000;

/** A message's first character begins at once; one that begins later than this... */
const lateStartMs = 500;
/** ...and so near to where the context's audio is, counts from the context's beginning. */
const nearMs = 300;

/** Follows the alignments of one context. */
export interface AlignmentReader {
  /** How long all characters together last by the vendor's word. */
  readonly spokenMs: number;
  /**
   * Words that begin in this message.
   *
   * @param receivedMs - audio of the context that came before this message
   */
  take(message: VoiceMessage, receivedMs: number): WordMark[];
}

/**
 * @param text - what was sent: a word that is cut in two by messages is named whole at its beginning
 */
export function createAlignmentReader(text: string): AlignmentReader {
  const tokens = text.match(/\S+/g) ?? [];
  let nextToken = 0;
  let inWord = false;
  let spokenMs = 0;

  return {
    get spokenMs() {
      return spokenMs;
    },
    take(message, receivedMs) {
      const alignment = readAlignment(message.alignment) ?? readAlignment(message.normalizedAlignment);
      if (alignment === null) return [];
      const { chars, startsMs, durationsMs } = alignment;
      // By the vendor's word times count from the message's own audio. Where they clearly don't, they are taken as they are.
      const first = startsMs[0] ?? 0;
      const isAbsolute = first > lateStartMs && Math.abs(first - receivedMs) < nearMs;
      const offsetMs = isAbsolute ? 0 : receivedMs;
      const words: WordMark[] = [];
      for (const [at, char] of chars.entries()) {
        const isSpace = char.trim() === "";
        if (!isSpace && !inWord) {
          words.push({ text: wordAt(chars, at), fromMs: offsetMs + startsMs[at]! });
        }
        inWord = !isSpace;
        spokenMs += durationsMs[at]!;
      }
      return words;
    },
  };

  function wordAt(chars: readonly string[], at: number): string {
    let end = at;
    while (end < chars.length && chars[end]!.trim() !== "") end += 1;
    const heard = chars.slice(at, end).join("");
    const token = tokens[nextToken];
    nextToken += 1;
    return token?.startsWith(heard) ? token : heard;
  }
}

interface Alignment {
  chars: string[];
  startsMs: number[];
  durationsMs: number[];
}

/** The three lists, if they are of one length and hold what they should; the vendor has used two spellings. */
function readAlignment(value: unknown): Alignment | null {
  if (typeof value !== "object" || value === null) return null;
  const fields = value as Record<string, unknown>;
  const chars = fields.chars;
  const startsMs = fields.charStartTimesMs ?? fields.charsStartTimesMs;
  const durationsMs = fields.charDurationsMs ?? fields.charsDurationsMs;
  if (!Array.isArray(chars) || !Array.isArray(startsMs) || !Array.isArray(durationsMs)) return null;
  const { length } = chars;
  if (length > charactersMax || startsMs.length !== length || durationsMs.length !== length) return null;
  const areTimes = (times: unknown[]) => times.every((time) => Number.isFinite(time) && Number(time) >= 0);
  if (!chars.every((char) => typeof char === "string") || !areTimes(startsMs) || !areTimes(durationsMs))
    return null;
  return { chars, startsMs, durationsMs };
}
