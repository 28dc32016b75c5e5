/** One utterance heard in several versions: what the recogniser gets wrong in one, it often gets right in another. */
import { hopSamples, SpectralGate } from "../../audio/gate.ts";
import { resampleWhole } from "../resample.ts";

/** A version of an utterance. */
export type Hearing = "raw" | "gated" | "half" | "slower" | "faster";

/** Lowest gain of the gate, as for a near microphone. */
const gateFloorDb = -15;
/** Peak of the half-gated hearing, of full scale. */
const halfPeakRatio = 0.9;
/** Speeds as ratios of rates: 0.94 and 1.06. */
const slowerRates = [94, 100] as const;
const fasterRates = [106, 100] as const;
/** Digital silence before the audio; with 100 ms of the room before the first sound, the fewest words are wrong. */
const leadSamples: Record<Hearing, number> = {
  raw: 1600,
  gated: 1600,
  half: 8000,
  slower: 8000,
  faster: 1600,
};

/** The gate over a whole utterance: once to learn its noise, once to turn it down. */
export function gateUtterance(pcm: Int16Array): Int16Array {
  const gate = new SpectralGate(gateFloorDb);
  const hops = Math.ceil(pcm.length / hopSamples);
  const source = new Int16Array((hops + 1) * hopSamples);
  source.set(pcm);
  for (let hop = 0; hop < hops; hop++) gate.push(source, hop * hopSamples, { work: "analyse" });
  // What comes out is a hop late.
  const gated = new Int16Array((hops + 1) * hopSamples);
  for (let hop = 0; hop <= hops; hop++)
    gate.push(source, hop * hopSamples, { work: "process" }, gated, hop * hopSamples);
  return gated.subarray(hopSamples, hopSamples + pcm.length);
}

/** Half of each, as loud as it can be without clipping. */
function mixHalves(one: Int16Array, other: Int16Array): Int16Array {
  let peak = 1;
  for (let i = 0; i < one.length; i++) peak = Math.max(peak, Math.abs(one[i]! + other[i]!));
  const gain = (halfPeakRatio * 32768) / peak;
  return one.map((sample, i) => Math.round(gain * (sample + other[i]!)));
}

function hearAs(hearing: Hearing, pcm: Int16Array): Int16Array {
  switch (hearing) {
    case "raw":
      return pcm;
    case "gated":
      return gateUtterance(pcm);
    case "half":
      return mixHalves(pcm, gateUtterance(pcm));
    case "slower":
      return resampleWhole(pcm, ...slowerRates);
    case "faster":
      return resampleWhole(pcm, ...fasterRates);
  }
}

/**
 * Makes one version.
 *
 * @param pcm - mono at 16 kHz; not modified
 * @returns full scale 1, with silence before it
 */
export function makeHearing(hearing: Hearing, pcm: Int16Array): Float32Array {
  const heard = hearAs(hearing, pcm);
  const lead = leadSamples[hearing];
  const samples = new Float32Array(lead + heard.length);
  for (let i = 0; i < heard.length; i++) samples[lead + i] = heard[i]! / 32768;
  return samples;
}
