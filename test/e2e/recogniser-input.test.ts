/** What reaches a recogniser of a caller in a noisy room, at a vendor that takes files. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesOf } from "../../loadtest/callers/samples.ts";
import { startOpenAiStt } from "../../loadtest/standins/openai-stt.ts";
import type { Standin } from "../../loadtest/standins/standin.ts";
import { createWorld } from "../../loadtest/standins/world.ts";
import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import { SeededRandom } from "../support/random.ts";
import { sayRecording } from "../support/speech.ts";
import { pcm16, question, RoughCallers } from "./rough-caller.ts";
import { heardWords, protocolScript } from "./scripted-gateway.ts";

const rateHz = 16_000;
/** White noise at -45 dBFS. */
const noiseAmplitude = 32768 * 10 ** (-45 / 20) * Math.sqrt(3);
const windowSamples = 50 * (rateHz / 1000);

const world = createWorld({ seed: 1 });
const callers = new RoughCallers();
/** What the recogniser was given, in order. */
const files: Int16Array[] = [];
let recogniser: Standin;
let plain: RunningGateway;
let gated: RunningGateway;

beforeAll(async () => {
  const hear = (pcm: Int16Array) => {
    files.push(pcm);
    return { text: heardWords, words: [] };
  };
  recogniser = await startOpenAiStt({ ...world, hear });
  const ears = { PARLEY_STT: "openai", PARLEY_OPENAI_STT_URL: recogniser.url };
  const start = (env: Record<string, string>) =>
    startGateway({ script: protocolScript, env: { ...scriptedEngines, ...ears, ...env } });
  [plain, gated] = await Promise.all([start({}), start({ PARLEY_STT_INPUT: "gated" })]);
});
afterAll(async () => {
  callers.hangUpAll();
  await Promise.all([plain?.stop(), gated?.stop()]);
  await world.close();
  await recogniser.close();
});

/** A question in noise, with time before it in which the gate learns the noise. */
async function noisyQuestion(): Promise<Int16Array> {
  const random = new SeededRandom(9);
  const clean = await sayRecording(question, { rateHz, beforeMs: 3000, afterMs: 1500 });
  return clean.map((sample) => Math.round(sample / 2 + (2 * random.next() - 1) * noiseAmplitude));
}

/** Levels of the quietest and of the loudest 50 ms, dBFS. */
function extremesDb(pcm: Int16Array): { quietest: number; loudest: number } {
  const levels: number[] = [];
  for (let from = 0; from + windowSamples <= pcm.length; from += windowSamples) {
    const window = pcm.subarray(from, from + windowSamples);
    const power = window.reduce((sum, sample) => sum + sample * sample, 0) / windowSamples;
    levels.push(10 * Math.log10(power / 32768 ** 2 + 1e-12));
  }
  return { quietest: Math.min(...levels), loudest: Math.max(...levels) };
}

/** Asks a gateway something. @returns what the caller sent, and all of it that the recogniser was given */
async function ask(gateway: RunningGateway): Promise<{ sent: Int16Array; given: Int16Array }> {
  const caller = await callers.call(gateway, { format: pcm16, query: { audio: "binary" } });
  const sent = await noisyQuestion();
  caller.send(sent);
  expect(await caller.expectAnswer(await caller.nextTurn())).toBe(heardWords);
  return { sent, given: files.at(-1)! };
}

describe("a recogniser is given", () => {
  test("what the caller sent, to the sample, where no setting says otherwise", async () => {
    const { sent, given } = await ask(plain);
    expect(given.length).toBeGreaterThan(rateHz);
    expect(bytesOf(sent).includes(bytesOf(given))).toBe(true);
  });

  test("the caller's voice with the noise around it turned down, with PARLEY_STT_INPUT=gated", async () => {
    const { sent, given } = await ask(gated);
    expect(given.length).toBeGreaterThan(rateHz);
    expect(extremesDb(given).quietest).toBeLessThan(extremesDb(sent).quietest - 8);
    expect(Math.abs(extremesDb(given).loudest - extremesDb(sent).loudest)).toBeLessThan(1);
  });
});
