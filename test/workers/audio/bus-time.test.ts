import { describe, expect, it } from "vitest";
import { maxAlarms } from "../../../workers/audio/channel.ts";
import { bus, open, places, scene, silent, start } from "./bus-world.ts";
import { bytesOf, collect, feed, heard, nowMs, until } from "./signals.ts";

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
