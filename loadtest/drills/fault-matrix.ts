/** Every fault that stand-ins know on every stage: a drill each, or why it can't happen there. */
import type { Capability, Fault, FaultKind, StandinName } from "../standins/standin.ts";
import type { Drill, Talk, Tolerances } from "./drill.ts";
import { deadlineMs, on, type Spec, stallLeastMs } from "./drill-spec.ts";

/** One fault on one stage: what differs from the usual. A string says why there is no such drill. */
type Cell = string | Partial<Told & { victim: Victim; tolerances: Partial<Tolerances>; hypothesis: string }>;

/** How a fault is named and told. */
interface Told {
  name: string;
  /** Behind the vendor's name. */
  says: string;
  fault: Omit<Fault, "kind">;
  talk: Talk;
}

/** Who has the fault. */
interface Victim {
  standin: StandinName;
  title: string;
  chains?: Partial<Drill["chains"]>;
}

const usual: Readonly<Record<FaultKind, Partial<Told> & Pick<Told, "name" | "says">>> = {
  refuse: { name: "refuse", says: "refuses connections" },
  hang: { name: "hang", says: "takes questions and says nothing" },
  reset: { name: "reset", says: "resets connections" },
  unauthorized: { name: "wrong-key", says: "takes the key no more" },
  forbidden: { name: "forbidden", says: "forbids the model" },
  request_timeout: { name: "408", says: "answers 408" },
  too_large: { name: "413", says: "finds the request too large" },
  rate_limited: { name: "quota", says: "has no quota left", fault: { retryAfterSeconds: 2 } },
  internal_error: { name: "500", says: "answers 500" },
  unavailable: { name: "503", says: "answers 503" },
  unknown_model: { name: "unknown-model", says: "doesn't know the model any more" },
  stall: { name: "stall", says: "stalls" },
  cut: { name: "cut", says: "dies" },
  error_in_stream: { name: "error-in-stream", says: "sends an error" },
  malformed: { name: "malformed", says: "sends rubbish" },
  truncated_utf8: { name: "truncated-utf8", says: "sends half a letter" },
  content_filter: { name: "filter", says: "stops every answer by its content filter" },
  empty_answer: { name: "empty", says: "says that it has finished, without a word" },
  empty_audio: { name: "empty-audio", says: "sends no sound" },
  silent_audio: { name: "silent-audio", says: "sends silence" },
  final_without_audio: {
    name: "final-without-audio",
    says: "says that it has finished, without audio",
  },
  noise: { name: "noise", says: "sends noise in place of speech" },
  wrong_rate: { name: "wrong-rate", says: "speaks at another rate than it says" },
  slow_first: { name: "slow-first", says: "takes eight seconds to begin", fault: { delayMs: 8000 } },
  slow_drip: { name: "slow-drip", says: "drips" },
  brown_out: { name: "brown-out", says: "is ten times slower" },
  flapping: { name: "flapping", says: "is up and down every second", fault: { periodMs: 2000 } },
};

const gemini: Victim = { standin: "gemini", title: "Gemini" };
const googleVoice: Victim = { standin: "google-tts", title: "Google's voice" };
const elevenLabs: Victim = {
  standin: "elevenlabs",
  title: "ElevenLabs' voice",
  chains: { tts: ["elevenlabs", "cartesia", "embedded"] },
};
const googleEar: Victim = { standin: "google-stt", title: "Google's recogniser" };
const deepgram: Victim = {
  standin: "deepgram",
  title: "Deepgram",
  chains: { stt: ["deepgram", "google", "embedded"] },
};
const victims: Readonly<Record<Capability, Victim>> = { stt: googleEar, ai: gemini, tts: googleVoice };

/** In mid-answer, which has to be long for it. */
const midway = (afterPieces: number): Pick<Told, "fault" | "talk"> => ({
  fault: { afterPieces },
  talk: "long",
});
/** A silence that lasts until the voice's deadline. */
const deadlineHeard: Partial<Tolerances> = { gapMs: 500 + deadlineMs.tts };
const noSoundInWords = "an answer is words, and has no sound";
const noSoundFromEars = "a recogniser sends no sound";

const ai: Readonly<Record<FaultKind, Cell>> = {
  refuse: {},
  hang: {},
  reset: {},
  unauthorized: { says: "has its key revoked" },
  forbidden: {},
  request_timeout: {},
  too_large: { says: "finds the conversation too large" },
  rate_limited: {},
  internal_error: { says: "answers 500 to half of the calls", fault: { share: 0.5 } },
  unavailable: {},
  unknown_model: {},
  stall: { says: "stalls in mid-answer", ...midway(4), tolerances: { gapMs: 2000 } },
  cut: { says: "dies in mid-answer", ...midway(4) },
  error_in_stream: { says: "sends an error in mid-answer", ...midway(3) },
  malformed: { says: "sends rubbish in mid-answer", ...midway(3) },
  truncated_utf8: midway(3),
  content_filter: {},
  empty_answer: {},
  empty_audio: noSoundInWords,
  silent_audio: noSoundInWords,
  final_without_audio: noSoundInWords,
  noise: noSoundInWords,
  wrong_rate: noSoundInWords,
  slow_first: {},
  slow_drip: {
    says: "says a few words every four seconds",
    fault: { delayMs: 4000 },
    talk: "long",
    tolerances: { gapMs: 2000 },
  },
  brown_out: {},
  flapping: {},
};

const tts: Readonly<Record<FaultKind, Cell>> = {
  refuse: {},
  hang: { says: "takes texts and says nothing", tolerances: deadlineHeard },
  reset: {},
  unauthorized: {},
  forbidden: { says: "is forbidden to the key" },
  request_timeout: {},
  too_large: { says: "finds each text too large" },
  rate_limited: {},
  internal_error: {},
  unavailable: {},
  unknown_model: { name: "unknown-voice", says: "doesn't exist any more" },
  stall: {
    says: "stalls in mid-sentence",
    ...midway(9),
    // What was sent ahead may be over before a stall can be told from a pace.
    tolerances: { gapMedianMs: stallLeastMs, gapMs: 500 + 1000 },
  },
  cut: { says: "dies in mid-sentence", ...midway(9) },
  error_in_stream: { says: "sends an error in mid-sentence", ...midway(7) },
  // Only those that answer in text can have a letter cut in two, or a bracket left open.
  malformed: { victim: elevenLabs, says: "sends rubbish in mid-sentence", ...midway(7) },
  truncated_utf8: { victim: elevenLabs, says: "sends half a letter in mid-sentence", ...midway(7) },
  content_filter: { says: "declines every text" },
  empty_answer: "a voice says nothing but sound: empty-audio and final-without-audio are its empty answers",
  empty_audio: {},
  silent_audio: { tolerances: deadlineHeard },
  final_without_audio: {},
  noise: {},
  wrong_rate: {
    hypothesis:
      "A wrong rate can't be told from another voice: the pitch is wrong, but every word is heard, once, and none is silent or lost.",
  },
  slow_first: { tolerances: deadlineHeard },
  slow_drip: {
    fault: { delayMs: 900 },
    talk: "long",
    tolerances: { gapMs: 1500 },
  },
  brown_out: { tolerances: deadlineHeard },
  flapping: {},
};

const stt: Readonly<Record<FaultKind, Cell>> = {
  refuse: {},
  hang: { says: "listens and writes nothing" },
  reset: {},
  unauthorized: {},
  forbidden: { says: "is forbidden to the key" },
  request_timeout: {},
  too_large: {},
  rate_limited: {},
  internal_error: {},
  unavailable: {},
  unknown_model: {},
  stall: { says: "stalls after a guess", fault: { afterPieces: 1 } },
  cut: { says: "dies while one speaks", fault: { afterPieces: 1 } },
  error_in_stream: { says: "sends an error while one speaks", fault: { afterPieces: 1 } },
  malformed: { says: "sends rubbish while one speaks", fault: { afterPieces: 1 } },
  // gRPC checks its texts itself; here half a letter comes in a message that is text as a whole.
  truncated_utf8: { victim: deepgram, fault: { afterPieces: 1 } },
  content_filter: "a recogniser writes down what it hears, and declines nothing",
  empty_answer: { says: "understands nothing" },
  empty_audio: noSoundFromEars,
  silent_audio: noSoundFromEars,
  final_without_audio: { name: "empty-final", says: "sends an empty transcript" },
  noise: noSoundFromEars,
  wrong_rate: noSoundFromEars,
  slow_first: {},
  slow_drip: { says: "writes a guess every four seconds", fault: { delayMs: 4000 } },
  brown_out: {},
  flapping: {},
};

const matrix: Readonly<Record<Capability, Readonly<Record<FaultKind, Cell>>>> = { stt, ai, tts };
const stages: readonly Capability[] = ["ai", "tts", "stt"];
const kindsOf = (stage: Capability) => Object.keys(matrix[stage]) as FaultKind[];

function specOf(stage: Capability, kind: FaultKind): Spec[] {
  const cell = matrix[stage][kind];
  if (typeof cell === "string") return [];
  const { name, says, fault = {}, talk } = { ...usual[kind], ...cell };
  const { standin, title, chains } = cell.victim ?? victims[stage];
  return [
    {
      name: `${stage}-${name}`,
      title: `${title} ${says}`,
      steps: [on([standin], kind, fault)],
      ...(talk === undefined ? {} : { talk }),
      ...(chains === undefined ? {} : { chains }),
      ...(cell.tolerances === undefined ? {} : { tolerances: cell.tolerances }),
      ...(cell.hypothesis === undefined ? {} : { hypothesis: cell.hypothesis }),
    },
  ];
}

/** A drill for each fault on each stage where it can happen. */
export const faultDrills: readonly Spec[] = stages.flatMap((stage) =>
  kindsOf(stage).flatMap((kind) => specOf(stage, kind)),
);

/** Faults that can't happen on a stage, and why. */
export const impossibleFaults: readonly { stage: Capability; kind: FaultKind; why: string }[] =
  stages.flatMap((stage) =>
    kindsOf(stage).flatMap((kind) => {
      const cell = matrix[stage][kind];
      return typeof cell === "string" ? [{ stage, kind, why: cell }] : [];
    }),
  );
