import { describe, expect, it } from "vitest";
import type { AudioRange, SttEvent, SttRequest } from "../../gateway/providers/provider.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { sttPolicy } from "../../gateway/resilience/stt-policy.ts";
import type { TranscriptionEvent } from "../../gateway/turn/transcription.ts";
import { createTranscriber } from "../../gateway/turn/transcription.ts";
import type { Step } from "../resilience/fake-providers.ts";
import { createFakeProvider } from "../resilience/fake-providers.ts";
import { createFakeClock } from "./fake-clock.ts";

const audio: AudioRange = {
  sampleRateHz: 16000,
  fromSample: 0,
  async *read() {
    yield { type: "end", atSample: 1600 };
  },
};
const partial: Step<SttEvent> = { give: { type: "partial", text: "hel" } };
const final: Step<SttEvent> = { give: { type: "final", text: "hello", untilSample: 1600 } };

async function run(links: Step<SttEvent>[][], abortAfterMs: number | null = null) {
  const clock = createFakeClock();
  const fakes = links.map((steps, index) => createFakeProvider<SttRequest, SttEvent>(`stt${index}`, steps));
  const stages: { provider: string | null; durationMs: number }[] = [];
  const transcriber = createTranscriber({
    stt: createChain(fakes, sttPolicy),
    clock,
    utteranceMaxMs: 20_000,
    onStage: ({ provider, durationMs }) => stages.push({ provider, durationMs }),
  });
  const abort = new AbortController();
  if (abortAfterMs !== null) clock.timer(clock.nowMs() + abortAfterMs, () => abort.abort());
  const events: TranscriptionEvent[] = [];
  const reading = (async () => {
    for await (const event of transcriber.transcribe(audio, { tenant: "t", language: "en" }, abort.signal))
      events.push(event);
  })();
  await clock.until(reading);
  return { events, fakes, stages, clock };
}

describe("a transcription", () => {
  it("gives partials, then one final with who said it and who was tried", async () => {
    const { events, fakes, stages } = await run([
      [{ fail: "provider_overloaded" }],
      [{ wait: 30 }, partial, { wait: 30 }, final],
    ]);
    expect(events).toMatchObject([
      { type: "partial", text: "hel" },
      {
        type: "final",
        text: "hello",
        untilSample: 1600,
        provider: "stt1",
        attempts: [
          { stage: "stt", provider: "stt0", outcome: "failed" },
          { stage: "stt", provider: "stt1", outcome: "completed" },
        ],
      },
    ]);
    expect(fakes[1]!.calls[0]!.request.language).toBe("en");
    expect(stages).toEqual([
      { provider: "stt0", durationMs: 0 },
      { provider: "stt1", durationMs: 60 },
    ]);
  });

  it("says why it failed", async () => {
    const { events } = await run([[{ fail: "provider_rejected" }]]);
    expect(events).toMatchObject([
      { type: "failed", code: "provider_rejected", provider: "stt0", attempts: [{ outcome: "failed" }] },
    ]);
  });

  it("is given up at its deadline", async () => {
    const endless: Step<SttEvent>[] = Array.from({ length: 100 }, () => [{ wait: 1000 }, partial]).flat();
    const { events, clock } = await run([endless]);
    expect(events.at(-1)).toMatchObject({ type: "failed", code: "provider_timeout" });
    expect(clock.nowMs()).toBeLessThanOrEqual(1_000 + 20_000 + 100);
  });

  it("says nothing more after an abort, and its provider's call is over", async () => {
    const { events, fakes } = await run([[partial, { wait: 500 }, final]], 100);
    expect(events).toMatchObject([{ type: "partial" }]);
    expect(fakes[0]!.calls[0]!.over).toBe(true);
  });
});
