/** Well-formed client events of every type, to be spoilt by `mutations.ts`. */
import type { SeededRandom } from "../support/random.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Event = { [key: string]: Json };

/** What earlier events left behind: ids worth naming again. Bounded by the session's own life. */
export interface KnownIds {
  items: string[];
  responses: string[];
  nextItem: number;
}

const maxAppendedSamples = 4800;

const makers: Readonly<Record<string, (random: SeededRandom, known: KnownIds) => Event>> = {
  "session.update": (random) => ({ session: session(random) }),
  "input_audio_buffer.append": (random) => ({ audio: audio(random) }),
  "input_audio_buffer.commit": () => ({}),
  "input_audio_buffer.clear": () => ({}),
  "output_audio_buffer.clear": () => ({}),
  "conversation.item.create": (random, known) => ({
    previous_item_id: random.pick([null, "root", itemId(random, known)]),
    item: item(random, known),
  }),
  "conversation.item.retrieve": (random, known) => ({ item_id: itemId(random, known) }),
  "conversation.item.delete": (random, known) => ({ item_id: itemId(random, known) }),
  "conversation.item.truncate": (random, known) => ({
    item_id: itemId(random, known),
    content_index: random.below(2),
    audio_end_ms: random.below(5000),
  }),
  "response.create": (random, known) => ({ response: response(random, known) }),
  "response.cancel": (random, known) =>
    random.chance(0.5) ? {} : { response_id: random.pick(["resp_no_such", ...known.responses]) },
  "parley.playback": (random, known) => ({ item_id: itemId(random, known), played_ms: random.below(3000) }),
};

/** Every type that the gateway takes. */
export const clientEventTypes: readonly string[] = Object.keys(makers);

/** A well-formed event (what it asks for may still be refused). */
export function makeEvent(random: SeededRandom, known: KnownIds, eventId: string): Event {
  const type = random.pick(clientEventTypes);
  return { type, event_id: eventId, ...makers[type]!(random, known) };
}

function itemId(random: SeededRandom, known: KnownIds): string {
  return random.pick(["item_no_such", ...known.items.slice(-8)]);
}

function audio(random: SeededRandom): string {
  return Buffer.from(random.bytes(2 * (1 + random.below(maxAppendedSamples / 10)))).toString("base64");
}

function format(random: SeededRandom): Json {
  return random.pick<Json>([
    { type: "audio/pcm", rate: 24000 },
    { type: "audio/pcmu" },
    { type: "audio/pcma" },
  ]);
}

function session(random: SeededRandom): Json {
  return {
    type: "realtime",
    instructions: random.pick(["Be brief.", "Answer as a pirate.", ""]),
    output_modalities: [random.pick(["text", "audio"])],
    audio: {
      input: {
        format: format(random),
        noise_reduction: random.pick<Json>([null, { type: "near_field" }, { type: "far_field" }]),
        transcription: random.pick<Json>([null, { model: "whisper-1", language: "en" }]),
        turn_detection: random.pick<Json>([
          null,
          {
            type: "server_vad",
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_duration_ms: 200 + random.below(600),
          },
          { type: "semantic_vad", eagerness: random.pick(["low", "medium", "high", "auto"]) },
        ]),
      },
      output: { format: format(random), speed: 1 },
    },
    tools: random.chance(0.3)
      ? [{ type: "function", name: "look_up", description: "Looks up.", parameters: { type: "object" } }]
      : [],
    tool_choice: random.pick(["auto", "none", "required"]),
    max_output_tokens: random.pick<Json>(["inf", 1 + random.below(4096)]),
  };
}

function item(random: SeededRandom, known: KnownIds): Json {
  const id = random.chance(0.7) ? `item_fuzz_${known.nextItem++}` : itemId(random, known);
  if (!known.items.includes(id)) known.items.push(id);
  const role = random.pick(["user", "system", "assistant"]);
  const text = random.pick(["Hello.", "What is a turn?", "", "\u202e\u0000\ud83d\ude00"]);
  return random.pick<Json>([
    {
      id,
      type: "message",
      role,
      content: [{ type: role === "assistant" ? "output_text" : "input_text", text }],
    },
    { id, type: "message", role: "user", content: [{ type: "input_audio", audio: audio(random) }] },
    { id, type: "function_call", call_id: "call_1", name: "look_up", arguments: "{}" },
    { id, type: "function_call_output", call_id: "call_1", output: "found" },
  ]);
}

function response(random: SeededRandom, known: KnownIds): Json {
  if (random.chance(0.4)) return {};
  const made: { [key: string]: Json } = {
    output_modalities: [random.pick(["text", "audio"])],
    instructions: random.pick<Json>([null, "Be brief."]),
    metadata: random.pick<Json>([null, { client_event_id: "x" }]),
  };
  if (random.chance(0.3)) made.conversation = "none";
  if (random.chance(0.2)) made.input = [{ type: "item_reference", id: itemId(random, known) }];
  return made;
}
