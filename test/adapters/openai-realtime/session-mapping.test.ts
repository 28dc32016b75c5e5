import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatFromWire,
  patchFromSession,
  serverVadDefaults,
  sessionToWire,
} from "../../../gateway/adapters/openai-realtime/session-mapping.ts";
import type { SessionConfig, SessionPatch, TurnDetection } from "../../../gateway/session/domain.ts";
import { sessionSchema } from "../../../wire/schemas/session.ts";
import { config } from "./output-samples.ts";

const rules = { allow16kHz: true };

/** Lays a patch over a configuration, as the domain describes it. */
function patched(base: SessionConfig, patch: SessionPatch): SessionConfig {
  return {
    ...base,
    ...patch,
    input: { ...base.input, ...patch.input },
    output: { ...base.output, ...patch.output },
    echoed: { ...base.echoed, ...patch.echoed },
  };
}

const patchOf = (session: unknown) => patchFromSession(sessionSchema.parse(session), rules);

const bareSession: SessionConfig = {
  model: "",
  instructions: "",
  outputModality: "text",
  input: { format: { type: "audio/pcma" }, noiseReduction: null, transcription: null, turnDetection: null },
  output: { format: { type: "audio/pcma" }, voice: "none", speedRatio: 1 },
  tools: [],
  toolChoice: "auto",
  maxOutputTokens: 1,
  echoed: {},
};

const text = fc.string({ maxLength: 40 });
const format = fc.constantFrom(
  { type: "audio/pcm", rate: 24000 } as const,
  { type: "audio/pcm", rate: 16000 } as const,
  { type: "audio/pcmu" } as const,
  { type: "audio/pcma" } as const,
);

const turnDetection: fc.Arbitrary<TurnDetection | null> = fc.oneof(
  fc.constant(null),
  fc.record({
    type: fc.constant("server_vad" as const),
    thresholdRatio: fc.double({ min: 0, max: 1, noNaN: true }).map((ratio) => ratio + 0),
    prefixPaddingMs: fc.nat(10_000),
    silenceDurationMs: fc.nat(10_000),
    idleTimeoutMs: fc.option(fc.integer({ min: 5_000, max: 30_000 })),
    createResponse: fc.boolean(),
    interruptResponse: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("semantic_vad" as const),
    eagerness: fc.constantFrom("low" as const, "medium" as const, "high" as const, "auto" as const),
    createResponse: fc.boolean(),
    interruptResponse: fc.boolean(),
  }),
);

const configs: fc.Arbitrary<SessionConfig> = fc.record({
  model: text,
  instructions: text,
  outputModality: fc.constantFrom("audio" as const, "text" as const),
  input: fc.record({
    format,
    noiseReduction: fc.constantFrom("near_field" as const, "far_field" as const),
    transcription: fc.option(
      fc.record(
        { model: text, language: fc.constantFrom("en", "de-CH"), prompt: text },
        { requiredKeys: [] },
      ),
    ),
    turnDetection,
  }),
  output: fc.record({
    format,
    voice: fc.string({ minLength: 1, maxLength: 40 }),
    speedRatio: fc.double({ min: 0.25, max: 1.5, noNaN: true }),
  }),
  tools: fc.uniqueArray(fc.record({ name: fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/) }), {
    maxLength: 3,
    selector: ({ name }) => name,
  }),
  toolChoice: fc.constantFrom("auto" as const, "none" as const, "required" as const),
  maxOutputTokens: fc.option(fc.integer({ min: 1, max: 4096 })),
  echoed: fc.constantFrom<SessionConfig["echoed"]>(
    { tracing: null, truncation: "auto" },
    { tracing: "auto", truncation: "disabled", reasoning: { effort: "high" } },
  ),
});

describe("a session's way to the client and back", () => {
  it("takes the noise reduction none for off, where null leaves it as it was", () => {
    const noiseReductionOf = (noise_reduction: unknown) =>
      patchOf({ type: "realtime", audio: { input: { noise_reduction } } }).input;
    expect(noiseReductionOf({ type: "none" })).toEqual({ noiseReduction: null });
    expect(noiseReductionOf(null)).toEqual({});
  });

  it("gives the same configuration when a client sends back what it was shown", () => {
    fc.assert(
      fc.property(configs, (sent) => {
        const shown = JSON.parse(JSON.stringify(sessionToWire("sess_1", sent, 0)));
        expect(patched(bareSession, patchOf(shown))).toStrictEqual(JSON.parse(JSON.stringify(sent)));
      }),
    );
  });

  it("shows the same session again after the client sent it back", () => {
    fc.assert(
      fc.property(configs, (sent) => {
        const shown = sessionToWire("sess_1", sent, 1000);
        const patch = patchOf(JSON.parse(JSON.stringify(shown)));
        expect(sessionToWire("sess_1", patched(bareSession, patch), 1000)).toEqual(shown);
      }),
    );
  });

  it("shows a choice of one function as a word", () => {
    expect(sessionToWire("s", { ...config, toolChoice: { name: "book_table" } }, 0).tool_choice).toBe(
      "required",
    );
  });

  it("changes nothing that the client did not name", () => {
    const patch = patchOf({ type: "realtime", audio: { output: { voice: "slt" } } });
    expect(patch).toStrictEqual({ output: { voice: "slt" } });
    expect(patched(config, patch)).toEqual({ ...config, output: { ...config.output, voice: "slt" } });
  });

  it("assumes what the vendor assumes for server_vad", () => {
    expect(
      patchOf({ type: "realtime", audio: { input: { turn_detection: { type: "server_vad" } } } }),
    ).toStrictEqual({
      input: { turnDetection: serverVadDefaults },
    });
  });
});

describe("formatFromWire", () => {
  it("takes a format without a type as PCM, and PCM without a rate as 24 kHz", () => {
    expect(formatFromWire({ type: undefined, rate: undefined }, rules, "f")).toEqual({
      type: "audio/pcm",
      rate: 24000,
    });
    expect(formatFromWire({ type: undefined, rate: 16000 }, rules, "f")).toEqual({
      type: "audio/pcm",
      rate: 16000,
    });
    expect(formatFromWire({ type: "audio/pcmu", rate: 99 }, rules, "f")).toEqual({ type: "audio/pcmu" });
    expect(formatFromWire(undefined, rules, "f")).toBeUndefined();
  });
});
