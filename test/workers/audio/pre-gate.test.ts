import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ManagedAudioBus } from "../../../workers/audio/bus.ts";
import type { FrontEndEvent } from "../../../workers/audio/messages.ts";
import {
  hangoverWindows,
  openAboveDb,
  PreGate,
  replayWindows,
  settlingWindows,
} from "../../../workers/audio/pre-gate.ts";
import { windowSamples } from "../../../workers/audio/speech-detector.ts";
import {
  addNoise,
  bytesOf,
  collect,
  feed,
  layOut,
  makeNoise,
  plainSettings,
  type Scene,
  speak,
  startBus,
} from "./signals.ts";

const quietDb = openAboveDb - 1;
const loudDb = openAboveDb + 1;

/** A gate that has settled and rests. */
function resting(): PreGate {
  const gate = new PreGate();
  for (let i = 0; i <= settlingWindows; i++) gate.mayRest(quietDb, false);
  return gate;
}

describe("the pre-gate", () => {
  it("hears everything until the minima are found", () => {
    const gate = new PreGate();
    const heard = Array.from({ length: settlingWindows + 1 }, () => !gate.mayRest(0, false));
    expect(heard).toEqual([...Array.from({ length: settlingWindows }, () => true), false]);
  });

  it("opens where a sub-band stands out, where nobody knows, and where it must", () => {
    expect(resting().mayRest(loudDb, false)).toBe(false);
    expect(resting().mayRest(null, false)).toBe(false);
    expect(resting().mayRest(quietDb, true)).toBe(false);
    expect(resting().mayRest(quietDb, false)).toBe(true);
  });

  it("stays open for its hangover, and closes sooner when Silero hears nothing", () => {
    const gate = resting();
    gate.mayRest(loudDb, false);
    gate.heard(0.9);
    for (let i = 0; i < hangoverWindows; i++) {
      expect(gate.mayRest(quietDb, false)).toBe(false);
      gate.heard(0.5);
    }
    expect(gate.mayRest(quietDb, false)).toBe(true);
    gate.mayRest(loudDb, false);
    gate.heard(0.01);
    expect(gate.mayRest(quietDb, false)).toBe(false);
    gate.heard(0.01);
    expect(gate.mayRest(quietDb, false)).toBe(true);
  });

  it("hands the last windows that it skipped on once", () => {
    const gate = resting();
    for (let i = 0; i < 20; i++) gate.mayRest(quietDb, false);
    gate.mayRest(loudDb, false);
    expect(gate.takeSkipped()).toBe(replayWindows);
    expect(gate.takeSkipped()).toBe(0);
  });
});

describe("a session with the pre-gate", () => {
  let bus: ManagedAudioBus;
  let scene: Scene;

  beforeAll(async () => {
    bus = await startBus();
    const pieces: Int16Array[] = [];
    for (const [text, voice] of [
      ["The quick brown fox jumps over the lazy dog.", "slt"],
      ["Please call me back at six.", "rms"],
      ["I would like a table for two.", "awb"],
    ] as const) {
      pieces.push(await speak(text, voice));
    }
    scene = layOut(pieces, 3000);
  });

  afterAll(() => bus.close());

  async function listen(
    pcm: Int16Array,
    preGate: boolean,
  ): Promise<{ events: FrontEndEvent[]; ran: number }> {
    const channel = bus.open({ ...plainSettings, preGate })!;
    const events = collect(channel);
    await feed(channel, bytesOf(pcm));
    const ran = channel.windows / Math.floor(pcm.length / windowSamples);
    channel.close();
    return { events, ran };
  }

  it("hears in a quiet room little more than the speech, and the same of it", async () => {
    const talking = scene.spans.reduce((sum, { from, until }) => sum + until - from, 0) / scene.pcm.length;
    for (const [snrDb, seed] of [
      [28, 7],
      [34, 8],
    ] as const) {
      const { pcm } = addNoise(scene, "pink", snrDb, seed);
      const all = await listen(pcm, false);
      const gated = await listen(pcm, true);
      expect(all.ran).toBe(1);
      expect(gated.ran).toBeLessThanOrEqual(talking + 0.15);
      for (const events of [all.events, gated.events]) expect(events.length).toBeLessThanOrEqual(8);
      for (const { from, until } of scene.spans) {
        for (const { events } of [all, gated]) {
          const begins = events
            .filter((event) => event.type !== "pause")
            .map(({ sample }) => Math.abs(sample - from));
          const ends = events
            .filter((event) => event.type === "pause")
            .map(({ sample }) => Math.abs(sample - until));
          expect(Math.min(...begins)).toBeLessThanOrEqual(80 * 16);
          expect(Math.min(...ends)).toBeLessThanOrEqual(80 * 16);
        }
      }
    }
  });

  it("hears next to nothing of digital silence, of noise hardly louder, and of speech all of it afterwards", async () => {
    const faint = makeNoise("white", 160_000, 9).map((value) => value * 1.2);
    const silence = new Int16Array(160_000);
    for (const before of [silence, Int16Array.from(faint, Math.round)]) {
      const pcm = new Int16Array(before.length + scene.pcm.length);
      pcm.set(before);
      pcm.set(scene.pcm, before.length);
      const quiet = await listen(before, true);
      expect(quiet.ran).toBeLessThanOrEqual(0.2);
      const { events } = await listen(pcm, true);
      const begins = events.flatMap((event) => (/onset|resumed/.test(event.type) ? [event.sample] : []));
      for (const { from } of scene.spans) {
        expect(Math.min(...begins.map((sample) => Math.abs(sample - before.length - from)))).toBeLessThan(
          640,
        );
      }
    }
  });

  it("comes to rest again after noise that sets in at once, and hears speech in it", async () => {
    const gap = 10 * 16_000;
    const pcm = new Int16Array(gap + scene.pcm.length + gap);
    pcm.set(scene.pcm, gap);
    const noise = makeNoise("pink", pcm.length, 10);
    const step = gap / 2;
    for (let i = step; i < pcm.length; i++) pcm[i] = pcm[i]! + Math.round(noise[i]! * 160);
    const channel = bus.open(plainSettings)!;
    const events = collect(channel);
    await feed(channel, bytesOf(pcm.subarray(0, step + 3 * 16_000)));
    const settled = channel.windows;
    await feed(channel, bytesOf(pcm.subarray(step + 3 * 16_000, gap)));
    expect(channel.windows - settled).toBeLessThan(25);
    await feed(channel, bytesOf(pcm.subarray(gap)));
    expect(events.filter((event) => event.type === "pause").length).toBeGreaterThanOrEqual(3);
    for (const { from, until } of scene.spans) {
      const found = events.some(
        ({ type, sample }) =>
          /onset|resumed/.test(type) && sample > gap + from - 4000 && sample < gap + until,
      );
      expect(found).toBe(true);
    }
    channel.close();
  });
});
