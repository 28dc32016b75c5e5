import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSentenceCutter, sentenceLimits } from "../../gateway/turn/sentences.ts";
import { isSpeakable, speakable } from "../../gateway/turn/speakable.ts";

function cut(deltas: string[], limits = sentenceLimits): string[] {
  const cutter = createSentenceCutter(limits);
  return [...deltas.flatMap((delta) => cutter.push(delta)), ...cutter.flush()];
}

/** Cuts with an opening before it, so that the rules of later pieces apply. */
function cutLater(text: string): string[] {
  const [first, ...rest] = cut([`This is the opening. ${text}`]);
  expect(first).toBe("This is the opening. ");
  return rest;
}

describe("later pieces", () => {
  const whole = [
    "We met Dr. Smith and Mrs. Jones at St. Mary on Monday.",
    "Use a tool, e.g. a hammer, i.e. something heavy.",
    "The U.S. Army came at 5 p.m. Eastern time.",
    "See No. 5 and Fig. 3 on pp. 12 and 13.",
    "It costs 3.5 dollars in version 1.2.3 of the list.",
    "Look at https://example.com/a.b?c=d&e=f! for more.",
    "Well... I mean, maybe… yes.".replace("I mean", "perhaps"),
    "J. R. R. Tolkien wrote it with C. S. Lewis.",
    'He asked "Really?" and went on.',
    "The dept. of state said approx. five.",
    "Apples, pears, and (so they say) plums.",
  ];
  it.each(whole)("keep together: %s", (text) => {
    expect(cutLater(text)).toEqual([text]);
  });

  const parted: [string, string[]][] = [
    ["One thing. Two things. Done.", ["One thing. ", "Two things. ", "Done."]],
    ["What?! Really?!! Yes!", ["What?! ", "Really?!! ", "Yes!"]],
    ['She said "Stop." Then she left.', ['She said "Stop." ', "Then she left."]],
    ["We left at 5 p.m. The bus was late.", ["We left at 5 p.m. ", "The bus was late."]],
    ["He lives in the U.S. It is big.", ["He lives in the U.S. ", "It is big."]],
    ["(All of it.) More comes.", ["(All of it.) ", "More comes."]],
    ["**Bold words.** Plain words.", ["**Bold words.** ", "Plain words."]],
    ["Do this:\n1. First do a.\n2. Second do b.\n", ["Do this:\n", "1. First do a.\n", "2. Second do b.\n"]],
    ["Things:\n- one\n- two\n\nThe end", ["Things:\n", "- one\n", "- two\n\n", "The end"]],
    ["# Title\nText here.", ["# Title\n", "Text here."]],
    ["It is three. 4 is more.", ["It is three. ", "4 is more."]],
    ["これは文です。次の文です。", ["これは文です。", "次の文です。"]],
    ["नमस्ते दोस्त। आप कैसे हैं। ठीक।", ["नमस्ते दोस्त। ", "आप कैसे हैं। ", "ठीक।"]],
    ["کیا حال ہے؟ میں ٹھیک ہوں۔ شکریہ۔", ["کیا حال ہے؟ ", "میں ٹھیک ہوں۔ ", "شکریہ۔"]],
    ["Great job! 🎉 Let us go on.", ["Great job! 🎉 ", "Let us go on."]],
    ["It ended in 2024. Then came more.", ["It ended in 2024. ", "Then came more."]],
    ["No. No one came.", ["No. ", "No one came."]],
  ];
  it.each(parted)("end with their sentences: %s", (text, pieces) => {
    expect(cutLater(text)).toEqual(pieces);
  });

  it("are cut at a clause when they grow too long, else between words, else anywhere", () => {
    const clauses = `Some ${"word ".repeat(30)}end, ${"more ".repeat(30)}`;
    const words = `Some ${"word ".repeat(100)}`;
    const none = "X".repeat(700);
    for (const text of [clauses, words, none, "字".repeat(500)]) {
      const pieces = cutLater(text);
      expect(pieces.join("")).toBe(text);
      expect(pieces.length).toBeGreaterThan(1);
      for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(sentenceLimits.pieceCharsMax + 1);
    }
    expect(cutLater(clauses)[0]).toMatch(/end, $/);
  });
});

describe("the first piece", () => {
  const firsts: [string, string][] = [
    ["In the morning, we walk the dog and then we eat.", "In the morning, "],
    ["Well, to be honest, I would rather not say so.", "Well, to be honest, "],
    ["Yes. I think that it would, in the end, be fine.", "Yes. I think that it would, "],
    ["Sure, I can do that for you — if you like.", "Sure, I can do that for you — "],
    ["Hello there. How are you?", "Hello there. "],
    ["Unfortunately, internationalisation; that is hard.", "Unfortunately, internationalisation; "],
    ["Yes.", "Yes."],
  ];
  it.each(firsts)("ends early, and never after a single word: %s", (text, first) => {
    expect(cut([text])[0]).toBe(first);
  });

  it("comes before the sentence is whole", () => {
    const cutter = createSentenceCutter();
    expect(cutter.push("In the morning, ")).toEqual([]);
    expect(cutter.push("w")).toEqual(["In the morning, "]);
  });

  it("does not wait for a mark for ever", () => {
    const text = "word ".repeat(60);
    expect(cut([text])[0]!.length).toBeLessThanOrEqual(sentenceLimits.firstCharsMax);
  });
});

const fragments = fc.constantFrom(
  ..."a|I|Dr|e.g|word|Hello|3.5|1.2.3|No|5|p.m|U.S|The|. |, |; |! |?! |... |… | |\n|\n\n|- |1. |**|`|# |\"|”|(|)|🎉|👨‍👩‍👧|。|、|日本|é|—| – |:|https://x.y/z?q|'s|\ud83d|\udc4d|  ".split(
    "|",
  ),
  "|",
);
const texts = fc.array(fragments, { maxLength: 80 }).map((parts) => parts.join(""));

describe("any text", () => {
  it("gives the same pieces however its deltas were split, and joined they are the text", () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(400), { maxLength: 30 }), (text, splits) => {
        const points = [...new Set([0, ...splits.filter((at) => at < text.length), text.length])].sort(
          (a, b) => a - b,
        );
        const deltas = points.slice(1).map((at, index) => text.slice(points[index], at));
        const pieces = cut([text]);
        expect(cut(deltas)).toEqual(pieces);
        if (isSpeakable(text)) expect(pieces.join("")).toBe(text);
        else expect(pieces).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it("gives only pieces with something to say, none longer than the limit", () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const piece of cut([text], { ...sentenceLimits, pieceCharsMax: 60, firstCharsMax: 40 })) {
          expect(speakable(piece)).toMatch(/[\p{L}\p{N}]/u);
          expect(speakable(piece).length).toBeLessThanOrEqual(60);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("speakable", () => {
  const cases: [string, string][] = [
    ["Plain words, nothing else.", "Plain words, nothing else."],
    ["**Bold** and *italic* and `code`. ", "Bold and italic and code."],
    ["# A title\n", "A title"],
    ["- [x] one item", "one item"],
    ["See [the docs](https://example.com/a_b).", "See the docs."],
    ["![a cat](cat.png) sits", "a cat sits"],
    ["Go to https://www.example.com/path now", "Go to example.com/path now"],
    ["snake_case_name", "snake case name"],
    ["2 * 3 is 6", "2 times 3 is 6"],
    ["Well done! 🎉👍🏽", "Well done!"],
    ["> quoted", "quoted"],
    ["| a | b |", "a, b"],
    ["It's 5 < 6 & \\*fine\\*", "It's 5 < 6 & fine"],
    ["```js\nlet a = 1;\n```", "let a = 1;"],
    ["** ... ** 🎉", ""],
    ["Nooooo!!!!!!!", "Nooooo!!!"],
  ];
  it.each(cases)("%j is spoken as %j", (text, spoken) => {
    expect(speakable(text)).toBe(spoken);
  });

  it("is empty exactly where there is no letter and no digit", () => {
    fc.assert(
      fc.property(fc.oneof(texts, fc.string({ unit: "grapheme" })), (text) => {
        expect(speakable(text) === "").toBe(!isSpeakable(text));
      }),
      { numRuns: 2000 },
    );
  });
});
