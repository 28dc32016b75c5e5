import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endLogOdds } from "../../gateway/session/turn-taking/completeness.ts";
import { semanticTurnEnd, stretchOf } from "../../gateway/session/turn-taking/semantic-turn-end.ts";
import {
  type Eagerness,
  learnPause,
  longestWaitMs,
  noHabit,
  type PauseHabit,
} from "../../gateway/session/turn-taking/turn-end.ts";

const eagernesses: readonly Eagerness[] = ["low", "medium", "high", "auto"];

function waitMs(words: string | null, eagerness: Eagerness = "medium", habit: PauseHabit = noHabit): number {
  return semanticTurnEnd.waitMs({ words, voicedMs: 2_000, habit }, eagerness);
}

/** None of these stands among the turns that the weights were fitted on. */
const finished = [
  "Can I change my seat?",
  "I would like a cup of tea, please.",
  "The train was late again.",
  "Yes, please.",
  "No, thank you.",
  "That's all for today.",
  "I don't think so.",
  "My name is Alice Cooper.",
];
const unfinished = [
  "I would like a cup of tea and",
  "I want to talk to the",
  "We were late because",
  "Um",
  "So, uh,",
  "My name is",
  "I was wondering if you could",
  "Could you send it to my",
  "They told me that",
];

describe("the semantic turn-end detector", () => {
  it("waits longer after words that are owed more than after any finished sentence", () => {
    const longest = Math.max(...finished.map((words) => waitMs(words)));
    const shortest = Math.min(...unfinished.map((words) => waitMs(words)));
    expect(shortest).toBeGreaterThan(longest);
  });

  it.each(["and", "but", "because", "the", "of", "with", "to", "my", "if", "um", "uh", "is", "would", "we"])(
    "hears that a turn goes on after a trailing %s",
    (word) => {
      expect(waitMs(`I called them yesterday ${word}`)).toBeGreaterThan(
        waitMs("I called them yesterday") + 200,
      );
    },
  );

  it("is not deceived by the full stop that a recogniser puts after anything", () => {
    expect(waitMs("I want to talk to the.")).toBeGreaterThan(waitMs("I want to talk to the doctor.") + 200);
  });

  it("takes dots of omission for what they are", () => {
    expect(waitMs("I was at the station...")).toBeGreaterThan(waitMs("I was at the station.") + 200);
  });

  it("waits for the rest of a telephone number, and no longer once it is whole", () => {
    const begun = ["My number is 4 1 5", "My number is 415 55", "My number is 415 555 01"];
    for (const words of begun)
      expect(waitMs(words)).toBeGreaterThan(waitMs("My number is 415 555 0142") + 100);
  });

  it("waits for the rest of a word that is spelled", () => {
    expect(waitMs("My email is J-O")).toBeGreaterThan(waitMs("My email is jo at example dot com"));
  });

  it.each(["Yes.", "No.", "Two.", "No thanks.", "Okay.", "Tomorrow.", "Why not?", "Not really."])(
    "takes the short answer %s for a whole turn",
    (words) => {
      expect(semanticTurnEnd.waitMs({ words, voicedMs: 400, habit: noHabit }, "medium")).toBeLessThan(1_000);
    },
  );

  it("waits less the more eager it is to be, and auto is medium", () => {
    for (const words of [...finished, ...unfinished, null]) {
      const [low, medium, high, auto] = eagernesses.map((eagerness) => waitMs(words, eagerness));
      expect(low).toBeGreaterThan(medium!);
      expect(medium).toBeGreaterThan(high!);
      expect(auto).toBe(medium);
    }
  });

  it("gives a slow speaker more time and a quick one less, within bounds", () => {
    const used = (pauseMs: number) =>
      Array.from({ length: 12 }).reduce<PauseHabit>((habit) => learnPause(habit, pauseMs, true), noHabit);
    const words = "I ordered a lamp from you";
    const [quick, usual, slow] = [used(150), noHabit, used(1_500)].map((habit) =>
      waitMs(words, "medium", habit),
    );
    expect(quick).toBeLessThan(usual!);
    expect(slow).toBeGreaterThan(usual!);
    for (const habit of [used(100), used(3_000)]) {
      expect(stretchOf(habit)).toBeGreaterThanOrEqual(0.7);
      expect(stretchOf(habit)).toBeLessThanOrEqual(1.6);
    }
  });

  it("waits for the words as long as they usually take before it judges without them", () => {
    for (const eagerness of eagernesses) expect(waitMs(null, eagerness)).toBeGreaterThanOrEqual(600);
  });

  it("knows no more from words that are empty than from none", () => {
    expect(endLogOdds("")).not.toBeNaN();
    expect(waitMs("  ")).toBe(waitMs(null));
  });

  it("gives whole milliseconds within its bounds for any words and any habit", () => {
    const habits = fc.record({
      pauses: fc.integer({ min: 0, max: 12 }),
      typicalMs: fc.integer({ min: 100, max: 3_000 }),
    });
    const texts = fc.oneof(fc.constant(null), fc.string({ unit: "binary", maxLength: 300 }), fc.lorem());
    fc.assert(
      fc.property(
        texts,
        fc.nat(60_000),
        habits,
        fc.constantFrom(...eagernesses),
        (words, voicedMs, habit, how) => {
          const wait = semanticTurnEnd.waitMs({ words, voicedMs, habit }, how);
          expect(Number.isInteger(wait)).toBe(true);
          expect(wait).toBeGreaterThanOrEqual(200);
          expect(wait).toBeLessThanOrEqual(longestWaitMs[how]);
          expect(semanticTurnEnd.waitMs({ words, voicedMs, habit }, how)).toBe(wait);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("looks at a bounded end of an endless turn", () => {
    const endless = "and then I went to the shop ".repeat(2_000);
    const startedAt = process.cpuUsage();
    expect(waitMs(`${endless}because`)).toBeGreaterThan(waitMs(`${endless}yesterday`));
    expect(process.cpuUsage(startedAt).user / 1_000).toBeLessThan(2_000);
  });
});
