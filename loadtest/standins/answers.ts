/**
 * The assistant behind every AI stand-in: sentences made from a seed and the question, so that all vendors give the
 * same answer and one can go on where another died. Within an answer no three words follow each other twice, and no
 * content word is used twice: each word's place can be told by what stands around it.
 */
import { createChance } from "./chance.ts";

export interface Asked {
  system: string;
  messages: readonly { role: string; text: string }[];
  /** Names of the functions that are offered. */
  tools: readonly string[];
}

export interface Answer {
  text: string;
  /** Called before the text. */
  toolCall: { name: string; arguments: string } | null;
}

const adjectives =
  "quiet golden narrow friendly distant copper gentle crowded silver wooden early famous heavy clever hidden northern patient polished rapid rusty secret shallow simple sleepy southern steady striped sudden tidy upper velvet warm western windy yellow ancient bright broken busy calm careful cheerful curious damp elegant empty faithful fragile frozen generous giant grateful".split(
    " ",
  );
const nouns =
  "gardener harbour lantern engineer orchard musician bridge captain library market teacher valley painter station farmer window doctor island baker mountain pilot kitchen sailor village carpenter museum neighbour river dancer castle driver meadow singer tower writer forest lawyer canal nurse theatre plumber beach editor factory waiter palace judge temple grocer stadium hunter chapel".split(
    " ",
  );
const verbs =
  "carried painted followed repaired measured visited remembered collected described finished guarded inspected launched noticed opened planted protected reached reported restored selected studied supported surprised trusted watched welcomed borrowed counted crossed delivered discovered enjoyed explained greeted imagined invited joined knew".split(
    " ",
  );
const things =
  "letters apples records blankets bottles candles pictures baskets tickets parcels hammers feathers kettles ladders mirrors needles pencils ribbons saddles trumpets umbrellas violins wagons carrots diamonds envelopes flutes gloves helmets jackets keys lemons magnets napkins onions pillows quilts rockets sandals towels".split(
    " ",
  );
const moments =
  "yesterday tonight tomorrow nowadays sometimes eventually afterwards meanwhile recently finally Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February April June July August October".split(
    " ",
  );
const adverbs =
  "slowly quickly proudly softly bravely calmly eagerly gladly honestly kindly loudly neatly openly politely quietly rarely safely tightly usually warmly wisely boldly clearly directly exactly firmly".split(
    " ",
  );

/** Draws each word at most once. */
interface Words {
  adjective(): string;
  noun(): string;
  verb(): string;
  thing(): string;
  moment(): string;
  adverb(): string;
}

type Template = (words: Words) => string;

/** No small word stands twice in a sentence, and each sentence has its own order of them. */
const templates: readonly Template[] = [
  (w) => `The ${w.adjective()} ${w.noun()} ${w.verb()} some ${w.thing()} ${w.moment()}.`,
  (w) => `Every ${w.noun()} near our ${w.noun()} ${w.adverb()} ${w.verb()} those ${w.thing()}.`,
  (w) => `A ${w.adjective()} ${w.noun()} ${w.verb()} ${w.adjective()} ${w.thing()} without help.`,
  (w) => `Most people ${w.adverb()} ${w.verb()} their ${w.thing()} before the ${w.noun()} closed.`,
  (w) => `Behind that ${w.noun()} you find ${w.adjective()} ${w.thing()} and one ${w.noun()}.`,
  (w) => `My ${w.noun()} ${w.verb()} this ${w.adjective()} ${w.noun()} ${w.adverb()}.`,
  (w) => `If it rains, his ${w.noun()} keeps ${w.thing()} under an old ${w.noun()}.`,
  (w) => `Nobody ${w.verb()} her ${w.adjective()} ${w.thing()} as ${w.adverb()} before.`,
  (w) => `Several ${w.thing()} from the ${w.noun()} were ${w.adverb()} ${w.verb()} by a ${w.noun()}.`,
  (w) => `Look for ${w.adjective()} ${w.thing()} beside any ${w.noun()} that was ${w.verb()}.`,
  (w) => `When we ${w.verb()} ${w.thing()}, the ${w.adjective()} ${w.noun()} smiled ${w.adverb()}.`,
  (w) => `Three ${w.adjective()} ${w.thing()} cost less than your ${w.noun()} expected ${w.moment()}.`,
];

/** Sentences of a long answer and of a usual one. */
const longSentences: readonly [number, number] = [5, 12];
const fairlyLongSentences: readonly [number, number] = [4, 6];
const usualSentences: readonly [number, number] = [1, 3];

function createWords(random: () => number): Words {
  const drawFrom = (source: readonly string[]) => {
    const left = [...source];
    return () => left.splice(Math.floor(random() * left.length), 1)[0] ?? "nothing";
  };
  return {
    adjective: drawFrom(adjectives),
    noun: drawFrom(nouns),
    verb: drawFrom(verbs),
    thing: drawFrom(things),
    moment: drawFrom(moments),
    adverb: drawFrom(adverbs),
  };
}

/** The same question, however a recogniser writes it. */
function plain(question: string): string {
  return question
    .toLowerCase()
    .replace(/[^a-z0-9 ]+/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

function lengthOf(asked: string): readonly [number, number] {
  if (/\bfairly long\b/.test(asked)) return fairlyLongSentences;
  return /\blong\b/.test(asked) ? longSentences : usualSentences;
}

/**
 * The answer to one question.
 *
 * @param seed - of the world
 * @param question - "long" in it asks for 5 to 12 sentences, "fairly long" for 4 to 6, else 1 to 3 come
 */
export function composeAnswer(seed: number, question: string): string {
  const asked = plain(question);
  const random = createChance(seed, "answer", asked);
  const [least, most] = lengthOf(asked);
  const count = least + Math.floor(random() * (most - least + 1));
  const words = createWords(random);
  // Each template once at most: its small words keep their own neighbours.
  const left = [...templates];
  const sentences: string[] = [];
  while (sentences.length < count) {
    const [template] = left.splice(Math.floor(random() * left.length), 1);
    if (template === undefined) break;
    sentences.push(template(words));
  }
  return sentences.join(" ");
}

const toolRoles = new Set(["tool", "function", "toolOutput", "tool_output", "tool_result"]);
const fillers = new Set(
  "get set the and for with find look call make fetch read show tell what how function tool".split(" "),
);
const maxToolTextCharacters = 160;

/** Words of a function's name: `get_weather`, `getWeather`. */
function wordsOfName(name: string): string[] {
  return name
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word.length > 2 && !fillers.has(word));
}

/** What the question asks of one of the tools; null when of none. */
function chooseTool(question: string, tools: readonly string[]): Answer["toolCall"] {
  const asked = plain(question);
  const said = new Set(asked.split(" "));
  const name = tools.find((tool) => wordsOfName(tool).some((word) => said.has(word)));
  if (name === undefined) return null;
  const place = / in ([a-z]+(?: [a-z]+)?)$/.exec(asked)?.[1] ?? / in ([a-z]+)/.exec(asked)?.[1];
  return { name, arguments: JSON.stringify(place === undefined ? { query: asked } : { city: place }) };
}

/** What a tool gave, as words that can be spoken. */
function speakable(output: string): string {
  return output
    .replace(/[^A-Za-z0-9 .,-]+/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, maxToolTextCharacters);
}

/**
 * What the assistant says to a conversation. A question that asks for an offered tool ("weather in Paris" and
 * `get_weather`) is answered by its call, and after the tool's output by a sentence about that.
 */
export function answerTo(seed: number, { messages, tools }: Asked): Answer {
  const questionAt = messages.findLastIndex((message) => message.role === "user");
  const question = messages[questionAt]?.text ?? "";
  const output = messages.slice(questionAt + 1).findLast((message) => toolRoles.has(message.role));
  if (output !== undefined) {
    const text = `Here is what came back: ${speakable(output.text)}. ${composeAnswer(seed, question)}`;
    return { text, toolCall: null };
  }
  const toolCall = chooseTool(question, tools);
  if (toolCall !== null) return { text: "", toolCall };
  return { text: composeAnswer(seed, question), toolCall: null };
}

/** How many words back a continuation may begin again, as models do that don't cut exactly where they were told to. */
const maxRepeatedWords = 4;
/** Which share of continuations begins so. */
const repeatedShare = 0.3;

/**
 * What a model says that was told what it has already said.
 *
 * @param text - the whole answer
 * @param spokenPrefix - what was said; "" gives the whole answer, and so does what is no beginning of it
 * @param random - decides whether the last words are said again (some models do; whoever joins must cut that)
 * @returns the rest, without a space at its start; "" when nothing is left
 */
export function continueAnswer(text: string, spokenPrefix: string, random: () => number): string {
  const said = spokenPrefix.trim().split(/\s+/).filter(Boolean);
  const all = text.split(/\s+/).filter(Boolean);
  if (said.length === 0 || said.some((word, index) => plain(word) !== plain(all[index] ?? ""))) return text;
  const back = random() < repeatedShare ? Math.ceil(random() * maxRepeatedWords) : 0;
  if (said.length >= all.length) return "";
  return all.slice(Math.max(0, said.length - back)).join(" ");
}
