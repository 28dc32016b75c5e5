import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AiRequest, TtsEvent } from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { ttsDeadlines } from "../../gateway/resilience/tts-policy.ts";
import { ledgerTotals, openLedger } from "../../gateway/turn/ledger.ts";
import type { ReplyEvent } from "../../gateway/turn/reply.ts";
import type { Step } from "../resilience/fake-providers.ts";
import { createFakeProvider, sound, text } from "../resilience/fake-providers.ts";
import { createFakeClock } from "./fake-clock.ts";
import type { FakeAi, FakeTts } from "./reply-fixture.ts";
import { collect, markedTts, prepareReply, runReply, sayingAi, view } from "./reply-fixture.ts";

const sentences = ["One comes first. ", "Two is the second. ", "Three is third. ", "Four is fourth."];

describe("an aborted reply", () => {
  it("hands nothing on but its end, and leaves no call, no timer and no listener", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(400),
        fc.constantFrom<"audio" | "text">("audio", "text"),
        fc.boolean(),
        async (afterMs, modality, rescued) => {
          const dying: FakeAi = createFakeProvider("dying", [
            { wait: 30 },
            text("One comes "),
            { wait: 30 },
            { fail: "provider_unavailable" },
          ]);
          const ai = sayingAi(sentences, 30, 30);
          const tts = markedTts(20, 15);
          const clock = createFakeClock();
          const { run } = prepareReply({
            clock,
            ai: rescued ? [dying, ai] : [ai],
            tts: [tts],
            request: { modality },
            retrieve: (signal) =>
              new Promise((resolve) => {
                clock.timer(clock.nowMs() + 20, () => resolve([]));
                signal.addEventListener("abort", () => resolve([]));
              }),
          });
          const abort = new AbortController();
          const events: ReplyEvent[] = [];
          let before = -1;
          const running = collect(run(abort.signal), events);
          clock.timer(clock.nowMs() + afterMs, () => {
            before = events.length;
            abort.abort();
          });
          await clock.until(running);
          await clock.advance(1000);
          if (before >= 0 && before < events.length) {
            expect(events.slice(before).map(({ type }) => type)).toEqual(["end"]);
            expect(events.at(-1)).toMatchObject({ outcome: "cancelled" });
          } else expect(events.at(-1)).toMatchObject({ type: "end", outcome: "completed" });
          for (const call of [...dying.calls, ...ai.calls, ...tts.calls]) expect(call.over).toBe(true);
          expect(clock.pendingTimers).toBe(0);
          expect(getEventListeners(abort.signal, "abort")).toHaveLength(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("ends at once before it began, and asks nobody", async () => {
    const ai = sayingAi(["never"]);
    const { run } = prepareReply({ ai: [ai] });
    expect(await collect(run(AbortSignal.abort()))).toMatchObject([{ type: "end", outcome: "cancelled" }]);
    expect(ai.calls).toHaveLength(0);
  });

  it("ends soon also when its providers are deaf", async () => {
    const deaf: FakeTts = createFakeProvider("deaf", [sound(10), { deaf: true }]);
    const { clock, run } = prepareReply({ tts: [deaf] });
    const abort = new AbortController();
    const running = collect(run(abort.signal));
    await clock.advance(10);
    abort.abort();
    const events = await clock.until(running, 150);
    expect(events.at(-1)).toMatchObject({ outcome: "cancelled" });
  });

  it("cancels everything when its reader goes away, wherever it stands", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(30), async (stopAt) => {
        const ai = sayingAi(sentences, 10, 10);
        const tts = markedTts(10, 10);
        const { clock, run } = prepareReply({ ai: [ai], tts: [tts] });
        const reading = (async () => {
          let count = 0;
          for await (const _ of run()) {
            if (count === stopAt) break;
            count += 1;
          }
        })();
        await clock.until(reading);
        for (const call of [...ai.calls, ...tts.calls]) expect(call.over).toBe(true);
        await clock.advance(1000);
        expect(clock.pendingTimers).toBe(0);
      }),
    );
  });
});

describe("the line of time", () => {
  it("has an owner for every millisecond up to the first sound, whatever fails on the way", async () => {
    const delay = fc.nat(300);
    const links = fc.array(fc.record({ waitMs: delay, fails: fc.constantFrom("at once", "late", "hangs") }), {
      maxLength: 2,
    });
    const shape = fc.record({
      retrieveMs: delay,
      aiLinks: links,
      aiMs: delay,
      tokenMs: fc.nat(50),
      ttsLinks: links,
      ttsMs: delay,
      silence: fc.nat(3),
      modality: fc.constantFrom<"audio" | "text">("audio", "text"),
    });
    await fc.assert(
      fc.asyncProperty(shape, async (turn) => {
        const bad = <E>(kind: string, waitMs: number, useless: E): Step<E>[] => {
          if (kind === "hangs") return [{ hang: true }];
          return kind === "late"
            ? [{ wait: waitMs }, { give: useless }, { wait: waitMs }, { fail: "provider_unavailable" }]
            : [{ wait: waitMs }, { fail: "provider_overloaded" }];
        };
        const clock = createFakeClock();
        const silent: Step<TtsEvent>[] = Array.from({ length: turn.silence }, () => [
          sound(80, 0),
          { wait: 7 },
        ]).flat();
        const { ledgers, events } = await runReply({
          clock,
          ai: [
            ...turn.aiLinks.map(
              ({ waitMs, fails }, index) =>
                createFakeProvider(
                  `ai${index}`,
                  bad(fails, waitMs, { type: "text" as const, delta: " " }),
                ) as FakeAi,
            ),
            sayingAi(["In ", "the ", "morning, ", "we ", "go."], turn.aiMs, turn.tokenMs),
          ],
          tts: [
            ...turn.ttsLinks.map(
              ({ waitMs, fails }, index) =>
                createFakeProvider(`tts${index}`, bad<TtsEvent>(fails, waitMs, sound(10, 0).give)) as FakeTts,
            ),
            createFakeProvider("tts", [{ wait: turn.ttsMs }, ...silent, sound(80)]) as FakeTts,
          ],
          request: { modality: turn.modality, ledger: openLedger("voice", clock.nowMs() - 25) },
          retrieve: () =>
            new Promise((resolve) => void clock.timer(clock.nowMs() + turn.retrieveMs, () => resolve([]))),
        });
        expect(ledgers).toHaveLength(1);
        const ledger = ledgers[0]!;
        const sum = ledger.entries.reduce((total, { durationMs }) => total + durationMs, 0);
        expect(sum).toBeCloseTo(ledger.cursorMs - ledger.startedAtMs, 6);
        expect(ledgerTotals(ledger).turnMs).toBeCloseTo(sum, 6);
        const first = events.findIndex(({ type }) => type === "audio" || type === "text");
        expect(events.findIndex(({ type }) => type === "ledger")).toBeLessThan(first);
        const spent = (span: string, provider?: string) =>
          ledger.entries
            .filter((entry) => entry.span === span && entry.provider === provider)
            .reduce((total, { durationMs }) => total + durationMs, 0);
        expect(spent("retrieve")).toBeCloseTo(Math.min(100, turn.retrieveMs), 6);
        // The AI hands a word on when the next one begins.
        expect(spent("ai", "ai")).toBeCloseTo(turn.aiMs, 6);
        if (turn.modality === "text") return;
        expect(spent("sentence")).toBeCloseTo(turn.tokenMs * 3, 6);
        expect(spent("tts", "tts")).toBeCloseTo(turn.ttsMs + turn.silence * 7, 6);
        expect(spent("overhead")).toBeCloseTo(25, 6);
      }),
      { numRuns: 150 },
    );
  });

  it("charges a vendor's stall to the vendor", async () => {
    const stalled: FakeTts = createFakeProvider("stalled", [{ hang: true }]);
    const { ledgers, stages } = await runReply({ tts: [stalled, markedTts(5)] });
    expect(ledgers[0]!.entries.filter(({ span }) => span === "tts")).toEqual([
      { span: "tts", durationMs: ttsDeadlines.connectMs, provider: "stalled" },
      { span: "tts", durationMs: 5, provider: "tts" },
    ]);
    expect(stages.find(({ provider }) => provider === "stalled")).toMatchObject({
      outcome: "failed",
      durationMs: ttsDeadlines.connectMs,
    });
  });

  it("gives the line again when words follow a tool call", async () => {
    const call = { type: "toolCall", callId: "1", name: "f", arguments: "{}" } as const;
    const ai: FakeAi = createFakeProvider<AiRequest, AiChainEvent>("ai", [
      { wait: 10 },
      { give: call },
      { wait: 10 },
      text("Hello there. "),
    ]);
    const { events, ledgers } = await runReply({ ai: [ai] });
    expect(ledgers.map(({ cursorMs }) => cursorMs)).toEqual([1010, 1020]);
    expect(view(events).words).toEqual(["Hello", "there."]);
  });
});
