import { describe, expect, it } from "vitest";
import type { AiMessage, Passage } from "../../gateway/providers/provider.ts";
import { buildQuery } from "../../gateway/state/knowledge/query.ts";
import { reply } from "./asking.ts";

const question: AiMessage = { role: "user", text: "How do the breakers work?" };
const sentences = [
  "Each vendor has a breaker.",
  "It opens when half of the calls failed.",
  "After ten seconds one call is the probe.",
];
const passages: Passage[] = [
  { id: "1", source: "Resilience: How do the breakers work?", text: sentences.join(" "), score: 0.9 },
];
const cut: AiMessage = { role: "assistant", text: `${sentences[0]} It opens when`, interrupted: true };
const said = (role: "user" | "assistant", text: string): AiMessage => ({ role, text }) as AiMessage;

describe("a caller who wants silence", () => {
  it.each([
    ...["Stop.", "Wait, stop, please.", "No, stop.", "Stop, stop.", "Thank you, stop.", "Okay, stop it now."],
    ...["That's enough, thank you.", "No, no, please be quiet.", "Enough.", "Never mind.", "Hold on, stop."],
  ])("%j gets it", async (text) => {
    expect((await reply({ messages: [question, cut, said("user", text)], passages })).text).toBe("Okay.");
  });

  it.each(["Wait.", "Wait, wait.", "No, wait a moment please.", "Hang on a second."])(
    "%j gets time",
    async (text) => {
      expect((await reply({ messages: [question, cut, said("user", text)], passages })).text).toBe(
        "Take your time.",
      );
    },
  );

  it.each(["Stop words are what?", "When does the bus stop?", "Wait times at the airport?"])(
    "is not who asks %j",
    async (text) => {
      const answer = (await reply({ messages: [said("user", text)] })).text;
      expect(["Okay.", "Take your time."]).not.toContain(answer);
    },
  );
});

describe("a caller who lets an answer go on that they had stopped", () => {
  it.each([
    ["at once", []],
    ["after a wait", [said("user", "Wait."), said("assistant", "Take your time.")]],
    [
      "after two of them",
      [
        ...[said("user", "Stop."), said("assistant", "Okay.")],
        ...[said("user", "Hold on."), said("assistant", "Take your time.")],
      ],
    ],
  ])("hears its rest from the broken sentence on, %s", async (_when, between) => {
    const messages = [question, cut, ...between, said("user", "Go on, please.")];
    expect(buildQuery(messages)).toBe(question.role === "user" && question.text);
    const { text } = await reply({ messages, passages });
    expect(text.startsWith(`${sentences[1]} ${sentences[2]}`)).toBe(true);
  });

  it("hears more, or that there is no more, when it had been heard out", async () => {
    const whole = said("assistant", sentences.join(" "));
    const messages = [question, whole, said("user", "Go on.")];
    expect((await reply({ messages, passages })).text).toContain("That is all that I know about it.");
    const rows =
      "Ask for it with `?debug=1`. One turn (the first after a start). endpoint: ms 500.0, owner speaker. gate: ms 5.5, owner gateway.";
    const code = [...passages, { id: "2", source: "Latency", text: rows, score: 0.6 }];
    expect((await reply({ messages, passages: code })).text).toContain("That is all that I know about it.");
  });
});

describe("instructions for one response behind those of the session", () => {
  const instructions = "You are Ada, a friendly assistant.\n";
  it.each([
    ["Say: hello one.", "Hello one."],
    ["Tell the user that the taxi is late.", "The taxi is late."],
  ])("%j is said", async (order, expected) => {
    const messages = [question, said("assistant", "I don't know.")];
    expect((await reply({ instructions: instructions + order, messages })).text).toBe(expected);
    expect((await reply({ instructions: instructions + order, messages: [] })).text).toBe(expected);
  });

  it("do not keep a caller from an answer", async () => {
    const { text } = await reply({
      instructions: `${instructions}Greet the user.`,
      messages: [question],
      passages,
    });
    expect(text).toContain(sentences[0]);
  });
});
