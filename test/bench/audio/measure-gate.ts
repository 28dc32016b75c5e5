/** The spectral gate: what it does to voices and to what is behind them. */
import { formatNumber, type Row } from "../report.ts";
import { attenuationDb, segmentalSnrDb, siSdrDb } from "./metrics/distortion.ts";
import { stoi, toStoiRate } from "./metrics/stoi.ts";
import { allSnrsDb, cleanMixes, type Mix, noisyMixes } from "./mixes.ts";
import { type NoiseKind, noiseKinds } from "./noises.ts";
import {
  type DetailTable,
  type Figure,
  mean,
  type Part,
  type PartReport,
  type SuiteContext,
} from "./part.ts";
import { type BarGroup, drawBars } from "./pictures/bars.ts";
import { drawSpectrogramPair } from "./pictures/spectrogram.ts";
import { defaultHearing, type Hearing, hearAll } from "./through-bus.ts";

/** The gate alone: nobody listens for speech. */
const settings = { ...defaultHearing, vad: null, keepGated: true } as const;
/** After the last word the gate still lets its tail through. */
const settleSamples = 4000;
/** Published figures of others stop there. */
const publishedSnrsDb: readonly number[] = [0, 5, 10, 15];
const quickSnrsDb = [5, 10];
/** What is drawn: one voice, loud noise. */
const drawnSnrDb = 5;
const drawnNoises: readonly NoiseKind[] = ["white", "fan", "babble"];

/** One recording before and after. */
interface GateFigures {
  name: string;
  noise: NoiseKind | null;
  snrDb: number | null;
  siSdrInDb: number;
  siSdrOutDb: number;
  segSnrInDb: number;
  segSnrOutDb: number;
  stoiIn: number;
  stoiOut: number;
  pauseAttenuationDb: number;
}

export const gatePart: Part = {
  title: "Spectral gate",
  about:
    "Every voice in every noise goes through the audio bus; what comes out of the gate is compared with the voice alone, over the whole recording, pauses included.",
  measure,
};

async function measure({ voices, isQuick }: SuiteContext): Promise<PartReport> {
  const noisy = noisyMixes(
    voices,
    isQuick ? quickSnrsDb : allSnrsDb,
    isQuick ? ["white", "pink"] : noiseKinds,
  );
  const { hearings } = await hearAll(noisy, settings);
  const figures = hearings.map(compare);
  const clean = (await hearAll(cleanMixes(voices), settings)).hearings.map(compare);
  return {
    rows: isQuick ? quickRows(figures) : makeRows(figures, clean),
    notes: [
      `${figures.length} mixes: ${voices.clips.length} voices, ${[...new Set(noisy.map(({ noise }) => noise))].join(", ")}; near_field`,
    ],
    tables: [byNoise(figures)],
    figures: isQuick ? [] : draw(hearings, figures),
    data: { mixes: figures, clean },
  };
}

function compare({ mix, gated }: Hearing): GateFigures {
  const clean = mix.clean.subarray(0, gated.length);
  const heard = mix.heard.subarray(0, gated.length);
  const cleanAtTen = toStoiRate(clean);
  return {
    name: mix.name,
    noise: mix.noise,
    snrDb: mix.snrDb,
    siSdrInDb: siSdrDb(clean, heard),
    siSdrOutDb: siSdrDb(clean, gated),
    segSnrInDb: segmentalSnrDb(spoken(mix, clean), spoken(mix, heard), 16_000),
    segSnrOutDb: segmentalSnrDb(spoken(mix, clean), spoken(mix, gated), 16_000),
    stoiIn: stoi(cleanAtTen, toStoiRate(heard)),
    stoiOut: stoi(cleanAtTen, toStoiRate(gated)),
    pauseAttenuationDb: attenuationDb(heard, gated, mix.spoken.until + settleSamples, gated.length),
  };
}

/** Segments of silence have no SNR. */
function spoken({ spoken: { from, until } }: Mix, samples: Int16Array): Int16Array {
  return samples.subarray(from, until);
}

const gainDb = (figures: readonly GateFigures[]) =>
  mean(figures.map(({ siSdrInDb, siSdrOutDb }) => siSdrOutDb - siSdrInDb));
const stoiGain = (figures: readonly GateFigures[]) =>
  mean(figures.map(({ stoiIn, stoiOut }) => stoiOut - stoiIn));
const attenuation = (figures: readonly GateFigures[]) =>
  mean(figures.map(({ pauseAttenuationDb }) => pauseAttenuationDb));

function makeRows(all: readonly GateFigures[], clean: readonly GateFigures[]): Row[] {
  const of = (noise: NoiseKind) => all.filter((one) => one.noise === noise);
  const published = all.filter(({ snrDb }) => publishedSnrsDb.includes(snrDb!));
  return [
    { name: "SI-SDR gained", measured: gainDb(all), unit: "dB", atLeast: 4 },
    { name: "SI-SDR gained, white", measured: gainDb(of("white")), unit: "dB", atLeast: 6.5 },
    { name: "SI-SDR gained, fan", measured: gainDb(of("fan")), unit: "dB", atLeast: 6.5 },
    { name: "SI-SDR gained, 0 to 15 dB alone", measured: gainDb(published), unit: "dB" },
    { name: "STOI gained", measured: stoiGain(all), unit: "", atLeast: -0.005 },
    { name: "pauses turned down", measured: attenuation(all), unit: "dB", atLeast: 10 },
    {
      name: "clean in, SI-SDR out",
      measured: mean(clean.map(({ siSdrOutDb }) => siSdrOutDb)),
      unit: "dB",
      atLeast: 25,
      isAim: true,
    },
  ];
}

/** Machine voices only: what a gate that works reaches with room to spare. */
function quickRows(all: readonly GateFigures[]): Row[] {
  return [
    { name: "SI-SDR gained, white and pink", measured: gainDb(all), unit: "dB", atLeast: 3 },
    { name: "STOI gained", measured: stoiGain(all), unit: "", atLeast: -0.02 },
    { name: "pauses turned down", measured: attenuation(all), unit: "dB", atLeast: 10 },
  ];
}

function byNoise(all: readonly GateFigures[]): DetailTable {
  const groups: [string, readonly GateFigures[]][] = [
    ...[...new Set(all.map(({ noise }) => noise!))].map(
      (noise) => [noise, all.filter((one) => one.noise === noise)] as [string, GateFigures[]],
    ),
    ...[...new Set(all.map(({ snrDb }) => snrDb!))].map(
      (snrDb) => [`${snrDb} dB`, all.filter((one) => one.snrDb === snrDb)] as [string, GateFigures[]],
    ),
  ];
  const column = (
    figures: readonly GateFigures[],
    field: Exclude<keyof GateFigures, "name" | "noise" | "snrDb">,
  ) => mean(figures.map((one) => one[field]));
  return {
    title: "The gate by noise and by distance",
    header: ["", "SI-SDR in", "out", "segSNR in", "out", "STOI in", "out", "pauses down"],
    rows: groups.map(([name, some]) => [
      name,
      formatNumber(column(some, "siSdrInDb")),
      formatNumber(column(some, "siSdrOutDb")),
      formatNumber(column(some, "segSnrInDb")),
      formatNumber(column(some, "segSnrOutDb")),
      column(some, "stoiIn").toFixed(3),
      column(some, "stoiOut").toFixed(3),
      `${formatNumber(column(some, "pauseAttenuationDb"))} dB`,
    ]),
  };
}

function draw(hearings: readonly Hearing[], figures: readonly GateFigures[]): Figure[] {
  const groups: BarGroup[] = noiseKinds.map((noise) => ({
    name: noise,
    bars: allSnrsDb.map((snrDb) => ({
      name: `${snrDb} dB`,
      value: gainDb(figures.filter((one) => one.noise === noise && one.snrDb === snrDb)),
    })),
  }));
  const drawn = drawnNoises.flatMap((noise) => {
    const hearing = hearings.find(({ mix }) => mix.noise === noise && mix.snrDb === drawnSnrDb);
    if (hearing === undefined) return [];
    return {
      name: `spectrogram-${noise}`,
      caption: `${noise} noise, ${drawnSnrDb} dB below the voice: what the microphone heard, and what the gate let through`,
      svg: drawSpectrogramPair(hearing.mix.heard, hearing.gated),
    };
  });
  return [
    ...drawn,
    {
      name: "gate-gain",
      caption: "SI-SDR gained by noise, at 0, 5, 10, 15 and 20 dB of distance between voice and noise",
      svg: drawBars(groups, { unit: "dB", label: "SI-SDR gained" }),
    },
  ];
}
