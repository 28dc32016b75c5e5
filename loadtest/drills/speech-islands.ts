/** Words that stand alone between two silences: too short for a fingerprint, found by their waveform where they may come from. */
import {
  blockSamples,
  correlate,
  FinePiece,
  type Heard,
  type Prepared,
  type Stretch,
  soundingBlocks,
  stretchesAt,
} from "./speech-waveform.ts";

/** Blocks of 10 ms: what is shorter is a click, what is longer has a fingerprint. */
const fewestBlocks = 4;
const mostBlocks = 60;
/** Blocks of silence that end an island. */
const quietBlocks = 3;
/** An island is cut off a stretch within so many samples: a word and a half. */
const reachSamples = 12_000;
/** How far from a recording's first sound a voice may have begun. */
const startSamples = 1600;
/** Where a voice was cut off, an island's last blocks fade and its recording does not: they aren't compared in a longer one. */
const fadingBlocks = 2;
const minCorrelation = 0.75;
/** Nothing else is looked at beyond that. */
const certainCorrelation = 0.98;
/** The middle of an island is compared first: most places are out of the question by it. */
const glanceSamples = 800;
const minGlanceCorrelation = 0.5;

interface Island {
  fromSample: number;
  untilSample: number;
}

/** A place in a source where an island may begin: between two samples. */
interface Candidate {
  source: number;
  from: number;
  until: number;
}

/**
 * Short sound that no stretch explains, as parts of the recordings that lie around it or begin there.
 *
 * @param heard - at 16 kHz
 * @param stretches - what was found already, in the audio's order
 */
export function findIslands(
  prepared: readonly Prepared[],
  heard: Heard,
  stretches: readonly Stretch[],
): Stretch[] {
  const audio = heard.smooth;
  return islandsOf(audio, stretches).flatMap((island) => {
    const blocks = (island.untilSample - island.fromSample) / blockSamples;
    const length = Math.max(Math.min(blocks, fewestBlocks), blocks - fadingBlocks) * blockSamples;
    const glance = Math.min(glanceSamples, length);
    const glanceAt = Math.floor((length - glance) / 2);
    let best = { correlation: minCorrelation, source: -1, at: 0 };
    for (const { source, from, until } of candidatesFor(island, prepared, stretches)) {
      // Mostly it is of the recording around it, which comes first; to look through all others takes long.
      if (best.correlation >= certainCorrelation) break;
      const { smooth } = prepared[source]!;
      for (let at = Math.max(0, from); at <= Math.min(until, smooth.length - length); at += 2) {
        const glanced = correlate(smooth, at + glanceAt, audio, island.fromSample + glanceAt, glance);
        if (glanced.correlation < minGlanceCorrelation) continue;
        const { correlation } = correlate(smooth, at, audio, island.fromSample, length);
        if (correlation > best.correlation) best = { correlation, source, at };
      }
    }
    if (best.source < 0) return [];
    const found = prepared[best.source]!;
    const lag = island.fromSample - best.at;
    const place = new FinePiece(found, best.at, length).placeAt(heard, lag);
    return stretchesAt(best.source, found, heard, place, fewestBlocks - 1)
      .filter(({ atSample, same }) => {
        const middle = atSample + (same.length * blockSamples) / 2;
        return middle > island.fromSample && middle < island.untilSample;
      })
      .slice(0, 1);
  });
}

function islandsOf(audio: Float32Array, stretches: readonly Stretch[]): Island[] {
  const sounding = soundingBlocks(audio);
  for (const { atSample, same } of stretches) {
    // With a block on either side: what fades there is no island.
    const from = Math.floor(atSample / blockSamples) - 1;
    sounding.fill(0, Math.max(0, from), from + same.length + 3);
  }
  const islands: Island[] = [];
  let from = -1;
  let until = -1;
  for (let block = 0; block <= sounding.length + quietBlocks; block++) {
    if (sounding[block] === 1) {
      if (from < 0) from = block;
      until = block + 1;
    } else if (from >= 0 && block - until >= quietBlocks) {
      if (until - from >= fewestBlocks && until - from <= mostBlocks)
        islands.push({ fromSample: from * blockSamples, untilSample: until * blockSamples });
      from = -1;
    }
  }
  return islands;
}

function candidatesFor(
  { fromSample, untilSample }: Island,
  prepared: readonly Prepared[],
  stretches: readonly Stretch[],
): Candidate[] {
  const length = untilSample - fromSample;
  const before = stretches.findLast((stretch) => stretch.atSample < fromSample);
  const after = stretches.find((stretch) => stretch.atSample >= fromSample);
  const candidates: Candidate[] = [];
  if (before !== undefined)
    candidates.push({
      source: before.source,
      from: before.untilSample - 480,
      until: before.untilSample + reachSamples,
    });
  if (after !== undefined)
    candidates.push({
      source: after.source,
      from: after.fromSample - length - reachSamples,
      until: after.fromSample - length + 480,
    });
  prepared.forEach(({ sounding }, source) => {
    const first = sounding.indexOf(1) * blockSamples;
    candidates.push({ source, from: first - startSamples / 4, until: first + startSamples });
  });
  return candidates;
}
