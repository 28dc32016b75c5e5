/**
 * A network that stands still in the middle of a pause, through the real audio thread and the real session: on the
 * clock of samples nothing ends; a session whose deadlines run on the wall clock takes the standstill for silence.
 */
import { join } from "node:path";
import type { Output } from "../../../../gateway/session/domain.ts";
import { PlaybackTicker } from "../../../../gateway/session/playback-ticker.ts";
import { Session } from "../../../../gateway/session/session.ts";
import { openSession } from "../../../../gateway/session/state.ts";
import { semanticTurnEnd } from "../../../../gateway/session/turn-taking/semantic-turn-end.ts";
import { createSystemClock } from "../../../../gateway/system-clock.ts";
import { bytesOf } from "../../../../loadtest/callers/samples.ts";
import { createAudioBus } from "../../../../workers/audio/bus.ts";
import type { AudioChannel, FrontEndEvent } from "../../../../workers/audio/messages.ts";
import { modelsDir } from "../../../providers/engines.ts";
import { sessionConfig, sessionLimits } from "../../../session/session-fixtures.ts";
import { speak } from "./speakers.ts";

export interface StallOutcome {
  /** What the session's deadlines run on. */
  clock: "samples" | "wall";
  lines: number;
  /** Turns that were ended before their speaker was through. */
  endedFalsely: number;
  /** Turns that were ended after it. */
  endedTruly: number;
}

const samplesPerMs = 16;
const frameMs = 20;
/** Shorter than the silence that ends a turn. */
const pauseMs = 360;
const silenceDurationMs = 500;
/** How far into the pause the last frame gets through: late enough that the pause was noticed. */
const stalledAtMs = 300;
const stallMs = 2_000;
const tailMs = 1_500;
const lines = [
  ["I ordered a lamp", "and it came without a switch"],
  ["My train was late", "so I missed the ferry"],
  ["We booked two rooms", "but there was only one"],
] as const;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The mutant: alarms go off when the wall clock says that the samples should have come. */
export function onWallClock(channel: AudioChannel): AudioChannel {
  const timers = new Map<string, NodeJS.Timeout>();
  const cancel = (key: string) => {
    clearTimeout(timers.get(key));
    timers.delete(key);
  };
  const alarm = (key: string, atSample: number) => {
    cancel(key);
    const waitMs = Math.max(0, (atSample - channel.readableSamples) / samplesPerMs);
    const fire = () => {
      timers.delete(key);
      const nowMs = performance.now();
      const event: FrontEndEvent = {
        type: "alarm",
        key,
        sample: atSample,
        takenAtMs: nowMs,
        decidedAtMs: nowMs,
      };
      channel.onEvents?.([event]);
    };
    timers.set(key, setTimeout(fire, waitMs));
  };
  return new Proxy(channel, {
    get(target, name) {
      if (name === "alarm") return alarm;
      if (name === "cancelAlarm") return cancel;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set(target, name, value) {
      return Reflect.set(target, name, value, target);
    },
  });
}

function openLine(channel: AudioChannel, outputs: { output: Output; atSample: number }[]): Session {
  const clock = createSystemClock();
  const config = sessionConfig({});
  const state = openSession({
    id: "sess_stall",
    tenant: "bench",
    expiresAtMs: clock.nowMs() + 3_600_000,
    config: {
      ...config,
      input: {
        ...config.input,
        format: { type: "audio/pcm", rate: 16000 },
        turnDetection: {
          type: "server_vad",
          thresholdRatio: 0.5,
          prefixPaddingMs: 300,
          silenceDurationMs,
          idleTimeoutMs: null,
          createResponse: false,
          interruptResponse: true,
        },
      },
    },
    limits: sessionLimits,
  });
  const silent = { async *stream() {} };
  const port = {
    send: (output: Output) => {
      outputs.push({ output, atSample: channel.readableSamples });
    },
    sendAudio: () => {},
  };
  return new Session(state, channel, port, {
    clock,
    ticker: new PlaybackTicker(clock),
    playbackLimits: { aheadMs: 2_000, chunkMs: 100, heardLagMs: 200 },
    listening: { vadInput: "raw", sttInput: "raw" },
    turnEnds: semanticTurnEnd,
    maxBufferMs: 60_000,
    transcriber: { transcribe: () => silent.stream() },
    replies: { run: () => silent.stream() },
    observer: { turnClosed: () => {}, refused: () => {}, failed: () => {} },
  });
}

/** One caller: speaks, pauses, is stalled, goes on in a burst. @returns false and true ends */
async function runLine(
  channel: AudioChannel,
  clock: StallOutcome["clock"],
  parts: readonly [string, string],
): Promise<{ endedFalsely: number; endedTruly: number }> {
  const [first, second] = [await speak(`${parts[0]},`, "slt"), await speak(`${parts[1]}.`, "slt")];
  const silence = (ms: number) => new Int16Array(ms * samplesPerMs);
  const pieces = [silence(500), first.pcm, silence(pauseMs), second.pcm, silence(tailMs)];
  const whole = Int16Array.from(pieces.flatMap((piece) => [...piece]));
  const stallSample = 500 * samplesPerMs + first.pcm.length + stalledAtMs * samplesPerMs;
  const trueEnd = whole.length - tailMs * samplesPerMs;
  const heard = clock === "wall" ? onWallClock(channel) : channel;
  const outputs: { output: Output; atSample: number }[] = [];
  const session = openLine(heard, outputs);
  session.open();
  const frame = frameMs * samplesPerMs;
  const startMs = performance.now();
  for (let at = 0; at + frame <= whole.length; at += frame) {
    // What could not be sent comes at once afterwards; then the line is on time again.
    const stalledUntilMs = at >= stallSample ? stallSample / samplesPerMs + stallMs : 0;
    const waitMs = startMs + Math.max(at / samplesPerMs, stalledUntilMs) - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    session.appendAudio(bytesOf(whole.slice(at, at + frame)), performance.now(), null);
  }
  await sleep(300);
  session.close();
  const stops = outputs.flatMap(({ output }) =>
    output.type === "speechStopped" ? [output.audioEndMs * samplesPerMs] : [],
  );
  return {
    endedFalsely: stops.filter((sample) => sample < trueEnd).length,
    endedTruly: stops.filter((sample) => sample >= trueEnd).length,
  };
}

/** Runs the stall on both clocks, side by side: about seven seconds. */
export async function measureStall(): Promise<StallOutcome[]> {
  for (const parts of lines) for (const text of parts) await speak(text, "slt");
  const bus = createAudioBus({ modelDir: join(modelsDir, "silero-vad-v6"), nowMs: () => performance.now() });
  try {
    await bus.ready();
    const outcomes: StallOutcome[] = [];
    for (const clock of ["samples", "wall"] as const) {
      const ends = await Promise.all(
        lines.map((parts) => {
          const channel = bus.open({
            input: { encoding: "pcm16", sampleRateHz: 16000 },
            noiseReduction: null,
            vad: { thresholdRatio: 0.5 },
            vadInput: "raw",
            keepGated: false,
            levelIntervalMs: null,
          });
          if (!channel) throw new Error("the bus has no slot");
          return runLine(channel, clock, parts);
        }),
      );
      const sum = (name: "endedFalsely" | "endedTruly") => ends.reduce((total, one) => total + one[name], 0);
      outcomes.push({
        clock,
        lines: lines.length,
        endedFalsely: sum("endedFalsely"),
        endedTruly: sum("endedTruly"),
      });
    }
    return outcomes;
  } finally {
    await bus.close();
  }
}
