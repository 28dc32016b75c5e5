/** The audio thread dies, at any moment: nothing is lost, nobody is deaf afterwards, and no process goes with it. */
import { describe, expect, it } from "vitest";
import type { BusChannel } from "../../../workers/audio/channel.ts";
import { blockSamples } from "../../../workers/audio/layout.ts";
import { bus, noiseBytes, open, scene, silent, start } from "./bus-world.ts";
import { bytesOf, collect, feed, modelDir, nowMs, plainSettings, startBus, until } from "./signals.ts";

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

  it("does not lose the end of a format that changes meanwhile", async () => {
    await start({ tickMs: 100, restartBackoffMs: 100 });
    const channel = open({ ...silent, input: { encoding: "pcm16", sampleRateHz: 24000 } });
    channel.write(new Uint8Array(4800), nowMs());
    await until(() => channel.readableSamples > 0, "it's taken, but for the filter's tail");
    bus!.killThread();
    await until(() => !bus!.healthy, "the thread is dead");
    channel.configure(silent);
    const ramp = Int16Array.from({ length: 16_000 }, (_, index) => index + 1);
    channel.write(new Uint8Array(ramp.buffer), nowMs());
    await until(() => channel.readableSamples === 17_600, "all is readable");
    expect(channel.read(1600, 17_600)).toEqual(ramp);
  });

  it("does not swallow that samples can be read", async () => {
    await start({ restartBackoffMs: 1 });
    const channels = Array.from({ length: 8 }, () => open({ ...plainSettings, preGate: false }));
    const [channel] = channels as [BusChannel];
    let isTold = false;
    channel.onReadable = () => {
      isTold = true;
    };
    channel.hasten();
    for (const one of channels) one.write(new Uint8Array(4096), nowMs());
    while (channel.readableSamples === 0) {
      // The thread has published them and goes on to decide.
    }
    bus!.killThread();
    await until(() => isTold, "it's told");
  });

  it("leaves nobody deaf whose voice detection hears the gated signal", async () => {
    await start({ restartBackoffMs: 1 });
    const channel = open({ ...plainSettings, noiseReduction: "near_field", vadInput: "gated" });
    const events = collect(channel);
    channel.write(new Uint8Array(64_000), nowMs());
    channel.alarm("before", 31_000);
    await until(() => events.length === 1, "it's heard");
    const gated = channel.gatedReadableSamples;
    bus!.killThread();
    await until(() => bus!.statistics().restarts === 1 && bus!.healthy, "it runs again");
    expect(channel.gatedReadableSamples).toBeGreaterThanOrEqual(gated);
    channel.alarm("after", 110_000);
    for (let frame = 0; frame < 250; frame++) channel.write(new Uint8Array(640), nowMs());
    await until(() => events.length === 2 && channel.readableSamples === 112_000, "it's heard again");
  });

  it("takes no blocks for what was there ungated", async () => {
    await start({ maxChannels: 2, poolBytes: 120 * blockSamples * 2, restartBackoffMs: 1 });
    const channel = open();
    const events = collect(channel);
    channel.write(new Uint8Array(80 * blockSamples * 2), nowMs());
    channel.alarm("ungated", 80 * blockSamples - 1024);
    await until(() => events.length === 1, "it's decided");
    channel.configure({ ...plainSettings, noiseReduction: "near_field", keepGated: true });
    channel.write(new Uint8Array(blockSamples * 2), nowMs());
    await until(() => channel.gatedReadableSamples > 80 * blockSamples, "the gate is on");
    bus!.killThread();
    await until(() => bus!.statistics().restarts === 1 && bus!.healthy, "it runs again");
    channel.write(new Uint8Array(2 * blockSamples * 2), nowMs());
    await until(() => channel.readableSamples === 83 * blockSamples, "it goes on");
    expect(bus!.statistics()).toMatchObject({ restarts: 1, lastFault: "it exited with 1" });
  });
});
