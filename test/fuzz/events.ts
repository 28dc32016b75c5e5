/** Well-formed client events of every type, to be spoilt by `mutations.ts`. */
import type { SeededRandom } from "../support/random.ts";
import type { Sounds } from "./sounds.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Event = { [key: string]: Json };

/** What earlier events left behind: ids worth naming again. Bounded by the session's own life. */
export interface KnownIds {
  items: string[];
  responses: string[];
  nextItem: number;
}

/** Appends come fifty times a second, all else now and then. */
const appendRatio = 0.3;

type Maker = (random: SeededRandom, known: KnownIds, sounds: Sounds) => Event;

const makers: Readonly<Record<string, Maker>> = {
  // Often the format alone: what was declared changes in the middle of a stream.
  "session.update": (random) => ({
    session: random.chance(0.5)
      ? { type: "realtime", audio: { input: { format: format(random) } } }
      : session(random),
  }),
  "input_audio_buffer.append": (random, _known, sounds) => ({ audio: audio(random, sounds) }),
  "input_audio_buffer.commit": () => ({}),
  "input_audio_buffer.clear": () => ({}),
  "output_audio_buffer.clear": () => ({}),
  "conversation.item.create": (random, known, sounds) => ({
    previous_item_id: random.pick([null, "root", itemId(random, known)]),
    item: item(random, known, sounds),
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
export function makeEvent(random: SeededRandom, known: KnownIds, sounds: Sounds, eventId: string): Event {
  const type = random.chance(appendRatio) ? "input_audio_buffer.append" : random.pick(clientEventTypes);
  return { type, event_id: eventId, ...makers[type]!(random, known, sounds) };
}

function itemId(random: SeededRandom, known: KnownIds): string {
  return random.pick(["item_no_such", ...known.items.slice(-8)]);
}

function audio(random: SeededRandom, sounds: Sounds): string {
  return Buffer.from(sounds.make(random)).toString("base64");
}

function format(random: SeededRandom): Json {
  return random.pick<Json>([
    { type: "audio/pcm", rate: 24000 },
    { type: "audio/pcm", rate: 16000 },
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

function item(random: SeededRandom, known: KnownIds, sounds: Sounds): Json {
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
    { id, type: "message", role: "user", content: [{ type: "input_audio", audio: audio(random, sounds) }] },
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
