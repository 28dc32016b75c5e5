import { describe, expect, it } from "vitest";
import { compareWords, wordsOf } from "../../loadtest/drills/word-comparison.ts";

const compare = (wanted: string, said: string) => {
  const [a, b] = [wordsOf(wanted), wordsOf(said)];
  const { missing, repeated, foreign } = compareWords(a, b);
  const text = (indexes: number[], words: string[]) => indexes.map((index) => words[index]);
  return { missing: text(missing, a), repeated: text(repeated, b), foreign: text(foreign, b) };
};

describe("compareWords", () => {
  it.each([
    ["the same", "one two three", "One, two three!", [], [], []],
    ["a word left out", "one two three", "one three", ["two"], [], []],
    ["a word said again", "one two three", "one two two three", [], ["two"], []],
    ["words said again", "one two three four", "one two three two three four", [], ["two", "three"], []],
    ["another word", "one two three", "one blue two three", [], [], ["blue"]],
    ["nothing", "one two", "", ["one", "two"], [], []],
    ["something for nothing", "", "one", [], [], ["one"]],
  ])("tells %s", (_, wanted, said, missing, repeated, foreign) => {
    expect(compare(wanted, said)).toEqual({ missing, repeated, foreign });
  });
});

describe("wordsOf", () => {
  it("keeps apostrophes within words and no other marks", () => {
    expect(wordsOf("Don’t stop – it's 5 o'clock!")).toEqual(["don't", "stop", "it's", "5", "o'clock"]);
  });
});
