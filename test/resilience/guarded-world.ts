/** What guarded chains are tested in: a process with its guards, made-up vendors, and everything that was told. */
import { afterEach, expect } from "vitest";
import type {
  AiRequest,
  Attempt,
  CallContext,
  ConversationMemory,
  TtsEvent,
  TtsRequest,
} from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import type { CapLimits } from "../../gateway/resilience/caps.ts";
import type { Failover, Spent } from "../../gateway/resilience/chain.ts";
import { createChain, drainMs } from "../../gateway/resilience/chain.ts";
import type { Guards } from "../../gateway/resilience/guard.ts";
import { createGuards } from "../../gateway/resilience/guard.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import type { FakeProvider, Step } from "./fake-providers.ts";
import { aiRequest, collect, createFakeProvider, openContext } from "./fake-providers.ts";

export const withTools = { tools: [{ name: "f" }] };

export type Steps<Event> = Step<Event>[] | ((request: unknown, call: number) => Step<Event>[]);
export const ai = (name: string, steps: Steps<AiChainEvent>) =>
  createFakeProvider<AiRequest, AiChainEvent>(name, steps);
export const tts = (name: string, steps: Steps<TtsEvent>) =>
  createFakeProvider<TtsRequest, TtsEvent>(name, steps);

const worlds: Guards[] = [];
afterEach(() => {
  for (const guards of worlds.splice(0)) guards.shutdown();
});

/** A process: its guards, and everything that was told. */
export function openWorld(
  caps: Record<string, CapLimits> = {},
  hedge = { enabled: true, limitUsdPerHour: null },
) {
  const clock = createFakeClock();
  const told = {
    attempts: [] as Attempt[],
    spent: [] as Spent[],
    failovers: [] as Failover[],
    hedges: [] as [string, string, boolean][],
    passedOver: [] as [string, string][],
    retried: [] as string[],
  };
  const guards = createGuards({
    ...{ clock, shared: null, breakerWindowMs: 30_000, breakerResetMs: 10_000, caps, hedge },
  });
  worlds.push(guards);
  const options = {
    guards,
    onAttempt: (attempt: Attempt) => void told.attempts.push(attempt),
    observer: {
      spent: (spent: Spent) => void told.spent.push(spent),
      failedOver: (failover: Failover) => void told.failovers.push(failover),
      hedged: (_: string, slow: string, beside: string, won: boolean) =>
        void told.hedges.push([slow, beside, won]),
      passedOver: (_: string, name: string, why: string) => void told.passedOver.push([name, why]),
      retried: (_: string, name: string) => void told.retried.push(name),
    },
  };
  return { clock, guards, told, options };
}

export type World = ReturnType<typeof openWorld>;

export async function callAi(
  { clock, options }: World,
  links: FakeProvider<AiRequest, AiChainEvent>[],
  more: { request?: Partial<AiRequest>; context?: Partial<CallContext> } = {},
) {
  const chain = createChain(links, aiPolicy, options);
  const context = { ...openContext(clock), ...more.context };
  const startMs = clock.nowMs();
  const events = await clock.until(collect(chain.stream({ ...aiRequest, ...more.request }, context)));
  const tookMs = clock.nowMs() - startMs;
  await clock.advance(drainMs);
  expect(clock.pendingTimers).toBe(0);
  const said = events.map((event) => (event.type === "text" ? event.delta : "")).join("");
  return { events, said, end: events.at(-1), tookMs };
}

/** Makes a vendor's history: `calls` of them, each `ms` to its first useful output. */
export function remember({ guards }: World, stage: "ai" | "tts", name: string, ms: number, calls = 40): void {
  for (let call = 0; call < calls; call += 1) guards.of(stage, name).latency.add(ms);
}
export function earnHedges({ guards }: World, calls = 400): void {
  for (let call = 0; call < calls; call += 1) guards.hedges.earn();
}
export function openMemory(): ConversationMemory {
  return { preferred: { stt: null, ai: null, tts: null }, spareTold: false };
}

export async function callAiNow(
  chain: ReturnType<typeof createChain<AiRequest, AiChainEvent>>,
  { clock }: World,
) {
  return collect(chain.stream(aiRequest, openContext(clock)));
}

/** The same budgets behind breakers that know nothing. */
export function openWorldLike(world: World): World {
  const fresh = openWorld();
  return {
    ...fresh,
    options: { ...fresh.options, guards: { ...fresh.guards, retries: world.guards.retries } },
  };
}
