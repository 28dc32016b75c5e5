import { describe, expect, it } from "vitest";
import { decodeMulaw } from "../../../wire/g711.ts";
import { maxFences } from "../../../workers/audio/channel.ts";
import { blockSamples } from "../../../workers/audio/layout.ts";
import { levelBands } from "../../../workers/audio/messages.ts";
import { bus, noiseBytes, open, samplesOf, scene, silent, start } from "./bus-world.ts";
import {
  addNoise,
  bytesOf,
  collect,
  feed,
  makeNoise,
  nowMs,
  plainSettings,
  seeded,
  until,
} from "./signals.ts";

describe("samples on the bus", () => {
  it("come back as they went in, whatever the sizes of the frames", async () => {
    await start();
    const channel = open(silent);
    const random = seeded(12);
    const bytes = noiseBytes(120_001, 13);
    for (let from = 0; from < bytes.length; ) {
      const size = Math.floor(random() * 3000);
      expect(channel.write(bytes.subarray(from, from + size), nowMs())).toBe("written");
      from += size;
    }
    expect(channel.receivedSamples).toBe(60_000);
    await until(() => channel.readableSamples === 60_000, "all is readable");
    const pcm = samplesOf(bytes);
    expect(channel.read(0, 60_000)).toEqual(pcm);
    for (const [from, to] of [
      [0, 1],
      [1023, 1025],
      [5, 59_999],
      [30_000, 30_000],
      [100, 3000],
    ] as const) {
      expect(channel.read(from, to)).toEqual(pcm.slice(from, to));
    }
    expect(() => channel.read(0, 60_001)).toThrow(RangeError);
    expect(() => channel.read(-1, 5)).toThrow(RangeError);
    expect(() => channel.read(5, 4)).toThrow(RangeError);
    expect(() => channel.read(0, 5, "gated")).toThrow(RangeError);
  });

  it("decode mu-law as the wire does: every second sample is the code's own level", async () => {
    await start();
    const channel = open({ ...silent, input: { encoding: "pcmu", sampleRateHz: 8000 } });
    const codes = Uint8Array.from({ length: 2048 }, (_, i) => (i * 7) & 0xff);
    channel.write(codes, nowMs());
    await until(() => channel.readableSamples === 4096, "all is readable");
    const read = channel.read(0, 4096);
    expect(read.filter((_, i) => i % 2 === 0)).toEqual(decodeMulaw(codes));
  });

  it("count what was received at any rate, and all of it becomes readable when the stream stalls", async () => {
    await start();
    const formats = [
      [{ encoding: "pcm16", sampleRateHz: 24000 }, 2],
      [{ encoding: "pcma", sampleRateHz: 8000 }, 1],
    ] as const;
    for (const [input, size] of formats) {
      const channel = open({ ...silent, input });
      channel.write(new Uint8Array((input.sampleRateHz / 10) * size), nowMs());
      expect(channel.receivedSamples).toBe(1600);
      await until(() => channel.readableSamples === 1600, "the tail is readable");
      // Less than a filter's length after a tail that was written: a commit waits for just these samples.
      const events = collect(channel);
      channel.write(new Uint8Array(3 * size), nowMs());
      const all = 1600 + Math.floor(48_000 / input.sampleRateHz);
      expect(channel.receivedSamples).toBe(all);
      channel.alarm("end", all);
      await until(() => channel.readableSamples === all && events.length === 1, "that tail is readable, too");
      channel.close();
    }
  });

  it("change their format where it was asked for, in the order of the audio", async () => {
    await start();
    const channel = open(silent);
    const first = noiseBytes(40_000, 1);
    const last = noiseBytes(40_000, 2);
    channel.write(first, nowMs());
    channel.configure({ ...silent, input: { encoding: "pcmu", sampleRateHz: 8000 } });
    channel.write(new Uint8Array(8000).fill(0xff), nowMs());
    channel.configure(silent);
    channel.write(last, nowMs());
    expect(channel.receivedSamples).toBe(20_000 + 16_000 + 20_000);
    await until(() => channel.readableSamples === 56_000, "all is readable");
    expect(channel.read(0, 20_000)).toEqual(samplesOf(first));
    expect(channel.read(20_000, 36_000).every((sample) => sample === 0)).toBe(true);
    expect(channel.read(36_000, 56_000)).toEqual(samplesOf(last));
  });

  it("refuse more changes of settings than may wait for their audio", async () => {
    await start();
    const channel = open(silent);
    channel.write(new Uint8Array(1_000_000), nowMs());
    expect(() => {
      for (let i = 0; i <= maxFences; i++) {
        channel.write(new Uint8Array(2), nowMs());
        channel.configure(silent);
      }
    }).toThrow(RangeError);
  });

  it("know when their frame was read and stood in the bus", async () => {
    let clock = 1000;
    await start({ nowMs: () => clock });
    const channel = open(silent);
    for (let frame = 0; frame < 600; frame++) {
      clock = 2000 + frame * 20;
      channel.write(new Uint8Array(640), clock - 3);
      if (frame % 20 === 19) await until(() => channel.readableSamples === channel.receivedSamples, "taken");
    }
    expect(channel.frameTimes(599 * 320)).toEqual({
      readAtMs: 2000 + 599 * 20 - 3,
      inBusAtMs: 2000 + 599 * 20,
    });
    expect(channel.frameTimes(599 * 320 - 1)!.readAtMs).toBe(2000 + 598 * 20 - 3);
    expect(channel.frameTimes(88 * 320)!.readAtMs).toBe(2000 + 88 * 20 - 3);
    expect(channel.frameTimes(88 * 320 - 1)).toBeNull();
    expect(channel.frameTimes(600 * 320)).toBeNull();
  });

  it("are freed by release, and blocks are used again", async () => {
    const { statistics } = await start();
    const channel = open(silent);
    const bytes = noiseBytes(64_000, 3);
    for (let round = 0; round < 20; round++) {
      await feed(channel, bytes, 1280);
      await until(() => channel.readableSamples === channel.receivedSamples, "all is readable");
      channel.release(channel.readableSamples - 1000);
      channel.release(channel.readableSamples - 5000);
      expect(channel.keptFromSample).toBe(channel.readableSamples - 1000);
      expect(channel.read(channel.keptFromSample, channel.readableSamples)).toEqual(
        samplesOf(bytes).slice(-1000),
      );
    }
    expect(() => channel.read(channel.keptFromSample - 1, channel.readableSamples)).toThrow(RangeError);
    await until(() => statistics.call(bus).usedBlocks <= 3, "blocks are free");
    channel.release(Number.MAX_SAFE_INTEGER);
    expect(channel.keptFromSample).toBe(channel.receivedSamples);
  });
});

describe("gated samples", () => {
  it("lie beside the raw ones, quieter in pauses, aligned with them", async () => {
    await start();
    const noisy = addNoise(scene, "white", 10, 5);
    const channel = open({ ...plainSettings, noiseReduction: "near_field", keepGated: true });
    await feed(channel, bytesOf(noisy.pcm));
    const until = channel.gatedReadableSamples;
    expect(until).toBeGreaterThan(noisy.pcm.length - 1024);
    expect(channel.read(0, noisy.pcm.length)).toEqual(noisy.pcm);
    const gated = channel.read(0, until, "gated");
    const energy = (pcm: Int16Array, from: number, to: number): number =>
      pcm.slice(from, to).reduce((sum, sample) => sum + sample * sample, 0);
    const pauseFrom = noisy.spans[0]!.until + 4000;
    expect(energy(gated, pauseFrom, pauseFrom + 8000)).toBeLessThan(
      energy(noisy.pcm, pauseFrom, pauseFrom + 8000) / 10,
    );
    // Aligned: the correlation with the clean speech is highest at no shift at all.
    const { from, until: to } = noisy.spans[0]!;
    const correlation = (shift: number): number => {
      let sum = 0;
      for (let i = from; i < to; i++) sum += scene.pcm[i]! * gated[i + shift]!;
      return sum;
    };
    for (const shift of [-16, -4, -1, 1, 4, 16]) expect(correlation(shift)).toBeLessThan(correlation(0));
  });

  it("cost no blocks unless something reads them", async () => {
    await start();
    const channel = open({ ...plainSettings, noiseReduction: "near_field", levelIntervalMs: 100 });
    const events = collect(channel);
    await feed(channel, bytesOf(addNoise(scene, "white", 10, 6).pcm));
    expect(bus!.statistics().usedBlocks).toBe(Math.ceil(channel.readableSamples / blockSamples));
    const levels = events.filter((event) => event.type === "level");
    expect(levels.length).toBeGreaterThan(40);
    const quiet = levels.filter((level) => level.sample > 10_000 && level.sample < 15_000);
    for (const level of quiet) {
      expect(level.gatedDb).toBeLessThan(level.rawDb - 8);
      expect(Math.abs(level.noiseDb - level.rawDb)).toBeLessThan(3);
      expect(level.speechRatio).toBeLessThan(0.5);
    }
  });

  it("come with levels band by band that add up to the whole", async () => {
    await start();
    const channel = open({ ...plainSettings, noiseReduction: "near_field", levelIntervalMs: 100 });
    const events = collect(channel);
    const noise = makeNoise("white", 64_000, 8);
    await feed(channel, bytesOf(Int16Array.from(noise, (value) => Math.round(value * 300))));
    const levels = events.filter((event) => event.type === "level").slice(10);
    expect(levels.length).toBeGreaterThan(20);
    const sum = (bandsDb: number[]): number =>
      10 * Math.log10(bandsDb.reduce((all, db) => all + 10 ** (db / 10), 0));
    for (const { rawDb, gatedDb, rawBandsDb, gatedBandsDb } of levels) {
      expect(rawBandsDb!.length).toBe(levelBands);
      expect(gatedBandsDb!.length).toBe(levelBands);
      expect(Math.abs(sum(rawBandsDb!) - rawDb)).toBeLessThan(2);
      expect(Math.abs(sum(gatedBandsDb!) - gatedDb)).toBeLessThan(3);
    }
  });
});

describe("forgetting a turn", () => {
  it("makes the next speech an onset", async () => {
    await start();
    const channel = open();
    const events = collect(channel);
    const half = scene.spans[0]!.until + 8000;
    await feed(channel, bytesOf(scene.pcm.slice(0, half)));
    channel.resetSpeech();
    await feed(channel, bytesOf(scene.pcm.slice(half)));
    expect(events.map((event) => event.type)).toEqual(["onset", "pause", "onset", "pause"]);
  });

  it("in the middle of speech makes what follows a new onset, not dated back before the reset", async () => {
    await start();
    const channel = open();
    const events = collect(channel);
    const middle = Math.floor((scene.spans[0]!.from + scene.spans[0]!.until) / 2 / 512) * 512;
    await feed(channel, bytesOf(scene.pcm.slice(0, middle)));
    channel.resetSpeech();
    await feed(channel, bytesOf(scene.pcm.slice(middle, scene.spans[0]!.until + 8000)));
    expect(events.map((event) => event.type)).toEqual(["onset", "onset", "pause"]);
    expect(events[1]!.sample).toBeGreaterThanOrEqual(middle);
    expect(events[1]!.sample).toBeLessThan(middle + 3200);
  });
});

describe("watching", () => {
  it("tells of readable samples without waiting for a window or a hop", async () => {
    await start();
    const channel = open({ ...plainSettings, noiseReduction: "near_field", keepGated: true });
    let calls = 0;
    channel.onReadable = () => {
      calls += 1;
    };
    channel.write(new Uint8Array(20), nowMs());
    await until(() => calls === 1, "ten samples are told of");
    expect(channel.readableSamples).toBe(10);
    channel.onReadable = null;
    channel.write(new Uint8Array(20), nowMs());
    await until(() => channel.readableSamples === 20, "they are readable");
    expect(calls).toBe(1);
  });
});
