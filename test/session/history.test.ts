import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { heardText, itemsToMessages, toMessages, wordsBefore } from "../../gateway/session/history.ts";
import type { SpokenPiece, StoredItem } from "../../gateway/session/state.ts";

const piece = (
  text: string,
  fromMs: number,
  durationMs: number | null,
  words: SpokenPiece["words"] = null,
): SpokenPiece => {
  return { text, fromMs, durationMs, words };
};

const spoken = (
  text: string,
  part: Partial<StoredItem> = {},
  status: "completed" | "incomplete" = "completed",
): StoredItem => ({
  item: {
    type: "message",
    id: "a",
    role: "assistant",
    status,
    parts: [{ type: "output_audio", transcript: text }],
  },
  ...part,
});

describe("the words heard", () => {
  const timed = piece("It costs 3.5 dollars. ", 1_000, 2_000, [
    { text: "It", fromMs: 0 },
    { text: "costs", fromMs: 300 },
    { text: "3.5", fromMs: 700 },
    { text: "dollars.", fromMs: 1_400 },
  ]);

  it("are none more while its audio is late, where no voice tells its words", () => {
    const late = {
      ...piece("One two three four five six seven.", 0, null),
      silences: [{ fromMs: 500, durationMs: 2_000 }],
    };
    const before = wordsBefore([piece(late.text, 0, null)], 500);
    expect(before).not.toBe("");
    for (const heardMs of [500, 1_200, 2_500]) expect(wordsBefore([late], heardMs)).toBe(before);
    expect(wordsBefore([late], 3_000)).toBe(wordsBefore([piece(late.text, 0, null)], 1_000));
    const whole = { ...late, durationMs: 4_000 };
    expect(wordsBefore([whole], 3_000)).toBe(wordsBefore([piece(late.text, 0, 2_000)], 1_000));
  });

  it.each([
    [0, ""],
    [999, ""],
    [1_299, ""],
    [1_300, "It"],
    [1_700, "It costs"],
    [2_400, "It costs 3.5"],
    [2_999, "It costs 3.5"],
    [3_000, "It costs 3.5 dollars. "],
  ])("at %i ms are those whose successor has begun: %j", (heardMs, text) => {
    expect(wordsBefore([timed], heardMs)).toBe(text);
  });

  it("go by their share of the piece where the voice gave no times", () => {
    const pieces = [piece("Hello there. ", 0, 1_000), piece("How are you today?", 1_000, 1_800)];
    expect(wordsBefore(pieces, 500)).toBe("Hello");
    expect(wordsBefore(pieces, 1_000)).toBe("Hello there. ");
    expect(wordsBefore(pieces, 1_900)).toBe("Hello there. How are");
    expect(wordsBefore(pieces, 9_000)).toBe("Hello there. How are you today?");
  });

  it("go by the times that were told, and by their share where one voice of two told none", () => {
    const text = "The quick brown fox jumps over the lazy dog.";
    const later = piece(text, 0, 4_400, [
      { text: "the", fromMs: 3_000 },
      { text: "lazy", fromMs: 3_400 },
      { text: "dog.", fromMs: 3_800 },
    ]);
    expect(wordsBefore([later], 1_600)).toBe("The quick brown");
    expect(wordsBefore([later], 3_000)).toBe("The quick brown fox jumps over");
    expect(wordsBefore([later], 3_900)).toBe("The quick brown fox jumps over the lazy");
    const earlier = piece(text, 0, 4_400, [
      { text: "The", fromMs: 0 },
      { text: "quick", fromMs: 300 },
    ]);
    expect(wordsBefore([earlier], 299)).toBe("");
    expect(wordsBefore([earlier], 310)).toBe("The");
    expect(wordsBefore([earlier], 4_000)).toBe("The quick brown fox jumps over the lazy");
  });

  it("go by the marks of a word that is spelt out, each in its place", () => {
    const spelt = piece("It costs $350 now.", 0, 3_000, [
      { text: "It", fromMs: 0 },
      { text: "costs", fromMs: 200 },
      { text: "three", fromMs: 600 },
      { text: "hundred", fromMs: 900 },
      { text: "fifty", fromMs: 1_300 },
      { text: "now.", fromMs: 2_400 },
    ]);
    expect(wordsBefore([spelt], 600)).toBe("It costs");
    expect(wordsBefore([spelt], 2_500)).toBe("It costs $350");
  });

  it("do not wait for the next one when a pause follows", () => {
    const pausing = piece("Well, let me see.", 0, 5_000, [
      { text: "Well,", fromMs: 0 },
      { text: "let", fromMs: 3_000 },
    ]);
    expect(wordsBefore([pausing], 400)).toBe("");
    expect(wordsBefore([pausing], 1_000)).toBe("Well,");
  });

  it("go by reading speed while a piece's length is not known", () => {
    expect(wordsBefore([piece("One two three four five six.", 0, null)], 600)).toBe("One two");
  });

  it("are a start of the text, cut after a word, and never fewer later on", () => {
    const word = fc.stringMatching(/^[a-z]{1,8}[.,]?$/);
    const pieces = fc.array(
      fc.tuple(fc.array(word, { minLength: 1, maxLength: 8 }), fc.integer({ min: 50, max: 4_000 })),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(pieces, fc.boolean(), fc.nat(20_000), fc.nat(2_000), (list, isTimed, heardMs, moreMs) => {
        let fromMs = 0;
        const said = list.map(([words, durationMs]) => {
          const times = words.map((text, index) => ({ text, fromMs: (index * durationMs) / words.length }));
          const made = piece(`${words.join(" ")} `, fromMs, durationMs, isTimed ? times : null);
          fromMs += durationMs;
          return made;
        });
        const whole = said.map(({ text }) => text).join("");
        const heard = wordsBefore(said, heardMs);
        expect(whole.startsWith(heard)).toBe(true);
        expect(heard === "" || /\s$/.test(heard) || /^\s/.test(whole.slice(heard.length))).toBe(true);
        expect(wordsBefore(said, heardMs + moreMs).startsWith(heard)).toBe(true);
      }),
    );
  });
});

describe("the conversation as the AI gets it", () => {
  it("holds of an interrupted reply only what was heard, and says so", () => {
    const pieces = [piece("One two three four.", 0, 4_000)];
    expect(toMessages([spoken("One two three four.", { pieces, heardMs: 2_000 })])).toEqual([
      { role: "assistant", text: "One two", interrupted: true },
    ]);
    expect(heardText(spoken("One two.", { pieces }))).toBe("One two.");
  });

  it("leaves out replies of which nothing was heard, and items without words", () => {
    const unheard = spoken("One.", { pieces: [piece("One.", 0, 1_000)], heardMs: 0 });
    const silent: StoredItem = {
      item: {
        type: "message",
        id: "u",
        role: "user",
        status: "completed",
        parts: [{ type: "input_audio", transcript: null }],
      },
    };
    expect(toMessages([unheard, silent])).toEqual([]);
  });

  it("keeps calls and their outputs together in order", () => {
    expect(
      itemsToMessages([
        { type: "function_call", id: "1", status: "completed", callId: "c", name: "look", arguments: "{}" },
        { type: "function_call_output", id: "2", status: "completed", callId: "c", output: "seen" },
      ]),
    ).toEqual([
      { role: "toolCall", callId: "c", name: "look", arguments: "{}" },
      { role: "toolOutput", callId: "c", output: "seen" },
    ]);
  });
});
