import { describe, expect, it } from "vitest";
import { claudeMaxTokens, claudeRequest } from "../../gateway/providers/ai/claude-request.ts";
import { geminiRequest } from "../../gateway/providers/ai/gemini-request.ts";
import { openAiRequest } from "../../gateway/providers/ai/openai-request.ts";
import type { AiRequest } from "../../gateway/providers/provider.ts";
import { askAi } from "../contract/providers/vendors-ai.ts";

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const withTools: AiRequest = askAi("", {
  instructions: "Be brief.",
  messages: [
    { role: "user", text: "Weather in Rome?" },
    { role: "toolCall", callId: "c1", name: "weather", arguments: '{"city":"Rome"}' },
    { role: "toolOutput", callId: "c1", output: "sunny" },
    { role: "user", text: "And in Oslo?" },
  ],
  tools: [{ name: "weather", description: "The weather.", parameters }],
  spokenPrefix: "In Oslo it",
  maxOutputTokens: 99,
});

describe("what Claude is asked", () => {
  it("is the conversation in its words, outputs first in the user's turn", () => {
    expect(claudeRequest(withTools, "claude-haiku-5-5")).toEqual({
      ...{ model: "claude-haiku-5-5", stream: true, max_tokens: 99, system: "Be brief." },
      messages: [
        { role: "user", content: [{ type: "text", text: "Weather in Rome?" }] },
        {
          role: "assistant",
          content: [{ type: "tool_use", id: "c1", name: "weather", input: { city: "Rome" } }],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "c1", content: "sunny" },
            { type: "text", text: "And in Oslo?" },
            { type: "text", text: expect.stringContaining("<said>In Oslo it</said>") },
          ],
        },
      ],
      tools: [{ name: "weather", description: "The weather.", input_schema: parameters }],
      ...{ tool_choice: { type: "auto" }, thinking: { type: "disabled" } },
    });
  });

  it("never ends with the assistant's words", () => {
    const messages: AiRequest["messages"] = [
      { role: "user", text: "Hello." },
      { role: "assistant", text: "Hello, how" },
    ];
    for (const spokenPrefix of ["", "Hello, how"]) {
      const { messages: asked } = claudeRequest(askAi("", { messages, spokenPrefix }), "m");
      expect(asked.at(-1)?.role).toBe("user");
    }
  });

  it("has a limit even where none is set, and says how functions are to be chosen", () => {
    const plain = claudeRequest(askAi("Hello."), "some-model");
    expect(plain).toMatchObject({ max_tokens: claudeMaxTokens });
    expect(plain).not.toHaveProperty("tools");
    expect(plain).not.toHaveProperty("thinking");
    const choices = (["none", "required", { name: "weather" }] as const).map(
      (toolChoice) => claudeRequest({ ...withTools, toolChoice }, "m").tool_choice,
    );
    expect(choices).toEqual([{ type: "none" }, { type: "any" }, { type: "tool", name: "weather" }]);
  });
});

describe("what OpenAI is asked", () => {
  it("is the conversation in its words", () => {
    expect(openAiRequest(withTools, "gpt-6-luna", true)).toEqual({
      ...{ model: "gpt-6-luna", stream: true, stream_options: { include_usage: true } },
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Weather in Rome?" },
        {
          ...{ role: "assistant", content: null },
          tool_calls: [
            { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } },
          ],
        },
        { role: "tool", tool_call_id: "c1", content: "sunny" },
        { role: "user", content: expect.stringMatching(/^And in Oslo\?\n\n[\s\S]*<said>In Oslo it<\/said>/) },
      ],
      tools: [{ type: "function", function: { name: "weather", description: "The weather.", parameters } }],
      ...{ tool_choice: "auto", max_completion_tokens: 99, reasoning_effort: "none" },
    });
  });

  it("leaves out what only OpenAI knows where others are asked", () => {
    const asked = openAiRequest(withTools, "llama", false);
    expect(asked).toMatchObject({ max_tokens: 99 });
    expect(asked).not.toHaveProperty("max_completion_tokens");
    expect(asked).not.toHaveProperty("reasoning_effort");
  });

  it("says how functions are to be chosen", () => {
    const choices = (["none", "required", { name: "weather" }] as const).map(
      (toolChoice) => openAiRequest({ ...withTools, toolChoice }, "m", true).tool_choice,
    );
    expect(choices).toEqual(["none", "required", { type: "function", function: { name: "weather" } }]);
  });
});

describe("what Gemini is asked", () => {
  it("is the conversation in its words, with the thoughts behind its calls", () => {
    const asked = geminiRequest(withTools, "gemini-3.8-flash", (callId) =>
      callId === "c1" ? "sig" : undefined,
    );
    expect(asked).toEqual({
      model: "gemini-3.8-flash",
      contents: [
        { role: "user", parts: [{ text: "Weather in Rome?" }] },
        {
          role: "model",
          parts: [
            { functionCall: { id: "c1", name: "weather", args: { city: "Rome" } }, thoughtSignature: "sig" },
          ],
        },
        {
          role: "user",
          parts: [{ functionResponse: { id: "c1", name: "weather", response: { output: "sunny" } } }],
        },
        {
          role: "user",
          parts: [{ text: "And in Oslo?" }, { text: expect.stringContaining("<said>In Oslo it</said>") }],
        },
      ],
      config: {
        ...{ systemInstruction: "Be brief.", maxOutputTokens: 99, thinkingConfig: { thinkingLevel: "LOW" } },
        tools: [
          {
            functionDeclarations: [
              { name: "weather", description: "The weather.", parametersJsonSchema: parameters },
            ],
          },
        ],
        toolConfig: { functionCallingConfig: { mode: "AUTO" } },
      },
    });
  });

  it("says where a call has no thought of its own behind it, to models that ask for one", () => {
    const partOf = (model: string) =>
      geminiRequest(withTools, model, () => undefined).contents as { parts: object[] }[];
    expect(partOf("gemini-3.8-flash")[1]?.parts[0]).toMatchObject({
      thoughtSignature: "skip_thought_signature_validator",
    });
    expect(partOf("gemini-2.5-flash")[1]?.parts[0]).not.toHaveProperty("thoughtSignature");
  });

  it("says how functions are to be chosen, and asks for few thoughts", () => {
    const configOf = (more: Partial<AiRequest>, model = "gemini-2.5-flash") =>
      geminiRequest({ ...withTools, ...more }, model, () => undefined).config;
    const choices = (["none", "required", { name: "weather" }] as const).map(
      (toolChoice) => configOf({ toolChoice }).toolConfig?.functionCallingConfig,
    );
    expect(choices).toEqual([
      { mode: "NONE" },
      { mode: "ANY" },
      { mode: "ANY", allowedFunctionNames: ["weather"] },
    ]);
    expect(configOf({}).thinkingConfig).toEqual({ thinkingBudget: 0 });
    expect(configOf({}, "gemini-1.5-flash")).not.toHaveProperty("thinkingConfig");
  });
});
