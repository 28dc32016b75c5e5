/**
 * The session object of `session.update`, and what `response.create` shares with it. As tolerant as the vendor:
 * `null` means left out (but where it is a value of its own: no turn detection, no transcription, no idle
 * timeout), unknown keys are ignored. What we don't support is taken here and refused by name where it is mapped.
 */
import { z } from "zod";
import { jsonValue } from "./json-value.ts";
import { eventLimits } from "./limits.ts";
import { optional } from "./optional.ts";

const { idChars, voiceChars, speedRatio, paddingMs, silenceMs, idleTimeoutMs } = eventLimits;

/** `type` left out means PCM. Which rates are allowed depends on the connection, so the mapping checks them. */
export const audioFormatSchema = z.object({
  type: optional(z.enum(["audio/pcm", "audio/pcmu", "audio/pcma"])),
  rate: optional(z.number()),
});

export const voiceSchema = z.union([
  z.string().min(1).max(voiceChars),
  z.object({ id: z.string().min(1).max(voiceChars) }),
]);

export const outputModalitiesSchema = z.array(z.enum(["text", "audio"])).max(2);

export const maxOutputTokensSchema = z.union([
  z.literal("inf"),
  z.int().min(1).max(eventLimits.maxOutputTokens),
]);

/** Functions, and MCP servers (which the mapping refuses). */
export const toolSchema = z.object({
  type: optional(z.enum(["function", "mcp"])),
  name: optional(
    z
      .string()
      .max(eventLimits.toolNameChars)
      .regex(/^[a-zA-Z0-9_-]+$/),
  ),
  description: optional(z.string().max(eventLimits.toolDescriptionChars)),
  parameters: optional(jsonValue),
});

export const toolsSchema = z.array(toolSchema).max(eventLimits.toolCount);

export const toolChoiceSchema = z.union([
  z.enum(["auto", "none", "required"]),
  z.object({ type: z.literal("function"), name: z.string().min(1).max(eventLimits.toolNameChars) }),
  z.object({ type: z.literal("mcp"), server_label: z.string().max(idChars) }),
]);

const reasoningSchema = z.object({
  effort: optional(z.enum(["minimal", "low", "medium", "high", "xhigh"])),
});

const tracingSchema = z.union([
  z.literal("auto"),
  z.object({
    group_id: optional(z.string().max(eventLimits.metadataValueChars)),
    workflow_name: optional(z.string().max(eventLimits.metadataValueChars)),
    metadata: optional(jsonValue),
  }),
]);

const truncationSchema = z.union([
  z.enum(["auto", "disabled"]),
  z.object({
    type: z.literal("retention_ratio"),
    retention_ratio: z.number().min(0).max(1),
    token_limits: optional(z.object({ post_instructions: optional(z.int().min(0)) })),
  }),
]);

/** A stored prompt; only its presence matters, since there is no store of prompts here. */
const promptSchema = z.object({ id: z.string().max(eventLimits.metadataValueChars) });

/** What a session and a response have in common. */
export const sharedSettings = {
  instructions: optional(z.string().max(eventLimits.instructionsChars)),
  max_output_tokens: optional(maxOutputTokensSchema),
  output_modalities: optional(outputModalitiesSchema),
  parallel_tool_calls: optional(z.boolean()),
  prompt: optional(promptSchema),
  reasoning: optional(reasoningSchema),
  tool_choice: optional(toolChoiceSchema),
  tools: optional(toolsSchema),
};

export const turnDetectionSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("server_vad"),
    threshold: optional(z.number().min(0).max(1)),
    prefix_padding_ms: optional(z.int().min(paddingMs.min).max(paddingMs.max)),
    silence_duration_ms: optional(z.int().min(silenceMs.min).max(silenceMs.max)),
    idle_timeout_ms: optional(z.int().min(idleTimeoutMs.min).max(idleTimeoutMs.max)),
    create_response: optional(z.boolean()),
    interrupt_response: optional(z.boolean()),
  }),
  z.object({
    type: z.literal("semantic_vad"),
    eagerness: optional(z.enum(["low", "medium", "high", "auto"])),
    create_response: optional(z.boolean()),
    interrupt_response: optional(z.boolean()),
  }),
]);

export const transcriptionSchema = z.object({
  model: optional(z.string().max(eventLimits.modelChars)),
  language: optional(
    z
      .string()
      .max(eventLimits.languageChars)
      // "" is none.
      .regex(/^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)?$/),
  ),
  prompt: optional(z.string().max(eventLimits.transcriptionPromptChars)),
});

const inputSchema = z.object({
  format: optional(audioFormatSchema),
  // "none" is Parley's own: null means left out, since clients send it unasked.
  noise_reduction: optional(z.object({ type: optional(z.enum(["near_field", "far_field", "none"])) })),
  transcription: transcriptionSchema.nullish(),
  turn_detection: turnDetectionSchema.nullish(),
});

const outputSchema = z.object({
  format: optional(audioFormatSchema),
  speed: optional(z.number().min(speedRatio.min).max(speedRatio.max)),
  voice: optional(voiceSchema),
});

/** `type: "transcription"` is taken here and refused by name where it is mapped. */
export const sessionSchema = z.object({
  ...sharedSettings,
  type: z.enum(["realtime", "transcription"]),
  model: optional(z.string().max(eventLimits.modelChars)),
  audio: optional(z.object({ input: optional(inputSchema), output: optional(outputSchema) })),
  include: optional(z.array(z.literal("item.input_audio_transcription.logprobs")).max(1)),
  tracing: tracingSchema.nullish(),
  truncation: optional(truncationSchema),
});

/** A session object after the check, nulls gone. */
export type SessionSettings = z.output<typeof sessionSchema>;

export type AudioFormatSettings = z.output<typeof audioFormatSchema>;

export type TurnDetectionSettings = z.output<typeof turnDetectionSchema>;

export type ToolSettings = z.output<typeof toolSchema>;

export type ToolChoiceSettings = z.output<typeof toolChoiceSchema>;
