/** Conversation items as a client gives them. Which part goes with which role is for the mapping to say. */
import { z } from "zod";
import { eventLimits } from "./limits.ts";
import { optional } from "./optional.ts";

const { textChars, audioBase64Chars, partCount } = eventLimits;

const id = z.string().min(1).max(eventLimits.idChars);
const text = z.string().max(textChars);

/** Fields that the vendor takes and that say nothing here (`status`, `object`) are ignored. */
const base = { id: optional(id) };

/** `text` and `audio` are the names that some clients keep from their history for an assistant's parts. */
export const partSchema = z.object({
  type: optional(
    z.enum(["input_text", "input_audio", "input_image", "output_text", "output_audio", "text", "audio"]),
  ),
  text: optional(text),
  transcript: optional(text),
  audio: optional(z.string().max(audioBase64Chars)),
});

const content = z.array(partSchema).max(partCount);

const messageSchema = z.discriminatedUnion("role", [
  z.object({ ...base, type: z.literal("message"), role: z.literal("system"), content }),
  z.object({ ...base, type: z.literal("message"), role: z.literal("user"), content }),
  z.object({ ...base, type: z.literal("message"), role: z.literal("assistant"), content }),
]);

const functionCallSchema = z.object({
  ...base,
  type: z.literal("function_call"),
  name: z.string().min(1).max(eventLimits.toolNameChars),
  arguments: text,
  call_id: optional(id),
});

const functionCallOutputSchema = z.object({
  ...base,
  type: z.literal("function_call_output"),
  call_id: id,
  output: text,
});

/** MCP items are taken so that they can be refused by name. */
const mcpSchema = z.object({
  ...base,
  type: z.enum([
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "mcp_list_tools",
    "mcp_tool_call",
  ]),
});

export const itemSchema = z.discriminatedUnion("type", [
  messageSchema,
  functionCallSchema,
  functionCallOutputSchema,
  mcpSchema,
]);

/** An item of a response's `input`: given whole, or one of the conversation by its id. */
export const inputItemSchema = z.discriminatedUnion("type", [
  messageSchema,
  functionCallSchema,
  functionCallOutputSchema,
  mcpSchema,
  z.object({ type: z.literal("item_reference"), id }),
]);

export type ItemInput = z.output<typeof itemSchema>;

export type PartInput = z.output<typeof partSchema>;

export type ResponseInputItem = z.output<typeof inputItemSchema>;
