import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { FaultBlame, ProviderFault } from "../../gateway/providers/provider.ts";
import type { Fault } from "../../loadtest/standins/standin.ts";
import { clock, contextOf, hear, openStage, requestOf, say, type VoiceStage, voices } from "./voice-stage.ts";

type Expected = [Fault["kind"], ProviderFault["code"], FaultBlame];

/** Told by the vendor before any sound. */
const refusals: readonly Expected[] = [
  ["unauthorized", "provider_rejected", "key"],
  ["forbidden", "provider_rejected", "key"],
  ["unknown_model", "provider_rejected", "key"],
  ["request_timeout", "provider_timeout", "vendor"],
  ["too_large", "provider_rejected", "request"],
  ["content_filter", "provider_rejected", "request"],
  ["rate_limited", "provider_overloaded", "quota"],
  ["internal_error", "provider_unavailable", "vendor"],
  ["reset", "provider_unavailable", "vendor"],
];

const secret = "secret-key-of-the-account";

describe.each(Object.entries(voices))("when the vendor of %s fails", (name, voice) => {
  let stage: VoiceStage;
  beforeAll(async () => {
    stage = await openStage(voice);
    await stage.provider.warm?.();
  });
  afterAll(() => stage.close());
  afterEach(() => stage.world.faults.set(voice.standin, null));

  const put = (fault: Fault) => stage.world.faults.set(voice.standin, fault);
  const saysWell = async () => expect((await say(stage)).end.outcome).toBe("completed");

  it.each(refusals)("%s is %s, the blame is %s's, and the next call is well", async (kind, code, blame) => {
    await put({ kind });
    const { pcm, end } = await say(stage);
    expect(pcm.length).toBe(0);
    expect(end).toMatchObject({ outcome: "failed", error: { code, blame } });
    expect(JSON.stringify(end)).not.toContain(secret);
    await stage.world.faults.set(voice.standin, null);
    await saysWell();
  });

  it("unavailable is the vendor's fault, to be tried again", async () => {
    await put({ kind: "unavailable" });
    const { end } = await say(stage);
    expect(end).toMatchObject({ outcome: "failed", error: { retryable: true, blame: "vendor" } });
    expect(["provider_unavailable", "provider_overloaded"]).toContain(end.error?.code);
    await stage.world.faults.set(voice.standin, null);
    await saysWell();
  });

  it.each(["cut", "error_in_stream", "malformed", "truncated_utf8"] as const)(
    "%s in the stream fails after what came",
    async (kind) => {
      await put({ kind, afterPieces: 2 });
      const { pcm, end } = await say(stage);
      expect(end).toMatchObject({
        outcome: "failed",
        error: { code: "provider_unavailable", blame: "vendor" },
      });
      if (name !== "google at once") {
        const pieceSamples = 2400;
        expect(pcm.length).toBeGreaterThanOrEqual(name === "openai" ? 0 : 2 * pieceSamples);
        expect(pcm).toEqual(stage.world.calls().at(-1)!.detail.pcm!.subarray(0, pcm.length));
      }
      await stage.world.faults.set(voice.standin, null);
      await saysWell();
    },
  );

  it.each(["final_without_audio", "empty_audio", "empty_answer"] as const)(
    "%s is a failure, not silence",
    async (kind) => {
      await put({ kind });
      const { end } = await say(stage);
      expect(end).toMatchObject({ outcome: "failed", error: { blame: "vendor", retryable: true } });
    },
  );

  it.each(["hang", "stall"] as const)("a %s ends with the deadline", async (kind) => {
    await put({ kind });
    const { end } = await hear(stage.provider.stream(requestOf(), contextOf(undefined, 400)));
    expect(end).toMatchObject({ outcome: "failed", error: { code: "provider_timeout", blame: "vendor" } });
    await stage.world.faults.set(voice.standin, null);
    await saysWell();
  });

  it.each(["silent_audio", "noise"] as const)(
    "%s is handed on as it came: the chain listens",
    async (kind) => {
      await put({ kind });
      const { pcm, end } = await say(stage);
      expect(end.outcome).toBe("completed");
      expect(pcm).toEqual(stage.world.calls().at(-1)!.detail.pcm);
    },
  );

  it("a wrong rate is put right by the header, or found out by the words, or passes where there is neither", async () => {
    await put({ kind: "wrong_rate" });
    const { pcm, end } = await say(stage);
    const { detail } = stage.world.calls().at(-1)!;
    const durationMs = (detail.pcm!.length * 1000) / detail.sampleRateHz!;
    if (name === "google at once") expect(pcm.length / 24).toBeCloseTo(durationMs, -1);
    else if (voice.hasWords) expect(end).toMatchObject({ outcome: "failed", error: { blame: "vendor" } });
    else expect(end.outcome).toBe("completed");
  });

  it("refused connections are named, and it is back with the listener", async () => {
    await stage.standin.setListening(false);
    const { end } = await say(stage);
    expect(end).toMatchObject({
      outcome: "failed",
      error: { code: "provider_unavailable", blame: "vendor" },
    });
    await stage.standin.setListening(true);
    let outcome = "failed";
    const untilMs = clock.nowMs() + 5000;
    while (outcome === "failed" && clock.nowMs() < untilMs) outcome = (await say(stage)).end.outcome;
    expect(outcome).toBe("completed");
  });

  it("counts what was asked for and came before a failure", async () => {
    await put({ kind: "stall", afterPieces: 3 });
    const { pcm, end } = await hear(stage.provider.stream(requestOf(), contextOf(undefined, 500)));
    expect(end.usage.characters).toBe(requestOf().text.length);
    if (pcm.length > 0) expect(end.usage.audioMs).toBe(Math.round(pcm.length / 24));
  });
});
