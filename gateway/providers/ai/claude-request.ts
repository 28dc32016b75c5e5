/** Our request in Claude's words. */
import type Anthropic from "@anthropic-ai/sdk";
import type { AiRequest } from "../provider.ts";
import type { DialogueTurn } from "./dialogue.ts";
import { readDialogue, schemaOf, vendorCallId, vendorFunctionName } from "./dialogue.ts";

/** Claude wants a limit in every request; a spoken answer never comes near this one. */
export const claudeMaxTokens = 4096;

/** The body of `POST /v1/messages`. */
export function claudeRequest(request: AiRequest, model: string): Anthropic.MessageCreateParamsStreaming {
  const tools = request.tools.map(({ name, description, parameters }) => ({
    ...{ name: vendorFunctionName(name), input_schema: schemaOf(parameters) },
    ...(description === undefined ? {} : { description }),
  }));
  return {
    model,
    stream: true,
    max_tokens: request.maxOutputTokens ?? claudeMaxTokens,
    ...(request.instructions === "" ? {} : { system: request.instructions }),
    messages: claudeMessages(readDialogue(request)),
    ...(tools.length === 0 ? {} : { tools, tool_choice: toolChoice(request.toolChoice) }),
    // A voice can't wait for thoughts; the models that these names stand for can do without.
    ...(/haiku|sonnet/.test(model) ? { thinking: { type: "disabled" } } : {}),
  };
}

function toolChoice(choice: AiRequest["toolChoice"]): Anthropic.ToolChoice {
  if (choice === "required") return { type: "any" };
  if (choice === "auto" || choice === "none") return { type: choice };
  return { type: "tool", name: vendorFunctionName(choice.name) };
}

function claudeMessages(turns: readonly DialogueTurn[]): Anthropic.MessageParam[] {
  const messages: Anthropic.MessageParam[] = [];
  const userSays = (content: Anthropic.ContentBlockParam[]) => {
    const last = messages.at(-1);
    // Outputs of functions are the user's too, and stand first in the turn.
    if (last?.role === "user" && Array.isArray(last.content)) last.content.push(...content);
    else messages.push({ role: "user", content });
  };
  for (const turn of turns) {
    if (turn.role === "user") {
      userSays(turn.texts.map((text) => ({ type: "text", text })));
      continue;
    }
    const words: Anthropic.ContentBlockParam[] = turn.text === "" ? [] : [{ type: "text", text: turn.text }];
    const calls = turn.calls.map(({ callId, name, arguments: input }) => ({
      ...{ type: "tool_use" as const, id: vendorCallId(callId) },
      ...{ name: vendorFunctionName(name), input },
    }));
    messages.push({ role: "assistant", content: [...words, ...calls] });
    if (calls.length > 0) {
      userSays(
        turn.calls.map(({ callId, output }) => ({
          ...{ type: "tool_result" as const, tool_use_id: vendorCallId(callId), content: output },
        })),
      );
    }
  }
  return messages;
}
