/** Conversation items and response settings as a client gives them → the session's terms. */
import type { ResponseSettings } from "../../../wire/schemas/client-events.ts";
import type { ItemInput, PartInput, ResponseInputItem } from "../../../wire/schemas/items.ts";
import type { AudioFormat, NewItem, Part, ResponseParams } from "../../session/domain.ts";
import { audioFromBase64 } from "./decode-audio.ts";
import { missing, notOneOf, unsupported } from "./decode-refusal.ts";
import { definedFields } from "./defined-fields.ts";
import {
  type FormatRules,
  formatFromWire,
  maxTokensFromWire,
  modalityFromWire,
  toolChoiceFromWire,
  toolsFromWire,
  voiceFromWire,
} from "./session-mapping.ts";

type Role = "system" | "user" | "assistant";

/**
 * Maps a checked item. `inputFormat` is what its audio must be in.
 *
 * @param param - where the item stands in the event, e.g. `item`
 * @throws {Refusal} `unsupported_feature` (MCP, images), `invalid_audio`, `invalid_value`, `missing_required_parameter`
 */
export function newItemFromWire(item: ItemInput, inputFormat: AudioFormat, param: string): NewItem {
  switch (item.type) {
    case "message": {
      const parts = item.content.map((part, index) =>
        partFromWire(item.role, part, inputFormat, `${param}.content[${index}]`),
      );
      const spoken = parts.filter((part) => part.type === "input_audio" && part.transcript === null);
      if (spoken.length > 1)
        throw unsupported(`${param}.content`, "Several input_audio parts in one item are");
      return definedFields({ type: "message" as const, id: item.id, role: item.role, parts });
    }
    case "function_call": {
      const callId = item.call_id ?? item.id;
      if (callId === undefined) throw missing(`${param}.call_id`);
      const { id, name } = item;
      return definedFields({ type: "function_call" as const, id, callId, name, arguments: item.arguments });
    }
    case "function_call_output": {
      const { id, output } = item;
      return definedFields({ type: "function_call_output" as const, id, callId: item.call_id, output });
    }
    default:
      throw unsupported(`${param}.type`, "MCP items are");
  }
}

/** @throws {Refusal} as `newItemFromWire`, and for what a response can't be */
export function responseParamsFromWire(
  response: ResponseSettings | undefined,
  rules: FormatRules,
  inputFormat: AudioFormat,
): ResponseParams {
  if (response === undefined) return { outOfBand: false };
  const { conversation } = response;
  if (conversation !== undefined && conversation !== "auto" && conversation !== "none") {
    throw notOneOf("response.conversation", conversation, ["auto", "none"]);
  }
  if (response.prompt) throw unsupported("response.prompt", "Stored prompts are");
  const output = response.audio?.output;
  return definedFields({
    outOfBand: conversation === "none",
    input: response.input?.map((item, index) =>
      inputItemFromWire(item, inputFormat, `response.input[${index}]`),
    ),
    instructions: response.instructions,
    outputModality: modalityFromWire(response.output_modalities, "response.output_modalities"),
    voice: voiceFromWire(output?.voice),
    outputFormat: formatFromWire(output?.format, rules, "response.audio.output.format"),
    tools: toolsFromWire(response.tools, "response.tools"),
    toolChoice: toolChoiceFromWire(response.tool_choice, "response.tool_choice"),
    maxOutputTokens: maxTokensFromWire(response.max_output_tokens),
    metadata: response.metadata,
  });
}

function inputItemFromWire(
  item: ResponseInputItem,
  inputFormat: AudioFormat,
  param: string,
): NewItem | { type: "reference"; id: string } {
  if (item.type === "item_reference") return { type: "reference", id: item.id };
  return newItemFromWire(item, inputFormat, param);
}

const partTypes: Readonly<Record<Role, readonly string[]>> = {
  system: ["input_text"],
  user: ["input_text", "input_audio"],
  assistant: ["output_text", "output_audio"],
};

function partFromWire(role: Role, part: PartInput, inputFormat: AudioFormat, param: string): Part {
  if (part.type === undefined) throw missing(`${param}.type`);
  if (part.type === "input_image") throw unsupported(`${param}.type`, "Images are");
  const type = currentName(role, part.type);
  if (!partTypes[role].includes(type)) throw notOneOf(`${param}.type`, part.type, partTypes[role]);
  switch (type) {
    case "input_text":
    case "output_text":
      if (part.text === undefined) throw missing(`${param}.text`);
      return { type, text: part.text };
    case "input_audio":
      return inputAudioFromWire(part, inputFormat, param);
    default:
      return { type: "output_audio", transcript: part.transcript ?? "" };
  }
}

type PartName = "input_text" | "input_audio" | "output_text" | "output_audio";

/** `text` and `audio` are older names that some clients still keep in their history. */
function currentName(role: Role, type: Exclude<PartInput["type"], "input_image" | undefined>): PartName {
  const side = role === "assistant" ? "output" : "input";
  if (type === "text") return `${side}_text`;
  return type === "audio" ? `${side}_audio` : type;
}

/** Audio, or what it said: a client that replays its history has only the words left. */
function inputAudioFromWire(part: PartInput, inputFormat: AudioFormat, param: string): Part {
  const transcript = part.transcript ?? null;
  if (part.audio === undefined) {
    if (transcript === null) throw missing(`${param}.audio`);
    return { type: "input_audio", transcript };
  }
  audioFromBase64(part.audio, inputFormat, `${param}.audio`);
  return { type: "input_audio", transcript, audio: part.audio };
}
