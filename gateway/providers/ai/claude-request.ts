/** Our request in Claude's words. */
import type Anthropic from "@anthropic-ai/sdk";
import type { AiRequest } from "../provider.ts";
import type { DialogueTurn } from "./dialogue.ts";
import { readDialogue, schemaOf, vendorCallId, vendorFunctionName } from "./dialogue.ts";
import { ModelFit } from "./model-fit.ts";

/** Claude wants a limit in every request; a spoken answer never comes near this one. */
export const claudeMaxTokens = 4096;

/** How a model is told not to think before it speaks; null: not at all. */
export type ClaudeThinking = "disabled" | "between_tools" | null;

/** What a model takes; see `fitOfClaude`. */
export interface ClaudeFit {
  thinking: ModelFit<ClaudeThinking>;
  /** Whether it can be forced to call a function. */
  forcing: ModelFit<boolean>;
}

/** A guess by the model's name, corrected by its refusals. A voice can't wait for thoughts. */
export function fitOfClaude(model: string): ClaudeFit {
  const [, major = "0", minor = "0"] = /(?:haiku|sonnet)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)/.exec(model) ?? [];
  // The first that can neither be told to think nothing at all nor be forced.
  const isNew = /sonnet/.test(model) && Number(major) + Number(minor) / 10 >= 5.5;
  const ways: [ClaudeThinking, ...ClaudeThinking[]] = isNew
    ? ["between_tools", null]
    : /haiku|sonnet/.test(model)
      ? ["disabled", "between_tools", null]
      : [null];
  return {
    thinking: new ModelFit("thinking", ways),
    forcing: new ModelFit("tool_choice", isNew ? [false] : [true, false]),
  };
}

/** The body of `POST /v1/messages`. */
export function claudeRequest(
  request: AiRequest,
  model: string,
  fit: ClaudeFit = fitOfClaude(model),
): Anthropic.MessageCreateParamsStreaming {
  const forced = tellToCall(request, fit.forcing.way);
  const { way: thinking } = fit.thinking;
  const system = [request.instructions, forced].filter((text) => text !== "").join("\n\n");
  const tools = request.tools.map(({ name, description, parameters }) => ({
    ...{ name: vendorFunctionName(name), input_schema: schemaOf(parameters) },
    ...(description === undefined ? {} : { description }),
  }));
  return {
    model,
    stream: true,
    max_tokens: request.maxOutputTokens ?? claudeMaxTokens,
    ...(system === "" ? {} : { system }),
    messages: claudeMessages(readDialogue(request)),
    ...(tools.length === 0
      ? {}
      : { tools, tool_choice: toolChoice(forced === "" ? request.toolChoice : "auto") }),
    ...(thinking === null ? {} : { thinking: { type: thinking } }),
  };
}

/** In words, where a model can't be forced; "" where nothing need be said. */
function tellToCall({ tools, toolChoice: choice }: AiRequest, canForce: boolean): string {
  if (canForce || tools.length === 0 || choice === "auto" || choice === "none") return "";
  if (choice === "required") return "Call one of the functions now; answer in no other way.";
  return `Call the function ${vendorFunctionName(choice.name)} now; answer in no other way.`;
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
