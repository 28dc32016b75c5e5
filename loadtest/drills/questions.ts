/** What callers ask in a drill: each question once where there are enough, so that answers and calls can be told apart. */
import { makeUtterance, type Utterance } from "../callers/utterance.ts";
import type { DrillWorld } from "../standins/world.ts";

const subjects =
  "river mountain harbour garden castle library kitchen station market forest island bridge theatre factory village museum tower valley meadow temple palace bakery orchard lantern violin ticket candle window basket hammer ladder mirror pencil ribbon saddle trumpet wagon carrot diamond envelope flute helmet jacket lemon magnet pillow rocket sandal compass blanket bottle parcel feather kettle needle umbrella napkin onion apple picture".split(
    " ",
  );
const forms = {
  short: [
    "What do you know about the SUBJECT?",
    "Who was it that found the SUBJECT?",
    "Where is the SUBJECT now?",
  ],
  long: [
    "Please tell me a long story about the SUBJECT.",
    "Give me a long answer about the SUBJECT.",
    "I want a long tale about the SUBJECT.",
  ],
  fairlyLong: [
    "Please tell me a fairly long story about the SUBJECT.",
    "Give me a fairly long answer about the SUBJECT.",
    "I want a fairly long tale about the SUBJECT.",
  ],
  tool: ["How is the weather near the SUBJECT in Paris?", "Check the weather for the SUBJECT in London."],
} as const;
/** What a caller says to interrupt; each with a subject of its own. */
const interruption = "Stop, what about the SUBJECT instead?";

export type QuestionKind = keyof typeof forms | "interruption";

/** Voices of callers: two of flite's own. */
const callerVoices = ["slt", "rms"] as const;
const utteranceRateHz = 16_000;

/** Makes utterances and teaches the world's ears their sound. */
export class Questions {
  readonly #world: DrillWorld;
  readonly #made = new Map<string, Promise<Utterance>>();
  readonly #most: number;
  #next = 0;

  /** @param most - different ones of a kind; then they come again */
  constructor(world: DrillWorld, most: number) {
    this.#world = world;
    this.#most = most;
  }

  /** The next question of a kind; after all combinations they come again. */
  next(kind: QuestionKind): Promise<Utterance> {
    const index = this.#next++ % this.#most;
    const templates = kind === "interruption" ? [interruption] : forms[kind];
    const subject = subjects[index % subjects.length]!;
    const template = templates[Math.floor(index / subjects.length) % templates.length]!;
    const text = template.replace("SUBJECT", subject);
    const voice = callerVoices[index % callerVoices.length]!;
    let made = this.#made.get(text);
    if (made === undefined) {
      made = this.#make(text, voice);
      this.#made.set(text, made);
    }
    return made;
  }

  /** Lets the vendors' voices speak all answers ahead: a real vendor's voice is no slower for many callers. */
  async prepareAnswers(): Promise<void> {
    for (const text of this.#made.keys()) await this.#world.prepare(text);
  }

  async #make(text: string, voice: string): Promise<Utterance> {
    await this.#world.learn({ text, voice });
    const { pcm } = await this.#world.speak(text, { voice, sampleRateHz: utteranceRateHz, speedRatio: 1 });
    return makeUtterance(text, pcm, utteranceRateHz);
  }
}
