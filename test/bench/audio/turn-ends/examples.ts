/** What the detector is fitted on: heard pauses and ends, and the same turns as they are written. */
import { featuresOf } from "../../../../gateway/session/turn-taking/completeness.ts";
import type { HeardTurn } from "./hearing.ts";
import type { Example } from "./logistic.ts";
import type { PlannedTurn } from "./turns.ts";

/** Beside what a recogniser wrote, what was written counts less, and stops at any word least. */
const writtenWeight = 0.35;
const anywhereWeight = 0.06;

function bare(text: string): string {
  return text
    .toLowerCase()
    .replace(/[.,?!]+(?=\s|$)/g, "")
    .trim();
}

/** Every pause of a heard turn, and its end. */
export function heardExamples(turn: HeardTurn): Example[] {
  return turn.pauses
    .filter(({ words }) => words.trim() !== "")
    .map(({ words, resumed }) => ({
      features: featuresOf(words),
      label: resumed ? (0 as const) : (1 as const),
      weight: 1,
    }));
}

/** A turn as written, stopped at its pauses, anywhere else, and at its end; without punctuation. */
export function writtenExamples(plan: PlannedTurn): Example[] {
  const examples: Example[] = [];
  const add = (text: string, label: 0 | 1, weight: number) => {
    if (text !== "") examples.push({ features: featuresOf(text), label, weight });
  };
  const whole = bare(plan.segments.join(" "));
  add(whole, 1, writtenWeight);
  const stops = new Set<string>();
  for (let count = 1; count < plan.segments.length; count++) {
    const text = bare(plan.segments.slice(0, count).join(" "));
    stops.add(text);
    add(text, 0, writtenWeight);
  }
  const words = whole.split(" ");
  for (let count = 1; count < words.length; count++) {
    const text = words.slice(0, count).join(" ");
    if (!stops.has(text)) add(text, 0, anywhereWeight);
  }
  return examples;
}
