/** The outage's script: what the caller asks, what dies meanwhile, and what must be answered all the same. */
import { answerTo } from "../standins/answers.ts";
import type { Fault, FaultKind, StandinName } from "../standins/standin.ts";

/** What the caller asks, and what dies before or while it is answered. */
export interface Scene {
  question: string;
  title: string;
  faults: Partial<Record<StandinName, Fault>>;
  /** What the embedded answerer says, where nobody else is left; null: what the assistant behind the vendors says. */
  bySpare: string | null;
}

/** Of docs/faq.md, where the embedded answerer has it from. */
const whenVendorsFail =
  "The next provider in the chain takes over. If nothing was said yet, nobody notices. If part of the answer was already spoken, the next one goes on after the last spoken word, so no sentence is repeated and none is lost.";
const countTo = 40;
const counted = Array.from({ length: countTo }, (_, index) => index + 1).join(", ");

export const scenes: readonly Scene[] = [
  {
    question: "Please tell me a long story about the river.",
    title: "all is well",
    faults: {},
    bySpare: null,
  },
  {
    question: "Please tell me a long story about the harbour.",
    title: "Gemini dies in mid-sentence",
    faults: { gemini: { kind: "cut", afterPieces: 11 } },
    bySpare: null,
  },
  {
    question: "What happens when a vendor dies?",
    title: "Gemini and Claude are dead",
    faults: { gemini: { kind: "unavailable" }, claude: { kind: "unavailable" } },
    bySpare: whenVendorsFail,
  },
  {
    question: "Please count to forty.",
    title: "the voice dies in mid-sentence",
    faults: {
      gemini: { kind: "unavailable" },
      claude: { kind: "unavailable" },
      "google-tts": { kind: "cut", afterPieces: 45 },
    },
    bySpare: counted,
  },
];

/** How a vendor dies for the first time. */
export interface PlannedDeath {
  standin: StandinName;
  kind: FaultKind;
}

/** Each vendor's first death, in the scenes' order. */
export function plannedDeaths(script: readonly Scene[]): PlannedDeath[] {
  const deaths = new Map<StandinName, PlannedDeath>();
  for (const { faults } of script) {
    for (const [name, { kind }] of Object.entries(faults)) {
      const standin = name as StandinName;
      if (!deaths.has(standin)) deaths.set(standin, { standin, kind });
    }
  }
  return [...deaths.values()];
}

/**
 * The answer that must be heard, from its first word to its last.
 *
 * @param seed - of the stand-ins' world
 * @param transcript - what was understood; the question itself where nothing was
 */
export function wholeAnswerTo(scene: Scene, seed: number, transcript: string | null): string {
  if (scene.bySpare !== null) return scene.bySpare;
  const messages = [{ role: "user", text: transcript || scene.question }];
  return answerTo(seed, { system: "", messages, tools: [] }).text;
}
