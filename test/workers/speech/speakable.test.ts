import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cardinal, ordinal, yearWords } from "../../../workers/speech/number-words.ts";
import { makeSpeakable } from "../../../workers/speech/speakable.ts";

const say = (text: string) =>
  makeSpeakable(text)
    .map((word) => word.spoken)
    .join(" ");

describe("text for the ear", () => {
  it.each([
    ["It costs $3.50.", "It costs three dollars fifty cents."],
    ["€5 million", "five million euros"],
    ["about $1.2M", "about one point two million dollars"],
    ["£0.05 or £1", "five pence or one pound"],
    ["3.5% of 70 %", "three point five percent of seventy percent"],
    ["20°C, -5°F or 1°", "twenty degrees Celsius, minus five degrees Fahrenheit or one degree"],
    ["See https://www.parley.dev/docs/a-b?x=1.", "See parley dot dev slash docs slash a dash b."],
    ["Mail jo.doe@example.com!", "Mail jo dot doe at example dot com!"],
    [
      "in 1984, 2005, 1900 and 2026",
      "in nineteen eighty four, two thousand five, nineteen hundred and twenty twenty six",
    ],
    ["the 1990s", "the nineteen nineties"],
    ["1,234,567 people", "one million two hundred thirty four thousand five hundred sixty seven people"],
    ["2000 ms at 16kHz, 1 km", "two thousand milliseconds at sixteen kilohertz, one kilometer"],
    ["at 9:05, 14:30 or 9:00 a.m. sharp", "at nine oh five, fourteen thirty or nine A M sharp"],
    ["the 21st, the 3rd", "the twenty first, the third"],
    ["on 2024-05-01", "on May first, twenty twenty four"],
    ["e.g. Dr. Smith, i.e. him, etc.", "for example Doctor Smith, that is him, et cetera."],
    ["pages 3-5", "pages three to five"],
    ["version 1.2.3", "version one dot two dot three"],
    ["call +49-30-123456", "call plus four nine three zero one two three four five six"],
    ["The API's URL & HTTP", "The A P I's U R L and H T T P"],
    ["**Bold** and `code`", "Bold and code"],
    ["STOP NOW", "STOP NOW"],
    ["and/or", "and or"],
    ["James Bond 007", "James Bond zero zero seven"],
  ])("says %j as %j", (text, spoken) => {
    expect(say(text)).toBe(spoken);
  });

  it("keeps the text's own words beside what is said", () => {
    expect(makeSpeakable("It — well 😀 costs $5!")).toEqual([
      { shown: "It —", spoken: "It," },
      { shown: "well 😀", spoken: "well" },
      { shown: "costs", spoken: "costs" },
      { shown: "$5!", spoken: "five dollars!" },
    ]);
  });

  it("loses no word of a text that has one, and never throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const words = makeSpeakable(text);
        const tokens = text.trim().split(/\s+/).filter(Boolean).join(" ");
        if (words.length > 0) expect(words.map((word) => word.shown).join(" ")).toBe(tokens);
        for (const word of words) expect(word.spoken).toMatch(/[\p{L}\p{N}]/u);
      }),
    );
  });

  it("counts", () => {
    expect([0, 19, 40, 101, 1_000_000, -7].map(cardinal)).toEqual([
      "zero",
      "nineteen",
      "forty",
      "one hundred one",
      "one million",
      "minus seven",
    ]);
    expect([1, 12, 20, 101].map(ordinal)).toEqual(["first", "twelfth", "twentieth", "one hundred first"]);
    expect([1066, 2000, 1907].map(yearWords)).toEqual(["ten sixty six", "two thousand", "nineteen oh seven"]);
  });
});
