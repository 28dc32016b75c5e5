import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplyWords } from "../../client/reply-words.ts";

const text = "Parley is a voice gateway.";

describe("ReplyWords", () => {
  it("takes the synthesiser's times where it tells them", () => {
    const words = new ReplyWords();
    words.setText("a", text, false);
    words.addTimes("a", [
      { text: "Parley", startMs: 50 },
      { text: "is", startMs: 420 },
    ]);
    words.addTimes("a", [
      { text: "a", startMs: 560 },
      { text: "voice", startMs: 610 },
      { text: "gateway.", startMs: 990 },
    ]);
    expect(words.wordsOf("a")).toEqual({
      exact: true,
      words: [
        { text: "Parley", startMs: 50 },
        { text: "is", startMs: 420 },
        { text: "a", startMs: 560 },
        { text: "voice", startMs: 610 },
        { text: "gateway.", startMs: 990 },
      ],
    });
    expect([0, 49, 50, 419, 420, 800, 5000].map((ms) => words.indexAt("a", ms))).toEqual([
      -1, -1, 0, 0, 1, 3, 4,
    ]);
  });

  it("takes a word's time again when it is told again", () => {
    const words = new ReplyWords();
    words.setText("a", "one two", false);
    words.addTimes("a", [
      { text: "one", startMs: 0 },
      { text: "two", startMs: 300 },
    ]);
    words.addTimes("a", [{ text: "two", startMs: 290 }]);
    expect(words.wordsOf("a")?.words).toEqual([
      { text: "one", startMs: 0 },
      { text: "two", startMs: 290 },
    ]);
  });

  it("puts words that the synthesiser says otherwise between those that it says as written", () => {
    const words = new ReplyWords();
    words.setText("a", "It costs $5 today", false);
    words.addTimes("a", [
      { text: "It", startMs: 0 },
      { text: "costs", startMs: 200 },
      { text: "five", startMs: 500 },
      { text: "dollars", startMs: 700 },
      { text: "today", startMs: 1000 },
    ]);
    const timed = words.wordsOf("a");
    expect(timed?.exact).toBe(false);
    expect(timed?.words.map(({ startMs }) => startMs)).toEqual([0, 200, 733, 1000]);
  });

  it("without times, spreads the words over the audio by their length", () => {
    const words = new ReplyWords();
    words.setText("a", "aaa aaa aaa aaa", false);
    words.addAudio("a", 0, 4000);
    words.endAudio("a");
    expect(words.wordsOf("a")).toEqual({
      exact: false,
      words: [0, 1000, 2000, 3000].map((startMs) => ({ text: "aaa", startMs })),
    });
  });

  it("takes audio that doesn't say where it begins for the next", () => {
    const words = new ReplyWords();
    words.setText("a", "aaa aaa aaa aaa", false);
    for (let piece = 0; piece < 4; piece++) words.addAudio("a", null, 1000);
    words.endAudio("a");
    expect([0, 999, 1000, 3999].map((playedMs) => words.indexAt("a", playedMs))).toEqual([0, 0, 1, 3]);
  });

  it("doesn't squeeze a whole text into the little audio that came so far", () => {
    const words = new ReplyWords();
    words.setText("a", "aaa aaa aaa aaa", false);
    words.addAudio("a", 0, 100);
    // 16 characters at 65 ms.
    expect(words.wordsOf("a")?.words.at(-1)?.startMs).toBe(780);
  });

  it("keeps of an interrupted reply what was heard, whatever is still told of the whole", () => {
    const words = new ReplyWords();
    words.setText("a", text, false);
    expect(words.setText("a", "Parley is", true)).toBe(true);
    expect(words.setText("a", text, false)).toBe(false);
    expect(words.wordsOf("a")?.words.map((word) => word.text)).toEqual(["Parley", "is"]);
  });

  it("says whether a text is news", () => {
    const words = new ReplyWords();
    expect(words.setText("a", "one", false)).toBe(true);
    expect(words.setText("a", " one ", false)).toBe(false);
    expect(words.wordsOf("b")).toBeNull();
    expect(words.indexAt("b", 100)).toBe(-1);
  });

  it("keeps 16 replies at most", () => {
    const words = new ReplyWords();
    for (let i = 0; i < 17; i++) words.setText(`item_${i}`, text, false);
    expect(words.wordsOf("item_0")).toBeNull();
    expect(words.wordsOf("item_16")).not.toBeNull();
  });

  it("gives every word a time that doesn't run backwards, whatever it is told", () => {
    const word = fc.constantFrom("one", "two", "Three,", "4", "—", "one");
    const step = fc.oneof(
      fc.record({ text: fc.array(word, { maxLength: 12 }) }),
      fc.record({
        times: fc.array(fc.record({ text: word, startMs: fc.integer({ min: 0, max: 9000 }) }), {
          maxLength: 12,
        }),
      }),
      fc.record({ audioMs: fc.integer({ min: 0, max: 9000 }) }),
      fc.constant({ end: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const words = new ReplyWords();
        let last: string[] = [];
        for (const taken of steps) {
          if ("text" in taken) {
            last = taken.text;
            words.setText("a", taken.text.join(" "), false);
          } else if ("times" in taken) words.addTimes("a", taken.times);
          else if ("audioMs" in taken) words.addAudio("a", 0, taken.audioMs);
          else words.endAudio("a");
          const timed = words.wordsOf("a")?.words ?? [];
          expect(timed.map((word) => word.text)).toEqual(last);
          for (const [i, { startMs }] of timed.entries()) {
            expect(Number.isFinite(startMs)).toBe(true);
            expect(startMs).toBeGreaterThanOrEqual(timed[i - 1]?.startMs ?? 0);
          }
        }
      }),
    );
  });
});
