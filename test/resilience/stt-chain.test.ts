import { describe, expect, it } from "vitest";
import type {
  Attempt,
  AudioPiece,
  AudioRange,
  CallContext,
  SttEvent,
  SttRequest,
} from "../../gateway/providers/provider.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { sttDeadlines, sttPolicy } from "../../gateway/resilience/stt-policy.ts";
import type { FakeClock } from "../turn/fake-clock.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import type { Step } from "./fake-providers.ts";
import { collect, createFakeProvider, openContext } from "./fake-providers.ts";

/** An utterance: every piece comes `stepMs` after the one before. */
function utterance(clock: FakeClock, pieces: AudioPiece[], stepMs = 20): AudioRange {
  const startMs = clock.nowMs();
  return {
    sampleRateHz: 16000,
    fromSample: 0,
    async *read(_from, signal) {
      for (const [index, piece] of pieces.entries()) {
        const atMs = startMs + index * stepMs;
        if (clock.nowMs() < atMs) {
          await new Promise<void>((resolve) => {
            const timer = clock.timer(atMs, resolve);
            signal.addEventListener("abort", () => {
              timer.cancel();
              resolve();
            });
          });
        }
        if (signal.aborted) return;
        yield piece;
      }
    },
  };
}

function spokenFor(frames: number): AudioPiece[] {
  const samples = Array.from(
    { length: frames },
    (_, index): AudioPiece => ({ type: "samples", fromSample: index * 320, pcm: new Int16Array(320) }),
  );
  return [...samples, { type: "end", atSample: frames * 320 }];
}

/** A recogniser that listens to the end, then follows `steps`. */
function listener(name: string, steps: Step<SttEvent>[]) {
  const heard: number[] = [];
  const after = createFakeProvider<SttRequest, SttEvent>(name, steps);
  return {
    ...after,
    heard,
    async *stream(request: SttRequest, call: CallContext) {
      let pieces = 0;
      for await (const _ of request.audio.read(request.audio.fromSample, call.signal)) pieces += 1;
      heard.push(pieces);
      yield* after.stream(request, call);
    },
  };
}

describe("a chain of recognisers", () => {
  const final = { give: { type: "final", text: "hello", untilSample: 320 } } as const;
  const run = async (
    links: (clock: FakeClock) => Parameters<typeof createChain<SttRequest, SttEvent>>[0],
    frames = 10,
    stepMs = 20,
  ) => {
    const clock = createFakeClock();
    const attempts: Attempt[] = [];
    const chain = createChain(links(clock), sttPolicy, { onAttempt: (attempt) => attempts.push(attempt) });
    const request = { audio: utterance(clock, spokenFor(frames), stepMs) };
    const events = await clock.until(
      collect(chain.stream(request, { ...openContext(clock), deadlineMs: 1e9 })),
    );
    return { events, attempts, clock };
  };

  it("lets the next one hear everything from the start, also after partial words", async () => {
    const b = listener("b", [final]);
    const partial = { give: { type: "partial", text: "he" } } as const;
    const { events } = await run(() => [listener("a", [partial, { fail: "provider_unavailable" }]), b]);
    expect(b.heard).toEqual([11]);
    expect(events).toMatchObject([
      { type: "partial" },
      { type: "final" },
      { type: "end", outcome: "completed", provider: "b" },
    ]);
  });

  it("has no deadline while the speaker speaks on", async () => {
    const { events } = await run(() => [listener("a", [final])], 5, 3 * sttDeadlines.stallMs);
    expect(events.at(-1)).toMatchObject({ outcome: "completed" });
  });

  it("gives one up that says nothing after the end, that never listens, or that stops listening", async () => {
    const mute = await run(() => [listener("a", [{ hang: true }]), listener("b", [final])]);
    expect(mute.attempts[0]).toMatchObject({
      code: "provider_timeout",
      durationMs: 200 + sttDeadlines.usefulMs,
    });
    const idle = await run(() => [
      createFakeProvider<SttRequest, SttEvent>("a", [{ hang: true }]),
      listener("b", [final]),
    ]);
    expect(idle.attempts[0]).toMatchObject({ durationMs: sttDeadlines.connectMs });
    const stuck = await run(() => [
      {
        name: "a",
        async *stream({ audio }: SttRequest, call: CallContext) {
          for await (const _ of audio.read(0, call.signal)) {
            await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()));
          }
          yield { type: "end" as const, outcome: "cancelled" as const, usage: {}, provider: "a" };
        },
      },
      listener("b", [final]),
    ]);
    expect(stuck.attempts[0]).toMatchObject({ durationMs: sttDeadlines.stallMs });
    for (const { events } of [mute, idle, stuck])
      expect(events.at(-1)).toMatchObject({ outcome: "completed", provider: "b" });
  });

  describe("when one understands nothing", () => {
    const nothing = (untilSample: number) => ({ give: { type: "final", text: " ", untilSample } }) as const;
    const long = 80;
    const longSamples = long * 320;
    const words = { give: { type: "final", text: "hello", untilSample: longSamples } } as const;

    it("asks the next one, and nobody is blamed", async () => {
      const { events, attempts } = await run(
        () => [listener("deaf", [nothing(longSamples)]), listener("good", [words])],
        long,
      );
      expect(events.map((event) => ("text" in event ? event.text : event.type))).toEqual(["hello", "end"]);
      expect(attempts.map(({ provider, outcome }) => `${provider} ${outcome}`)).toEqual([
        "deaf failed",
        "good completed",
      ]);
    });

    it("believes two of them, and the only one that can be asked", async () => {
      const never = listener("never", [words]);
      const heard = await run(
        () => [listener("a", [nothing(longSamples)]), listener("b", [nothing(longSamples)]), never],
        long,
      );
      expect(heard.events).toMatchObject([
        { type: "final", text: " " },
        { type: "end", outcome: "completed" },
      ]);
      expect(never.calls).toHaveLength(0);
      const alone = await run(() => [listener("a", [nothing(longSamples)])], long);
      expect(alone.events).toMatchObject([
        { type: "final", text: " " },
        { type: "end", outcome: "completed" },
      ]);
      expect(alone.attempts).toMatchObject([{ provider: "a", outcome: "completed" }]);
      const down = await run(
        () => [listener("a", [nothing(longSamples)]), listener("b", [{ fail: "provider_unavailable" }])],
        long,
      );
      expect(down.events).toMatchObject([
        { type: "final", text: " " },
        { type: "end", outcome: "completed" },
      ]);
    });

    it("believes it of a cough", async () => {
      const never = listener("never", [words]);
      const { events } = await run(() => [listener("a", [nothing(40 * 320)]), never], 40);
      expect(events.at(-1)).toMatchObject({ outcome: "completed", provider: "a" });
      expect(never.calls).toHaveLength(0);
    });
  });

  it("takes no transcript for a failure, and a failure after the transcript for none", async () => {
    const none = await run(() => [listener("a", []), listener("b", [final])]);
    expect(none.events.at(-1)).toMatchObject({ outcome: "completed", provider: "b" });
    const b = listener("b", [final]);
    const late = await run(() => [listener("a", [final, { fail: "provider_unavailable" }]), b]);
    expect(late.events.filter(({ type }) => type === "final")).toHaveLength(1);
    expect(b.heard).toEqual([]);
  });
});
