import type { ServerEvent } from "../wire/events.ts";

/** What a value must be; in an object, a name that ends with "?" may be missing or null. An array has members of one shape. */
type Shape = "string" | "number" | readonly [Shape] | { readonly [field: string]: Shape };

const item = { item_id: "string" } as const;
const part = { ...item, content_index: "number" } as const;
const format = { format: { type: "string" } } as const;
const session = { session: { audio: { input: format, output: format } } } as const;

/** The fields that the SDK itself reads, by event type; what it doesn't read is the application's to judge. */
const shapes: { readonly [type: string]: Shape } = {
  error: {
    error: {
      "type?": "string",
      "code?": "string",
      "message?": "string",
      "param?": "string",
      "event_id?": "string",
    },
  },
  "session.created": session,
  "session.updated": session,
  "input_audio_buffer.speech_started": item,
  "response.content_part.added": { ...part, part: { type: "string" } },
  "response.output_audio.delta": { ...part, delta: "string" },
  "response.output_audio.done": item,
  "response.output_audio_transcript.delta": { ...item, delta: "string" },
  "response.output_audio_transcript.done": { ...item, transcript: "string" },
  "response.output_text.delta": { ...item, delta: "string" },
  "response.output_text.done": { ...item, text: "string" },
  "response.done": {
    response: {
      output: [{ id: "string" }],
      "status_details?": { type: "string", "error?": { "code?": "string", "message?": "string" } },
    },
  },
  "conversation.item.truncated": item,
  "conversation.item.retrieved": {
    item: {
      id: "string",
      type: "string",
      "role?": "string",
      "content?": [{ type: "string", "text?": "string", "transcript?": "string" }],
    },
  },
  "conversation.item.input_audio_transcription.delta": { ...item, "delta?": "string" },
  "conversation.item.input_audio_transcription.completed": { ...item, transcript: "string" },
  "parley.words": { ...item, words: [{ text: "string", start_ms: "number" }] },
  "parley.caption": { ...item, transcript: "string" },
  "parley.level": {
    sample: "number",
    raw_db: "number",
    gated_db: "number",
    noise_db: "number",
    speech_ratio: "number",
    "raw_bands_db?": ["number"],
    "gated_bands_db?": ["number"],
  },
};

/** A server's message as an event, or what is wrong with it. */
export type ParsedEvent = { ok: true; event: ServerEvent } | { ok: false; detail: string };

/** Reads a text message. Whatever it holds, this doesn't throw, and an event that it lets pass has what the SDK reads. */
export function parseServerEvent(text: string): ParsedEvent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, detail: String(error) };
  }
  const type = isObject(value) ? value.type : undefined;
  // Every name of the protocol but "error" has a dot; the client's own events have none, and can't be forged.
  if (typeof type !== "string" || (type !== "error" && !type.includes(".")))
    return { ok: false, detail: "an event needs a type" };
  const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined;
  const misfit = shape === undefined ? null : findMisfit(value, shape);
  if (misfit !== null) return { ok: false, detail: `${type}${misfit}` };
  return { ok: true, event: value as unknown as ServerEvent };
}

/** @returns where and how `value` differs, or null */
function findMisfit(value: unknown, shape: Shape): string | null {
  if (shape === "number") return Number.isFinite(value) ? null : " is no number";
  if (shape === "string") return typeof value === "string" ? null : " is no string";
  if (isList(shape)) {
    if (!Array.isArray(value)) return " is no array";
    for (const [index, member] of value.entries()) {
      const misfit = findMisfit(member, shape[0]);
      if (misfit !== null) return `[${index}]${misfit}`;
    }
    return null;
  }
  if (!isObject(value)) return " is no object";
  for (const [name, inner] of Object.entries(shape)) {
    const optional = name.endsWith("?");
    const field = optional ? name.slice(0, -1) : name;
    if (optional && (value[field] === undefined || value[field] === null)) continue;
    const misfit = findMisfit(value[field], inner);
    if (misfit !== null) return `.${field}${misfit}`;
  }
  return null;
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
