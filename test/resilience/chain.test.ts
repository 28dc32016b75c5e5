import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type {
  AiProvider,
  AiRequest,
  Attempt,
  EndEvent,
  TtsEvent,
  TtsRequest,
} from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { aiDeadlines, aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import { createChain, drainMs } from "../../gateway/resilience/chain.ts";
import { ttsDeadlines, ttsPolicy } from "../../gateway/resilience/tts-policy.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import type { Step } from "./fake-providers.ts";
import {
  aiRequest,
  collect,
  createFakeProvider,
  openContext,
  sound,
  text,
  ttsRequest,
  word,
} from "./fake-providers.ts";

const ai = (name: string, steps: Step<AiChainEvent>[]) =>
  createFakeProvider<AiRequest, AiChainEvent>(name, steps);
const tts = (name: string, steps: Step<TtsEvent>[]) => createFakeProvider<TtsRequest, TtsEvent>(name, steps);

function words(events: (AiChainEvent | EndEvent)[]): string {
  return events.map((event) => (event.type === "text" ? event.delta : "")).join("");
}

async function runAi(links: AiProvider[], request: Partial<AiRequest> = {}) {
  const clock = createFakeClock();
  const attempts: Attempt[] = [];
  const chain = createChain(links, aiPolicy, { onAttempt: (attempt) => attempts.push(attempt) });
  const events = await clock.until(collect(chain.stream({ ...aiRequest, ...request }, openContext(clock))));
  await clock.advance(drainMs);
  expect(clock.pendingTimers).toBe(0);
  return { clock, attempts, events, said: words(events), end: events.at(-1) };
}

describe("a chain of answerers", () => {
  it("replaces a link that fails before any words, and nobody notices", async () => {
    for (const failure of [{ fail: "provider_overloaded" }, { breakOff: true }, { throw: true }] as const) {
      const { said, end, attempts } = await runAi([
        ai("a", [failure]),
        ai("b", [text("Hello "), text("there.")]),
      ]);
      expect(said).toBe("Hello there.");
      expect(end).toMatchObject({ outcome: "completed", provider: "b" });
      expect(attempts.map(({ provider, outcome }) => [provider, outcome])).toEqual([
        ["a", "failed"],
        ["b", "completed"],
      ]);
    }
  });

  it("gives a silent link up at its deadline", async () => {
    const { said, attempts } = await runAi([ai("a", [{ hang: true }]), ai("b", [text("Hello.")])]);
    expect(said).toBe("Hello.");
    expect(attempts[0]).toMatchObject({
      code: "provider_timeout",
      durationMs: aiDeadlines.connectMs,
      overdueMs: 0,
      usage: {},
      model: "",
      hedge: false,
    });
  });

  it("gives a link up that says nothing useful, and one that stalls", async () => {
    const blank = await runAi([ai("a", [text(" "), { hang: true }]), ai("b", [text("Hello.")])]);
    expect(blank.attempts[0]).toMatchObject({ code: "provider_timeout", durationMs: aiDeadlines.usefulMs });
    const stalled = await runAi([
      ai("a", [{ wait: 10 }, text("Hello "), { hang: true }]),
      ai("b", [text("there.")]),
    ]);
    expect(stalled.said).toBe("Hello there.");
    expect(stalled.attempts[0]).toMatchObject({ durationMs: 10 + aiDeadlines.stallMs, usefulMs: 10 });
  });

  it("leaves a deaf link to itself", async () => {
    const { said } = await runAi([ai("a", [{ deaf: true }]), ai("b", [text("Hello.")])]);
    expect(said).toBe("Hello.");
  });

  it("lets the next link go on after the last whole word", async () => {
    const b = ai("b", [text(" two"), text(" people.")]);
    const { said } = await runAi([
      ai("a", [text("The answer"), text(" is forty-tw"), { fail: "provider_unavailable" }]),
      b,
    ]);
    expect(b.calls[0]!.request.spokenPrefix).toBe("The answer is ");
    expect(said).toBe("The answer is two people.");
  });

  const repeats: [string, string, string][] = [
    ["the last words", "is quick and brown.", "The fox is quick and brown."],
    ["the whole answer", "The fox is quick and brown.", "The fox is quick and brown."],
    ["in other capitals and marks", "the FOX, is quick", "The fox is quick"],
    ["one word", "is quick", "The fox is quick"],
    ["nothing", "quick", "The fox is quick"],
    ["only what was said", "The fox is", "The fox is "],
    ["a beginning that turns out to be another", "The fox was quick", "The fox is The fox was quick"],
  ];
  it.each(repeats)("cuts what the next link repeats: %s", async (_, second, whole) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(second.length), { maxLength: 5 }), async (splits) => {
        const points = [...new Set([0, ...splits, second.length])].sort((x, y) => x - y);
        const deltas = points.slice(1).map((at, index) => text(second.slice(points[index], at)));
        const { said } = await runAi([
          ai("a", [text("The fox is "), { fail: "provider_timeout" }]),
          ai("b", deltas),
        ]);
        expect(said).toBe(whole);
      }),
      { numRuns: 30 },
    );
  });

  it("takes an empty answer for a failure, but not after words that were said before", async () => {
    const { said, attempts } = await runAi([ai("a", []), ai("b", [text("Hello.")])]);
    expect(said).toBe("Hello.");
    expect(attempts[0]).toMatchObject({ outcome: "failed", code: "provider_unavailable" });
    const all = await runAi([ai("a", []), ai("b", [])]);
    expect(all.end).toMatchObject({ outcome: "failed", error: { code: "provider_unavailable" } });
    const restored = await runAi([ai("a", [])], { spokenPrefix: "All was said." });
    expect(restored.end).toMatchObject({ outcome: "completed" });
  });

  it("never asks again after a tool call", async () => {
    const call = { type: "toolCall", callId: "1", name: "f", arguments: "{}" } as const;
    const b = ai("b", [text("Hello.")]);
    const { events, attempts } = await runAi([ai("a", [{ give: call }, { fail: "provider_timeout" }]), b]);
    expect(events.slice(0, -1)).toEqual([call]);
    expect(events.at(-1)).toMatchObject({ outcome: "completed" });
    expect(attempts).toHaveLength(1);
    expect(b.calls).toHaveLength(0);
  });

  it("fails with the last link's fault and the usage of all", async () => {
    const { end } = await runAi([
      ai("a", [{ fail: "provider_overloaded" }]),
      ai("b", [{ fail: "provider_rejected" }]),
    ]);
    expect(end).toMatchObject({
      outcome: "failed",
      error: { code: "provider_rejected" },
      usage: { characters: 2 },
    });
  });

  it("starts nothing after the call's own deadline", async () => {
    const clock = createFakeClock();
    const b = ai("b", [text("late")]);
    const chain = createChain([ai("a", [{ hang: true }]), b], aiPolicy);
    const events = await clock.until(
      collect(chain.stream(aiRequest, { ...openContext(clock), deadlineMs: clock.nowMs() + 50 })),
    );
    expect(events).toMatchObject([{ type: "end", outcome: "failed", error: { code: "provider_timeout" } }]);
    expect(b.calls).toHaveLength(0);
  });

  it("without links fails at once", async () => {
    expect((await runAi([])).end).toMatchObject({ outcome: "failed" });
  });

  it("ends cancelled at an abort, at any moment, and no link counts as failed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(60), fc.boolean(), async (afterMs, deaf) => {
        const clock = createFakeClock();
        const attempts: Attempt[] = [];
        const abort = new AbortController();
        const steps: Step<AiChainEvent>[] = Array.from({ length: 5 }, () => [
          { wait: 10 },
          text("word "),
        ]).flat();
        const a = ai("a", deaf ? [text("word "), { deaf: true }] : steps);
        const b = ai("b", [text("never")]);
        const chain = createChain([a, b], aiPolicy, { onAttempt: (attempt) => attempts.push(attempt) });
        const running = collect(chain.stream(aiRequest, openContext(clock, abort.signal)));
        clock.timer(clock.nowMs() + afterMs, () => abort.abort());
        const events = await clock.until(running);
        const done = !deaf && afterMs > 50;
        expect(events.at(-1)).toMatchObject({ type: "end", outcome: done ? "completed" : "cancelled" });
        expect(attempts.map(({ outcome }) => outcome)).toEqual([done ? "completed" : "cancelled"]);
        expect(b.calls).toHaveLength(0);
        if (!deaf) expect(a.calls[0]!.over).toBe(true);
        expect(clock.nowMs()).toBeLessThanOrEqual(1_000 + afterMs + drainMs);
      }),
    );
  });

  it("leaves no listener on its caller's signal", async () => {
    const clock = createFakeClock();
    const { signal } = new AbortController();
    const links = [
      ai("a", [{ fail: "provider_timeout" }]),
      ai("b", [{ hang: true }]),
      ai("c", [text("Hello.")]),
    ];
    await clock.until(collect(createChain(links, aiPolicy).stream(aiRequest, openContext(clock, signal))));
    await clock.advance(drainMs);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("cancels its link when the reader goes away", async () => {
    const clock = createFakeClock();
    const a = ai("a", [text("one two "), { hang: true }]);
    for await (const _ of createChain([a], aiPolicy).stream(aiRequest, openContext(clock))) break;
    await clock.settle();
    expect(a.calls[0]).toMatchObject({ aborted: true, over: true });
    expect(clock.pendingTimers).toBe(0);
  });
});

async function runTts(links: ReturnType<typeof tts>[], request: Partial<TtsRequest> = {}) {
  const clock = createFakeClock();
  const attempts: Attempt[] = [];
  const chain = createChain(links, ttsPolicy, { onAttempt: (attempt) => attempts.push(attempt) });
  const events = await clock.until(collect(chain.stream({ ...ttsRequest, ...request }, openContext(clock))));
  const samples = events.flatMap((event) => (event.type === "audio" ? [...event.pcm] : []));
  const marks = events.flatMap((event) => (event.type === "word" ? [[event.text, event.fromSample]] : []));
  return { attempts, events, samples, marks, end: events.at(-1) };
}

describe("a chain of voices", () => {
  it("takes audio without sound for a failure and hands none of it on", async () => {
    const { samples, attempts } = await runTts([
      tts("a", [sound(800, 0), sound(800, 3)]),
      tts("b", [sound(10)]),
    ]);
    expect(samples).toEqual(Array(10).fill(5000));
    expect(attempts[0]).toMatchObject({ provider: "a", outcome: "failed" });
  });

  it("hands leading silence on with the first sound", async () => {
    const { samples } = await runTts([tts("a", [sound(5, 0), sound(5)])]);
    expect(samples).toEqual([...Array(5).fill(0), ...Array(5).fill(5000)]);
  });

  it("gives a voice up whose silence does not end", async () => {
    const { samples, attempts } = await runTts([
      tts(
        "a",
        [...Array(40)].map(() => sound(800, 0)),
      ),
      tts("b", [sound(1)]),
    ]);
    expect(samples).toHaveLength(1);
    expect(attempts[0]!.outcome).toBe("failed");
  });

  it("gives a voice up that stalls", async () => {
    const { attempts } = await runTts([tts("a", [{ hang: true }]), tts("b", [sound(1)])]);
    expect(attempts[0]).toMatchObject({ code: "provider_timeout", durationMs: ttsDeadlines.connectMs });
  });

  it("goes on in the next voice after the last whole word, by the marks", async () => {
    const a = tts("a", [
      word("one", 0),
      sound(100),
      word("two", 100),
      sound(100),
      word("three", 200),
      sound(60),
      { fail: "provider_unavailable" },
    ]);
    const b = tts("b", [word("three", 0), sound(50, 900), word("four", 50), sound(50, 900)]);
    const { samples, marks } = await runTts([a, b]);
    expect(b.calls[0]!.request.text).toBe("three four");
    // The end of the one fades, the beginning of the other comes up: no click between them.
    expect(samples).toHaveLength(300);
    expect(samples.slice(0, 120)).toEqual(Array(120).fill(5000));
    expect(samples[199]).toBeLessThan(100);
    expect(samples[200]).toBeLessThan(100);
    expect(samples.slice(280)).toEqual(Array(20).fill(900));
    expect(marks).toEqual([
      ["one", 0],
      ["two", 100],
      ["three", 200],
      ["four", 250],
    ]);
  });

  it("says no word twice and leaves none out, wherever a marked voice dies", async () => {
    const text = "Well, it costs about five dollars — or so they say.";
    const spoken = text.split(" ").filter((token) => /\w/.test(token));
    await fc.assert(
      fc.asyncProperty(fc.nat(1100), fc.integer({ min: 20, max: 300 }), async (diesAt, chunk) => {
        const say = (words: string[], untilSample: number): Step<TtsEvent>[] => {
          const steps: Step<TtsEvent>[] = [];
          for (let from = 0; from < Math.min(untilSample, words.length * 100); from += chunk) {
            const to = Math.min(from + chunk, untilSample, words.length * 100);
            words.forEach((said, index) => {
              if (index * 100 >= from && index * 100 < to) steps.push(word(said, index * 100));
            });
            steps.push(sound(to - from));
          }
          return steps;
        };
        const a = tts("a", [...say(spoken, diesAt), { fail: "provider_unavailable" }]);
        const b = createFakeProvider<TtsRequest, TtsEvent>("b", ({ text: rest }) =>
          say(
            rest.split(" ").filter((token) => /\w/.test(token)),
            Number.POSITIVE_INFINITY,
          ),
        );
        const { marks, samples } = await runTts([a, b], { text });
        // Only the very first word, whose sound was not waited for, may begin again.
        const heard = marks.map(([said]) => said);
        if (diesAt <= 100 && heard[0] === heard[1]) heard.shift();
        expect(heard).toEqual(spoken);
        if (diesAt > 100) expect(samples).toHaveLength(spoken.length * 100);
        const positions = marks.map(([, at]) => at as number);
        expect(positions).toEqual([...positions].sort((x, y) => x - y));
      }),
    );
  });

  it("without marks goes on about where the time spoken says, never before the start or past the last word", async () => {
    const text = "one two three four five six seven eight nine ten eleven twelve";
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 80_000 }), async (samples) => {
        const b = tts("b", [sound(1)]);
        await runTts([tts("a", [sound(samples), { fail: "provider_unavailable" }]), b], { text });
        const rest = b.calls[0]!.request.text;
        expect(text.endsWith(rest)).toBe(true);
        expect(rest.length).toBeGreaterThan(0);
        // No word is over in 80 ms.
        if (samples < 640) expect(rest).toBe(text);
        if (samples > 60_000) expect(rest).toBe("twelve");
      }),
    );
  });

  it("fails when the last voice dies, with what was said until then", async () => {
    const { end, samples } = await runTts([tts("a", [sound(10), { fail: "provider_unavailable" }])]);
    expect(end).toMatchObject({ outcome: "failed" });
    expect(samples).toHaveLength(10);
  });
});
