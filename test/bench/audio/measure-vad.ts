/** Detection of speech, as the product runs it: the audio thread with its pre-gate, batches and hysteresis. */
import { parseConfig } from "../../../gateway/config.ts";
import { formatNumber, percentile, type Row } from "../report.ts";
import {
  addScores,
  areaUnderCurve,
  decidedDelaysMs,
  edgeDelaysMs,
  errorRatios,
  rocCurve,
  type Scores,
  withCollar,
} from "./metrics/detection.ts";
import { allSnrsDb, cleanMixes, hardMixes, type Mix, noisyMixes, roomMixes } from "./mixes.ts";
import { noiseKinds } from "./noises.ts";
import {
  type DetailTable,
  type Figure,
  mean,
  type Part,
  type PartReport,
  type SuiteContext,
} from "./part.ts";
import { drawChart, type Series } from "./pictures/lines.ts";
import { defaultHearing, type Hearing, type HearingSettings, hearAll } from "./through-bus.ts";

const hysteresis = { on: 0.5, off: 0.35 };
const quickSnrsDb = [5, 15];
/** What the product gives the VAD when nobody sets anything. */
const settings: HearingSettings = { ...defaultHearing, vadInput: parseConfig({}).vadInput };

/** What a set of recordings says about the detector. */
export interface VadFigures {
  name: string;
  recordings: number;
  auc: number;
  missPercent: number;
  falsePercent: number;
  onsetMs: { p50: number; p90: number };
  offsetMs: { p50: number; p90: number };
  /** When the detector says so itself, whose least durations are part of it. */
  decidedOnsetMs: { p50: number; p90: number };
  decidedOffsetMs: { p50: number; p90: number };
  /** Stretches of speech that were not noticed, and ends not noticed within a second. */
  unnoticed: number;
  unended: number;
}

export const vadPart: Part = {
  title: "Voice detection",
  about:
    "The same mixes through the audio thread; each window of 32 ms is labelled by the energy of the clean voice, two windows around every change aren't scored. Delays count from the voice's own edge to the end of the window that told.",
  measure,
};

async function measure({ voices, isQuick }: SuiteContext): Promise<PartReport> {
  if (isQuick) return measureQuick(noisyMixes(voices, quickSnrsDb, ["white", "pink"]));
  const noisy = await hearAll(noisyMixes(voices, allSnrsDb), settings);
  const hard = (await hearAll([...hardMixes(voices), ...cleanMixes(voices)], settings)).hearings;
  const music = await hearAll(noisyMixes(voices, allSnrsDb, ["music"]), settings);
  const rooms = await hearAll(roomMixes(voices), settings);
  const plain = noisy.hearings.filter(({ mix }) => mix.noise !== "babble");
  const babble = noisy.hearings.filter(({ mix }) => mix.noise === "babble");
  const talking = mean(rooms.hearings.map(({ mix }) => mix.activityRatio));
  const groups = [
    assess("all without babble", plain),
    ...allSnrsDb.map((snrDb) =>
      assess(
        `  ${snrDb} dB`,
        plain.filter(({ mix }) => mix.snrDb === snrDb),
      ),
    ),
    ...noiseKinds.map((noise) =>
      assess(
        `  ${noise}`,
        noisy.hearings.filter(({ mix }) => mix.noise === noise),
      ),
    ),
    ...(["human", "espeak", "flite"] as const).map((speaker) =>
      assess(
        `  ${speaker}`,
        plain.filter(({ mix }) => mix.speaker === speaker),
      ),
    ),
    ...(["mu-law", "clipped", "quiet", "clean"] as const).map((condition) =>
      assess(
        condition,
        hard.filter(({ mix }) => mix.condition === condition),
      ),
    ),
    assess("music", music.hearings),
    assess("quiet rooms", rooms.hearings),
  ].filter(({ recordings }) => recordings > 0);
  const ungated = await hearAll(
    plain.map(({ mix }) => mix),
    { ...settings, preGate: false },
  );
  const all = groups[0]!;
  const worst = groups.find(({ name }) => name.trim() === "0 dB")!;
  const aucLoss = assess("", ungated.hearings).auc - all.auc;
  return {
    rows: [
      { name: "AUC without babble", measured: all.auc, unit: "", atLeast: 0.999 },
      { name: "AUC at 0 dB", measured: worst.auc, unit: "", atLeast: 0.998 },
      { name: "speech missed", measured: all.missPercent, unit: "%", atMost: 1 },
      { name: "false alarms", measured: all.falsePercent, unit: "%", atMost: 2 },
      { name: "onset p90", measured: all.onsetMs.p90, unit: "ms", atMost: 96 },
      { name: "offset p90", measured: all.offsetMs.p90, unit: "ms", atMost: 224 },
      { name: "onset p90, as decided", measured: all.decidedOnsetMs.p90, unit: "ms", atMost: 96 },
      { name: "offset p90, as decided", measured: all.decidedOffsetMs.p90, unit: "ms", atMost: 224 },
      { name: "AUC lost by the pre-gate", measured: aucLoss, unit: "" },
      {
        name: "windows run in quiet rooms",
        measured: 100 * rooms.windowsRunRatio,
        unit: "%",
        atMost: 100 * talking + 15,
      },
      { name: "windows run in noise", measured: 100 * noisy.windowsRunRatio, unit: "%" },
    ],
    notes: [
      `${plain.length} mixes without and ${babble.length} with babble; VAD hears ${settings.vadInput} audio`,
      `in the quiet rooms (floor -60 and -50 dBFS) somebody talks for ${(100 * talking).toFixed(0)} % of the time`,
    ],
    tables: [tableOf(groups)],
    figures: [await drawRoc(plain, babble)],
    data: {
      groups,
      talkingRatio: talking,
      roomsRunRatio: rooms.windowsRunRatio,
      noisyRunRatio: noisy.windowsRunRatio,
    },
  };
}

async function measureQuick(mixes: Mix[]): Promise<PartReport> {
  const { hearings } = await hearAll(mixes, settings);
  const all = assess("all", hearings);
  const rows: Row[] = [
    { name: "AUC", measured: all.auc, unit: "", atLeast: 0.995 },
    { name: "speech missed", measured: all.missPercent, unit: "%", atMost: 3 },
    { name: "false alarms", measured: all.falsePercent, unit: "%", atMost: 8 },
    { name: "onset p90", measured: all.onsetMs.p90, unit: "ms", atMost: 130 },
  ];
  return { rows, notes: [], tables: [tableOf([all])], figures: [], data: { groups: [all] } };
}

function scoresOf(hearings: readonly Hearing[]): Scores {
  const scores: Scores = { speech: [], others: [] };
  for (const { mix, ratios } of hearings) addScores(scores, withCollar(mix.labels), ratios);
  return scores;
}

/** All that is said of a set. */
export function assess(name: string, hearings: readonly Hearing[]): VadFigures {
  const scores = scoresOf(hearings);
  const { missRatio, falseRatio } = errorRatios(scores, hysteresis.on);
  const delays = hearings.flatMap(({ mix, ratios }) =>
    mix.stretches.map((stretch) => edgeDelaysMs(stretch, ratios, hysteresis)),
  );
  const onsets = delays.flatMap(({ onsetMs }) => onsetMs ?? []);
  const offsets = delays.flatMap(({ offsetMs }) => offsetMs ?? []);
  const decided = hearings.flatMap(({ mix, edges }) =>
    mix.stretches.map((stretch) => decidedDelaysMs(stretch, edges)),
  );
  const ends = (of: (number | null)[]) => {
    const known = of.filter((ms) => ms !== null);
    return { p50: percentile(known, 0.5), p90: percentile(known, 0.9) };
  };
  return {
    name,
    recordings: hearings.length,
    auc: areaUnderCurve(scores),
    missPercent: 100 * missRatio,
    falsePercent: 100 * falseRatio,
    onsetMs: ends(onsets),
    offsetMs: ends(offsets),
    decidedOnsetMs: ends(decided.map(({ onsetMs }) => onsetMs)),
    decidedOffsetMs: ends(decided.map(({ offsetMs }) => offsetMs)),
    unnoticed: delays.length - onsets.length,
    unended: delays.length - offsets.length,
  };
}

function tableOf(groups: readonly VadFigures[]): DetailTable {
  return {
    title: "Voice detection by condition",
    header: [
      "",
      "mixes",
      "AUC",
      "missed",
      "false",
      "onset p50 / p90",
      "offset p50 / p90",
      "unnoticed / unended",
    ],
    rows: groups.map((one) => [
      one.name,
      String(one.recordings),
      one.auc.toFixed(4),
      `${formatNumber(one.missPercent)} %`,
      `${formatNumber(one.falsePercent)} %`,
      `${one.onsetMs.p50.toFixed(0)} / ${one.onsetMs.p90.toFixed(0)} ms`,
      `${one.offsetMs.p50.toFixed(0)} / ${one.offsetMs.p90.toFixed(0)} ms`,
      `${one.unnoticed} / ${one.unended}`,
    ]),
  };
}

async function drawRoc(plain: readonly Hearing[], babble: readonly Hearing[]): Promise<Figure> {
  const other = settings.vadInput === "raw" ? "gated" : "raw";
  const mixesOf = (hearings: readonly Hearing[]) => hearings.map(({ mix }) => mix);
  const otherPlain = (await hearAll(mixesOf(plain), { ...settings, vadInput: other })).hearings;
  const otherBabble = (await hearAll(mixesOf(babble), { ...settings, vadInput: other })).hearings;
  const curve = (name: string, hearings: readonly Hearing[], isDashed = false): Series => ({
    name,
    isDashed,
    points: rocCurve(scoresOf(hearings)).map(({ falseRatio, hitRatio }) => ({
      x: 100 * falseRatio,
      y: 100 * hitRatio,
    })),
  });
  const at = (hearings: readonly Hearing[], snrDb: number) =>
    hearings.filter(({ mix }) => mix.snrDb === snrDb);
  return {
    name: "vad-roc",
    caption: `Speech found against false alarms as the threshold moves; VAD hears ${settings.vadInput} audio, dashed lines: ${other}`,
    svg: drawChart({
      title: "Voice detection",
      x: { label: "false alarms, % of windows without speech", from: 0, until: 12 },
      y: { label: "speech found, %", from: 90, until: 100 },
      series: [
        curve("no babble, 20 dB", at(plain, 20)),
        curve("no babble, 5 dB", at(plain, 5)),
        curve("no babble, 0 dB", at(plain, 0)),
        curve(`no babble, 0 dB, ${other}`, at(otherPlain, 0), true),
        curve("babble, 20 dB", at(babble, 20)),
        curve(`babble, 20 dB, ${other}`, at(otherBabble, 20), true),
      ],
      goals: [{ name: "target", fromX: 0, untilX: 2, fromY: 99, untilY: 100 }],
    }),
  };
}
