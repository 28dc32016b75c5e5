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

/** Blocks of 10 ms: what is longer has a fingerprint, … */
const mostBlocks = 60;
/** … what is shorter is believed only where a stretch beside it lacks just that: half a word that a break left behind, … */
const fewestBlocks = 4;
const minShortCorrelation = 0.9;
const besideSamples = 160;
/** … and this is a click. */
const shortestBlocks = 2;
/** Blocks of silence that end an island. */
const quietBlocks = 3;
/** An island is cut off a stretch within so many samples: a word and a half. */
const reachSamples = 12_000;
const overlapSamples = 480;
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
  return islandsOf(heard.smooth, stretches).flatMap((island) => {
    const blocks = (island.untilSample - island.fromSample) / blockSamples;
    const search = (look: Look) => findIsland(prepared, heard, island, look);
    const beside = (reach: number, overlap: number) => placesBeside(island, stretches, reach, overlap);
    // Its last block is half silence.
    const short: Look = {
      blocks: Math.max(shortestBlocks, blocks - 1),
      candidates: beside(besideSamples, besideSamples),
      minCorrelation: minShortCorrelation,
      fewestSame: 1,
    };
    const usual: Look = {
      blocks: Math.max(Math.min(blocks, fewestBlocks), blocks - fadingBlocks),
      // Mostly it is of the recording around it, which comes first.
      candidates: [...beside(reachSamples, overlapSamples), ...placesAtStarts(prepared)],
      minCorrelation,
      fewestSame: fewestBlocks - 1,
    };
    const half = blocks <= fewestBlocks ? search(short) : null;
    const found = half ?? (blocks >= fewestBlocks ? search(usual) : null);
    return found === null ? [] : [found];
  });
}

/** How an island is looked for: so many of its blocks, where, how alike, and how many of them must be the same in the end. */
interface Look {
  blocks: number;
  candidates: readonly Candidate[];
  minCorrelation: number;
  fewestSame: number;
}

function findIsland(
  prepared: readonly Prepared[],
  heard: Heard,
  { fromSample, untilSample }: Island,
  { blocks, candidates, minCorrelation, fewestSame }: Look,
): Stretch | null {
  const audio = heard.smooth;
  const length = blocks * blockSamples;
  const glance = Math.min(glanceSamples, length);
  const glanceAt = Math.floor((length - glance) / 2);
  let best = { correlation: minCorrelation, source: -1, at: 0 };
  for (const { source, from, until } of candidates) {
    // To look through all others takes long.
    if (best.correlation >= certainCorrelation) break;
    const { smooth } = prepared[source]!;
    for (let at = Math.max(0, from); at <= Math.min(until, smooth.length - length); at += 2) {
      const glanced = correlate(smooth, at + glanceAt, audio, fromSample + glanceAt, glance);
      if (glanced.correlation < minGlanceCorrelation) continue;
      const { correlation } = correlate(smooth, at, audio, fromSample, length);
      if (correlation > best.correlation) best = { correlation, source, at };
    }
  }
  if (best.source < 0) return null;
  const found = prepared[best.source]!;
  const place = new FinePiece(found, best.at, length).placeAt(heard, fromSample - best.at);
  const stretch = stretchesAt(best.source, found, heard, place, fewestSame).find(({ atSample, same }) => {
    const middle = atSample + (same.length * blockSamples) / 2;
    return middle > fromSample && middle < untilSample;
  });
  return stretch ?? null;
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
      if (until - from >= shortestBlocks && until - from <= mostBlocks)
        islands.push({ fromSample: from * blockSamples, untilSample: until * blockSamples });
      from = -1;
    }
  }
  return islands;
}

/** Where the stretches around it go on, and begin. */
function placesBeside(
  { fromSample, untilSample }: Island,
  stretches: readonly Stretch[],
  reach: number,
  overlap: number,
): Candidate[] {
  const length = untilSample - fromSample;
  const before = stretches.findLast((stretch) => stretch.atSample < fromSample);
  const after = stretches.find((stretch) => stretch.atSample >= fromSample);
  const places: Candidate[] = [];
  if (before !== undefined)
    places.push({
      source: before.source,
      from: before.untilSample - overlap,
      until: before.untilSample + reach,
    });
  if (after !== undefined)
    places.push({
      source: after.source,
      from: after.fromSample - length - reach,
      until: after.fromSample - length + overlap,
    });
  return places;
}

/** Where recordings begin to sound. */
function placesAtStarts(prepared: readonly Prepared[]): Candidate[] {
  return prepared.map(({ sounding }, source) => {
    const first = sounding.indexOf(1) * blockSamples;
    return { source, from: first - startSamples / 4, until: first + startSamples };
  });
}
