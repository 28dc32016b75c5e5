import { describe, expect, it } from "vitest";
import {
  clientFunctionName,
  readDialogue,
  schemaOf,
  vendorCallId,
  vendorFunctionName,
} from "../../gateway/providers/ai/dialogue.ts";
import type { AiMessage, AiRequest } from "../../gateway/providers/provider.ts";
import { askAi } from "../contract/providers/vendors-ai.ts";

function turnsOf(messages: AiMessage[], more: Partial<AiRequest> = {}) {
  return readDialogue(askAi("", { messages, ...more }));
}

const call: AiMessage = { role: "toolCall", callId: "c1", name: "weather", arguments: '{"city":"Rome"}' };
const output: AiMessage = { role: "toolOutput", callId: "c1", output: "sunny" };

describe("a dialogue", () => {
  it("merges what one side says in a row", () => {
    const turns = turnsOf([
      { role: "user", text: "Hello." },
      { role: "user", text: "Are you there?" },
      { role: "assistant", text: "Yes." },
      { role: "assistant", text: "I am." },
      { role: "user", text: "Good." },
    ]);
    expect(turns).toEqual([
      { role: "user", texts: ["Hello.", "Are you there?"] },
      { role: "assistant", text: "Yes. I am.", calls: [] },
      { role: "user", texts: ["Good."] },
    ]);
  });

  it("marks where the caller interrupted", () => {
    const [, answer] = turnsOf([
      { role: "user", text: "Tell me." },
      { role: "assistant", text: "Once upon", interrupted: true },
      { role: "user", text: "Stop." },
    ]);
    expect(answer).toMatchObject({ text: "Once upon [the caller interrupted here]" });
  });

  it("puts each call's output behind it, wherever it came in the conversation", () => {
    const turns = turnsOf([
      { role: "user", text: "Weather?" },
      { role: "assistant", text: "Let me see." },
      call,
      { ...call, callId: "c2", arguments: "" },
      { role: "user", text: "Hurry!" },
      output,
    ]);
    expect(turns).toEqual([
      { role: "user", texts: ["Weather?"] },
      {
        ...{ role: "assistant", text: "Let me see." },
        calls: [
          { callId: "c1", name: "weather", arguments: { city: "Rome" }, output: "sunny" },
          { callId: "c2", name: "weather", arguments: {}, output: "(no output yet)" },
        ],
      },
      { role: "user", texts: ["Hurry!"] },
    ]);
  });

  it("tells an output whose call is gone as the user's words", () => {
    expect(turnsOf([{ role: "user", text: "Well?" }, output])).toEqual([
      { role: "user", texts: ["Well?", "[Output of a function: sunny]"] },
    ]);
  });

  it("begins and ends with the user, or with a call's output", () => {
    expect(turnsOf([])).toMatchObject([{ role: "user", texts: [expect.stringContaining("waits for you")] }]);
    const greeted = turnsOf([{ role: "assistant", text: "Hello." }]);
    expect(greeted.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    const called = turnsOf([{ role: "user", text: "Weather?" }, call, output]);
    expect(called.map(({ role }) => role)).toEqual(["user", "assistant"]);
  });

  it("wraps arguments that are no object", () => {
    const [, turn] = turnsOf([
      { role: "user", text: "x" },
      { ...call, arguments: "[1" },
    ]);
    expect(turn).toMatchObject({ calls: [{ arguments: { value: "[1" } }] });
  });

  it("says as an instruction, word for word, what was spoken already", () => {
    const said = "The  golden gardener, painted";
    const last = turnsOf([{ role: "user", text: "Go." }], { spokenPrefix: said }).at(-1);
    expect(last).toMatchObject({
      role: "user",
      texts: ["Go.", expect.stringContaining(`<said>${said}</said>`)],
    });
    const [, , behindCall] = turnsOf([{ role: "user", text: "Weather?" }, call, output], {
      spokenPrefix: said,
    });
    expect(behindCall).toMatchObject({ role: "user", texts: [expect.stringContaining(said)] });
  });

  it("puts what was looked up before the question", () => {
    const passages = [{ id: "1", source: 'The "book"', text: "Ports are closed.", score: 1 }];
    const [turn] = turnsOf([{ role: "user", text: "Which ports?" }], { passages });
    expect(turn).toMatchObject({
      texts: [
        expect.stringMatching(
          /^<knowledge>[\s\S]*source="The 'book'">\nPorts are closed\.[\s\S]*<\/knowledge>$/,
        ),
        "Which ports?",
      ],
    });
  });

  it("gives ids and names a form that every vendor takes, the same each time", () => {
    expect(vendorCallId("call_abc-1")).toBe("call_abc-1");
    const strange = vendorCallId("call with spaces / and more");
    expect(strange).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
    expect(vendorCallId("call with spaces / and more")).toBe(strange);
    expect(vendorCallId("x".repeat(64))).not.toBe(vendorCallId("x".repeat(65)));
    expect(vendorFunctionName("get weather!")).toBe("_get_weather_");
    expect(clientFunctionName([{ name: "get weather!" }], "_get_weather_")).toBe("get weather!");
    expect(clientFunctionName([], "other")).toBe("other");
  });

  it("makes an object's schema of whatever parameters there are", () => {
    expect(schemaOf(undefined)).toEqual({ type: "object", properties: {} });
    expect(schemaOf({ properties: { a: { type: "string" } }, required: ["a"] })).toEqual({
      ...{ type: "object", properties: { a: { type: "string" } }, required: ["a"] },
    });
  });
});
