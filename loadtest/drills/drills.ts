/** All drills. Every fault that stand-ins know, on the stages where it can happen, and what happens when they fall together. */
import type { Fault, FaultKind, StandinName } from "../standins/standin.ts";
import { type Drill, type FaultStep, strict, type Talk, type Tolerances } from "./drill.ts";

const usualChains: Drill["chains"] = {
  stt: ["google", "deepgram", "embedded"],
  ai: ["gemini", "claude", "embedded"],
  tts: ["google", "elevenlabs", "embedded"],
};
const allUsual: readonly StandinName[] = [
  "google-stt",
  "deepgram",
  "gemini",
  "claude",
  "google-tts",
  "elevenlabs",
];
/** The deadline of a stage whose vendor hangs is waited out once. */
const deadlineMs = { stt: 1500, ai: 2000, tts: 1200 } as const;
/** Google's streaming voices don't tell where their words lie. */
const withoutWordTimes: Partial<Tolerances> = { repeatedWordsPerSwitch: 1 };

interface Spec {
  name: string;
  title: string;
  hypothesis?: string;
  talk?: Talk;
  steps: readonly FaultStep[];
  chains?: Partial<Drill["chains"]>;
  settings?: Record<string, string>;
  tolerances?: Partial<Tolerances>;
  sessions?: number;
  isCanary?: boolean;
}

const usualHypothesis =
  "Every question is answered in full: no silent turn, no turn lost, no word missing, repeated or remembered unheard; then the first vendor is back.";

function makeDrill(spec: Spec): Drill {
  return {
    name: spec.name,
    title: spec.title,
    hypothesis: spec.hypothesis ?? usualHypothesis,
    chains: { ...usualChains, ...spec.chains },
    settings: spec.settings ?? {},
    talk: spec.talk ?? "short",
    steps: spec.steps,
    tolerances: { ...strict, ...spec.tolerances },
    sessions: spec.sessions ?? null,
    isCanary: spec.isCanary === true,
  };
}

/** A fault from the beginning of the phase to its end. */
function on(standins: readonly StandinName[], kind: FaultKind, more: Omit<Fault, "kind"> = {}): FaultStep {
  return { atMs: 0, standins, fault: { kind, ...more } };
}

const aiDrills: Spec[] = [
  { name: "ai-503", title: "Gemini answers 503", steps: [on(["gemini"], "unavailable")] },
  {
    name: "ai-500",
    title: "Gemini answers 500 to half of the calls",
    steps: [on(["gemini"], "internal_error", { share: 0.5 })],
  },
  { name: "ai-refuse", title: "Gemini refuses connections", steps: [on(["gemini"], "refuse")] },
  { name: "ai-reset", title: "Gemini resets connections", steps: [on(["gemini"], "reset")] },
  { name: "ai-hang", title: "Gemini takes questions and says nothing", steps: [on(["gemini"], "hang")] },
  { name: "ai-wrong-key", title: "Gemini's key is revoked", steps: [on(["gemini"], "unauthorized")] },
  {
    name: "ai-quota",
    title: "Gemini's quota is used up",
    steps: [on(["gemini"], "rate_limited", { retryAfterSeconds: 2 })],
  },
  {
    name: "ai-slow-first",
    title: "Gemini's first word takes eight seconds",
    steps: [on(["gemini"], "slow_first", { delayMs: 8000 })],
  },
  {
    name: "ai-slow-drip",
    title: "Gemini says a few words every four seconds",
    talk: "long",
    steps: [on(["gemini"], "slow_drip", { delayMs: 4000 })],
    tolerances: { gapP95Ms: 2000 },
  },
  {
    name: "ai-cut",
    title: "Gemini dies in mid-answer",
    talk: "long",
    steps: [on(["gemini"], "cut", { afterPieces: 4 })],
  },
  {
    name: "ai-stall",
    title: "Gemini stalls in mid-answer",
    talk: "long",
    steps: [on(["gemini"], "stall", { afterPieces: 4 })],
    tolerances: { gapP95Ms: 2000 },
  },
  {
    name: "ai-error-in-stream",
    title: "Gemini sends an error in mid-answer",
    talk: "long",
    steps: [on(["gemini"], "error_in_stream", { afterPieces: 3 })],
  },
  {
    name: "ai-malformed",
    title: "Gemini sends rubbish in mid-answer",
    talk: "long",
    steps: [on(["gemini"], "malformed", { afterPieces: 3 })],
  },
  {
    name: "ai-truncated-utf8",
    title: "Gemini sends half a letter",
    talk: "long",
    steps: [on(["gemini"], "truncated_utf8", { afterPieces: 3 })],
  },
  {
    name: "ai-empty",
    title: "Gemini says that it has finished, without a word",
    steps: [on(["gemini"], "empty_answer")],
  },
  {
    name: "ai-filter",
    title: "Gemini's content filter stops every answer",
    steps: [on(["gemini"], "content_filter")],
  },
  { name: "ai-brown-out", title: "Gemini is ten times slower", steps: [on(["gemini"], "brown_out")] },
  {
    name: "ai-flapping",
    title: "Gemini is up and down every second",
    steps: [on(["gemini"], "flapping", { periodMs: 2000 })],
  },
  {
    name: "ai-death-in-tool-call",
    title: "Gemini dies in the middle of a tool call",
    talk: "tool",
    steps: [on(["gemini"], "cut", { afterPieces: 0 })],
    hypothesis: "The function is called once for each question, and each is answered.",
  },
];

const ttsDrills: Spec[] = [
  { name: "tts-503", title: "Google's voice answers 503", steps: [on(["google-tts"], "unavailable")] },
  {
    name: "tts-hang",
    title: "Google's voice takes texts and says nothing",
    steps: [on(["google-tts"], "hang")],
    tolerances: { gapP95Ms: 500 + deadlineMs.tts },
  },
  {
    name: "tts-cut",
    title: "Google's voice dies in mid-sentence",
    talk: "long",
    steps: [on(["google-tts"], "cut", { afterPieces: 9 })],
    tolerances: withoutWordTimes,
  },
  {
    name: "tts-cut-with-word-times",
    title: "ElevenLabs' voice dies in mid-sentence",
    talk: "long",
    steps: [on(["elevenlabs"], "cut", { afterPieces: 9 })],
    chains: { tts: ["elevenlabs", "cartesia", "embedded"] },
  },
  {
    name: "tts-stall",
    title: "Google's voice stalls in mid-sentence",
    talk: "long",
    steps: [on(["google-tts"], "stall", { afterPieces: 9 })],
    tolerances: { ...withoutWordTimes, gapP95Ms: 500 + 1000 },
  },
  {
    name: "tts-empty-audio",
    title: "Google's voice sends no sound",
    steps: [on(["google-tts"], "empty_audio")],
  },
  {
    name: "tts-silent-audio",
    title: "Google's voice sends silence",
    steps: [on(["google-tts"], "silent_audio")],
    tolerances: { gapP95Ms: 500 + deadlineMs.tts },
  },
  {
    name: "tts-final-without-audio",
    title: "Google's voice says that it has finished, without audio",
    steps: [on(["google-tts"], "final_without_audio")],
  },
  {
    name: "tts-slow-drip",
    title: "Google's voice drips",
    talk: "long",
    steps: [on(["google-tts"], "slow_drip", { delayMs: 900 })],
    tolerances: { ...withoutWordTimes, gapP95Ms: 1500 },
  },
  {
    name: "tts-capped-crowd",
    title: "300 callers, and the first voice is capped at 20",
    sessions: 300,
    settings: { PARLEY_GOOGLE_TTS_IN_FLIGHT: "20", PARLEY_RESPONSES_PER_MINUTE: "600" },
    steps: [],
    hypothesis: "A full vendor is passed over at once, and nobody waits or is left out.",
  },
];

const sttDrills: Spec[] = [
  { name: "stt-503", title: "Google's recogniser answers 503", steps: [on(["google-stt"], "unavailable")] },
  {
    name: "stt-hang",
    title: "Google's recogniser listens and writes nothing",
    steps: [on(["google-stt"], "hang")],
  },
  {
    name: "stt-cut",
    title: "Google's recogniser dies while one speaks",
    steps: [on(["google-stt"], "cut", { afterPieces: 1 })],
  },
  {
    name: "stt-empty",
    title: "Google's recogniser understands nothing",
    steps: [on(["google-stt"], "empty_answer")],
  },
];

/** What a vendor that can't be told from a good one may cost: words, but neither silence nor a turn. */
const lying: Partial<Tolerances> = {
  missingWords: Number.MAX_SAFE_INTEGER,
  unheardWords: Number.MAX_SAFE_INTEGER,
};

const moreDrills: Spec[] = [
  { name: "ai-forbidden", title: "Gemini forbids the model", steps: [on(["gemini"], "forbidden")] },
  {
    name: "ai-unknown-model",
    title: "Gemini doesn't know the model any more",
    steps: [on(["gemini"], "unknown_model")],
  },
  { name: "ai-408", title: "Gemini answers 408", steps: [on(["gemini"], "request_timeout")] },
  { name: "ai-413", title: "Gemini finds the conversation too large", steps: [on(["gemini"], "too_large")] },
  {
    name: "tts-wrong-key",
    title: "Google's voice takes the key no more",
    steps: [on(["google-tts"], "unauthorized")],
  },
  {
    name: "tts-quota",
    title: "Google's voice has no quota left",
    steps: [on(["google-tts"], "rate_limited", { retryAfterSeconds: 2 })],
  },
  {
    name: "tts-error-in-stream",
    title: "Google's voice sends an error in mid-sentence",
    talk: "long",
    steps: [on(["google-tts"], "error_in_stream", { afterPieces: 7 })],
    tolerances: withoutWordTimes,
  },
  {
    name: "tts-malformed",
    title: "ElevenLabs' voice sends rubbish in mid-sentence",
    talk: "long",
    steps: [on(["elevenlabs"], "malformed", { afterPieces: 7 })],
    chains: { tts: ["elevenlabs", "cartesia", "embedded"] },
  },
  {
    name: "tts-noise",
    title: "Google's voice sends noise in place of speech",
    steps: [on(["google-tts"], "noise")],
    tolerances: lying,
    hypothesis:
      "Noise can't be told from speech by its loudness: words are lost, but no turn is silent or hangs, and the next one after the fault is whole.",
  },
  {
    name: "tts-wrong-rate",
    title: "Google's voice speaks at another rate than it says",
    steps: [on(["google-tts"], "wrong_rate")],
    tolerances: { ...lying, repeatedWords: Number.MAX_SAFE_INTEGER },
    hypothesis:
      "A wrong rate can't be told from another voice: words are hard to make out, but no turn is silent or lost.",
  },
  {
    name: "stt-reset",
    title: "Google's recogniser resets connections",
    steps: [on(["google-stt"], "reset")],
  },
  {
    name: "stt-stall",
    title: "Google's recogniser stalls after a guess",
    steps: [on(["google-stt"], "stall", { afterPieces: 1 })],
  },
  {
    name: "stt-wrong-key",
    title: "Google's recogniser takes the key no more",
    steps: [on(["google-stt"], "forbidden")],
  },
  {
    name: "stt-brown-out",
    title: "Google's recogniser is ten times slower",
    steps: [on(["google-stt"], "brown_out")],
  },
];

const jointDrills: Spec[] = [
  {
    name: "everything-down",
    title: "All vendors refuse connections at once",
    steps: [on(allUsual, "refuse")],
    hypothesis: "The gateway's own engines answer within 1.5 seconds; nobody meets silence.",
    tolerances: { firstSoundP95Ms: 1500, repeatedWords: 0 },
  },
  {
    name: "everything-hangs",
    title: "All vendors hang at once",
    steps: [on(allUsual, "hang")],
    // One deadline, the longest, and what the vendor behind the first one is given before the spare.
    tolerances: { firstSoundP95Ms: 1500 + deadlineMs.ai + 500 },
  },
  {
    name: "everything-dead-crowd",
    title: "All vendors are dead under 300 callers",
    sessions: 300,
    settings: { PARLEY_RESPONSES_PER_MINUTE: "600" },
    steps: [on(allUsual, "refuse")],
    hypothesis: "Everybody hears something in time, and is answered or told honestly that they won't be.",
    tolerances: { firstSoundP95Ms: 1500, lostTurns: Number.MAX_SAFE_INTEGER },
  },
  {
    name: "region",
    title: "A region goes down: Google's three services at once",
    talk: "long",
    steps: [on(["google-stt", "gemini", "google-tts"], "unavailable")],
  },
  {
    name: "barge-in-during-death",
    title: "The voice dies while the caller interrupts",
    talk: "barge-in",
    steps: [on(["google-tts"], "cut", { afterPieces: 14 })],
    tolerances: withoutWordTimes,
    hypothesis: "An interruption is obeyed, and the history ends where it was heard to.",
  },
  {
    name: "half-open-under-load",
    title: "Gemini comes back under load, and falls again",
    talk: "short",
    sessions: 20,
    steps: [
      on(["gemini"], "unavailable"),
      { atMs: 4000, standins: ["gemini"], fault: null },
      { atMs: 8000, standins: ["gemini"], fault: { kind: "unavailable" } },
    ],
  },
  {
    name: "second-falls-too",
    title: "Gemini dies in mid-answer, and so does Claude",
    talk: "long",
    steps: [on(["gemini"], "cut", { afterPieces: 4 }), on(["claude"], "cut", { afterPieces: 4 })],
  },
  {
    name: "liar",
    title: "A voice that lies: silence in place of speech, now and then",
    steps: [on(["google-tts"], "silent_audio", { share: 0.5 })],
    tolerances: { gapP95Ms: 500 + deadlineMs.tts },
  },
];

const canary: Spec = {
  name: "canary",
  title: "The only AI dies, and there is no other",
  hypothesis: "Every question is answered in full. It can't be: this drill must fail.",
  chains: { ai: ["gemini"] },
  steps: [on(["gemini"], "unavailable")],
  isCanary: true,
};

export const drills: readonly Drill[] = [
  ...aiDrills,
  ...ttsDrills,
  ...sttDrills,
  ...moreDrills,
  ...jointDrills,
  canary,
].map(makeDrill);
