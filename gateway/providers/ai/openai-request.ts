/** Our request in the words of OpenAI's chat completions. */
import type OpenAI from "openai";
import type { AiRequest } from "../provider.ts";
import type { DialogueTurn } from "./dialogue.ts";
import { readDialogue, schemaOf, vendorCallId, vendorFunctionName } from "./dialogue.ts";
import { ModelFit } from "./model-fit.ts";

type Message = OpenAI.ChatCompletionMessageParam;

/** How little a model is told to think; null: nothing is said. */
export type OpenAiEffort = "none" | "low" | null;

/** A guess by the model's name, corrected by its refusals. A voice can't wait for thoughts; these think unless told not to. */
export function effortOfOpenAi(model: string, ofOpenAi: boolean): ModelFit<OpenAiEffort> {
  const thinks = ofOpenAi && /^(gpt-(5\.\d|[6-9])|o\d)/.test(model);
  return new ModelFit("reasoning_effort", thinks ? ["none", "low", null] : [null]);
}

/**
 * The body of `POST /chat/completions`.
 *
 * @param ofOpenAi - asked at OpenAI itself, which knows parameters that others who speak alike don't
 */
export function openAiRequest(
  request: AiRequest,
  model: string,
  ofOpenAi: boolean,
  effort: OpenAiEffort = effortOfOpenAi(model, ofOpenAi).way,
): OpenAI.ChatCompletionCreateParamsStreaming {
  const limit = request.maxOutputTokens;
  const tools: OpenAI.ChatCompletionFunctionTool[] = request.tools.map(
    ({ name, description, parameters }) => ({
      type: "function",
      function: {
        ...{ name: vendorFunctionName(name), parameters: schemaOf(parameters) },
        ...(description === undefined ? {} : { description }),
      },
    }),
  );
  return {
    ...{ model, stream: true, stream_options: { include_usage: true } },
    messages: openAiMessages(request.instructions, readDialogue(request)),
    ...(tools.length === 0 ? {} : { tools, tool_choice: toolChoice(request.toolChoice) }),
    ...(limit === null ? {} : ofOpenAi ? { max_completion_tokens: limit } : { max_tokens: limit }),
    ...(effort === null ? {} : { reasoning_effort: effort }),
  };
}

function toolChoice(choice: AiRequest["toolChoice"]): OpenAI.ChatCompletionToolChoiceOption {
  if (typeof choice === "string") return choice;
  return { type: "function", function: { name: vendorFunctionName(choice.name) } };
}

function openAiMessages(instructions: string, turns: readonly DialogueTurn[]): Message[] {
  const messages: Message[] = instructions === "" ? [] : [{ role: "system", content: instructions }];
  for (const turn of turns) {
    if (turn.role === "user") {
      // One message a turn, its texts apart: some servers' templates insist on roles that alternate.
      messages.push({ role: "user", content: turn.texts.join("\n\n") });
      continue;
    }
    const calls: OpenAI.ChatCompletionMessageFunctionToolCall[] = turn.calls.map(
      ({ callId, name, arguments: given }) => ({
        ...{ id: vendorCallId(callId), type: "function" },
        function: { name: vendorFunctionName(name), arguments: JSON.stringify(given) },
      }),
    );
    messages.push({
      ...{ role: "assistant", content: turn.text === "" ? null : turn.text },
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    });
    for (const { callId, output } of turn.calls) {
      messages.push({ role: "tool", tool_call_id: vendorCallId(callId), content: output });
    }
  }
  return messages;
}
