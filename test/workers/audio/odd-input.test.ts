import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ManagedAudioBus } from "../../../workers/audio/bus.ts";
import type { BusChannel } from "../../../workers/audio/channel.ts";
import type { FrontEndEvent } from "../../../workers/audio/messages.ts";
import {
  bytesOf,
  collect,
  feed,
  heard,
  layOut,
  makeNoise,
  nowMs,
  plainSettings,
  type Scene,
  seeded,
  speak,
  startBus,
  until,
} from "./signals.ts";

let bus: ManagedAudioBus;
let scene: Scene;

beforeAll(async () => {
  const pieces = [
    await speak("The quick brown fox jumps over the lazy dog."),
    await speak("Call me back.", "rms"),
  ];
  scene = layOut(pieces, 1500);
});

afterEach(() => bus.close());

async function open(): Promise<{ channel: BusChannel; events: FrontEndEvent[] }> {
  bus = await startBus({ tickMs: 1, maxWindowsPerTick: 16 });
  const channel = bus.open({ ...plainSettings, noiseReduction: "near_field" })!;
  return { channel, events: collect(channel) };
}

/** Feeds the scene and expects its speech to be found where it is, as ever. */
async function expectSpeech(channel: BusChannel, events: FrontEndEvent[], toleranceMs = 100): Promise<void> {
  const start = channel.receivedSamples;
  events.length = 0;
  await feed(channel, bytesOf(scene.pcm));
  const found = events.flatMap(({ type, sample }) =>
    type === "onset" || type === "resumed" ? [sample - start] : [],
  );
  const ends = events.flatMap(({ type, sample }) => (type === "pause" ? [sample - start] : []));
  for (const { from, until: to } of scene.spans) {
    expect(Math.min(...found.map((sample) => Math.abs(sample - from)))).toBeLessThan(toleranceMs * 16);
    expect(Math.min(...ends.map((sample) => Math.abs(sample - to)))).toBeLessThan(toleranceMs * 16);
  }
}

describe("silence for an hour", () => {
  it("is no event, is hardly listened to, takes no memory, and speech is heard after it", async () => {
    const { channel, events } = await open();
    const minute = new Uint8Array(60 * 32_000);
    for (let i = 0; i < 60; i++) {
      expect(channel.write(minute, nowMs())).toBe("written");
      await heard(channel, Math.floor(channel.receivedSamples / 512) * 512);
      channel.release(channel.receivedSamples - 16_000);
    }
    expect(channel.receivedSamples).toBe(3600 * 16_000);
    expect(events).toEqual([]);
    expect(channel.windows).toBeLessThan(50);
    await feed(channel, new Uint8Array(32_000));
    expect(bus.statistics().usedBlocks).toBeLessThan(64);
    await expectSpeech(channel, events);
  }, 120_000);
});

describe("input that no microphone gives", () => {
  const random = seeded(77);
  const length = 8 * 16_000;
  const patterns: Record<string, Int16Array> = {
    "full-scale alternation": Int16Array.from({ length }, (_, i) => (i % 2 === 0 ? -32768 : 32767)),
    "random bytes": Int16Array.from({ length }, () => Math.floor(random() * 65_536) - 32_768),
    "runs of 0x8000": Int16Array.from({ length }, (_, i) => (Math.floor(i / 700) % 2 === 0 ? -32768 : 0)),
    "one value": new Int16Array(length).fill(-32768),
    "clicks a second": Int16Array.from({ length }, (_, i) => (i % 16_000 < 8 ? 32767 : 0)),
  };
  for (const [name, pcm] of Object.entries(patterns)) {
    it(`(${name}) kills nothing, and speech is heard soon after it`, async () => {
      const { channel, events } = await open();
      await feed(channel, bytesOf(pcm));
      const { windows } = channel;
      // Quiet again: nothing stays open, nothing goes on speaking.
      await feed(channel, new Uint8Array(6 * 32_000));
      expect(channel.windows - windows).toBeLessThan(100);
      expect(events.filter(({ type }) => /onset|resumed/.test(type)).length).toBe(
        events.filter(({ type }) => type === "pause").length,
      );
      await expectSpeech(channel, events);
      expect(bus.statistics().restarts).toBe(0);
    });
  }

  it("(a constant offset of 3,000) makes no speech and hides none, nor of a quiet talker", async () => {
    await open();
    const noise = makeNoise("pink", 160_000, 4);
    for (const gain of [1, 0.05]) {
      const channel = bus.open(plainSettings)!;
      const events = collect(channel);
      await feed(channel, bytesOf(Int16Array.from(noise, (value) => Math.round(3000 + value * 10 * gain))));
      expect(events).toEqual([]);
      const start = channel.receivedSamples;
      const room = makeNoise("pink", scene.pcm.length, 5);
      await feed(
        channel,
        bytesOf(scene.pcm.map((sample, i) => Math.round(3000 + sample * gain + room[i]! * 2))),
      );
      for (const { from, until: to } of scene.spans) {
        const isFound = events.some(
          ({ type, sample }) =>
            /onset|resumed/.test(type) && sample - start > from - 1600 && sample - start < to - 4000,
        );
        expect(isFound).toBe(true);
      }
    }
  });

  it("(speech clipped by 20 dB) is speech in the same places", async () => {
    const { channel, events } = await open();
    const clipped = scene.pcm.map((sample) => Math.max(-32768, Math.min(32767, sample * 10)));
    await feed(channel, bytesOf(clipped));
    for (const { from, until: to } of scene.spans) {
      expect(events.some(({ type, sample }) => type !== "pause" && Math.abs(sample - from) < 1600)).toBe(
        true,
      );
      expect(events.some(({ type, sample }) => type === "pause" && Math.abs(sample - to) < 1600)).toBe(true);
    }
  });

  it("(a burst after nothing came for 2 s) is no pause: only samples count", async () => {
    const { channel, events } = await open();
    const middle = Math.floor((scene.spans[0]!.from + scene.spans[0]!.until) / 2);
    await feed(channel, bytesOf(scene.pcm.subarray(0, middle)));
    expect(events.map(({ type }) => type)).toEqual(["onset"]);
    channel.alarm("two seconds on", middle + 31_000);
    const stalledAtMs = nowMs();
    await until(() => nowMs() - stalledAtMs > 2000, "nothing comes for two seconds");
    expect(events.map(({ type }) => type)).toEqual(["onset"]);
    channel.write(bytesOf(scene.pcm.subarray(middle, middle + 32_000)), nowMs());
    await until(() => events.some(({ type }) => type === "alarm"), "the alarm's sample came");
    const pause = events.find(({ type }) => type === "pause")!;
    expect(Math.abs(pause.sample - scene.spans[0]!.until)).toBeLessThan(1600);
  });
});
