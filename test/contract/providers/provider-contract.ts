/** What every provider must do, whoever is behind it: run over each vendor, engine and `scripted`. */
import { getEventListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { CallContext, EndEvent, Provider } from "../../../gateway/providers/provider.ts";
import { createSystemClock } from "../../../gateway/system-clock.ts";

/** A provider under test. */
export interface ProviderUnderTest<Request, Event> {
  provider: Provider<Request, Event>;
  /** A request that completes and has events. */
  request: Request;
  /** A request that has not ended when it is cancelled a moment after its start. */
  openRequest: Request;
  /** Calls that the provider still keeps, where it can tell. */
  inFlight?(): number;
  /** Stops what was started for the test (beside `provider.close`). */
  close(): Promise<void>;
}

const clock = createSystemClock();
const CANCELLED_CALLS = 200;
/** A cancelled call must end within 50 ms; a busy machine may take this long to run us. */
const CANCEL_BOUND_MS = 2000;
const CALL_TIMEOUT_MS = 25_000;

/** A context for one call. */
export function callContext(signal: AbortSignal, timeoutMs = CALL_TIMEOUT_MS): CallContext {
  return {
    signal,
    deadlineMs: clock.nowMs() + timeoutMs,
    clock,
    tenant: "contract",
    callId: clock.randomId(6),
  };
}

/** Everything that a call yields; an endless one is a failure of the test's time limit. */
export async function collect<Event>(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

function isEnd(event: unknown): event is EndEvent {
  return (event as EndEvent).type === "end";
}

function splitEnd<Event>(events: (Event | EndEvent)[]): { before: Event[]; end: EndEvent } {
  const end = events.at(-1);
  if (!end || !isEnd(end)) throw new Error("the last event is not `end`");
  const before = events.slice(0, -1);
  expect(before.filter(isEnd)).toEqual([]);
  return { before: before as Event[], end };
}

/** Registers the suite for a provider; `make` is called once. */
export function describeProviderContract<Request, Event extends { type: string }>(
  name: string,
  make: () => Promise<ProviderUnderTest<Request, Event>>,
): void {
  describe(`${name} keeps the provider contract`, () => {
    let under: ProviderUnderTest<Request, Event>;
    beforeAll(async () => {
      under = await make();
      await under.provider.warm?.();
    });
    afterAll(async () => {
      await under.provider.close?.();
      await under.close();
    });

    const expectIdle = () => vi.waitFor(() => expect(under.inFlight?.() ?? 0).toBe(0));

    it("yields events and then exactly one end with usage and its name", async () => {
      const { signal } = new AbortController();
      const { before, end } = splitEnd(
        await collect(under.provider.stream(under.request, callContext(signal))),
      );
      expect(end).toMatchObject({ outcome: "completed", provider: under.provider.name });
      expect(before.length).toBeGreaterThan(0);
      expect(Object.values(end.usage).some((units) => units > 0)).toBe(true);
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });

    it("serves the same request again: it is a value", async () => {
      const once = await collect(
        under.provider.stream(under.request, callContext(new AbortController().signal)),
      );
      const again = await collect(
        under.provider.stream(under.request, callContext(new AbortController().signal)),
      );
      expect(splitEnd(again).end.outcome).toBe("completed");
      // How many pieces there are of a kind is a matter of timing.
      const kinds = (events: { type: string }[]) =>
        events.map(({ type }) => type).filter((type, index, types) => type !== types[index - 1]);
      expect(kinds(splitEnd(again).before)).toEqual(kinds(splitEnd(once).before));
    });

    it("ends at once as cancelled when the signal was aborted before", async () => {
      const events = await collect(
        under.provider.stream(under.openRequest, callContext(AbortSignal.abort())),
      );
      expect(events).toHaveLength(1);
      expect(splitEnd(events).end.outcome).toBe("cancelled");
    });

    it("ends as cancelled soon after an abort in mid-call", async () => {
      const abort = new AbortController();
      const events = collect(under.provider.stream(under.openRequest, callContext(abort.signal)));
      await new Promise((resolve) => setImmediate(resolve));
      const abortedMs = clock.nowMs();
      abort.abort();
      expect(splitEnd(await events).end).toMatchObject({ outcome: "cancelled" });
      expect(clock.nowMs() - abortedMs).toBeLessThan(CANCEL_BOUND_MS);
      await expectIdle();
    });

    it("ends as failed, with a code, when its deadline comes", async () => {
      const stream = under.provider.stream(under.openRequest, callContext(new AbortController().signal, 5));
      const { end } = splitEnd(await collect(stream));
      expect(end.outcome).toBe("failed");
      expect(["provider_timeout", "provider_unavailable"]).toContain(end.error?.code);
      await expectIdle();
    });

    it("stops working when nobody reads on", async () => {
      const { signal } = new AbortController();
      for await (const _ of under.provider.stream(under.request, callContext(signal))) break;
      await expectIdle();
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });

    it(`leaves nothing behind after ${CANCELLED_CALLS} cancelled calls`, async () => {
      const countResources = () => process.getActiveResourcesInfo().length;
      const before = countResources();
      const outcomes = await Promise.all(
        Array.from({ length: CANCELLED_CALLS }, async () => {
          const abort = new AbortController();
          const events = collect(under.provider.stream(under.openRequest, callContext(abort.signal)));
          await new Promise((resolve) => setImmediate(resolve));
          abort.abort();
          const { end } = splitEnd(await events);
          expect(getEventListeners(abort.signal, "abort")).toEqual([]);
          return end.outcome;
        }),
      );
      expect(new Set(outcomes)).toEqual(new Set(["cancelled"]));
      await expectIdle();
      // Some room for what the test runner itself opens meanwhile.
      await vi.waitFor(() => expect(countResources()).toBeLessThanOrEqual(before + 3));
      const { end } = splitEnd(
        await collect(under.provider.stream(under.request, callContext(new AbortController().signal))),
      );
      expect(end.outcome).toBe("completed");
    });
  });
}
