/** Whether speech over a reply is meant to interrupt it: pure, on durations and words. */

/** Words by which a listener says "I'm listening", not "let me speak". */
const backchannels = new Set([
  "ah",
  "aha",
  "alright",
  "cool",
  "great",
  "hm",
  "hmm",
  "huh",
  "i see",
  "mhm",
  "mm",
  "mm-hmm",
  "mm-hm",
  "mmhmm",
  "mmm",
  "nice",
  "oh",
  "ok",
  "okay",
  "right",
  "sure",
  "uh",
  "uh-huh",
  "uhhuh",
  "um",
  "wow",
  "yeah",
  "yep",
  "yes",
  "you",
  "hm-hmm",
  "mhmm",
  "yup",
  "good",
  "exactly",
  "true",
  "fine",
]);

/** Lower case, without punctuation but hyphens inside words. */
function normalise(words: string): string {
  return words
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s'-]/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
}

/** True when the words are nothing but encouragement ("mm-hm", "yeah, okay") or no words at all. */
export function isBackchannel(words: string): boolean {
  const text = normalise(words);
  if (text === "" || backchannels.has(text)) return true;
  const list = text.split(" ");
  return list.length <= 3 && list.every((word) => backchannels.has(word));
}

export interface BargeInEvidence {
  /** Speech heard so far over the reply. */
  spokenMs: number;
  /** Speech that interrupts whatever its words are. */
  commitMs: number;
  /** What the recogniser made of it so far; null when it has not said yet. */
  words: string | null;
  /** The speaker has been silent for as long as ends a turn. */
  ended: boolean;
}

export type BargeInVerdict = "wait" | "commit" | "reject";

/** Judges what is known now; "wait" only while more can still come. */
export function judgeBargeIn(evidence: BargeInEvidence): BargeInVerdict {
  if (evidence.words !== null && !isBackchannel(evidence.words)) return "commit";
  if (evidence.spokenMs >= evidence.commitMs) return "commit";
  if (!evidence.ended) return "wait";
  return evidence.words === null ? "wait" : "reject";
}
