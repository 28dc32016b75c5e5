/** All drills: every fault on every stage, and what happens when they fall together or on many callers. */
import type { StandinName } from "../standins/standin.ts";
import type { Drill } from "./drill.ts";
import { deadlineMs, makeDrill, on, type Spec } from "./drill-spec.ts";
import { faultDrills } from "./fault-matrix.ts";

const allUsual: readonly StandinName[] = [
  "google-stt",
  "deepgram",
  "gemini",
  "claude",
  "google-tts",
  "elevenlabs",
];

/** More of one vendor's faults. */
const vendorDrills: Spec[] = [
  {
    name: "ai-death-in-tool-call",
    title: "Gemini dies in the middle of a tool call",
    talk: "tool",
    steps: [on(["gemini"], "cut", { afterPieces: 0 })],
    hypothesis: "The function is called once for each question, and each is answered.",
  },
  {
    name: "ai-death-after-tool-call",
    title: "Gemini dies when the tool call is out",
    talk: "tool",
    steps: [on(["gemini"], "cut", { afterPieces: 1 })],
    hypothesis: "The function is called once for each question, and each is answered.",
  },
  {
    name: "tts-cut-with-word-times",
    title: "ElevenLabs' voice dies in mid-sentence",
    talk: "long",
    steps: [on(["elevenlabs"], "cut", { afterPieces: 9 })],
    chains: { tts: ["elevenlabs", "cartesia", "embedded"] },
  },
  {
    name: "tts-capped-crowd",
    title: "300 callers, and the first voice is capped at 20",
    sessions: 300,
    settings: { PARLEY_GOOGLE_TTS_IN_FLIGHT: "20", PARLEY_RESPONSES_PER_MINUTE: "600" },
    steps: [],
    hypothesis:
      "A full vendor is passed over at once, never has more calls than its cap, and nobody waits or is left out.",
  },
];

const jointDrills: Spec[] = [
  {
    name: "everything-down",
    title: "All vendors refuse connections at once",
    steps: [on(allUsual, "refuse")],
    hypothesis: "The gateway's own engines answer within 1.5 seconds; nobody meets silence.",
    tolerances: { firstSoundMs: 1500, repeatedWords: 0 },
  },
  {
    name: "everything-hangs",
    title: "All vendors hang at once",
    steps: [on(allUsual, "hang")],
    // One deadline, the longest, and what the vendor behind the first one is given before the spare.
    tolerances: { firstSoundMs: 1500 + deadlineMs.ai + 500 },
  },
  {
    name: "everything-dead-crowd",
    title: "All vendors are dead under 300 callers",
    sessions: 300,
    settings: { PARLEY_RESPONSES_PER_MINUTE: "600" },
    steps: [on(allUsual, "refuse")],
    hypothesis: "Everybody hears something in time, and is answered or told honestly that they won't be.",
    // The embedded engines answer some five turns a second on two cores; here the callers need their share of them, too.
    // Who was told that many are talking waits for a place, and hears from the gateway every eight seconds meanwhile.
    tolerances: {
      ...{ firstSoundMs: 1500, gapMs: 8000 },
      ...{ lostTurns: Number.MAX_SAFE_INTEGER, answeredPerSecond: 2 },
    },
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
    hypothesis: "An interruption is obeyed, and the history ends where it was heard to.",
  },
  {
    name: "half-open-under-load",
    title: "Gemini comes back under load, and falls again",
    talk: "short",
    sessions: 20,
    // The second time it hangs, so that a probe is out while others ask.
    steps: [
      on(["gemini"], "unavailable"),
      { atMs: 7000, standins: ["gemini"], fault: null },
      { atMs: 12_000, standins: ["gemini"], fault: { kind: "hang" } },
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
    tolerances: { gapMs: 500 + deadlineMs.tts },
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

export const drills: readonly Drill[] = [...faultDrills, ...vendorDrills, ...jointDrills, canary].map(
  makeDrill,
);
