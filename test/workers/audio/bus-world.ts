/** An audio bus on its own thread, closed after each test, and a scene to play into it. */
import { afterEach, beforeAll } from "vitest";
import type { AudioBusOptions, ManagedAudioBus } from "../../../workers/audio/bus.ts";
import type { BusChannel } from "../../../workers/audio/channel.ts";
import type { FrontEndEvent, FrontEndSettings } from "../../../workers/audio/messages.ts";
import { layOut, plainSettings, type Scene, seeded, speak, startBus } from "./signals.ts";

export const silent: FrontEndSettings = { ...plainSettings, vad: null };
/** Two sentences. */
export let scene: Scene;
/** That of the running test; null before `start`. */
export let bus: ManagedAudioBus | null = null;

beforeAll(async () => {
  const pieces = [await speak("The quick brown fox jumps over the lazy dog."), await speak("Call me back.")];
  scene = layOut(pieces, 1000);
});

afterEach(async () => {
  await bus?.close();
  bus = null;
});

export async function start(options: Partial<AudioBusOptions> = {}): Promise<ManagedAudioBus> {
  bus = await startBus(options);
  return bus;
}

export function open(settings: FrontEndSettings = plainSettings): BusChannel {
  const channel = bus!.open(settings);
  if (channel === null) throw new Error("no slot is free");
  return channel;
}

export function noiseBytes(length: number, seed: number): Uint8Array {
  const random = seeded(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

export function samplesOf(bytes: Uint8Array): Int16Array {
  const even = bytes.slice(0, bytes.length & ~1);
  return new Int16Array(even.buffer);
}

export function places(events: FrontEndEvent[]): unknown[] {
  return events.map((event) => [event.type, event.sample]);
}
