import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { ProviderFault } from "../../gateway/providers/provider.ts";
import { requestFault, VendorError } from "../../gateway/providers/vendor-fault.ts";
import type { StreamCall, VendorStreamOptions } from "../../gateway/providers/vendor-stream.ts";
import { queuedEventsMax, releaseMs, streamFromVendor } from "../../gateway/providers/vendor-stream.ts";
import { createFakeClock } from "../turn/fake-clock.ts";

type Event = { type: "text"; delta: string };
type Work = (call: StreamCall<Event>) => Promise<ProviderFault | null>;

function open(work: Work, options: VendorStreamOptions = {}) {
  const clock = createFakeClock();
  const abort = new AbortController();
  const context = { signal: abort.signal, deadlineMs: clock.nowMs() + 1000, clock };
  return { clock, abort, stream: streamFromVendor("vendor", context, work, options) };
}

async function collect<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const say = (delta: string): Event => ({ type: "text", delta });
const never = new Promise<never>(() => {});

describe("a vendor's stream", () => {
  it("yields what the work emits, then its end with what it used", async () => {
    const { stream, clock, abort } = open(async (call) => {
      call.emit(say("a"));
      await null;
      call.emit(say("b"));
      call.usage.outputTokens = 2;
      return null;
    });
    expect(await collect(stream)).toEqual([
      say("a"),
      say("b"),
      { type: "end", outcome: "completed", usage: { outputTokens: 2 }, provider: "vendor" },
    ]);
    expect(clock.pendingTimers).toBe(0);
    expect(getEventListeners(abort.signal, "abort")).toEqual([]);
  });

  it("ends as failed with the fault that the work gives or throws, after what was emitted", async () => {
    const fault = requestFault("too long");
    for (const work of [
      async (call: StreamCall<Event>) => {
        call.emit(say("a"));
        return fault;
      },
      async (call: StreamCall<Event>) => {
        call.emit(say("a"));
        throw new VendorError(fault);
      },
      (call: StreamCall<Event>) => {
        call.emit(say("a"));
        throw new VendorError(fault);
      },
    ] satisfies Work[]) {
      const events = await collect(open(work).stream);
      expect(events).toEqual([
        say("a"),
        { type: "end", outcome: "failed", error: fault, usage: {}, provider: "vendor" },
      ]);
    }
  });

  it("waits after an abort for the work to let go, and takes its last count", async () => {
    const { stream, abort } = open(async (call) => {
      call.emit(say("a"));
      await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()));
      call.usage.outputTokens = 3;
      call.emit(say("never heard"));
      throw new Error("aborted");
    });
    const reading = collect(stream);
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await reading).toEqual([
      say("a"),
      { type: "end", outcome: "cancelled", usage: { outputTokens: 3 }, provider: "vendor" },
    ]);
  });

  it(`ends ${releaseMs} ms after an abort when the work does not let go`, async () => {
    const { stream, abort, clock } = open(() => never);
    const reading = collect(stream);
    await clock.settle();
    abort.abort();
    let ended = false;
    void reading.then(() => {
      ended = true;
    });
    await clock.advance(releaseMs - 1);
    expect(ended).toBe(false);
    await clock.advance(1);
    expect(await reading).toMatchObject([{ type: "end", outcome: "cancelled" }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("ends at once where nothing is to be waited for", async () => {
    const { stream, abort, clock } = open(() => never, { releaseMs: 0 });
    const reading = collect(stream);
    await clock.settle();
    abort.abort();
    expect(await reading).toMatchObject([{ outcome: "cancelled" }]);
  });

  it("does not begin when it was cancelled before", async () => {
    let begun = false;
    const { stream, abort } = open(async () => {
      begun = true;
      return null;
    });
    abort.abort();
    expect(await collect(stream)).toMatchObject([{ outcome: "cancelled" }]);
    expect(begun).toBe(false);
  });

  it("ends as late when its deadline comes, and lets the work know", async () => {
    let signal: AbortSignal | null = null;
    const { stream, clock } = open((call) => {
      signal = call.signal;
      return never;
    });
    const reading = collect(stream);
    await clock.advance(1000 + releaseMs);
    expect(await reading).toMatchObject([
      { outcome: "failed", error: { code: "provider_timeout", blame: "vendor" } },
    ]);
    expect(signal!.aborted).toBe(true);
  });

  it("stops the work when nobody reads on", async () => {
    let signal: AbortSignal | null = null;
    const { stream, clock } = open((call) => {
      signal = call.signal;
      call.emit(say("a"));
      return never;
    });
    for await (const _ of stream) break;
    expect(signal!.aborted).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it("makes the work wait while its reader is behind", async () => {
    let emitted = 0;
    const { stream, clock } = open(async (call) => {
      for (; emitted < 3 * queuedEventsMax; emitted += 1) {
        call.emit(say("a"));
        await call.room();
      }
      return null;
    });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    await clock.settle();
    expect(emitted).toBeLessThanOrEqual(queuedEventsMax);
    let events = 1;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) events += 1;
    expect(events).toBe(3 * queuedEventsMax + 1);
  });
});
