/** Two buses are told the same, in any order; the thread of one dies now and then. Both must come to the same samples. */
import { expect, it } from "vitest";
import type { BusChannel } from "../../../workers/audio/channel.ts";
import type { FrontEndSettings, InputFormat } from "../../../workers/audio/messages.ts";
import { collect, nowMs, plainSettings, seeded, startBus, until } from "./signals.ts";

const formats: readonly InputFormat[] = [
  { encoding: "pcm16", sampleRateHz: 16_000 },
  { encoding: "pcm16", sampleRateHz: 24_000 },
  { encoding: "pcm16", sampleRateHz: 8_000 },
  { encoding: "pcmu", sampleRateHz: 8_000 },
];
const steps = 60;

async function play(seed: number): Promise<void> {
  const random = seeded(seed);
  const pick = <Value>(...values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!;
  const draw = (input: InputFormat): FrontEndSettings => ({
    ...plainSettings,
    input,
    noiseReduction: pick(null, "near_field"),
    vad: pick(null, plainSettings.vad),
    vadInput: pick("raw", "gated"),
    keepGated: random() < 0.5,
    levelIntervalMs: pick(null, 100),
  });
  const mortal = await startBus({ restartBackoffMs: 20, maxRestarts: 1000, restartWindowMs: 1, tickMs: 2 });
  const steady = await startBus({ tickMs: 2 });
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  let settings = draw(pick(...formats));
  const channels = [mortal, steady].map((bus) => bus.open(settings)!) as [BusChannel, BusChannel];
  for (let step = 0; step < steps; step++) {
    const what = random();
    if (what < 0.55) {
      const most = random() < 0.2 ? 40_000 : random() < 0.3 ? 60 : 3_000;
      const bytes = Uint8Array.from({ length: random() * most }, () => random() * 256);
      for (const channel of channels) channel.write(bytes, nowMs());
    } else if (what < 0.7) {
      settings = draw(random() < 0.4 ? settings.input : pick(...formats));
      for (const channel of channels) channel.configure(settings);
    } else if (what < 0.85) {
      mortal.killThread();
      if (random() < 0.5) await pause(random() * 30);
    } else if (what < 0.9) {
      const share = random();
      for (const channel of channels) {
        const to = Math.floor(channel.readableSamples * share);
        if (to > channel.keptFromSample) channel.release(to);
      }
    } else await pause(random() < 0.3 ? 200 : random() * 60);
  }
  const [one, other] = channels;
  const events = channels.map(collect);
  // Windows are whole: what comes after the last one is decided when more comes.
  const lastWindow = Math.max(0, Math.floor(one.receivedSamples / 512) * 512 - 1024);
  for (const channel of channels) channel.alarm("end", lastWindow);
  const isThrough = (channel: BusChannel, index: number) =>
    channel.readableSamples === channel.receivedSamples &&
    events[index]!.some((event) => event.type === "alarm");
  await until(() => channels.every(isThrough), `all is heard (seed ${seed})`);
  expect(one.receivedSamples).toBe(other.receivedSamples);
  const from = Math.max(one.keptFromSample, other.keptFromSample);
  const same = one.read(from, one.readableSamples);
  expect(same, `seed ${seed}`).toEqual(other.read(from, other.readableSamples));
  await Promise.all([mortal.close(), steady.close()]);
}

const first = Number(process.env.FUZZ_FIRST ?? 100);
const count = Number(process.env.FUZZ_COUNT ?? 6);
for (let seed = first; seed < first + count; seed++) {
  it(`whatever is told, and whenever the thread dies, no sample is lost (seed ${seed})`, () => play(seed));
}
