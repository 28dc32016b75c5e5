/** Recordings through the real audio bus and its thread, as fast as they go: what the product hears, window by window. */
import { type AudioBusOptions, createAudioBus, type ManagedAudioBus } from "../../../workers/audio/bus.ts";
import type { BusChannel } from "../../../workers/audio/channel.ts";
import type { FrontEndEvent, FrontEndSettings } from "../../../workers/audio/messages.ts";
import { modelDir, nowMs } from "../../workers/audio/signals.ts";
import { windowSamples } from "./metrics/detection.ts";
import type { Mix } from "./mixes.ts";

/** What the front end is told, beside the format. */
export type HearingSettings = Omit<FrontEndSettings, "input" | "levelIntervalMs">;

export const defaultHearing: HearingSettings = {
  noiseReduction: "near_field",
  vad: { thresholdRatio: 0.5 },
  vadInput: "raw",
  keepGated: false,
};

/** An onset, pause or resumption, and the end of the window that decided it. */
export interface HeardEdge {
  type: "onset" | "pause" | "resumed";
  sample: number;
  decidedAtSample: number;
}

/** What became of one recording. */
export interface Hearing {
  mix: Mix;
  /** Probability of speech, one a window of 32 ms. */
  ratios: Float32Array;
  edges: HeardEdge[];
  /** What came out of the gate, from sample 0 on; empty unless the settings keep it. */
  gated: Int16Array;
}

export interface Hearings {
  hearings: Hearing[];
  /** Share of all windows for which Silero ran. */
  windowsRunRatio: number;
}

const channelsAtOnce = 48;
/** Appended, so that the last window is decided and the gate's last hop comes out. */
const flushSamples = 4 * windowSamples;
const waitMs = 120_000;
const poolBytes = 256 * 1024 * 1024;

/**
 * Feeds every recording to a channel of its own.
 *
 * @throws {Error} when a recording isn't heard to its end in two minutes
 */
export async function hearAll(
  mixes: readonly Mix[],
  settings: HearingSettings,
  options: Partial<AudioBusOptions> = {},
): Promise<Hearings> {
  const bus = createAudioBus({
    modelDir,
    nowMs,
    maxChannels: channelsAtOnce,
    poolBytes,
    tickMs: 1,
    ...options,
  });
  await bus.ready();
  try {
    const hearings: Hearing[] = new Array(mixes.length);
    let next = 0;
    const work = async () => {
      while (next < mixes.length) {
        const index = next++;
        hearings[index] = await hear(bus, mixes[index]!, settings);
      }
    };
    await Promise.all(Array.from({ length: Math.min(channelsAtOnce, mixes.length) }, work));
    const windows = mixes.reduce(
      (sum, mix) => sum + Math.floor((mix.heard.length + flushSamples) / windowSamples),
      0,
    );
    const { windows: run, restarts, lastFault } = bus.statistics();
    if (restarts > 0) throw new Error(`the audio thread died: ${lastFault}`);
    return { hearings, windowsRunRatio: run / windows };
  } finally {
    await bus.close();
  }
}

async function hear(bus: ManagedAudioBus, mix: Mix, settings: HearingSettings): Promise<Hearing> {
  const channel = await open(bus, { ...settings, input: mix.format, levelIntervalMs: 32 });
  const ratios = new Float32Array(Math.floor(mix.heard.length / windowSamples));
  const edges: HeardEdge[] = [];
  let decidedAtSample = 0;
  const take = (event: FrontEndEvent) => {
    if (event.type === "level") {
      decidedAtSample = event.sample;
      const window = event.sample / windowSamples - 1;
      if (window < ratios.length) ratios[window] = event.speechRatio;
    } else if (event.type !== "alarm")
      edges.push({ type: event.type, sample: event.sample, decidedAtSample });
  };
  const heard = waitForAlarm(channel, mix, take);
  const flush = new Uint8Array(Math.ceil((flushSamples * mix.bytes.length) / mix.heard.length));
  // In G.711 the byte 0 is the loudest sample, not silence.
  if (mix.format.encoding !== "pcm16") flush.fill(0xff);
  for (const bytes of [mix.bytes, flush.subarray(0, flush.length & ~1)]) {
    if (channel.write(bytes, nowMs()) === "full") throw new Error(`${mix.name} doesn't fit the backlog`);
  }
  channel.alarm("end", mix.heard.length + windowSamples);
  await heard;
  const gated = settings.keepGated
    ? channel.read(0, Math.min(mix.heard.length, channel.gatedReadableSamples), "gated")
    : new Int16Array(0);
  channel.close();
  return { mix, ratios, edges, gated };
}

/** A slot that another recording just left is free only once the thread has said so. */
async function open(bus: ManagedAudioBus, settings: FrontEndSettings): Promise<BusChannel> {
  const untilMs = nowMs() + waitMs;
  while (nowMs() < untilMs) {
    const channel = bus.open(settings);
    if (channel !== null) return channel;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error("no slot became free");
}

function waitForAlarm(channel: BusChannel, mix: Mix, take: (event: FrontEndEvent) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${mix.name} was not heard to its end`)), waitMs);
    channel.onEvents = (events) => {
      for (const event of events) {
        take(event);
        if (event.type !== "alarm") continue;
        clearTimeout(timer);
        resolve();
      }
    };
  });
}
