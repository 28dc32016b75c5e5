/** Good audio that comes at the wrong pace or in the wrong pieces: turns follow the audio, not the clock on the wall. */
import { afterAll, describe, expect, test } from "vitest";
import { joinSamples } from "../../loadtest/callers/samples.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { sayFor, silence } from "../support/speech.ts";
import {
  encodeAs,
  paddingMs,
  pcm24,
  question,
  type RoughCaller,
  RoughCallers,
  silenceMs,
  speechFor,
  startToleranceMs,
  type Turn,
} from "./rough-caller.ts";
import { heardWords, useScriptedGateway } from "./scripted-gateway.ts";

const maxTurnMs = 5000;
const gateway = useScriptedGateway({ env: { PARLEY_MAX_TURN_MS: String(maxTurnMs) } });
const callers = new RoughCallers();
afterAll(() => callers.hangUpAll());

const rateHz = 24_000;
const frameMs = 20;
const beforeMs = 500;

/** Silence, a question, silence; how long the question is. */
async function recording(): Promise<{ pcm: Int16Array; speechMs: number }> {
  const speech = await speechFor(pcm24);
  const pcm = joinSamples([silence(beforeMs, rateHz), speech, silence(silenceMs + 1000, rateHz)]);
  return { pcm, speechMs: (speech.length / rateHz) * 1000 };
}

function expectTurnAt(turn: Turn, speechMs: number): void {
  expect(Math.abs(turn.startMs + paddingMs - beforeMs), "the turn's start").toBeLessThan(startToleranceMs);
  expect(Math.abs(turn.endMs - (beforeMs + speechMs + silenceMs)), "the turn's end").toBeLessThan(
    startToleranceMs,
  );
}

/** Sends frames of 20 ms, each when `dueMs` says (from the first on). */
async function sendFrames(
  caller: RoughCaller,
  pcm: Int16Array,
  dueMs: (index: number) => number,
): Promise<void> {
  const size = (rateHz * frameMs) / 1000;
  const startedAtMs = performance.now();
  for (let index = 0; index * size < pcm.length; index++) {
    const waitMs = startedAtMs + dueMs(index) - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    caller.send(pcm.subarray(index * size, (index + 1) * size));
  }
}

describe.concurrent("a caller's turn is one turn, with its true beginning and end, when", () => {
  test("the network stalls for 2 s in the middle of a word and then delivers all at once", async () => {
    const caller = await callers.call(gateway(), { answers: true });
    const { pcm, speechMs } = await recording();
    const stallAt = Math.round((beforeMs + speechMs / 2) / frameMs);
    // What is due during the stall comes with its end.
    await sendFrames(caller, pcm, (index) =>
      index < stallAt ? index * frameMs : Math.max(index, stallAt + 2000 / frameMs) * frameMs,
    );
    const turn = await caller.nextTurn();
    expectTurnAt(turn, speechMs);
    expect(await caller.expectAnswer(turn)).toBe(heardWords);
    expect(caller.turns()).toHaveLength(1);
  });

  test("the microphone itself loses 2 s: what comes after them follows at once", async () => {
    const caller = await callers.call(gateway(), { answers: true });
    const { pcm, speechMs } = await recording();
    const stallAt = Math.round((beforeMs + speechMs / 2) / frameMs);
    await sendFrames(caller, pcm, (index) => index * frameMs + (index < stallAt ? 0 : 2000));
    const turn = await caller.nextTurn();
    expectTurnAt(turn, speechMs);
    expect(await caller.expectAnswer(turn)).toBe(heardWords);
    expect(caller.turns()).toHaveLength(1);
  });

  test.each([
    ["twice", 2],
    ["half", 0.5],
  ])("the client sends %s as fast as it speaks", async (_name, speed) => {
    const caller = await callers.call(gateway(), { answers: true });
    const { pcm, speechMs } = await recording();
    await sendFrames(caller, pcm, (index) => (index * frameMs) / speed);
    const turn = await caller.nextTurn();
    expectTurnAt(turn, speechMs);
    expect(await caller.expectAnswer(turn)).toBe(heardWords);
    expect(caller.turns()).toHaveLength(1);
  });

  test("it comes in thousands of tiny appends, with empty ones in between", async () => {
    const caller = await callers.call(gateway(), { answers: true });
    const { pcm, speechMs } = await recording();
    const size = 16;
    expect(pcm.length / size).toBeGreaterThan(3000);
    for (let from = 0, count = 0; from < pcm.length; from += size, count++) {
      caller.send(pcm.subarray(from, from + size));
      if (count % 16 === 0) caller.send(new Int16Array(0));
    }
    const turn = await caller.nextTurn();
    expectTurnAt(turn, speechMs);
    expect(await caller.expectAnswer(turn)).toBe(heardWords);
    expect([caller.turns().length, caller.errors()]).toEqual([1, []]);
  });

  test("it comes in one piece", async () => {
    const caller = await callers.call(gateway(), { answers: true });
    const { pcm, speechMs } = await recording();
    caller.send(pcm);
    const turn = await caller.nextTurn();
    expectTurnAt(turn, speechMs);
    expect(await caller.expectAnswer(turn)).toBe(heardWords);
  });
});

describe.concurrent("a client", () => {
  test("that sends nothing, again and again, is let be, and is heard when it speaks", async () => {
    const caller = await callers.call(gateway(), { answers: true, query: { audio: "binary" } });
    for (let count = 0; count < 500; count++) {
      caller.send(new Int16Array(0));
      caller.sendBinary(new Uint8Array(0));
    }
    await caller.client.probe();
    expect([caller.turns(), caller.errors()]).toEqual([[], []]);
    expect(await caller.isHeardAndAnswered()).toBe(heardWords);
  });

  test("that delivers a megabyte at once has every question in it as a turn of its own", async () => {
    const caller = await callers.call(gateway());
    const speech = await speechFor(pcm24);
    const megabyte = new Int16Array(512 * 1024);
    const seconds = [2, 9, 16];
    for (const second of seconds) megabyte.set(speech, second * rateHz);
    expect(encodeAs(megabyte, pcm24)).toHaveLength(1024 * 1024);
    caller.send(megabyte);
    for (const second of seconds) {
      const turn = await caller.nextTurn();
      expect(Math.abs(turn.startMs + paddingMs - second * 1000)).toBeLessThan(startToleranceMs);
    }
    expect(await caller.isHeardAndAnswered()).toBe(heardWords);
    expect(caller.turns()).toHaveLength(seconds.length + 1);
  });
});

describe.concurrent("a caller who never pauses", () => {
  const talkMs = 12_000;
  const talk = async () => resampleWhole((await sayFor(question, talkMs)).pcm, 16_000, rateHz);

  test("has a turn ended at the longest length, and the rest as the next ones, without a gap", async () => {
    const caller = await callers.call(gateway());
    caller.send(joinSamples([silence(beforeMs, rateHz), await talk()]));
    const endedMs = caller.sentMs;
    caller.pause(silenceMs + 1000);
    const turns = [await caller.nextTurn(), await caller.nextTurn(), await caller.nextTurn()];
    const [first, second, third] = turns as [Turn, Turn, Turn];
    expect(Math.abs(first.startMs + paddingMs - beforeMs)).toBeLessThan(startToleranceMs);
    for (const { startMs, endMs } of [first, second]) {
      // Speech is noticed a little after it began; the turn is counted from the audio that is kept of it.
      expect(endMs - startMs).toBeGreaterThan(maxTurnMs - 2 * startToleranceMs);
      expect(endMs - startMs).toBeLessThanOrEqual(maxTurnMs + paddingMs);
    }
    for (const [before, after] of [
      [first, second],
      [second, third],
    ] as const) {
      expect(after.startMs + paddingMs - before.endMs).toBeGreaterThanOrEqual(-startToleranceMs);
      expect(after.startMs + paddingMs - before.endMs).toBeLessThan(2 * startToleranceMs);
    }
    expect(Math.abs(third.endMs - (endedMs + silenceMs))).toBeLessThan(startToleranceMs);
    const words = () => caller.client.all("conversation.item.input_audio_transcription.completed");
    await caller.client.until(() => words().length === 3, "the words of all three");
    expect(words().map(({ item_id, transcript }) => [item_id, transcript])).toEqual(
      turns.map(({ itemId }) => [itemId, heardWords]),
    );
    expect([caller.turns().length, caller.errors()]).toEqual([3, []]);
  });

  test("is answered as well, and is answered to the end once they pause", async () => {
    const caller = await callers.call(gateway(), { answers: true });
    caller.send(joinSamples([silence(beforeMs, rateHz), await talk(), silence(silenceMs + 1000, rateHz)]));
    const { client } = caller;
    const turns = [await caller.nextTurn(), await caller.nextTurn(), await caller.nextTurn()];
    await client.next(
      ({ type, item_id }) =>
        type === "conversation.item.input_audio_transcription.completed" && item_id === turns[2]!.itemId,
    );
    await client.next(({ type, response }) => type === "response.done" && response.status === "completed");
    // A reply that the next words cut off says so; none is left hanging.
    await client.probe();
    expect(client.all("response.done")).toHaveLength(client.all("response.created").length);
  });
});
