import { expect } from "vitest";
import type { AiRequest, Passage, TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { ttsPolicy } from "../../gateway/resilience/tts-policy.ts";
import { openLedger } from "../../gateway/turn/ledger.ts";
import { createPreparedSentences } from "../../gateway/turn/prepared.ts";
import type { PlaybackControl, ReplyEvent, ReplyRequest } from "../../gateway/turn/reply.ts";
import type { StageReport } from "../../gateway/turn/reply-line.ts";
import type { ReplyRunnerOptions } from "../../gateway/turn/reply-runner.ts";
import { createReplyRunner } from "../../gateway/turn/reply-runner.ts";
import type { FakeProvider, Step } from "../resilience/fake-providers.ts";
import { createFakeProvider, sound, word } from "../resilience/fake-providers.ts";
import type { FakeClock } from "./fake-clock.ts";
import { createFakeClock } from "./fake-clock.ts";

export type FakeAi = FakeProvider<AiRequest, AiChainEvent>;
export type FakeTts = FakeProvider<TtsRequest, TtsEvent>;

/** An AI that says `deltas`, the first after `firstMs`, the others every `eachMs`. */
export function sayingAi(deltas: string[], firstMs = 0, eachMs = 0, last: Step<AiChainEvent>[] = []): FakeAi {
  const steps = deltas.flatMap((delta, index): Step<AiChainEvent>[] => [
    { wait: index === 0 ? firstMs : eachMs },
    { give: { type: "text", delta } },
  ]);
  return createFakeProvider("ai", [...steps, ...last]);
}

/** A voice with a mark and 100 samples for every word; every sample of a piece holds the length of its text. */
export function markedTts(firstMs = 0, eachMs = 0, name = "tts"): FakeTts {
  return createFakeProvider(name, ({ text }) =>
    (text.match(/\S+/g) ?? []).flatMap((said, index): Step<TtsEvent>[] => [
      { wait: index === 0 ? firstMs : eachMs },
      word(said, index * 100),
      sound(100, 1000 + text.length),
    ]),
  );
}

export const failingTts = (): FakeTts => createFakeProvider("tts", [{ fail: "provider_unavailable" }]);

export interface Setting {
  ai?: FakeAi[];
  tts?: FakeTts[];
  clock?: FakeClock;
  request?: Partial<ReplyRequest>;
  control?: PlaybackControl;
  options?: Partial<ReplyRunnerOptions>;
  retrieve?: (signal: AbortSignal, clock: FakeClock) => Promise<Passage[]>;
}

/** Everything plays at once. */
export const instantPlayback: PlaybackControl = { waitStarted: () => Promise.resolve() };

/** A playback whose pieces start when `start` says so. */
export function manualPlayback(): PlaybackControl & {
  start(index: number): void;
  readonly waiting: number[];
} {
  const waiters = new Map<number, () => void>();
  return {
    waitStarted: (index, signal) =>
      new Promise((resolve) => {
        waiters.set(index, resolve);
        signal.addEventListener("abort", () => resolve());
      }),
    start(index) {
      waiters.get(index)?.();
      waiters.delete(index);
    },
    get waiting() {
      return [...waiters.keys()];
    },
  };
}

/** A runner over chains of fakes, ready to run one reply. */
export function prepareReply(setting: Setting) {
  const clock = setting.clock ?? createFakeClock();
  const stages: StageReport[] = [];
  const prepared = createPreparedSentences();
  const request: ReplyRequest = {
    responseId: "r",
    tenant: "t",
    instructions: "",
    messages: [{ role: "user", text: "Hello?" }],
    tools: [],
    toolChoice: "auto",
    maxOutputTokens: null,
    modality: "audio",
    voice: "v",
    speedRatio: 1,
    sampleRateHz: 8000,
    spokenPrefix: "",
    ledger: openLedger("voice", clock.nowMs() - 25),
    ...setting.request,
  };
  const runner = createReplyRunner({
    ai: createChain(setting.ai ?? [sayingAi(["Hello there. ", "How are you?"])], aiPolicy),
    tts: createChain(setting.tts ?? [markedTts()], ttsPolicy),
    retrieval: "always",
    retrieve: (_query, { signal }) => setting.retrieve?.(signal, clock) ?? Promise.resolve([]),
    buildQuery: () => "query",
    clock,
    prepared,
    onStage: (report) => stages.push(report),
    ...setting.options,
  });
  const run = (signal: AbortSignal = new AbortController().signal) =>
    runner.run(request, setting.control ?? instantPlayback, signal);
  return { clock, stages, prepared, request, run };
}

export async function collect(
  events: AsyncIterable<ReplyEvent>,
  into: ReplyEvent[] = [],
): Promise<ReplyEvent[]> {
  for await (const event of events) into.push(event);
  return into;
}

/** Runs one reply to its end. */
export async function runReply(setting: Setting) {
  const { clock, stages, request, run } = prepareReply(setting);
  const events = await clock.until(collect(run()));
  return { clock, stages, request, events, ...view(events) };
}

/** What a listener and a session would know of the events. */
export function view(events: ReplyEvent[]) {
  const of = <T extends ReplyEvent["type"]>(type: T) =>
    events.filter((event): event is Extract<ReplyEvent, { type: T }> => event.type === type);
  return {
    pieces: of("piece").map(({ text }) => text),
    text: of("text")
      .map(({ delta }) => delta)
      .join(""),
    words: of("word").map(({ text }) => text),
    samples: of("audio").reduce((sum, { pcm }) => sum + pcm.length, 0),
    ledgers: of("ledger").map(({ ledger }) => ledger),
    toolCalls: of("toolCall"),
    end: of("end")[0]!,
  };
}

/** Checks what holds of every reply: order of pieces, one end, at the end. */
export function expectOrder(events: ReplyEvent[]): void {
  expect(events.filter(({ type }) => type === "end")).toHaveLength(1);
  expect(events.at(-1)!.type).toBe("end");
  let open = -1;
  let closed = -1;
  for (const event of events) {
    if (event.type === "piece") {
      expect(event.index).toBe(closed + 1);
      open = event.index;
    } else if (event.type === "audio" || event.type === "word") {
      expect(event.index).toBe(open);
      expect(event.index).toBe(closed + 1);
    } else if (event.type === "pieceEnd") {
      expect(event.index).toBe(open);
      closed = event.index;
    }
  }
}

export const sentences = [
  "One comes first. ",
  "Two is the second. ",
  "Three is third. ",
  "Four is fourth. ",
  "Five is last.",
];
