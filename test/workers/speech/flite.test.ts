import { beforeAll, describe, expect, it } from "vitest";
import { type Flite, loadFlite, MAX_TEXT_CHARACTERS } from "../../../workers/speech/flite.ts";
import { makeSpeakable } from "../../../workers/speech/speakable.ts";
import { cutPieces } from "../../../workers/speech/utterance.ts";

describe("flite", () => {
  let flite: Flite;
  beforeAll(async () => {
    flite = await loadFlite();
  });

  it.each([
    ["slt", 16000],
    ["rms", 16000],
    ["awb", 16000],
    ["kal16", 16000],
    ["kal", 8000],
  ] as const)("speaks with %s", (voice, sampleRateHz) => {
    const speech = flite.speak("The river is very cold in the winter.", voice);
    expect(speech.sampleRateHz).toBe(sampleRateHz);
    expect(speech.pcm.length / sampleRateHz).toBeGreaterThan(1.5);
    expect(speech.pcm.length / sampleRateHz).toBeLessThan(4);
    expect(Math.max(...speech.pcm)).toBeGreaterThan(3000);
  });

  it("says the same again to the sample, whatever was said between", () => {
    const once = flite.speak("Good morning.", "slt");
    flite.speak("Something else, and longer than that.", "rms");
    expect(flite.speak("Good morning.", "slt")).toEqual(once);
  });

  it("knows where each word begins", () => {
    const { words, wordTimes, pcm } = flite.speak(
      "Dr. Smith isn't here, \u201cwell\u201d - he owes $3.50!",
      "slt",
    );
    expect(wordTimes).toBe("aligned");
    expect(words.map((word) => word.text).join(" ")).toBe(
      "Dr. Smith isn't here, \u201cwell\u201d - he owes $3.50!",
    );
    const starts = words.map((word) => word.fromSample);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    expect(starts.at(-1)).toBeLessThan(pcm.length - 8000);
    // After "here," there is a pause, and "well" begins behind it.
    const [here, well] = [starts[3]!, starts[4]!];
    const quiet = pcm.subarray(well - 800, well - 320).every((sample) => Math.abs(sample) < 400);
    expect([quiet, well - here > 4000]).toEqual([true, true]);
  });

  it.each(["Wait 5 yr or so.", "stage,provider,whyhee: open", "ghudezgzyl tgb volwbuh"])(
    "says what its voices have no recorded sounds for, with word times: %s",
    (text) => {
      const { pcm, words } = flite.speak(text, "slt");
      expect(pcm.length).toBeGreaterThan(8000);
      expect(words.map((word) => word.text).join(" ")).toBe(text);
    },
  );

  it("has nothing to say for a text without letters or digits", () => {
    expect(flite.speak("… 😀", "slt").pcm).toHaveLength(0);
  });

  it("takes a text for words, never for options or files", () => {
    expect(flite.speak("-voice nobody --help /etc/passwd", "slt").pcm.length).toBeGreaterThan(16000);
  });

  it("refuses what it can't do", () => {
    expect(() => flite.speak("a".repeat(MAX_TEXT_CHARACTERS + 1), "slt")).toThrow(RangeError);
    expect(() => flite.speak("Hello.", "nobody" as "slt")).toThrow(RangeError);
    expect(() => flite.speak("Hello.", "slt", { speedRatio: 9 })).toThrow(RangeError);
  });
});

describe("cutting a text into pieces", () => {
  const cut = (text: string) =>
    cutPieces(makeSpeakable(text)).map((piece) => piece.map((word) => word.shown).join(" "));

  it("leaves a short one whole, cuts a long one at its clauses", () => {
    expect(cut("Well, yes, of course.")).toEqual(["Well, yes, of course."]);
    expect(
      cut("The library, which stands by the river, opens at nine in the morning, and closes late."),
    ).toEqual([
      "The library, which stands by the river,",
      "opens at nine in the morning,",
      "and closes late.",
    ]);
  });
  it("always cuts between sentences", () => {
    expect(cut("Yes. It is! Is it?")).toEqual(["Yes.", "It is!", "Is it?"]);
  });
  it("bounds a piece without punctuation", () => {
    const pieces = cutPieces(makeSpeakable("word ".repeat(100)));
    expect(Math.max(...pieces.map((piece) => piece.length))).toBe(40);
  });
});
