import { describe, expect, it } from "vitest";
import {
  cleanTranscript,
  judgeTranscript,
  mayBeSpeech,
  measureSound,
} from "../../../workers/speech/transcript.ts";

const tone = (ms: number, level: number) =>
  Int16Array.from({ length: ms * 16 }, (_, i) => Math.round(level * Math.sin(i / 5)));
const sound = (activeMs: number, peakDb = -20) => ({
  activeMs,
  peakDb,
  fromSample: 0,
  untilSample: activeMs * 16,
});

describe("cleaning a transcript", () => {
  it.each([
    [" [Music] Hello there. (mumbling)", "Hello there."],
    ["[BLANK_AUDIO]", ""],
    ["(mumbling) (mumbling) (mumbl", ""],
    ["*coughs* Yes ♪", "Yes"],
    ["<|endoftext|> Fine.", "Fine."],
    [" . . .", ""],
    ["I went to the I went to the I went to the I went", "I went to the"],
    ["We saw it. And then and then and then and then we left.", "We saw it. And then we left."],
    ["la la la la la la la la", ""],
    ["no no no no", "no no no no"],
    ["that that is is", "that that is is"],
    ["Bye bye.", "Bye bye."],
  ])("makes %j into %j", (raw, clean) => {
    expect(cleanTranscript(raw)).toBe(clean);
  });
});

describe("judging a transcript by its sound", () => {
  it("drops more words than the time holds", () => {
    expect(judgeTranscript("Thank you very much for watching.", sound(300))).toBe("");
    expect(judgeTranscript("Thank you very much for watching.", sound(1500))).toBe(
      "Thank you very much for watching.",
    );
  });
  it("says once what was written twice, where the sound is too short for two", () => {
    expect(judgeTranscript("What is Parley? What is Parley?", sound(850))).toBe("What is Parley?");
    expect(judgeTranscript("What is Parley? What is Parley?", sound(1900))).toBe(
      "What is Parley? What is Parley?",
    );
    expect(judgeTranscript("no no", sound(200))).toBe("no no");
    expect(judgeTranscript("go on go on go", sound(500))).toBe("go on go on go");
    expect(judgeTranscript("What is Parley? What is barley?", sound(850))).toBe(
      "What is Parley? What is barley?",
    );
  });

  it("drops Whisper's inventions on a click or on near silence, keeps them as speech", () => {
    expect(judgeTranscript("Bye.", sound(200))).toBe("");
    expect(judgeTranscript("Thank you.", sound(900, -50))).toBe("");
    expect(judgeTranscript("Thank you.", sound(600))).toBe("Thank you.");
    expect(judgeTranscript("No.", sound(200))).toBe("No.");
  });
  it("measures where the sound is", () => {
    const pcm = new Int16Array([...tone(300, 0), ...tone(400, 9000), ...tone(300, 0)]);
    expect(measureSound(pcm)).toMatchObject({ activeMs: 400, fromSample: 4800, untilSample: 11200 });
    expect(measureSound(pcm).peakDb).toBeCloseTo(20 * Math.log10(9000 / 32768 / Math.SQRT2), 0);
  });
  it("sends nothing to the recogniser that can't be speech", () => {
    expect(mayBeSpeech(measureSound(new Int16Array(16000)))).toBe(false);
    expect(mayBeSpeech(measureSound(tone(500, 20)))).toBe(false);
    expect(mayBeSpeech(measureSound(new Int16Array(0)))).toBe(false);
    expect(mayBeSpeech(measureSound(tone(500, 3000)))).toBe(true);
  });
});
