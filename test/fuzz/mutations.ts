/** Spoils events the way broken and hostile clients do: in their structure, their text and their frames. */
import type { SeededRandom } from "../support/random.ts";
import { clientEventTypes, type Event, type Json } from "./events.ts";
import type { Sounds } from "./sounds.ts";

/** What goes out on the socket. */
export type Outgoing =
  | { kind: "text"; text: string }
  /** Text in two frames of one message. */
  | { kind: "fragments"; text: string }
  | { kind: "binary"; bytes: Uint8Array };

/** `certain`: no gateway may take it, so an error must come. Else it may be taken or refused. */
export interface Spoilt {
  name: string;
  out: Outgoing;
  certain: boolean;
}

const hugeLength = 100_000;
const deepLevels = 3000;
const maxBinaryBytes = 2000;

type Mutation = (event: Event, random: SeededRandom, sounds: Sounds) => Omit<Spoilt, "name">;

const text = (value: string, certain = false): Omit<Spoilt, "name"> => ({
  out: { kind: "text", text: value },
  certain,
});

const strange: readonly Json[] = [
  ...[null, true, false, 0, -1, 0.5, 1e308, -1e308, 2 ** 53, "", " ", "null", "NaN", "0"],
  ...[[], {}, [[]], [null], { type: null }, "\u0000", "\ud800", "\udfff\ud800", "\u202eabc", "a".repeat(600)],
];

/** All mutations by name. */
export const mutations: Readonly<Record<string, Mutation>> = {
  nothing: (event) => text(JSON.stringify(event)),
  dropField: (event, random) => text(change(event, random, (holder, key) => delete holder[key])),
  retypeField: (event, random) =>
    text(change(event, random, (holder, key) => (holder[key] = random.pick(strange)))),
  hugeField: (event, random) =>
    text(
      change(event, random, (holder, key) => (holder[key] = random.pick(["x", "é", '"']).repeat(hugeLength))),
    ),
  renameField: (event, random) =>
    text(
      change(event, random, (holder, key) => {
        const name = random.pick([
          "__proto__x",
          "constructor",
          "prototype",
          "toString",
          "hasOwnProperty",
          `${key} `,
        ]);
        holder[name] = holder[key]!;
        delete holder[key];
      }),
    ),
  protoField: (event, random) => {
    const poison = `"${random.pick(["__proto__", "constructor"])}":{"polluted":true,"type":"session.update"}`;
    return text(JSON.stringify(event).replace("{", `{${poison},`));
  },
  doubleField: (event, random) => {
    const key = random.pick(Object.keys(event));
    return text(
      JSON.stringify(event).replace(
        /\}$/,
        `,${JSON.stringify(key)}:${JSON.stringify(random.pick(strange))}}`,
      ),
    );
  },
  deepField: (event, random) => {
    const marker = JSON.stringify("deep-goes-here");
    const open = random.pick(["[", '{"a":']);
    const nested = `${open.repeat(deepLevels)}1${(open === "[" ? "]" : "}").repeat(deepLevels)}`;
    return text(
      change(event, random, (holder, key) => (holder[key] = "deep-goes-here")).replace(marker, () => nested),
    );
  },
  hugeNumber: (event, random) => {
    const marker = JSON.stringify("number-goes-here");
    const number = random.pick(["1e999", "-1e999", "0.1e-999", "9".repeat(400), "-0"]);
    return text(
      change(event, random, (holder, key) => (holder[key] = "number-goes-here")).replace(marker, number),
    );
  },
  oddAudio: (event, random) => {
    const audio = random.pick([
      "A",
      "AAA",
      "AAAA=",
      "====",
      "AA==AA==",
      "@@@@",
      "AA AA",
      "\u00e9\u00e9",
      "QUJD",
      "-_-_",
    ]);
    return text(JSON.stringify({ ...event, type: "input_audio_buffer.append", audio }));
  },
  swapType: (event, random) => text(JSON.stringify({ ...event, type: random.pick(clientEventTypes) })),
  unknownType: (event, random) => {
    const types = [
      "session.destroy",
      "response.created",
      "mcp.call",
      "__proto__",
      "toString",
      "",
      " ",
      "RESPONSE.CREATE",
    ];
    return text(JSON.stringify({ ...event, type: random.pick(types) }), true);
  },
  noType: (event, random) =>
    text(JSON.stringify({ ...event, type: random.pick<Json>([null, 7, [], {}, true]) }), true),
  strangeId: (event, random) => text(JSON.stringify({ ...event, event_id: random.pick(strange) })),
  noObject: (_, random) => text(random.pick(["null", "[]", "7", '"x"', "true", "[{}]", "[[1]]"]), true),
  cutJson: (event, random) => {
    const whole = JSON.stringify(event);
    return text(whole.slice(0, 1 + random.below(whole.length - 1)), true);
  },
  notJson: (_, random) =>
    text(random.pick(["", " ", "{", "}", "undefined", "{'type':1}", "\u0000", "\ufeff{}x", "NaN"]), true),
  flipCharacter: (event, random) => {
    const whole = JSON.stringify(event);
    const at = random.below(whole.length);
    return text(whole.slice(0, at) + String.fromCharCode(32 + random.below(94)) + whole.slice(at + 1));
  },
  fragments: (event) => ({ out: { kind: "fragments", text: JSON.stringify(event) }, certain: false }),
  binary: (_, random, sounds) => ({
    out: {
      kind: "binary",
      bytes: random.chance(0.5) ? sounds.make(random) : random.bytes(random.below(maxBinaryBytes)),
    },
    certain: false,
  }),
};

/** Picks a mutation and applies it. One event in five goes out as it is: only a living session can be hurt. */
export function spoil(event: Event, random: SeededRandom, sounds: Sounds): Spoilt {
  const name = random.chance(0.2) ? "nothing" : random.pick(Object.keys(mutations));
  return { name, ...mutations[name]!(structuredClone(event), random, sounds) };
}

type Holder = { [key: string]: Json };

/** Changes one field anywhere in the event. @returns the event's text */
function change(event: Event, random: SeededRandom, edit: (holder: Holder, key: string) => void): string {
  const places: [Holder, string][] = [];
  const collect = (value: Json): void => {
    if (value === null || typeof value !== "object") return;
    // An array's places are edited as an object's: a dropped one leaves a hole, which JSON writes as null.
    const holder = value as Holder;
    for (const key of Object.keys(holder)) {
      places.push([holder, key]);
      collect(holder[key]!);
    }
  };
  collect(event);
  // The id stays: with it gone, an answer could not be told from others.
  const eligible = places.filter(([holder, key]) => !(holder === event && key === "event_id"));
  const [holder, key] = random.pick(eligible);
  edit(holder, key);
  return JSON.stringify(event);
}
