import { describe, expect, it } from "vitest";
import type {
  AiRequest,
  Attempt,
  CallContext,
  SttEvent,
  SttRequest,
} from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { aiDeadlines, aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { promptLeastMs } from "../../gateway/resilience/link-run.ts";
import { sttPolicy } from "../../gateway/resilience/stt-policy.ts";
import { openLedger } from "../../gateway/turn/ledger.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import { markedTts, runReply, sayingAi } from "../turn/reply-fixture.ts";
import type { Step } from "./fake-providers.ts";
import { collect, createFakeProvider, openContext, text } from "./fake-providers.ts";

const request: AiRequest = {
  ...{ instructions: "", messages: [], passages: [], tools: [], toolChoice: "auto" },
  ...{ spokenPrefix: "", maxOutputTokens: null },
};
const ai = (name: string, steps: Step<AiChainEvent>[]) =>
  createFakeProvider<AiRequest, AiChainEvent>(name, steps);
const hangs: Step<AiChainEvent>[] = [{ hang: true }];

/** Asks a chain of `names`, all of which hang but the spare. */
async function ask(names: string[], patienceMs: number | undefined, steps: Step<AiChainEvent>[] = hangs) {
  const clock = createFakeClock();
  const attempts: Attempt[] = [];
  const passedOver: string[] = [];
  const links = names.map((name) => ai(name, name === "embedded" ? [text("I am the spare.")] : steps));
  const chain = createChain(links, aiPolicy, {
    onAttempt: (attempt) => attempts.push(attempt),
    observer: { passedOver: (_stage, provider, why) => passedOver.push(`${provider} ${why}`) },
  });
  const context: CallContext = { ...openContext(clock), ...(patienceMs === undefined ? {} : { patienceMs }) };
  const startedAtMs = clock.nowMs();
  const events = await clock.until(collect(chain.stream(request, context)));
  return { waitedMs: clock.nowMs() - startedAtMs, attempts, passedOver, end: events.at(-1)! };
}

describe("a turn's one deadline", () => {
  it("is what all vendors of a stage share; then the spare answers", async () => {
    const names = ["a", "b", "c", "d", "embedded"];
    const without = await ask(names, undefined);
    expect(without.waitedMs).toBe(4 * aiDeadlines.connectMs);
    const within = await ask(names, 2500);
    expect(within).toMatchObject({ waitedMs: 2500, passedOver: ["c late", "d late"] });
    expect(within.end).toMatchObject({ outcome: "completed", provider: "embedded" });
    expect(within.attempts.map(({ provider, durationMs }) => [provider, durationMs])).toEqual([
      ["a", 1500],
      ["b", 1000],
      ["embedded", 0],
    ]);
  });

  it("leaves a vendor that is well the time to answer, whatever was lost before", async () => {
    const well: Step<AiChainEvent>[] = [{ wait: promptLeastMs - 1 }, text("Hello.")];
    expect(await ask(["a", "embedded"], 0, well)).toMatchObject({ end: { provider: "a" } });
    expect(await ask(["a", "b", "embedded"], 0)).toMatchObject({
      ...{ waitedMs: promptLeastMs, passedOver: ["b late"], end: { provider: "embedded" } },
    });
  });

  it("breaks nobody off who speaks already", async () => {
    const slow: Step<AiChainEvent>[] = [
      text("One "),
      { wait: 1400 },
      text("two "),
      { wait: 1400 },
      text("three."),
    ];
    expect(await ask(["a", "embedded"], 1000, slow)).toMatchObject({
      end: { provider: "a" },
      waitedMs: 2800,
    });
  });

  it.each([
    ["after it", 1400, []],
    ["shortly before it", 900, [{ wait: 300 }]],
  ] as const)("is met by the first word: who dies %s is followed by a vendor", async (_, ms, waits) => {
    const clock = createFakeClock();
    const a = ai("a", [text("One "), { wait: ms }, text("two "), { fail: "provider_unavailable" }]);
    const b = ai("b", [...waits, text("three.")]);
    const chain = createChain([a, b, ai("embedded", [text("spare.")])], aiPolicy);
    const context = { ...openContext(clock), patienceMs: 1000 };
    const events = await clock.until(collect(chain.stream(request, context)));
    expect(events.at(-1)).toMatchObject({ outcome: "completed", provider: "b" });
  });

  it("asks every vendor where no spare is behind them, the last one as long as it takes", async () => {
    const { attempts, end } = await ask(["a", "b", "c"], 1000);
    expect(attempts.map(({ provider }) => provider)).toEqual(["a", "b", "c"]);
    expect(attempts.at(-1)!.durationMs).toBeGreaterThan(aiDeadlines.usefulMs);
    expect(end).toMatchObject({ outcome: "failed" });
  });

  it("counts from the end of an utterance, however long that was", async () => {
    const clock = createFakeClock();
    const listen = (name: string, hears: boolean) => ({
      name,
      async *stream({ audio }: SttRequest, { signal }: CallContext) {
        for await (const _ of audio.read(0, signal));
        if (hears) yield { type: "final", text: "hello", untilSample: 320 } satisfies SttEvent;
        else await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        const outcome = hears ? ("completed" as const) : ("cancelled" as const);
        yield { type: "end" as const, outcome, usage: {}, provider: name };
      },
    });
    const links = ["a", "b", "c", "d"].map((name) => listen(name, false));
    const chain = createChain<SttRequest, SttEvent>([...links, listen("embedded", true)], sttPolicy);
    const endsAtMs = clock.nowMs() + 20_000;
    const audio: SttRequest["audio"] = {
      ...{ sampleRateHz: 16000, fromSample: 0 },
      async *read() {
        if (clock.nowMs() < endsAtMs) await new Promise<void>((resolve) => clock.timer(endsAtMs, resolve));
        yield { type: "end", atSample: 320 };
      },
    };
    const context = { ...openContext(clock), patienceMs: 2000 };
    const events = await clock.until(collect(chain.stream({ audio }, context)));
    expect(events.at(-1)).toMatchObject({ outcome: "completed", provider: "embedded" });
    expect(clock.nowMs()).toBe(endsAtMs + 2000);
  });

  it("reaches the answerer and the voice as what the stages before left of it", async () => {
    const left: Record<string, number | undefined> = {};
    const noting = <Request, Event>(
      stage: string,
      fake: ReturnType<typeof createFakeProvider<Request, Event>>,
    ) => ({
      ...fake,
      stream: (asked: Request, context: CallContext) => {
        left[stage] ??= context.patienceMs;
        return fake.stream(asked, context);
      },
    });
    const clock = createFakeClock();
    // 300 ms of waiting for the end of the turn are the speaker's, 400 ms the recogniser's.
    const nowMs = clock.nowMs();
    const ledger = {
      ...openLedger("voice", nowMs - 700),
      cursorMs: nowMs,
      entries: [
        { span: "endpoint" as const, durationMs: 300 },
        { span: "stt" as const, durationMs: 400, provider: "a" },
      ],
    };
    await runReply({
      clock,
      ai: [noting("ai", sayingAi(["Hello there. ", "How are you?"], 250))],
      tts: [noting("tts", markedTts(100))],
      request: { ledger },
      options: { patienceMs: 3000 },
    });
    expect(left).toEqual({ ai: 2600, tts: 2350 });
  });
});
