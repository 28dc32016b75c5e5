import { describe, expect, it } from "vitest";
import type { AiMessage } from "../../gateway/providers/provider.ts";
import { buildQuery } from "../../gateway/state/knowledge/query.ts";

/** User and assistant in turns, the user first. */
function talk(...texts: string[]): AiMessage[] {
  return texts.map((text, index) => ({ role: index % 2 === 0 ? "user" : "assistant", text }));
}

const answer = "It is a thing.";

describe("buildQuery", () => {
  it.each([
    [["What is Parley?"], "What is Parley?"],
    [["okay so um can you tell me what parley costs"], "what parley costs"],
    [["Hey Parley, could you please explain the ledger to me?"], "the ledger to me?"],
    [["I am from Berlin. I have a question. What does it cost?"], "What does it cost?"],
  ])("takes the preamble away: %j", ([said], query) => {
    expect(buildQuery(talk(said!))).toBe(query);
  });

  it.each(["tell me more", "Go on.", "yes please", "why?", "Pardon?", "say that again", "in your own words"])(
    "asks the last question again for %j",
    (said) => {
      expect(buildQuery(talk("What is a barge-in?", answer, said))).toBe("What is a barge-in?");
    },
  );

  it("skips utterances that ask for nothing of their own", () => {
    const messages = talk("What is a barge-in?", answer, "tell me more", answer, "go on", answer, "more");
    expect(buildQuery(messages)).toBe("What is a barge-in?");
  });

  it("adds the question before to one that leans on it, as a second line", () => {
    expect(buildQuery(talk("What is the latency budget?", answer, "And how is it measured?"))).toBe(
      "how is it measured?\nWhat is the latency budget? how is it measured?",
    );
    expect(buildQuery(talk("What is the ledger?", answer, "what about the voices"))).toContain(
      "What is the ledger?",
    );
  });

  it("leaves a question alone that stands by itself", () => {
    expect(buildQuery(talk("What is the ledger?", answer, "Which audio formats are supported?"))).toBe(
      "Which audio formats are supported?",
    );
  });

  it("takes up the question that the assistant offered", () => {
    const offer = "I don't know. The nearest question that I can answer is: What is a chain of providers?";
    expect(buildQuery(talk("what is a chain gang", offer, "yes please"))).toBe(
      "What is a chain of providers?",
    );
  });

  it("asks for nothing without a question, and none for a tool's output", () => {
    expect(buildQuery([])).toBe("");
    expect(buildQuery(talk("..."))).toBe("");
    expect(buildQuery(talk("tell me more"))).toBe("");
    expect(buildQuery([{ role: "system", text: "Be brief." }])).toBe("");
    expect(buildQuery(talk("What is Parley?", answer))).toBe("");
    expect(
      buildQuery([
        ...talk("what is the weather"),
        { role: "toolCall", callId: "c", name: "get_weather", arguments: "{}" },
        { role: "toolOutput", callId: "c", output: "{}" },
      ]),
    ).toBe("");
  });

  it("is bounded", () => {
    const long = "parley words ".repeat(500);
    for (const line of buildQuery(talk(long, answer, `and ${long}`)).split("\n"))
      expect(line.length).toBeLessThanOrEqual(400);
  });
});
