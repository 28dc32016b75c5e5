/** Samples that no microphone should make, and some that do: the caller is heard, and nothing else is. */
import { afterAll, describe, expect, test } from "vitest";
import { joinSamples } from "../../loadtest/callers/samples.ts";
import { SeededRandom } from "../support/random.ts";
import { silence } from "../support/speech.ts";
import {
  alaw,
  atFullScale,
  encodeAs,
  mulaw,
  offset,
  overdrive,
  paddingMs,
  pcm16,
  pcm24,
  type RoughCaller,
  RoughCallers,
  silenceMs,
  speechFor,
  startToleranceMs,
  type WireFormat,
} from "./rough-caller.ts";
import { heardWords, useScriptedGateway } from "./scripted-gateway.ts";

const gateway = useScriptedGateway();
const callers = new RoughCallers();
afterAll(() => callers.hangUpAll());

const seed = 20_260_101;
const binary = { audio: "binary" };

describe.concurrent("a caller", () => {
  test("who is 20 dB over full scale is heard and answered", async () => {
    const caller = await callers.call(gateway(), { answers: true });
    const clipped = overdrive(atFullScale(await speechFor(pcm24)), 20);
    expect(await caller.expectHeard(joinSamples([silence(1000, 24_000), clipped]), 1000)).toBe(heardWords);
    expect(caller.turns()).toHaveLength(1);
  });

  test.each([0.1, 0.5, -0.9])(
    "whose line has a DC offset of %f of full scale is heard and answered",
    async (share) => {
      const caller = await callers.call(gateway(), { answers: true });
      const by = Math.round(share * 32_767);
      // As much speech as the offset leaves room for.
      const speech = overdrive(await speechFor(pcm24), -12);
      caller.send(offset(silence(1000, 24_000), by));
      const beganMs = caller.sentMs;
      caller.send(offset(speech, by));
      const endedMs = caller.sentMs;
      caller.send(offset(silence(silenceMs + 2000, 24_000), by));
      const turn = await caller.nextTurn(
        (startMs) => Math.abs(startMs + paddingMs - beganMs) < startToleranceMs,
      );
      expect(Math.abs(turn.endMs - (endedMs + silenceMs))).toBeLessThan(startToleranceMs);
      expect(await caller.expectAnswer(turn)).toBe(heardWords);
      expect(caller.turns()).toHaveLength(1);
    },
  );
});

/** Three seconds of each, at the rate given. */
const patterns: readonly [name: string, make: (samples: number) => Int16Array][] = [
  ["the lowest sample held (0x8000)", (samples) => new Int16Array(samples).fill(-32_768)],
  ["runs of 0x8000 between zeros", (samples) => held(samples, (index) => (index % 7 < 3 ? -32_768 : 0))],
  [
    "full scale up and down at every sample",
    (samples) => held(samples, (index) => (index % 2 ? 32_767 : -32_768)),
  ],
  [
    "full scale up and down at 375 Hz",
    (samples) => held(samples, (index) => (index % 64 < 32 ? 32_767 : -32_768)),
  ],
  ["steps of one bit", (samples) => held(samples, (index) => (index >> 8) % 2)],
  ["a single click a second", (samples) => held(samples, (index) => (index % 24_000 === 0 ? 32_767 : 0))],
  [
    "random bytes",
    (samples) => {
      const random = new SeededRandom(seed);
      return held(samples, () => random.below(65_536) - 32_768);
    },
  ],
];

function held(samples: number, at: (index: number) => number): Int16Array {
  return Int16Array.from({ length: samples }, (_, index) => at(index));
}

describe.concurrent("nobody is heard, and who speaks afterwards is, when the line carries", () => {
  test.each(patterns)("%s", async (_name, make) => {
    const caller = await callers.call(gateway());
    for (let second = 0; second < 3; second++) caller.send(make(24_000));
    caller.pause(2000);
    expect(await caller.isHeardAndAnswered()).toBe(heardWords);
    expect(caller.turns()).toHaveLength(1);
    expect(caller.errors()).toEqual([]);
  });
});

/** What somebody's recorder makes, and what their client says that it is. */
const mixUps: readonly [name: string, made: WireFormat, declared: WireFormat][] = [
  ["24 kHz as 16 kHz", pcm24, pcm16],
  ["16 kHz as 24 kHz", pcm16, pcm24],
  ["pcm as mu-law", pcm24, mulaw],
  ["pcm as A-law", pcm24, alaw],
  ["mu-law as pcm", mulaw, pcm24],
  ["A-law as mu-law", alaw, mulaw],
];

describe.concurrent("a client that declares", () => {
  test.each(mixUps)(
    "%s goes on without an endless turn, and is heard once it says the right thing",
    async (_name, made, declared) => {
      const caller = await callers.call(gateway(), { format: declared, query: binary });
      const rateHz = made.type === "audio/pcm" ? made.rate : 8000;
      const recording = joinSamples([silence(1000, rateHz), await speechFor(made), silence(3000, rateHz)]);
      const bytes = encodeAs(recording, made);
      for (let round = 0; round < 2; round++) caller.sendBytes(bytes.subarray(0, bytes.length & ~1));
      await caller.declare(made);
      caller.pause(2000);
      expect(await caller.isHeardAndAnswered()).toBe(heardWords);
      expect(caller.errors()).toEqual([]);
      // Whatever was made of the nonsense is over, and was no longer than what was sent.
      for (const { startMs, endMs } of caller.turns()) expect(endMs - startMs).toBeLessThan(12_000);
    },
  );

  test("pcm, and cuts its bytes in the middle of samples, is told so and heard once it does not", async () => {
    const caller = await callers.call(gateway(), { query: binary });
    const bytes = encodeAs(await speechFor(pcm24), pcm24);
    const refused = sendOdd(caller, bytes.subarray(0, 24_000));
    await caller.client.until(() => caller.errors().length >= refused, "a refusal of every odd frame");
    expect(caller.errors()).toHaveLength(refused);
    for (const { code, message } of caller.errors()) {
      expect(code).toBe("invalid_audio");
      expect(message).toContain("no whole number of 16-bit samples");
    }
    expect(await caller.isHeardAndAnswered()).toBe(heardWords);
  });
});

/** Sends frames of 961 bytes, by turns binary and base64. @returns how many */
function sendOdd(caller: RoughCaller, bytes: Uint8Array): number {
  let frames = 0;
  for (let from = 0; from + 961 <= bytes.length; from += 961, frames++) {
    const frame = bytes.slice(from, from + 961);
    if (frames % 2 === 0) caller.sendBinary(frame);
    else caller.sendBytes(frame);
    caller.uncount(frame.length);
  }
  return frames;
}
