import type { SpokenWord } from "./spoken-words.ts";

/** Replies whose words are kept; older ones leave. */
const maxReplies = 16;
/** Words of one reply; what lies beyond is not timed. */
const maxWords = 5_000;
/** How far a word is looked for among the times: synthesisers may leave words out or say them otherwise. */
const maxLookahead = 6;
/** A calm voice's pace, while nothing better is known. */
const msPerCharacter = 65;

interface Reply {
  tokens: readonly string[];
  times: SpokenWord[];
  /** Audio that came so far. */
  audioMs: number;
  audioComplete: boolean;
  interrupted: boolean;
  /** When each token begins; null: to be worked out anew. */
  starts: Starts | null;
}

interface Starts {
  ms: readonly number[];
  exact: boolean;
}

/** A reply's words and when they sound: as the synthesiser says, or estimated by their length where it says nothing. */
export interface TimedWords {
  words: readonly SpokenWord[];
  exact: boolean;
}

/** Joins each reply's text with the times of its words. Pure; times are media time of the reply's item. */
export class ReplyWords {
  readonly #replies = new Map<string, Reply>();

  /** What the reply says so far; of an interrupted one, what was heard. @returns whether that is news */
  setText(itemId: string, text: string, interrupted: boolean): boolean {
    const reply = this.#reply(itemId);
    if (reply.interrupted && !interrupted) return false;
    const tokens = text.split(/\s+/).filter((token) => token !== "");
    const same =
      tokens.length === reply.tokens.length && tokens.every((token, i) => token === reply.tokens[i]);
    if (same && interrupted === reply.interrupted) return false;
    reply.tokens = tokens.slice(0, maxWords);
    reply.interrupted = interrupted;
    reply.starts = null;
    return true;
  }

  /** When words sound; later calls go on where earlier ones ended, or say it again. */
  addTimes(itemId: string, words: readonly SpokenWord[]): void {
    const reply = this.#reply(itemId);
    const fromMs = Math.min(...words.map(({ startMs }) => startMs));
    reply.times = [...reply.times.filter(({ startMs }) => startMs < fromMs), ...words].slice(0, maxWords);
    reply.times.sort((a, b) => a.startMs - b.startMs);
    reply.starts = null;
  }

  /** More of the reply's audio came. @param fromMs - where it begins; null: where what came before ends */
  addAudio(itemId: string, fromMs: number | null, durationMs: number): void {
    const reply = this.#reply(itemId);
    const untilMs = (fromMs ?? reply.audioMs) + durationMs;
    if (untilMs <= reply.audioMs) return;
    reply.audioMs = untilMs;
    if (reply.starts?.exact !== true) reply.starts = null;
  }

  /** No more audio will come. @returns whether estimated times follow from it anew */
  endAudio(itemId: string): boolean {
    const reply = this.#replies.get(itemId);
    if (reply === undefined || reply.audioComplete) return false;
    reply.audioComplete = true;
    if (reply.starts?.exact === true) return false;
    reply.starts = null;
    return true;
  }

  /** @returns null of a reply without words */
  wordsOf(itemId: string): TimedWords | null {
    const reply = this.#replies.get(itemId);
    if (reply === undefined || reply.tokens.length === 0) return null;
    const { ms, exact } = startsOf(reply);
    return { words: reply.tokens.map((text, i) => ({ text, startMs: Math.round(ms[i]!) })), exact };
  }

  /** The word that sounds at `playedMs`; −1 before the first. */
  indexAt(itemId: string, playedMs: number): number {
    const reply = this.#replies.get(itemId);
    if (reply === undefined) return -1;
    return startsOf(reply).ms.findLastIndex((startMs) => startMs <= playedMs);
  }

  clear(): void {
    this.#replies.clear();
  }

  #reply(itemId: string): Reply {
    let reply = this.#replies.get(itemId);
    if (reply === undefined) {
      reply = { tokens: [], times: [], audioMs: 0, audioComplete: false, interrupted: false, starts: null };
      this.#replies.set(itemId, reply);
      if (this.#replies.size > maxReplies) this.#replies.delete(this.#replies.keys().next().value!);
    }
    return reply;
  }
}

function startsOf(reply: Reply): Starts {
  reply.starts ??= reply.times.length > 0 ? alignStarts(reply) : estimateStarts(reply);
  return reply.starts;
}

/** Without times: every character takes as long as every other. */
function estimateStarts({ tokens, audioMs, audioComplete }: Reply): Starts {
  const characters = tokens.reduce((sum, token) => sum + weightOf(token), 0);
  // While audio is still coming, what came is no measure for text that is all there.
  const totalMs = audioComplete ? audioMs : Math.max(audioMs, characters * msPerCharacter);
  let before = 0;
  const ms = tokens.map((token) => {
    const startMs = (totalMs * before) / characters;
    before += weightOf(token);
    return startMs;
  });
  return { ms, exact: false };
}

/** With times: words that both sides know lie where the times say, the rest in between by their length. */
function alignStarts({ tokens, times }: Reply): Starts {
  const anchors = findAnchors(tokens, times);
  const ms: number[] = [];
  let exact = true;
  let from = { index: 0, atMs: 0 };
  for (let i = 0; i < tokens.length; i++) {
    const atMs = anchors[i];
    if (atMs !== undefined) {
      from = { index: i, atMs };
      ms.push(atMs);
      continue;
    }
    exact = false;
    const nextIndex = anchors.findIndex((anchor, index) => index > i && anchor !== undefined);
    const weigh = (to: number): number =>
      tokens.slice(from.index, to).reduce((sum, token) => sum + weightOf(token), 0);
    const pace =
      nextIndex < 0 ? msPerCharacter : Math.max(0, anchors[nextIndex]! - from.atMs) / weigh(nextIndex);
    ms.push(from.atMs + weigh(i) * pace);
  }
  return { ms, exact };
}

function findAnchors(tokens: readonly string[], times: readonly SpokenWord[]): (number | undefined)[] {
  let next = 0;
  return tokens.map((token) => {
    const wanted = normalise(token);
    for (let at = next; at < Math.min(times.length, next + maxLookahead); at++) {
      if (normalise(times[at]!.text) !== wanted) continue;
      next = at + 1;
      return times[at]!.startMs;
    }
    return undefined;
  });
}

function normalise(word: string): string {
  const letters = word.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
  return letters === "" ? word : letters;
}

/** A word and the pause after it. */
function weightOf(token: string): number {
  return token.length + 1;
}
