import { describe, expect, it } from "vitest";
import { blockSamples } from "../../../workers/audio/layout.ts";
import type { FrontEndSettings } from "../../../workers/audio/messages.ts";
import { bus, noiseBytes, open, samplesOf, scene, silent, start } from "./bus-world.ts";
import { bytesOf, collect, feed, nowMs, plainSettings, until } from "./signals.ts";

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
