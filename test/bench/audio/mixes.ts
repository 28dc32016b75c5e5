/** Recordings made from seeds: a voice, noise behind it at a known distance, and the path that it comes by. */

import { encodeMulaw } from "../../../wire/g711.ts";
import type { InputFormat } from "../../../workers/audio/messages.ts";
import { resampleWhole } from "../../../workers/speech/resample.ts";
import { measureActiveLevel } from "./metrics/active-level.ts";
import { findStretches, type Labels, labelWindows, type Stretch } from "./metrics/detection.ts";
import { makeNoise, type NoiseKind, noiseKinds } from "./noises.ts";
import { type Clip, rateHz, type Speaker, type Voices } from "./voices.ts";

/** What a mix belongs to in the tables. */
export type Condition = "noise" | "mu-law" | "clipped" | "quiet" | "room" | "clean";

/** One recording, with all that is known of it. */
export interface Mix {
  name: string;
  speaker: Speaker;
  condition: Condition;
  noise: NoiseKind | null;
  /** Active speech level above the noise's mean level; null without noise. */
  snrDb: number | null;
  seed: number;
  /** The voice alone, at the level that it has in the mix. */
  clean: Int16Array;
  /** What the microphone heard, 16 kHz. */
  heard: Int16Array;
  /** What the client sends. */
  format: InputFormat;
  bytes: Uint8Array;
  /** First and last sample (exclusive) of the voice. */
  spoken: Stretch;
  labels: Labels;
  stretches: Stretch[];
  /** Share of the recording in which somebody speaks, by P.56. */
  activityRatio: number;
}

/** Usual level of a voice in a call. */
const usualLevelDb = -26;
const quietLevelDb = -45;
/** So loud that the peaks don't fit. */
const clippedLevelDb = -6;
const leadMs = 1200;
const tailMs = 1600;
/** Quiet rooms: somebody waits, speaks and waits. */
const roomLeadMs = 5000;
const roomTailMs = 6000;
const roomFloorsDb = [-60, -50] as const;

export const allSnrsDb = [0, 5, 10, 15, 20] as const;
const hangoverSamples = 4000;
const activities = new WeakMap<Clip, { levelDb: number; samples: number }>();
const pcm16: InputFormat = { encoding: "pcm16", sampleRateHz: 16000 };

export interface MixPlan {
  clip: Clip;
  condition: Condition;
  noise: NoiseKind | null;
  snrDb: number | null;
  levelDb?: number;
  leadMs?: number;
  tailMs?: number;
  label?: string;
}

/** Every voice in every noise. */
export function noisyMixes(
  voices: Voices,
  snrsDb: readonly number[] = allSnrsDb,
  noises: readonly NoiseKind[] = noiseKinds,
): Mix[] {
  return voices.clips.flatMap((clip) =>
    noises.flatMap((noise) =>
      snrsDb.map((snrDb) => makeMix(voices, { clip, condition: "noise", noise, snrDb })),
    ),
  );
}

/** The voices alone. */
export function cleanMixes(voices: Voices): Mix[] {
  return voices.clips.map((clip) => makeMix(voices, { clip, condition: "clean", noise: null, snrDb: null }));
}

/** Telephone, overdriven and too quiet. */
export function hardMixes(voices: Voices): Mix[] {
  return voices.clips.flatMap((clip) => [
    makeMix(voices, { clip, condition: "mu-law", noise: "pink", snrDb: 15 }),
    makeMix(voices, { clip, condition: "mu-law", noise: "fan", snrDb: 10 }),
    makeMix(voices, { clip, condition: "clipped", noise: "pink", snrDb: 15, levelDb: clippedLevelDb }),
    makeMix(voices, { clip, condition: "quiet", noise: "pink", snrDb: 15, levelDb: quietLevelDb }),
    makeMix(voices, { clip, condition: "quiet", noise: "white", snrDb: 10, levelDb: quietLevelDb }),
  ]);
}

/** Somebody in a quiet room, most of the time silent. */
export function roomMixes(voices: Voices): Mix[] {
  return voices.clips.flatMap((clip) =>
    roomFloorsDb.map((floorDb) =>
      makeMix(voices, {
        clip,
        condition: "room",
        noise: "pink",
        snrDb: usualLevelDb - floorDb,
        leadMs: roomLeadMs,
        tailMs: roomTailMs,
        label: `room ${floorDb} dBFS`,
      }),
    ),
  );
}

/** Builds one; its seed follows from its name. */
export function makeMix(voices: Voices, plan: MixPlan): Mix {
  const { clip, condition, noise, snrDb, levelDb = usualLevelDb } = plan;
  const what = plan.label ?? (noise === null ? condition : `${noise} ${snrDb} dB`);
  const name = `${clip.name}, ${condition === "noise" || plan.label ? "" : `${condition} `}${what}`;
  const seed = seedOf(name);
  const lead = (plan.leadMs ?? leadMs) * 16;
  const tail = (plan.tailMs ?? tailMs) * 16;
  const length = lead + clip.pcm.length + tail;
  const active = activityOf(clip);
  const gain = 10 ** ((levelDb - active.levelDb) / 20);
  const voice = new Float64Array(length);
  for (let i = 0; i < clip.pcm.length; i++) voice[lead + i] = clip.pcm[i]! * gain;
  const heard = voice.slice();
  if (noise !== null && snrDb !== null) {
    const scale = 32768 * 10 ** ((levelDb - snrDb) / 20);
    const behind = makeNoise(noise, length, seed, voices.babblers);
    for (let i = 0; i < length; i++) heard[i] = heard[i]! + behind[i]! * scale;
  }
  const clean = toInt16(voice);
  const samples = toInt16(heard);
  return {
    name,
    speaker: clip.speaker,
    condition,
    noise,
    snrDb,
    seed,
    clean,
    heard: samples,
    ...sendAs(samples, condition),
    spoken: { from: lead, until: lead + clip.pcm.length },
    labels: labelWindows(voice, levelDb),
    stretches: findStretches(voice, levelDb),
    activityRatio: active.samples / length,
  };
}

function sendAs(heard: Int16Array, condition: Condition): { format: InputFormat; bytes: Uint8Array } {
  if (condition === "mu-law") {
    return {
      format: { encoding: "pcmu", sampleRateHz: 8000 },
      bytes: encodeMulaw(resampleWhole(heard, rateHz, 8000)),
    };
  }
  return { format: pcm16, bytes: new Uint8Array(heard.buffer, heard.byteOffset, heard.byteLength) };
}

/** Measured with room for P.56's hangover after the last word; once a clip. */
function activityOf(clip: Clip): { levelDb: number; samples: number } {
  let activity = activities.get(clip);
  if (activity === undefined) {
    const padded = new Int16Array(clip.pcm.length + hangoverSamples);
    padded.set(clip.pcm);
    const { levelDb, activityRatio } = measureActiveLevel(padded, rateHz);
    activity = { levelDb, samples: activityRatio * padded.length };
    activities.set(clip, activity);
  }
  return activity;
}

/** FNV-1a: the same name, the same noise, whatever else the suite holds. */
export function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function toInt16(samples: Float64Array): Int16Array {
  const pcm = new Int16Array(samples.length);
  for (let i = 0; i < pcm.length; i++) pcm[i] = Math.max(-32768, Math.min(32767, Math.round(samples[i]!)));
  return pcm;
}
