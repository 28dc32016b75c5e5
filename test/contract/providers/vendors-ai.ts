/** AI vendors under the contract. */
import { createClaudeAi } from "../../../gateway/providers/ai/claude.ts";
import { createGeminiAi } from "../../../gateway/providers/ai/gemini.ts";
import { createOpenAiAi } from "../../../gateway/providers/ai/openai.ts";
import type { AiRequest } from "../../../gateway/providers/provider.ts";
import type { AnyVendorCase, Expectation } from "./vendors.ts";
import { defineVendor } from "./vendors.ts";

/** A request with nothing in it but a question. */
export function askAi(question: string, more: Partial<AiRequest> = {}): AiRequest {
  return {
    ...{ instructions: "You are a voice assistant.", messages: [{ role: "user", text: question }] },
    ...{ passages: [], tools: [], toolChoice: "auto", spokenPrefix: "", maxOutputTokens: null },
    ...more,
  };
}

const request = async () => askAi("Tell me a long story about harbours.");
const overloaded: Expectation = { blame: "vendor", code: "provider_overloaded" };

export const aiVendors: readonly AnyVendorCase[] = [
  defineVendor({
    ...{ name: "gemini", stage: "ai", standin: "gemini", model: "gemini-3.8-flash", request, cannot: {} },
    create: (given) => createGeminiAi({ ...given, model: "gemini-3.8-flash" }),
    expected: { error_in_stream: overloaded },
  }),
  defineVendor({
    ...{ name: "claude", stage: "ai", standin: "claude", model: "claude-haiku-5-5", request, cannot: {} },
    create: (given) => createClaudeAi({ ...given, model: "claude-haiku-5-5" }),
    expected: { error_in_stream: overloaded },
  }),
  defineVendor({
    ...{ name: "openai", stage: "ai", standin: "openai", model: "gpt-6-luna", request, cannot: {} },
    create: (given) => createOpenAiAi({ ...given, model: "gpt-6-luna" }),
  }),
];
