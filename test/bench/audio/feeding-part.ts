/** What the voice detector and the recogniser should be given, raw audio or gated: every combination, measured. */
import { formatNumber } from "../report.ts";
import { assess, type VadFigures } from "./measure-vad.ts";
import {
  type HeardSentence,
  hearSentences,
  nameCondition,
  type WordCondition,
  wrongPercent,
} from "./measure-words.ts";
import { hardMixes, noisyMixes } from "./mixes.ts";
import type { DetailTable, Part, PartReport, SuiteContext } from "./part.ts";
import { defaultHearing, hearAll } from "./through-bus.ts";

type Signal = "raw" | "gated";

/** One way to feed them; null: no gate at all (`noise_reduction` off). */
interface Feeding {
  name: string;
  vad: Signal;
  stt: Signal;
  isOff?: true;
}

const feedings: readonly Feeding[] = [
  { name: "VAD raw, STT raw", vad: "raw", stt: "raw" },
  { name: "VAD raw, STT gated", vad: "raw", stt: "gated" },
  { name: "VAD gated, STT raw", vad: "gated", stt: "raw" },
  { name: "VAD gated, STT gated (the order taken literally)", vad: "gated", stt: "gated" },
  { name: "noise_reduction off", vad: "raw", stt: "raw", isOff: true },
];
const conditions: readonly WordCondition[] = [
  { noise: null, snrDb: null },
  { noise: "pink", snrDb: 10 },
  { noise: "white", snrDb: 10 },
  { noise: "fan", snrDb: 5 },
  { noise: "tremolo", snrDb: 10 },
];
/** Of the sentences. */
const sampleDivisor = 2;

export const feedingPart: Part = {
  title: "What is fed to what",
  about:
    "The gate stands first; what it hands on to the voice detector and to the recogniser can be the raw or the gated signal. Every combination through the same mixes and sentences.",
  measure,
};

async function measure({ voices, sentences, isQuick }: SuiteContext): Promise<PartReport> {
  if (isQuick) return { rows: [], notes: ["not in a quick run"], tables: [], figures: [], data: null };
  const detection = await measureDetection(voices);
  const words = new Map<string, Map<string, HeardSentence[]>>();
  const most = Math.max(1, Math.round(sentences / sampleDivisor));
  for (const { name, vad, stt, isOff } of feedings) {
    const env: Record<string, string> = {
      PARLEY_VAD_INPUT: vad,
      PARLEY_STT_INPUT: stt,
      PARLEY_NOISE_REDUCTION: isOff ? "off" : "near_field",
    };
    words.set(name, await hearSentences(voices, conditions, { most, env }));
    console.log(`  ${name}: heard`);
  }
  return {
    rows: [],
    notes: [`${most} sentences a voice and condition, two voices, the same in each combination`],
    tables: [detectionTable(detection), wordsTable(words)],
    figures: [],
    data: {
      detection: Object.fromEntries(detection),
      words: Object.fromEntries([...words].map(([name, heard]) => [name, Object.fromEntries(heard)])),
    },
  };
}

async function measureDetection(voices: SuiteContext["voices"]): Promise<Map<string, VadFigures[]>> {
  const mixes = [...noisyMixes(voices), ...hardMixes(voices)];
  const figures = new Map<string, VadFigures[]>();
  for (const [name, settings] of [
    ["raw", { ...defaultHearing, vadInput: "raw" }],
    ["gated", { ...defaultHearing, vadInput: "gated" }],
    ["noise_reduction off", { ...defaultHearing, noiseReduction: null }],
  ] as const) {
    const { hearings } = await hearAll(mixes, settings);
    const noisy = hearings.filter(({ mix }) => mix.condition === "noise");
    const plain = noisy.filter(({ mix }) => mix.noise !== "babble");
    figures.set(name, [
      assess("without babble", plain),
      assess(
        "0 dB, without babble",
        plain.filter(({ mix }) => mix.snrDb === 0),
      ),
      assess(
        "babble",
        noisy.filter(({ mix }) => mix.noise === "babble"),
      ),
      assess(
        "mu-law",
        hearings.filter(({ mix }) => mix.condition === "mu-law"),
      ),
      assess(
        "quiet, -45 dBFS",
        hearings.filter(({ mix }) => mix.condition === "quiet"),
      ),
    ]);
  }
  return figures;
}

function detectionTable(figures: ReadonlyMap<string, readonly VadFigures[]>): DetailTable {
  return {
    title: "Voice detection by what it hears",
    header: ["VAD hears", "condition", "AUC", "missed", "false", "onset p90", "offset p90"],
    rows: [...figures].flatMap(([name, groups]) =>
      groups.map((one) => [
        name,
        one.name,
        one.auc.toFixed(4),
        `${formatNumber(one.missPercent)} %`,
        `${formatNumber(one.falsePercent)} %`,
        `${one.onsetMs.p90.toFixed(0)} ms`,
        `${one.offsetMs.p90.toFixed(0)} ms`,
      ]),
    ),
  };
}

function wordsTable(words: ReadonlyMap<string, ReadonlyMap<string, HeardSentence[]>>): DetailTable {
  return {
    title: "Wrong words by what is fed to what",
    header: ["", ...conditions.map(nameCondition), "all"],
    rows: [...words].map(([name, heard]) => [
      name,
      ...conditions.map(
        (condition) => `${formatNumber(wrongPercent(heard.get(nameCondition(condition))!))} %`,
      ),
      `${formatNumber(wrongPercent([...heard.values()].flat()))} %`,
    ]),
  };
}
