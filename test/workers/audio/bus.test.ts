import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { decodeMulaw } from "../../../wire/g711.ts";
import type { AudioBusOptions, ManagedAudioBus } from "../../../workers/audio/bus.ts";
import { type BusChannel, maxAlarms, maxFences } from "../../../workers/audio/channel.ts";
import { blockSamples } from "../../../workers/audio/layout.ts";
import { type FrontEndEvent, type FrontEndSettings, levelBands } from "../../../workers/audio/messages.ts";
import {
  addNoise,
  bytesOf,
  collect,
  feed,
  heard,
  layOut,
  makeNoise,
  modelDir,
  nowMs,
  plainSettings,
  type Scene,
  seeded,
  speak,
  startBus,
  until,
} from "./signals.ts";

const silent: FrontEndSettings = { ...plainSettings, vad: null };
let scene: Scene;
let bus: ManagedAudioBus | null = null;

beforeAll(async () => {
  const pieces = [await speak("The quick brown fox jumps over the lazy dog."), await speak("Call me back.")];
  scene = layOut(pieces, 1000);
});

afterEach(async () => {
  await bus?.close();
  bus = null;
});

async function start(options: Partial<AudioBusOptions> = {}): Promise<ManagedAudioBus> {
  bus = await startBus(options);
  return bus;
}

function open(settings: FrontEndSettings = plainSettings): BusChannel {
  const channel = bus!.open(settings);
  if (channel === null) throw new Error("no slot is free");
  return channel;
}

function noiseBytes(length: number, seed: number): Uint8Array {
  const random = seeded(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

function samplesOf(bytes: Uint8Array): Int16Array {
  const even = bytes.slice(0, bytes.length & ~1);
  return new Int16Array(even.buffer);
}

function places(events: FrontEndEvent[]): unknown[] {
  return events.map((event) => [event.type, event.sample]);
}

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
      channel.write(new Uint8Array(3 * size), nowMs());
      expect(channel.receivedSamples).toBe(1600 + Math.floor(48_000 / input.sampleRateHz));
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

describe("alarms", () => {
  it("fire in order once their sample was heard, and not before", async () => {
    await start();
    const channel = open();
    const events = collect(channel);
    channel.alarm("late", 20_000);
    channel.alarm("early", 10_000);
    channel.alarm("never", 40_000);
    channel.alarm("moved", 12_000);
    channel.alarm("moved", 15_000);
    channel.alarm("cancelled", 11_000);
    channel.cancelAlarm("cancelled");
    await feed(channel, new Uint8Array(60_000));
    expect(places(events)).toEqual([
      ["alarm", 10_000],
      ["alarm", 15_000],
      ["alarm", 20_000],
    ]);
    channel.alarm("past", 5);
    await until(() => events.length === 4, "a past alarm fires at once");
  });

  it("wait for the whole window under the VAD, and for no window without", async () => {
    await start();
    const withVad = open();
    const without = open(silent);
    const vadEvents = collect(withVad);
    const events = collect(without);
    for (const channel of [withVad, without]) {
      channel.alarm("at", 1000);
      channel.write(new Uint8Array(2000), nowMs());
    }
    await until(() => events.length === 1, "it fires without a VAD");
    expect(vadEvents).toEqual([]);
    withVad.write(new Uint8Array(48), nowMs());
    await until(() => vadEvents.length === 1, "it fires when the window is full");
  });

  it("reach the last sample received, through a resampler as well", async () => {
    await start();
    const channel = open({ ...silent, input: { encoding: "pcm16", sampleRateHz: 24000 } });
    channel.write(new Uint8Array(4802), nowMs());
    await heard(channel, channel.receivedSamples);
    expect(channel.read(0, channel.receivedSamples).length).toBe(1600);
  });

  it("are limited in number", async () => {
    await start();
    const channel = open();
    for (let i = 0; i < maxAlarms; i++) channel.alarm(`alarm-${i}`, 1e6);
    channel.alarm("alarm-0", 2e6);
    expect(() => channel.alarm("one more", 1e6)).toThrow(RangeError);
  });

  it("don't overtake: speech found in the alarm's own window comes first and can cancel it", async () => {
    await start();
    const channel = open();
    const seen: string[] = [];
    channel.onEvents = (events) => {
      for (const event of events) {
        seen.push(event.type);
        if (event.type === "pause") channel.alarm("over", event.sample + 16_000 + 4000);
        if (event.type === "resumed") channel.cancelAlarm("over");
      }
    };
    // All at once: the thread could run far ahead of what the session has seen.
    channel.write(bytesOf(scene.pcm), nowMs());
    await until(() => seen.filter((type) => type === "pause").length === 2, "both sentences are over");
    channel.write(new Uint8Array(64_000), nowMs());
    await until(() => seen.includes("alarm"), "the last pause lasts");
    expect(seen).toEqual(["onset", "pause", "resumed", "pause", "alarm"]);
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

describe("backlog", () => {
  it("takes a minute at once, works it off in order, and starves nobody", async () => {
    await start();
    const greedy = open(silent);
    const minute = noiseBytes(1_920_000, 9);
    const other = open();
    const otherEvents = collect(other);
    greedy.configure(plainSettings);
    expect(greedy.write(minute, nowMs())).toBe("written");
    expect(greedy.receivedSamples).toBe(960_000);
    await feed(other, bytesOf(scene.pcm));
    const behind = greedy.receivedSamples - greedy.readableSamples;
    expect(otherEvents.map((event) => event.type)).toEqual(["onset", "pause", "resumed", "pause"]);
    expect(behind).toBeGreaterThan(0);
    await until(() => greedy.readableSamples === 960_000, "the minute is worked off");
    expect(greedy.read(0, 960_000)).toEqual(samplesOf(minute));
    expect(bus!.statistics().backlogBytes).toBe(0);
  });

  it("keeps nothing of what doesn't fit", async () => {
    await start({ backlogBytes: 100_000 });
    const channel = open(silent);
    expect(channel.write(new Uint8Array(200_000), nowMs())).toBe("full");
    expect(channel.receivedSamples).toBe(0);
    expect(channel.write(new Uint8Array(100_000), nowMs())).toBe("written");
    expect(channel.write(new Uint8Array(100_000), nowMs())).toBe("full");
    expect(channel.receivedSamples).toBe(50_000);
    await until(() => channel.readableSamples === 50_000, "it's worked off");
    expect(channel.write(new Uint8Array(100_000), nowMs())).toBe("written");
  });

  it("is limited for all channels together, and freed by close", async () => {
    await start({ backlogTotalBytes: 150_000 });
    const one = open(silent);
    expect(one.write(new Uint8Array(140_000), nowMs())).toBe("written");
    expect(open(silent).write(new Uint8Array(60_000), nowMs())).toBe("full");
    one.close();
    expect(bus!.statistics().backlogBytes).toBe(0);
  });

  it("waits while the channel keeps all that it may, and goes on after release", async () => {
    await start({ maxKeptMs: 1280 });
    const channel = open(silent);
    channel.write(new Uint8Array(96_000), nowMs());
    await until(() => channel.readableSamples > 8000, "some is readable");
    const ticks = bus!.statistics().ticks;
    await until(() => bus!.statistics().ticks > ticks + 20, "ticks pass");
    expect(channel.readableSamples).toBeLessThanOrEqual(20 * 1024);
    while (channel.readableSamples < 48_000) {
      channel.release(channel.readableSamples);
      const readable = channel.readableSamples;
      await until(() => channel.readableSamples > readable, "it goes on");
    }
  });
});

describe("an empty pool", () => {
  it("makes input wait and kills nobody; what is released helps all", async () => {
    await start({ maxChannels: 2, poolBytes: 60 * blockSamples * 2 });
    const gated: FrontEndSettings = {
      ...plainSettings,
      input: { encoding: "pcmu", sampleRateHz: 8000 },
      noiseReduction: "near_field",
      keepGated: true,
      vadInput: "gated",
    };
    const hoarder = open(gated);
    hoarder.write(new Uint8Array(40_000), nowMs());
    const ticks = (): number => bus!.statistics().ticks;
    let before = ticks();
    await until(() => ticks() > before + 20, "ticks pass");
    const stuckAt = hoarder.readableSamples;
    expect(stuckAt).toBeLessThan(60 * blockSamples);
    const other = open(silent);
    other.write(new Uint8Array(64_000), nowMs());
    await until(() => other.readableSamples >= 4096, "there is a reserve for those who hold little");
    before = ticks();
    await until(() => ticks() > before + 20, "ticks pass");
    expect(other.readableSamples).toBeLessThan(32_000);
    expect(hoarder.readableSamples).toBe(stuckAt);
    await until(() => {
      for (const channel of [hoarder, other]) channel.release(channel.gatedReadableSamples);
      return other.readableSamples === 32_000 && hoarder.readableSamples === 80_000;
    }, "both go on");
    expect(bus!.statistics().restarts).toBe(0);
  });
});

describe("time", () => {
  it("is that of samples: a stall and a burst in the middle of a word make no pause", async () => {
    await start();
    const events = async (stall: boolean): Promise<unknown[]> => {
      const channel = open();
      const list = collect(channel);
      const middle = Math.floor((scene.spans[0]!.from + scene.spans[0]!.until) / 2);
      await feed(channel, bytesOf(scene.pcm.slice(0, middle)));
      if (stall) {
        const { ticks } = bus!.statistics();
        await until(() => bus!.statistics().ticks > ticks + 60, "600 ms pass without audio");
      }
      await feed(channel, bytesOf(scene.pcm.slice(middle)), stall ? 1_000_000 : 640);
      channel.close();
      return places(list);
    };
    expect(await events(true)).toEqual(await events(false));
  });
});

describe("slots", () => {
  it("are limited, come back, and leave no block behind", async () => {
    await start({ maxChannels: 100, poolBytes: 16 * 1024 * 1024 });
    for (let round = 0; round < 2; round++) {
      const channels = Array.from({ length: 100 }, () =>
        open({ ...plainSettings, noiseReduction: "near_field", keepGated: true }),
      );
      expect(bus!.open(plainSettings)).toBeNull();
      expect(bus!.openChannels).toBe(100);
      for (const channel of channels) channel.write(new Uint8Array(16_000), nowMs());
      await until(() => channels.every((channel) => channel.readableSamples === 8000), "all are readable");
      for (const channel of channels) channel.close();
      expect(bus!.openChannels).toBe(0);
      await until(() => bus!.statistics().closingChannels === 0, "all slots are free");
      expect(bus!.statistics().usedBlocks).toBe(0);
    }
  });

  it("hold nothing of the session before", async () => {
    await start({ maxChannels: 1 });
    const first = open({ ...plainSettings, input: { encoding: "pcm16", sampleRateHz: 24000 } });
    first.alarm("old", 20_000);
    first.write(noiseBytes(12_001, 4), nowMs());
    first.close();
    expect(first.write(new Uint8Array(2), nowMs())).toBe("full");
    expect(() => first.read(0, 1)).toThrow(RangeError);
    await until(() => bus!.statistics().closingChannels === 0, "the slot is free");
    const second = open(silent);
    const events = collect(second);
    const bytes = noiseBytes(50_000, 5);
    await feed(second, bytes);
    await until(() => second.readableSamples === 25_000, "all is readable");
    expect(second.read(0, 25_000)).toEqual(samplesOf(bytes));
    expect(events).toEqual([]);
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

describe("death of the thread", () => {
  it("is survived: channels keep their audio, speech goes on, nothing is told twice", async () => {
    const channels: BusChannel[] = [];
    await start({ restartBackoffMs: 1 });
    let restarts = 0;
    bus!.onRestart = () => {
      restarts += 1;
    };
    const speaking = open();
    const events = collect(speaking);
    const resampled = open({ ...silent, input: { encoding: "pcm16", sampleRateHz: 24000 } });
    channels.push(speaking, resampled);
    const middle = Math.floor((scene.spans[0]!.from + scene.spans[0]!.until) / 2);
    await feed(speaking, bytesOf(scene.pcm.slice(0, middle)));
    speaking.release(scene.spans[0]!.from - 3000);
    const noise = noiseBytes(48_000, 21);
    resampled.write(noise.subarray(0, 24_001), nowMs());
    await until(() => resampled.readableSamples === 8000, "it's readable");

    speaking.alarm("after", scene.pcm.length - 4000);
    bus!.killThread();
    await until(() => !bus!.healthy, "the thread is dead");
    // Sessions know nothing of it: what they do meanwhile counts.
    const rest = bytesOf(scene.pcm.slice(middle));
    for (let from = 0; from < rest.length; from += 640)
      speaking.write(rest.subarray(from, from + 640), nowMs());
    resampled.write(noise.subarray(24_001), nowMs());
    const born = open(silent);
    born.write(new Uint8Array(3200), nowMs());
    channels.push(born);

    await until(() => restarts === 1, "it runs again");
    expect(bus!.healthy).toBe(true);
    await until(() => events.length === 5, "the sentences are heard to their end");
    expect(events.map((event) => event.type)).toEqual(["onset", "pause", "resumed", "pause", "alarm"]);
    expect(Math.abs(events[1]!.sample - scene.spans[0]!.until)).toBeLessThan(800);
    await until(() => speaking.readableSamples === scene.pcm.length, "all is readable");
    expect(speaking.read(speaking.keptFromSample, scene.pcm.length)).toEqual(
      scene.pcm.slice(speaking.keptFromSample),
    );
    await until(
      () => born.readableSamples === 1600 && resampled.readableSamples === 16_000,
      "all is readable",
    );

    // The filter goes on as if nothing had happened.
    const unharmed = open({ ...silent, input: { encoding: "pcm16", sampleRateHz: 24000 } });
    unharmed.write(noise, nowMs());
    await until(() => unharmed.readableSamples === 16_000, "it's readable");
    expect(resampled.read(0, 16_000)).toEqual(unharmed.read(0, 16_000));

    for (const channel of [...channels, unharmed]) channel.close();
    await until(() => bus!.statistics().closingChannels === 0, "all slots are free");
    expect(bus!.statistics()).toMatchObject({ usedBlocks: 0, restarts: 1 });
  });

  it("again and again is given up after the attempts allowed", async () => {
    await start({ restartBackoffMs: 1, maxRestarts: 2 });
    let reason = "";
    bus!.onGivenUp = (text) => {
      reason = text;
    };
    for (let death = 0; death < 3; death++) {
      await until(() => bus!.healthy, "it runs");
      bus!.killThread();
      await until(() => !bus!.healthy, "it's dead");
    }
    await until(() => reason !== "", "it's given up");
    expect(bus!.statistics().restarts).toBe(2);
  });

  it("at the start, for a model that isn't there, is an error", async () => {
    await expect(
      startBus({ modelDir: `${modelDir}-missing`, maxRestarts: 1, restartBackoffMs: 1 }),
    ).rejects.toThrow(/audio thread/);
  });
});
