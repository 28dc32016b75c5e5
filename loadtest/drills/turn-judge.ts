/** Judges one turn by its sound: what was heard of what was said, twice, not at all, and with which gaps. */
import type { TurnRecord } from "../callers/turn-record.ts";
import type { CallRecord } from "../standins/call-record.ts";
import { type HeardWord, wordsHeard } from "./heard-words.ts";
import { playReply, type ReplyAudio } from "./reply-audio.ts";
import { renderSpare } from "./spare-voice.ts";
import { SpeechFinder } from "./speech-finder.ts";
import { blockSamples, finderRateHz, type Source, type Stretch, soundingBlocks } from "./speech-waveform.ts";
import { VendorSpeech } from "./vendor-speech.ts";
import { compareWords, wordsOf } from "./word-comparison.ts";

export interface TurnEvidence {
  turn: TurnRecord;
  rateHz: number;
  /** What the assistant behind the vendors says to this question; null where that can't be known. */
  answer: string | null;
  /** What stands in the history for this turn's reply, after the call; null when it could not be read. */
  history: string | null;
  /** When the caller was told of their next speech (performance.now); null or left out where there was none. */
  spokenAgainAtMs?: number | null;
  /** Media time of the reply played when the caller interrupted; null when they did not. */
  interruptedAtMs: number | null;
  /** Speech of the vendors that may be in it; the same array for all turns of a run, complete. */
  calls: readonly CallRecord[];
  /** Whether its sound is compared with theirs; takes a second or so. */
  listens: boolean;
}

/** A part of a reply in one voice, for the page. Milliseconds from the reply's first piece. */
export interface VoicePart {
  voice: string;
  fromMs: number;
  untilMs: number;
}

export interface TurnVerdict {
  question: string;
  transcript: string;
  reply: string;
  heard: string;
  status: string | null;
  providers: { stage: string; provider: string; outcome: string }[];
  voices: string[];
  parts: VoicePart[];
  /** When the reply began to play (performance.now). */
  startedAtMs: number;
  /** False: its sound was not listened to, so nothing is known of words, voices and gaps. */
  isListenedTo: boolean;
  isSilent: boolean;
  isLost: boolean;
  missing: string[];
  repeated: string[];
  fragments: string[];
  /** Of the answer: words that the AI's vendors together left out, and said twice. */
  missingOfAnswer: string[];
  repeatedOfAnswer: string[];
  /** In the reply, and neither in the answer nor a repetition. */
  foreignOfAnswer: string[];
  /** Words of the question that a vendor's recogniser did not write down. */
  misunderstood: string[];
  /** There is a reply, and what stands in the history for it could not be read. */
  isHistoryUnread: boolean;
  /** Words of a whole reply that the history does not hold. */
  forgotten: string[];
  unheard: string[];
  /** Longest silence inside the reply beyond the pauses of speech. */
  gapMs: number;
  /** Last voiced sample to first sound. */
  firstSoundMs: number | null;
  /** Changes of voice inside a sentence. */
  switches: number;
}

/** A word that was half played when the caller interrupted may be in the history or not. */
const interruptionToleranceMs = 250;
/** Silence between two voices that is no gap: less than a plosive's. */
const shortestGapMs = 60;
/** So long after it began at the latest the caller is told of speech over a reply. */
const noticedMs = 600;

/** Judges by comparing the caller's audio with everything that any voice sent. */
export async function judgeTurn(evidence: TurnEvidence): Promise<TurnVerdict> {
  const { turn, rateHz } = evidence;
  const audio = playReply(turn, rateHz);
  const reply = turn.replyText;
  // A notice stands in the history as an item of its own.
  const all =
    evidence.history !== null && wordsOf(evidence.history).length > wordsOf(reply).length
      ? evidence.history
      : reply;
  const sources = sourcesOf(evidence);
  const wanted = wordsOf(all);
  const interrupted = evidence.interruptedAtMs !== null;
  const verdict = {
    question: turn.text,
    transcript: turn.transcript ?? "",
    reply,
    status: turn.status,
    providers: turn.report?.providers ?? [],
    startedAtMs: audio.startedAtMs,
    isSilent: !soundingBlocks(audio.pcm).includes(1),
    isLost: interrupted ? turn.firstSoundAtMs === null : turn.status !== "completed",
    firstSoundMs: turn.firstSoundAtMs === null ? null : turn.firstSoundAtMs - turn.lastVoicedAtMs,
    ...judgeAnswer(evidence, interrupted),
    ...judgeMemory(evidence, audio),
    misunderstood: judgeHearing(turn),
    isListenedTo: evidence.listens,
  };
  if (!evidence.listens) return { ...verdict, ...unheardVerdict };
  const look = (islands: boolean) => {
    const stretches = new SpeechFinder(sources).find(audio.pcm, islands);
    const speech = wordsHeard(sources, stretches);
    return { stretches, speech, missing: new Set(compareWords(wanted, textsOf(speech.words)).missing) };
  };
  const hasSound = audio.pcm.length > 0;
  // Mostly the gateway's own voice speaks whole sentences; with those known, few words stand alone.
  const glance = look(false);
  const asked = interrupted ? withRest(all, evidence.answer ?? "") : all;
  if (glance.missing.size > 0 && hasSound) sources.push(...(await renderSpare(asked, glance.missing, false)));
  let { stretches, speech, missing } = look(true);
  if (missing.size > 0 && hasSound) {
    sources.push(...(await renderSpare(asked, missing, true)));
    ({ stretches, speech, missing } = look(true));
  }
  const said = textsOf(speech.words);
  const comparison = compareWords(wanted, said);
  return {
    ...verdict,
    heard: said.join(" "),
    voices: [...new Set(speech.words.map((word) => word.voice))],
    parts: partsOf(sources, stretches),
    missing: interrupted ? [] : comparison.missing.map((index) => wanted[index]!),
    repeated: comparison.repeated.map((index) => said[index]!),
    fragments: speech.fragments.map((word) => word.text),
    unheard: judgeHistory(evidence, speech.words),
    gapMs: longestGapMs(sources, stretches),
    switches: countBrokenOff(sources, stretches),
  };
}

const unheardVerdict = {
  ...{ heard: "", voices: [], parts: [], missing: [], repeated: [], fragments: [], unheard: [] },
  ...{ gapMs: 0, switches: 0 },
};

/** A reply that ends inside its answer, with the rest: a voice reads the beginning of a sentence as the whole asks for. */
function withRest(reply: string, answer: string): string {
  const words = wordsOf(answer);
  const starts = [0, ...Array.from(reply.matchAll(/[.!?]\s+/g), ({ 0: end, index }) => index + end.length)];
  const from = starts.find((start) =>
    wordsOf(reply.slice(start)).every((word, index) => word === words[index]),
  );
  return from === undefined ? reply : reply.slice(0, from) + answer;
}

function textsOf(words: readonly HeardWord[]): string[] {
  return words.flatMap((word) => wordsOf(word.text));
}

/** One for all turns of a run. */
const speechOf = new WeakMap<readonly CallRecord[], VendorSpeech>();

/** The vendors' speech that can be in this reply: of its words, or of sentences that belong to no answer. */
function sourcesOf({ turn, answer, history, calls }: TurnEvidence): Source[] {
  let speech = speechOf.get(calls);
  if (speech === undefined) {
    speech = new VendorSpeech(calls);
    speechOf.set(calls, speech);
  }
  return speech.sourcesFor([turn.replyText, answer ?? "", history ?? ""]);
}

type AnswerWords = Pick<TurnVerdict, "missingOfAnswer" | "repeatedOfAnswer" | "foreignOfAnswer">;

/** What the AI's vendors made of the answer together, where none but them was asked. */
function judgeAnswer({ turn, answer }: TurnEvidence, interrupted: boolean): AnswerWords {
  if (answer === null || hasSpare(turn, "ai") || turn.status !== "completed") {
    return { missingOfAnswer: [], repeatedOfAnswer: [], foreignOfAnswer: [] };
  }
  const compared = compareAnswer(answer, turn.replyText);
  return interrupted ? { ...compared, missingOfAnswer: [] } : compared;
}

/**
 * Holds what the gateway says that it said against what there was to say. Sound alone can't tell: a word that was dropped on
 * the way to the voice is neither heard nor in the gateway's own transcript.
 */
export function compareAnswer(answer: string, reply: string): AnswerWords {
  const [wanted, said] = [wordsOf(answer), wordsOf(reply)];
  const { missing, repeated, foreign } = compareWords(wanted, said);
  return {
    missingOfAnswer: missing.map((index) => wanted[index]!),
    repeatedOfAnswer: repeated.map((index) => said[index]!),
    foreignOfAnswer: foreign.map((index) => said[index]!),
  };
}

/** Whether one of the gateway's own engines had a part in it. */
function hasSpare({ report }: TurnRecord, of: "stt" | "ai"): boolean {
  return (report?.providers ?? []).some(
    ({ stage, provider, outcome }) => stage === of && provider === "embedded" && outcome !== "cancelled",
  );
}

/** The vendors' recognisers know every question of ours by its sound; the embedded one may take "harbour" for "harbor". */
function judgeHearing(turn: TurnRecord): string[] {
  if (hasSpare(turn, "stt")) return [];
  const spoken = wordsOf(turn.text);
  const written = wordsOf(turn.transcript ?? "");
  const { missing, repeated, foreign } = compareWords(spoken, written);
  return [
    ...missing.map((index) => spoken[index]!),
    ...[...repeated, ...foreign].map((index) => written[index]!),
  ];
}

/** What the history keeps of the reply; of one that was spoken over, what was left then is rightly not remembered. */
function judgeMemory(
  { turn, history, spokenAgainAtMs = null }: TurnEvidence,
  { pcm, startedAtMs }: ReplyAudio,
): Pick<TurnVerdict, "isHistoryUnread" | "forgotten"> {
  const said = wordsOf(turn.replyText);
  if (said.length === 0) return { isHistoryUnread: false, forgotten: [] };
  if (history === null) return { isHistoryUnread: true, forgotten: [] };
  const playedAtMs = startedAtMs + (pcm.length * 1000) / finderRateHz;
  const isSpokenOver = spokenAgainAtMs !== null && spokenAgainAtMs < playedAtMs + noticedMs;
  if (turn.status !== "completed" || isSpokenOver) return { isHistoryUnread: false, forgotten: [] };
  const { missing } = compareWords(said, wordsOf(history));
  return { isHistoryUnread: false, forgotten: missing.map((index) => said[index]!) };
}

/** Words in the history that were not heard, or only after the caller had interrupted. */
function judgeHistory({ history, interruptedAtMs }: TurnEvidence, heard: readonly HeardWord[]): string[] {
  if (history === null) return [];
  const untilMs =
    interruptedAtMs === null ? Number.POSITIVE_INFINITY : interruptedAtMs + interruptionToleranceMs;
  const inTime = heard.filter((word) => (word.atSample * 1000) / finderRateHz <= untilMs);
  const wanted = wordsOf(history);
  return compareWords(wanted, textsOf(inTime)).missing.map((index) => wanted[index]!);
}

function partsOf(sources: readonly Source[], stretches: readonly Stretch[]): VoicePart[] {
  return stretches.map((stretch) => ({
    voice: sources[stretch.source]!.voice,
    fromMs: (stretch.atSample * 1000) / finderRateHz,
    untilMs: ((stretch.atSample + stretch.untilSample - stretch.fromSample) * 1000) / finderRateHz,
  }));
}

/** Silence between two stretches, without what belongs to the speech on either side. */
function longestGapMs(sources: readonly Source[], stretches: readonly Stretch[]): number {
  let longest = 0;
  for (const [index, next] of stretches.entries()) {
    const last = stretches[index - 1];
    if (last === undefined) continue;
    const silence = next.atSample - (last.atSample + last.untilSample - last.fromSample);
    const own =
      last.source === next.source && next.fromSample >= last.untilSample
        ? next.fromSample - last.untilSample
        : quietAfter(sources[last.source]!, last.untilSample) +
          quietBefore(sources[next.source]!, next.fromSample);
    const gapMs = ((silence - own) * 1000) / finderRateHz;
    if (gapMs >= shortestGapMs) longest = Math.max(longest, gapMs);
  }
  return longest;
}

/** How often another voice took over from one that had not come to a sentence's end. */
function countBrokenOff(sources: readonly Source[], stretches: readonly Stretch[]): number {
  return stretches.filter((next, index) => {
    const last = stretches[index - 1];
    if (last === undefined) return false;
    const source = sources[last.source]!;
    if (source.voice === sources[next.source]!.voice) return false;
    const word = source.words.findLast(({ fromSample }) => fromSample < last.untilSample);
    return word !== undefined && !/[.!?]$/.test(word.text);
  }).length;
}

/** Samples of silence that follow in the source. */
function quietAfter({ pcm }: Source, sample: number): number {
  const sounding = soundingBlocks(pcm);
  let block = Math.ceil(sample / blockSamples);
  while (block < sounding.length && sounding[block] === 0) block++;
  return Math.min(pcm.length, block * blockSamples) - sample;
}

function quietBefore({ pcm }: Source, sample: number): number {
  const sounding = soundingBlocks(pcm);
  let block = Math.floor(sample / blockSamples) - 1;
  while (block >= 0 && sounding[block] === 0) block--;
  return sample - (block + 1) * blockSamples;
}
