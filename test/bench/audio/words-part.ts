/** Words through the whole gateway: sixty sentences, clean and in pink noise; smaller sets in other conditions. */
import { formatNumber, type Row } from "../report.ts";
import { sentences } from "../sentences.ts";
import {
  type HeardSentence,
  hearSentences,
  nameCondition,
  type WordCondition,
  wrongPercent,
} from "./measure-words.ts";
import type { DetailTable, Part, PartReport, SuiteContext } from "./part.ts";

const clean: WordCondition = { noise: null, snrDb: null };
const pink: WordCondition = { noise: "pink", snrDb: 10 };
const others: readonly WordCondition[] = [
  { noise: "pink", snrDb: 20 },
  { noise: "white", snrDb: 10 },
  { noise: "fan", snrDb: 10 },
  { noise: "babble", snrDb: 10 },
  { noise: "music", snrDb: 10 },
];
/** Of the sentences, in conditions without a target. */
const sampleDivisor = 6;
const shownWorst = 6;
/** The sentences' first half. */
const callersSentences = 30;

export const wordsPart: Part = {
  title: "Words",
  about:
    "Sentences in two voices through a whole gateway with its embedded recogniser, hands-free, faster than real time. A word counts as wrong when it is replaced, left out or added.",
  measure,
};

async function measure({ voices, sentences: most, isQuick }: SuiteContext): Promise<PartReport> {
  if (isQuick) return { rows: [], notes: ["not in a quick run"], tables: [], figures: [], data: null };
  const heard = await hearSentences(voices, [clean, pink], { most });
  const sampled = Math.max(1, Math.round(most / sampleDivisor));
  for (const [name, some] of await hearSentences(voices, others, { most: sampled })) heard.set(name, some);
  const percentIn = (condition: WordCondition) => wrongPercent(heard.get(nameCondition(condition))!);
  const rows: Row[] = [
    { name: "wrong words, clean", measured: percentIn(clean), unit: "%", atMost: 7 },
    { name: "wrong words, pink 10 dB", measured: percentIn(pink), unit: "%", atMost: 20 },
    ...[clean, pink].flatMap((condition) => halvesOf(condition, heard.get(nameCondition(condition))!)),
    ...others.map((condition) => ({
      name: `wrong words, ${nameCondition(condition)}`,
      measured: percentIn(condition),
      unit: "%",
    })),
  ];
  return {
    rows,
    notes: [
      `${most} sentences a voice clean and in pink noise, ${sampled} in the others`,
      ...worstOf(heard.get(nameCondition(clean))!),
    ],
    tables: [tableOf(heard)],
    figures: [],
    data: Object.fromEntries(heard),
  };
}

/** What callers say, and sentences whose next word nobody can guess. */
function halvesOf(condition: WordCondition, heard: readonly HeardSentence[]): Row[] {
  const isOfCallers = ({ said }: HeardSentence) => sentences.indexOf(said) < callersSentences;
  const name = nameCondition(condition);
  return [
    { name: `  what callers say, ${name}`, measured: wrongPercent(heard.filter(isOfCallers)), unit: "%" },
    {
      name: `  Harvard sentences, ${name}`,
      measured: wrongPercent(heard.filter((one) => !isOfCallers(one))),
      unit: "%",
    },
  ];
}

function worstOf(heard: readonly HeardSentence[]): string[] {
  return [...heard]
    .sort((a, b) => b.errors - a.errors)
    .slice(0, shownWorst)
    .filter(({ errors }) => errors > 0)
    .map(({ errors, voice, said, heard: text }) => `${errors} wrong (${voice}): "${said}" -> "${text}"`);
}

function tableOf(heard: ReadonlyMap<string, readonly HeardSentence[]>): DetailTable {
  const percentOf = (some: readonly HeardSentence[], voice: string) =>
    `${formatNumber(wrongPercent(some.filter((one) => one.voice === voice)))} %`;
  return {
    title: "Wrong words by condition",
    header: ["", "sentences", "slt (a woman)", "rms (a man)", "both"],
    rows: [...heard].map(([name, some]) => [
      name,
      String(some.length),
      percentOf(some, "slt"),
      percentOf(some, "rms"),
      `${formatNumber(wrongPercent(some))} %`,
    ]),
  };
}
