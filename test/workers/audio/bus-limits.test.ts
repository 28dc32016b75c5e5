import { describe, expect, it } from "vitest";
import type { BusChannel } from "../../../workers/audio/channel.ts";
import { blockSamples } from "../../../workers/audio/layout.ts";
import type { FrontEndSettings } from "../../../workers/audio/messages.ts";
import { bus, noiseBytes, open, samplesOf, scene, silent, start } from "./bus-world.ts";
import { bytesOf, collect, feed, modelDir, nowMs, plainSettings, startBus, until } from "./signals.ts";

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

  it("while it decides takes nobody along: it is let out of native code first", async () => {
    const deaths = 15;
    await start({ restartBackoffMs: 1, maxRestarts: deaths, restartWindowMs: 1 });
    const channels = Array.from({ length: 4 }, () => open());
    for (let death = 0; death < deaths; death++) {
      const { windows } = bus!.statistics();
      for (const channel of channels) channel.write(noiseBytes(32_000, death), nowMs());
      await until(() => bus!.statistics().windows > windows, "it decides");
      bus!.killThread();
      await until(() => bus!.statistics().restarts === death + 1 && bus!.healthy, "it runs again");
    }
    for (const channel of channels) {
      await until(() => channel.readableSamples === deaths * 16_000, "nothing is lost");
    }
  });

  it("is made of one that hangs, and said", async () => {
    let reason = "";
    await start({ hangMs: 2, restartBackoffMs: 1, maxRestarts: 2 });
    bus!.onGivenUp = (text) => {
      reason = text;
    };
    await until(() => reason !== "", "it's given up");
    expect(reason).toContain("it hung");
  });

  it("at the start, for a model that isn't there, is an error", async () => {
    await expect(
      startBus({ modelDir: `${modelDir}-missing`, maxRestarts: 1, restartBackoffMs: 1 }),
    ).rejects.toThrow(/audio thread/);
  });
});
