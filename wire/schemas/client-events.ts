/** All events that a client may send. Appends have a schema for completeness; the gateway reads them by hand. */
import { z } from "zod";
import { inputItemSchema, itemSchema } from "./items.ts";
import { eventLimits } from "./limits.ts";
import { optional } from "./optional.ts";
import { audioFormatSchema, sessionSchema, sharedSettings, voiceSchema } from "./session.ts";

const { metadataCount, metadataKeyChars, metadataValueChars } = eventLimits;

const id = z.string().min(1).max(eventLimits.idChars);
const base = { event_id: optional(z.string().max(eventLimits.eventIdChars)) };
const mediaTimeMs = z.int().min(0).max(eventLimits.mediaTimeMs);

const metadataSchema = z
  .record(z.string().max(metadataKeyChars), z.string().max(metadataValueChars))
  .refine((metadata) => Object.keys(metadata).length <= metadataCount, {
    message: `expected at most ${metadataCount} entries`,
  });

export const responseSchema = z.object({
  ...sharedSettings,
  audio: optional(
    z.object({
      output: optional(z.object({ format: optional(audioFormatSchema), voice: optional(voiceSchema) })),
    }),
  ),
  /** `auto` or `none`; the mapping says so. */
  conversation: optional(z.string().max(eventLimits.idChars)),
  input: optional(z.array(inputItemSchema).max(eventLimits.inputItemCount)),
  metadata: optional(metadataSchema),
});

/** Settings of one response after the check, nulls gone. */
export type ResponseSettings = z.output<typeof responseSchema>;

/** By the event's type. */
export const clientEventSchemas = {
  "session.update": z.object({ ...base, type: z.literal("session.update"), session: sessionSchema }),
  "input_audio_buffer.append": z.object({
    ...base,
    type: z.literal("input_audio_buffer.append"),
    audio: z.string().max(eventLimits.audioBase64Chars),
  }),
  "input_audio_buffer.commit": z.object({ ...base, type: z.literal("input_audio_buffer.commit") }),
  "input_audio_buffer.clear": z.object({ ...base, type: z.literal("input_audio_buffer.clear") }),
  "output_audio_buffer.clear": z.object({ ...base, type: z.literal("output_audio_buffer.clear") }),
  "conversation.item.create": z.object({
    ...base,
    type: z.literal("conversation.item.create"),
    item: itemSchema,
    previous_item_id: optional(id),
  }),
  "conversation.item.retrieve": z.object({
    ...base,
    type: z.literal("conversation.item.retrieve"),
    item_id: id,
  }),
  "conversation.item.delete": z.object({
    ...base,
    type: z.literal("conversation.item.delete"),
    item_id: id,
  }),
  "conversation.item.truncate": z.object({
    ...base,
    type: z.literal("conversation.item.truncate"),
    item_id: id,
    content_index: z.int().min(0).max(eventLimits.contentIndex),
    audio_end_ms: mediaTimeMs,
  }),
  "response.create": z.object({
    ...base,
    type: z.literal("response.create"),
    response: optional(responseSchema),
  }),
  "response.cancel": z.object({
    ...base,
    type: z.literal("response.cancel"),
    response_id: optional(id),
  }),
  "parley.playback": z.object({
    ...base,
    type: z.literal("parley.playback"),
    item_id: id,
    played_ms: z.number().min(0).max(eventLimits.mediaTimeMs),
  }),
} as const;

export type ClientEventName = keyof typeof clientEventSchemas;

/** A client's event after the check, nulls gone. */
export type CheckedClientEvent = z.output<(typeof clientEventSchemas)[ClientEventName]>;
