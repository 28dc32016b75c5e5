import { describe, expect, it } from "vitest";
import { type DecodeOptions, decodeClientEvent } from "../../../gateway/adapters/openai-realtime/decode.ts";
import type { AudioFormat } from "../../../gateway/session/domain.ts";
import { noExtensions } from "../../../wire/extensions.ts";
import { clientEventSchemas } from "../../../wire/schemas/client-events.ts";
import { create, malformed, message, respond, session, turn } from "./malformed-events.ts";

const pcm: AudioFormat = { type: "audio/pcm", rate: 24000 };

const options = (changes: Partial<DecodeOptions> = {}): DecodeOptions => ({
  extensions: noExtensions,
  inputFormat: () => pcm,
  receivedSamples: () => 4800,
  ...changes,
});

const binaryClient = options({ extensions: { ...noExtensions, binaryAudio: true } });

const decode = (event: unknown, given = options()) => decodeClientEvent(JSON.stringify(event), given);

/** The command of an event that is taken. */
function commandOf(event: unknown, given = options()): unknown {
  const decoded = decode(event, given);
  expect(decoded).toMatchObject({ kind: "command" });
  return decoded.kind === "command" ? decoded.command : null;
}

const patchOf = (fields: object, given = options()) =>
  (commandOf(session(fields), given) as { patch: unknown }).patch;

describe("decodeClientEvent", () => {
  it.each([
    [{ type: "input_audio_buffer.commit" }, { type: "commitInput", atSample: 4800 }],
    [{ type: "input_audio_buffer.clear" }, { type: "clearInput", atSample: 4800 }],
    [{ type: "output_audio_buffer.clear" }, { type: "clearOutput" }],
    [
      { type: "conversation.item.retrieve", item_id: "i" },
      { type: "retrieveItem", itemId: "i" },
    ],
    [
      { type: "conversation.item.delete", item_id: "i" },
      { type: "deleteItem", itemId: "i" },
    ],
    [
      { type: "conversation.item.truncate", item_id: "i", content_index: 0, audio_end_ms: 1500 },
      { type: "truncateItem", itemId: "i", contentIndex: 0, audioEndMs: 1500 },
    ],
    [{ type: "response.cancel" }, { type: "cancelResponse", responseId: null }],
    [
      { type: "response.cancel", response_id: "r" },
      { type: "cancelResponse", responseId: "r" },
    ],
    [
      { type: "response.cancel", response_id: null },
      { type: "cancelResponse", responseId: null },
    ],
    [{ type: "response.create" }, { type: "createResponse", params: { outOfBand: false } }],
    [
      { type: "response.create", response: null },
      { type: "createResponse", params: { outOfBand: false } },
    ],
    [
      { type: "parley.playback", item_id: "i", played_ms: 1234.9 },
      { type: "playback", itemId: "i", playedMs: 1234 },
    ],
    [
      { ...message("user", { type: "input_text", text: "Hi" }), previous_item_id: "root" },
      {
        type: "createItem",
        previousItemId: "root",
        item: { type: "message", role: "user", parts: [{ type: "input_text", text: "Hi" }] },
      },
    ],
    [session({}), { type: "configure", patch: {} }],
    [session({ tracing: "auto" }), { type: "configure", patch: { echoed: { tracing: "auto" } } }],
  ])("maps %j", (event, command) => {
    expect(commandOf({ event_id: "e1", ...event })).toEqual({ clientEventId: "e1", ...command });
    expect(commandOf({ ...event, event_id: null, unknown_key: [1] })).toEqual({
      clientEventId: null,
      ...command,
    });
  });

  it("has a mapping for every event that has a schema", () => {
    const refusedAsUnknown = Object.keys(clientEventSchemas).filter((type) => {
      const decoded = decode({ type });
      return decoded.kind === "refused" && ["unknown_event", "internal_error"].includes(decoded.error.code);
    });
    expect(refusedAsUnknown).toEqual([]);
  });

  it("maps a whole session", () => {
    expect(
      patchOf({
        model: "m",
        instructions: "Be brief.",
        output_modalities: ["text"],
        audio: {
          input: {
            format: { type: "audio/pcma" },
            noise_reduction: { type: "far_field", strength: 0.4 },
            transcription: { model: "whisper-1", language: "de", prompt: "Parley", delay: "low" },
            turn_detection: {
              type: "server_vad",
              threshold: 0.7,
              prefix_padding_ms: 200,
              silence_duration_ms: 300,
              idle_timeout_ms: 6000,
              create_response: false,
              interrupt_response: false,
            },
          },
          output: { format: { type: "audio/pcmu", rate: 8000 }, voice: { id: "slt" }, speed: 1.5 },
        },
        tools: [
          { type: "function", name: "f", description: "d", parameters: { type: "object", enum: [null] } },
        ],
        tool_choice: { type: "function", name: "f" },
        max_output_tokens: "inf",
        tracing: { workflow_name: "w", group_id: null },
        truncation: "disabled",
        include: ["item.input_audio_transcription.logprobs"],
        reasoning: { effort: "low" },
        parallel_tool_calls: false,
        prompt: null,
      }),
    ).toEqual({
      model: "m",
      instructions: "Be brief.",
      outputModality: "text",
      input: {
        format: { type: "audio/pcma" },
        noiseReduction: "far_field",
        transcription: { model: "whisper-1", language: "de", prompt: "Parley" },
        turnDetection: {
          type: "server_vad",
          thresholdRatio: 0.7,
          prefixPaddingMs: 200,
          silenceDurationMs: 300,
          idleTimeoutMs: 6000,
          createResponse: false,
          interruptResponse: false,
        },
      },
      output: { format: { type: "audio/pcmu" }, voice: "slt", speedRatio: 1.5 },
      tools: [{ name: "f", description: "d", parameters: { type: "object", enum: [null] } }],
      toolChoice: { name: "f" },
      maxOutputTokens: null,
      echoed: {
        tracing: { workflow_name: "w" },
        truncation: "disabled",
        include: ["item.input_audio_transcription.logprobs"],
        reasoning: { effort: "low" },
        parallel_tool_calls: false,
      },
    });
  });

  it("takes null as left out, but where it is a value of its own", () => {
    const nulls = {
      model: null,
      instructions: null,
      output_modalities: null,
      tools: null,
      tool_choice: null,
      max_output_tokens: null,
      truncation: null,
      include: null,
      reasoning: null,
      prompt: null,
      modalities: null,
    };
    expect(patchOf({ ...nulls, audio: null })).toEqual({});
    expect(patchOf({ audio: { input: null, output: { format: null, voice: null, speed: null } } })).toEqual({
      output: {},
    });
    expect(
      patchOf({
        audio: { input: { noise_reduction: null, format: null, transcription: null, turn_detection: null } },
      }),
    ).toEqual({ input: { transcription: null, turnDetection: null } });
    expect(patchOf({ tracing: null })).toEqual({ echoed: { tracing: null } });
    expect(
      commandOf(
        respond({ instructions: null, metadata: { client_event_id: "x" }, tools: null, audio: null }),
      ),
    ).toMatchObject({ params: { outOfBand: false, metadata: { client_event_id: "x" } } });
  });

  it("fills turn detection with the vendor's defaults", () => {
    expect(
      patchOf({ audio: { input: { turn_detection: { type: "server_vad", threshold: null } } } }),
    ).toEqual({
      input: {
        turnDetection: {
          type: "server_vad",
          thresholdRatio: 0.5,
          prefixPaddingMs: 300,
          silenceDurationMs: 500,
          idleTimeoutMs: null,
          createResponse: true,
          interruptResponse: true,
        },
      },
    });
    expect(patchOf({ audio: { input: { turn_detection: { type: "semantic_vad", threshold: 9 } } } })).toEqual(
      {
        input: {
          turnDetection: {
            type: "semantic_vad",
            eagerness: "auto",
            createResponse: true,
            interruptResponse: true,
          },
        },
      },
    );
  });

  it("allows 16 kHz to clients of binary audio only", () => {
    const format = { type: "audio/pcm", rate: 16000 };
    const event = session({ audio: { input: { format }, output: { format } } });
    expect(commandOf(event, binaryClient)).toMatchObject({
      patch: { input: { format }, output: { format } },
    });
    expect(decode(event)).toMatchObject({ error: { param: "session.audio.input.format.rate" } });
  });

  it("maps a response's own settings", () => {
    expect(
      commandOf(
        respond({
          conversation: "none",
          input: [
            { type: "item_reference", id: "i1" },
            { type: "message", role: "system", content: [{ type: "input_text", text: "Sum up." }] },
          ],
          instructions: "Once.",
          output_modalities: ["audio"],
          audio: { output: { voice: "slt", format: { type: "audio/pcmu" } } },
          tools: [],
          tool_choice: "none",
          max_output_tokens: 7,
          metadata: { topic: "sum" },
        }),
      ),
    ).toEqual({
      clientEventId: null,
      type: "createResponse",
      params: {
        outOfBand: true,
        input: [
          { type: "reference", id: "i1" },
          { type: "message", role: "system", parts: [{ type: "input_text", text: "Sum up." }] },
        ],
        instructions: "Once.",
        outputModality: "audio",
        voice: "slt",
        outputFormat: { type: "audio/pcmu" },
        tools: [],
        toolChoice: "none",
        maxOutputTokens: 7,
        metadata: { topic: "sum" },
      },
    });
  });

  it.each([
    [
      {
        type: "message",
        id: "m",
        role: "user",
        status: "completed",
        content: [{ type: "input_audio", audio: "AAA=" }],
      },
      {
        type: "message",
        id: "m",
        role: "user",
        parts: [{ type: "input_audio", transcript: null, audio: "AAA=" }],
      },
    ],
    [
      { type: "message", role: "user", content: [{ type: "input_audio", audio: null, transcript: "Hi" }] },
      { type: "message", role: "user", parts: [{ type: "input_audio", transcript: "Hi" }] },
    ],
    [
      {
        type: "message",
        role: "assistant",
        content: [
          { type: "text", text: "a" },
          { type: "audio", transcript: "b" },
        ],
      },
      {
        type: "message",
        role: "assistant",
        parts: [
          { type: "output_text", text: "a" },
          { type: "output_audio", transcript: "b" },
        ],
      },
    ],
    [
      { type: "message", role: "assistant", content: [] },
      { type: "message", role: "assistant", parts: [] },
    ],
    [
      { type: "function_call", id: "f", name: "n", arguments: "{}" },
      { type: "function_call", id: "f", callId: "f", name: "n", arguments: "{}" },
    ],
    [
      { type: "function_call_output", call_id: "c", output: "o" },
      { type: "function_call_output", callId: "c", output: "o" },
    ],
  ])("maps the item %j", (given, item) => {
    expect(commandOf(create(given))).toEqual({
      clientEventId: null,
      type: "createItem",
      item,
      previousItemId: null,
    });
  });
});

describe("what a client sends wrong", () => {
  it.each(
    malformed.map(
      ([event, code, param]) => [JSON.stringify(event).slice(0, 90), event, code, param] as const,
    ),
  )("%s", (_, event, code, param) => {
    const text = typeof event === "string" ? event : JSON.stringify(event);
    const decoded = decodeClientEvent(text, options());
    expect(decoded).toMatchObject({ kind: "refused", error: { code, param } });
    if (decoded.kind !== "refused") return;
    expect(decoded.error.message).not.toBe("");
    expect(decoded.error.message.length).toBeLessThan(700);
  });

  it("gives the client's event id back", () => {
    for (const [event, code] of malformed) {
      if (typeof event !== "object" || event === null || "event_id" in event) continue;
      expect(decode({ ...event, event_id: "mine" })).toMatchObject({
        error: { code, clientEventId: "mine" },
      });
    }
  });

  it("speaks in the vendor's words", () => {
    const messageOf = (event: unknown) => {
      const decoded = decode(event);
      return decoded.kind === "refused" ? decoded.error.message : null;
    };
    expect(messageOf(create({}))).toBe("Missing required parameter: 'item.type'.");
    expect(messageOf(create({ type: "x" }))).toMatch(
      /^Invalid value: 'x'. Supported values are: 'message', /,
    );
    expect(messageOf(turn({ type: "server_vad", threshold: "a" }))).toBe(
      "Invalid type for 'session.audio.input.turn_detection.threshold': expected a number, but got a string instead.",
    );
    expect(messageOf({ type: "nope" })).toMatch(
      /^Invalid value: 'nope'. Supported values are: 'session.update', /,
    );
    expect(messageOf({ type: "nope" })).not.toContain("parley");
  });

  it("leaves prototypes alone, whatever the keys are", () => {
    const text = `{"type":"session.update","__proto__":{"polluted":1},"session":{"type":"realtime",
      "__proto__":{"instructions":"p"},"constructor":{"prototype":{"polluted":1}},
      "tools":[{"name":"f","parameters":{"__proto__":{"polluted":1},"constructor":{"a":1},"properties":{"__proto__":1}}}]}}`;
    const decoded = decodeClientEvent(text, options());
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(decoded).toEqual({
      kind: "command",
      command: {
        clientEventId: null,
        type: "configure",
        patch: { tools: [{ name: "f", parameters: { constructor: { a: 1 }, properties: {} } }] },
      },
    });
    const metadata = `{"type":"response.create","response":{"metadata":{"__proto__":"x","constructor":"y"}}}`;
    const taken = decodeClientEvent(metadata, options());
    expect(JSON.stringify(taken)).toContain('"metadata":{"constructor":"y"}');
  });

  it("survives nesting that would overflow a stack", () => {
    const deep = `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`;
    for (const text of [
      deep,
      `{"type":"session.update","session":${deep}}`,
      `{"type":"session.update","session":{"type":"realtime","tools":[{"name":"f","parameters":${deep}}]}}`,
      `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`,
    ]) {
      expect(decodeClientEvent(text, options())).toMatchObject({
        kind: "refused",
        error: { clientEventId: null },
      });
    }
  });
});
