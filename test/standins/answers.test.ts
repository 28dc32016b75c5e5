import { describe, expect, it } from "vitest";
import { answerTo, composeAnswer, continueAnswer } from "../../loadtest/standins/answers.ts";

const questions = Array.from({ length: 300 }, (_, index) => `Tell me a long story about number ${index}.`);
const sentencesOf = (text: string) => text.split(/(?<=[.!?])\s+/);
const wordsOf = (text: string) => text.toLowerCase().match(/[a-z]+/g) ?? [];

function ask(text: string, tools: string[] = [], more: { role: string; text: string }[] = []) {
  return answerTo(1, { system: "", messages: [{ role: "user", text }, ...more], tools });
}

describe("composeAnswer", () => {
  it("gives the same answer to the same question, however it is written", () => {
    expect(composeAnswer(1, "What is new?")).toBe(composeAnswer(1, " what is NEW"));
    expect(composeAnswer(1, "What is new?")).not.toBe(composeAnswer(2, "What is new?"));
    expect(composeAnswer(1, "What is new?")).not.toBe(composeAnswer(1, "What is old?"));
  });

  it("gives 5 to 12 sentences to who asks for long ones, 4 to 6 for fairly long ones, else 1 to 3", () => {
    const lengths = (list: string[]) => list.map((one) => sentencesOf(composeAnswer(4, one)).length);
    const long = lengths(questions);
    expect(Math.min(...long)).toBe(5);
    expect(Math.max(...long)).toBe(12);
    const fairly = lengths(questions.map((one) => one.replace("long", "fairly long")));
    expect(Math.min(...fairly)).toBe(4);
    expect(Math.max(...fairly)).toBe(6);
    const usual = lengths(questions.map((one) => one.replace("long", "short")));
    expect(Math.min(...usual)).toBe(1);
    expect(Math.max(...usual)).toBe(3);
  });

  it("repeats no word within a sentence and no three words within an answer", () => {
    for (const question of questions) {
      const answer = composeAnswer(9, question);
      for (const sentence of sentencesOf(answer)) {
        const words = wordsOf(sentence);
        expect(new Set(words).size, sentence).toBe(words.length);
      }
      const words = wordsOf(answer);
      const threes = words.slice(2).map((word, index) => `${words[index]} ${words[index + 1]} ${word}`);
      expect(new Set(threes).size, answer).toBe(threes.length);
    }
  });
});

describe("answerTo", () => {
  it("calls the tool that the question asks for", () => {
    const { text, toolCall } = ask("What is the weather in Paris?", ["open_door", "get_weather"]);
    expect(text).toBe("");
    expect(toolCall).toEqual({ name: "get_weather", arguments: '{"city":"paris"}' });
    expect(ask("How is the weather in New York", ["getWeather"]).toolCall?.arguments).toBe(
      '{"city":"new york"}',
    );
  });

  it("answers in words when no tool is offered or none is asked for", () => {
    expect(ask("What is the weather in Paris?").toolCall).toBeNull();
    expect(ask("Who are you?", ["get_weather"])).toMatchObject({ toolCall: null });
    expect(ask("Can you get me the time?", ["get_weather"]).toolCall).toBeNull();
  });

  it("speaks about what the tool gave, and calls it no second time", () => {
    const { text, toolCall } = ask(
      "What is the weather in Paris?",
      ["get_weather"],
      [
        { role: "assistant", text: "" },
        { role: "tool", text: '{"sky":"clear","degrees":21}' },
      ],
    );
    expect(toolCall).toBeNull();
    expect(text).toMatch(/clear.*21/);
  });

  it("answers the last question of a conversation", () => {
    const more = [
      { role: "assistant", text: "Something." },
      { role: "user", text: "And then?" },
    ];
    expect(ask("What is new?", [], more).text).toBe(composeAnswer(1, "And then?"));
  });

  it("answers when nobody asked anything", () => {
    expect(answerTo(1, { system: "", messages: [], tools: [] }).text).not.toBe("");
  });
});

describe("continueAnswer", () => {
  const text = "One two three four five six. Seven eight nine ten.";
  const exact = () => 0.99;
  const repeating = () => 0.1;

  it("goes on where the words end, whatever stands between them", () => {
    expect(continueAnswer(text, "One two  three", exact)).toBe("four five six. Seven eight nine ten.");
    expect(continueAnswer(text, "One two three four five six", exact)).toBe("Seven eight nine ten.");
  });

  it("now and then says the last words again, as models do", () => {
    expect(continueAnswer(text, "One two three four", repeating)).toBe(
      "four five six. Seven eight nine ten.",
    );
  });

  it("has nothing to add to a whole answer, and begins anew after what is no beginning of it", () => {
    expect(continueAnswer(text, text, repeating)).toBe("");
    expect(continueAnswer(text, "Two", exact)).toBe(text);
    expect(continueAnswer(text, "", exact)).toBe(text);
  });
});
