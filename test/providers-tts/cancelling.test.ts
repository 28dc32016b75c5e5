import { getEventListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { EndEvent } from "../../gateway/providers/provider.ts";
import { clock, contextOf, hear, openStage, requestOf, say, type VoiceStage, voices } from "./voice-stage.ts";

const cancelledCalls = 1000;
const sideBySide = 100;
/** The contract says 50 ms; a busy machine may take this long to run us. */
const cancelBoundMs = 1500;
/** The vendor is told of each end and may take its time over it; who is next waits for the place. */
const limits = { surplusMs: 50, closingMs: 400, waitingMax: sideBySide, waitMaxMs: 20_000 };
const slow = { first: { p50Ms: 20, p95Ms: 40 }, piece: { p50Ms: 40, p95Ms: 80 } };

describe.each(Object.entries(voices))("a caller who interrupts %s", (name, voice) => {
  let stage: VoiceStage;
  beforeAll(async () => {
    stage = await openStage(voice, { limits }, slow);
    await stage.provider.warm?.();
    await say(stage);
  });
  afterAll(() => stage.close());

  const idle = () => vi.waitFor(() => expect(stage.provider.pool().inUse).toBe(0), 5000);

  it("gets the end at once, with what was used until then", async () => {
    const abort = new AbortController();
    const stream = stage.provider.stream(requestOf(), contextOf(abort.signal));
    let abortedMs = 0;
    let end: EndEvent | null = null;
    for await (const event of stream) {
      if (event.type === "audio" && abortedMs === 0) {
        abortedMs = clock.nowMs();
        abort.abort();
      }
      if (event.type === "end") end = event;
    }
    expect(clock.nowMs() - abortedMs).toBeLessThan(cancelBoundMs);
    expect(end).toMatchObject({ outcome: "cancelled", usage: { characters: requestOf().text.length } });
    expect(getEventListeners(abort.signal, "abort")).toEqual([]);
    await idle();
  });

  it("is told of by the vendor's protocol, where that has a word for it", async () => {
    const abort = new AbortController();
    const stream = stage.provider.stream(
      requestOf({ text: "Seven gentle giants went away. ".repeat(6) }),
      contextOf(abort.signal),
    );
    for await (const event of stream) if (event.type === "audio") abort.abort();
    const ended = name === "elevenlabs" || name === "google at once" ? /cancelled|completed/ : /cancelled/;
    await vi.waitFor(() => expect(stage.world.calls().at(-1)!.outcome).toMatch(ended), 5000);
  });

  it("ends at once when the signal was aborted before", async () => {
    const { end } = await hear(stage.provider.stream(requestOf(), contextOf(AbortSignal.abort())));
    expect(end).toMatchObject({ outcome: "cancelled", usage: {} });
  });

  it("leaves nothing running when nobody reads on", async () => {
    for await (const _ of stage.provider.stream(requestOf(), contextOf())) break;
    await idle();
  });

  it(`leaves nothing behind after ${cancelledCalls} cancelled calls`, async () => {
    const count = () => process.getActiveResourcesInfo().length;
    const before = count();
    for (let done = 0; done < cancelledCalls; done += sideBySide) {
      await Promise.all(
        Array.from({ length: sideBySide }, async (_, index) => {
          const abort = new AbortController();
          const heard = hear(stage.provider.stream(requestOf(), contextOf(abort.signal)));
          // Some before anything was sent, some while a connection opens, some while it speaks.
          const delay = index % 3;
          if (delay === 0) await new Promise((resolve) => setImmediate(resolve));
          else await new Promise((resolve) => setTimeout(resolve, delay * 15));
          abort.abort();
          const { end } = await heard;
          expect(end).toMatchObject({ outcome: "cancelled" });
          expect(getEventListeners(abort.signal, "abort")).toEqual([]);
        }),
      );
    }
    await idle();
    // Some room for what the test runner itself opens meanwhile. Who asks by HTTP keeps the connections that opened while
    // their calls were cancelled, both ends of which are here: as many as there were calls side by side, not as calls.
    const kept = name === "openai" ? 2 * sideBySide : 0;
    await vi.waitFor(() => expect(count()).toBeLessThanOrEqual(before + kept + 6), 8000);
    expect((await say(stage)).end.outcome).toBe("completed");
  }, 60_000);
});
