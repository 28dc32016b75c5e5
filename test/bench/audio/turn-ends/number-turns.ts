/** Numbers and spelled words as recognisers write them, half said and whole, for fitting; all from a seed. */
import { featuresOf } from "../../../../gateway/session/turn-taking/completeness.ts";
import { SeededRandom } from "../../../support/random.ts";
import type { Example } from "./logistic.ts";

/** Frames, and in which groups such a number is said. */
const kinds: readonly { frames: readonly string[]; groups: readonly (readonly number[])[] }[] = [
  {
    frames: [
      "my phone number's",
      "you can call me at",
      "my cell phone is",
      "the telephone is",
      "it's",
      "text me on",
      "so that's",
      "",
    ],
    groups: [
      [3, 3, 4],
      [3, 3, 2, 2],
      [5, 3, 3],
      [3, 4],
      [4, 3, 4],
    ],
  },
  {
    frames: ["the long number on my card is", "my visa is", "card number"],
    groups: [[4, 4, 4, 4]],
  },
  { frames: ["our zip is", "postal code"], groups: [[5], [3, 2]] },
  { frames: ["the pin is", "the code they texted was", "my pass code is"], groups: [[4], [3, 3], [2, 2]] },
  {
    frames: [
      "my policy number is",
      "the ticket number is",
      "it's invoice",
      "membership number",
      "the reference was",
    ],
    groups: [
      [3, 3],
      [2, 2, 2],
      [4, 4],
      [3, 2, 3],
      [3, 4],
    ],
  },
];
const names = [
  "novak",
  "ellis",
  "graham",
  "petrov",
  "singh",
  "osei",
  "lund",
  "marques",
  "ito",
  "braun",
] as const;
const spellingFrames = ["it's", "that's spelled", "my family name is", "spelled", "i spell that"] as const;
const hosts = ["mail dot com", "my office dot org", "@inbox.com", "at cloud box dot net"] as const;

const numbers = 220;
const spellings = 120;
const weight = 0.12;
const seed = 415;

/** One way of writing a group: "415", "4-1-5" or "4 1 5". */
function write(digits: string, style: number): string {
  if (style === 0) return digits;
  return [...digits].join(style === 1 ? "-" : " ");
}

function punctuate(text: string, random: SeededRandom): string {
  return `${text}${random.pick(["", "", ".", "."])}`;
}

function example(text: string, label: 0 | 1, random: SeededRandom): Example {
  return { features: featuresOf(punctuate(text, random)), label, weight };
}

/** Examples that hold back until a number, a name or an address is whole. */
export function numberExamples(): Example[] {
  const random = new SeededRandom(seed);
  const examples: Example[] = [];
  for (let count = 0; count < numbers; count++) {
    const kind = random.pick(kinds);
    const groups = random.pick(kind.groups);
    const [style, joint] = [random.below(3), random.pick([" ", "-", ", "])];
    const said: string[] = [];
    for (const [index, length] of groups.entries()) {
      const digits = Array.from({ length }, () => random.below(10)).join("");
      said.push(write(digits, style));
      const text = `${random.pick(kind.frames)} ${said.join(joint)}`.trim();
      examples.push(example(text, index === groups.length - 1 ? 1 : 0, random));
    }
  }
  for (let count = 0; count < spellings; count++) {
    const name = random.pick(names);
    const frame = random.pick(spellingFrames);
    const joint = random.pick([" ", "-"]);
    const cut = 1 + random.below(Math.max(1, Math.min(3, name.length - 1)));
    examples.push(example(`${frame} ${[...name.slice(0, cut)].join(joint)}`, 0, random));
    examples.push(example(`${frame} ${[...name].join(joint)}`, 1, random));
    const [user, host] = [random.pick(names), random.pick(hosts)];
    examples.push(example(`my email is ${user}`, 0, random));
    examples.push(example(`my email is ${user} ${host}`, 1, random));
  }
  return examples;
}
