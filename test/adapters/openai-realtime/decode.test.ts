import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type DecodeOptions,
  decodeBinaryAppend,
  decodeClientEvent,
} from "../../../gateway/adapters/openai-realtime/decode.ts";
import { decodeBase64 } from "../../../gateway/adapters/openai-realtime/decode-audio.ts";
import type { AudioFormat } from "../../../gateway/session/domain.ts";
import { errorCodes } from "../../../wire/codes.ts";
import { noExtensions } from "../../../wire/extensions.ts";
import { clientEventSchemas } from "../../../wire/schemas/client-events.ts";
import { eventLimits } from "../../../wire/schemas/limits.ts";

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

const session = (fields: object) => ({ type: "session.update", session: { type: "realtime", ...fields } });
const create = (item: object) => ({ type: "conversation.item.create", item });
const message = (role: string, ...content: object[]) => create({ type: "message", role, content });
const respond = (response: object) => ({ type: "response.create", response });
const turn = (fields: object) => session({ audio: { input: { turn_detection: fields } } });
const patchOf = (fields: object, given = options()) => (commandOf(session(fields), given) as { patch: unknown }).patch;

describe("decodeClientEvent", () => {
  it.each([
    [{ type: "input_audio_buffer.commit" }, { type: "commitInput", atSample: 4800 }],
    [{ type: "input_audio_buffer.clear" }, { type: "clearInput", atSample: 4800 }],
    [{ type: "output_audio_buffer.clear" }, { type: "clearOutput" }],
    [{ type: "conversation.item.retrieve", item_id: "i" }, { type: "retrieveItem", itemId: "i" }],
    [{ type: "conversation.item.delete", item_id: "i" }, { type: "deleteItem", itemId: "i" }],
    [
      { type: "conversation.item.truncate", item_id: "i", content_index: 0, audio_end_ms: 1500 },
      { type: "truncateItem", itemId: "i", contentIndex: 0, audioEndMs: 1500 },
    ],
    [{ type: "response.cancel" }, { type: "cancelResponse", responseId: null }],
    [{ type: "response.cancel", response_id: "r" }, { type: "cancelResponse", responseId: "r" }],
    [{ type: "response.cancel", response_id: null }, { type: "cancelResponse", responseId: null }],
    [{ type: "response.create" }, { type: "createResponse", params: { outOfBand: false } }],
    [{ type: "response.create", response: null }, { type: "createResponse", params: { outOfBand: false } }],
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
    expect(commandOf({ ...event, event_id: null, unknown_key: [1] })).toEqual({ clientEventId: null, ...command });
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
        tools: [{ type: "function", name: "f", description: "d", parameters: { type: "object", enum: [null] } }],
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
      commandOf(respond({ instructions: null, metadata: { client_event_id: "x" }, tools: null, audio: null })),
    ).toMatchObject({ params: { outOfBand: false, metadata: { client_event_id: "x" } } });
  });

  it("fills turn detection with the vendor's defaults", () => {
    expect(patchOf({ audio: { input: { turn_detection: { type: "server_vad", threshold: null } } } })).toEqual({
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
    expect(patchOf({ audio: { input: { turn_detection: { type: "semantic_vad", threshold: 9 } } } })).toEqual({
      input: {
        turnDetection: { type: "semantic_vad", eagerness: "auto", createResponse: true, interruptResponse: true },
      },
    });
  });

  it("allows 16 kHz to clients of binary audio only", () => {
    const format = { type: "audio/pcm", rate: 16000 };
    const event = session({ audio: { input: { format }, output: { format } } });
    expect(commandOf(event, binaryClient)).toMatchObject({ patch: { input: { format }, output: { format } } });
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
      { type: "message", id: "m", role: "user", status: "completed", content: [{ type: "input_audio", audio: "AAA=" }] },
      { type: "message", id: "m", role: "user", parts: [{ type: "input_audio", transcript: null, audio: "AAA=" }] },
    ],
    [
      { type: "message", role: "user", content: [{ type: "input_audio", audio: null, transcript: "Hi" }] },
      { type: "message", role: "user", parts: [{ type: "input_audio", transcript: "Hi" }] },
    ],
    [
      { type: "message", role: "assistant", content: [{ type: "text", text: "a" }, { type: "audio", transcript: "b" }] },
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
    expect(commandOf(create(given))).toEqual({ clientEventId: null, type: "createItem", item, previousItemId: null });
  });
});

describe("appends", () => {
  it("gives the bytes of an append back", () => {
    const audio = Buffer.from([1, 2, 3, 4]).toString("base64");
    expect(decode({ event_id: "e", type: "input_audio_buffer.append", audio })).toEqual({
      kind: "append",
      clientEventId: "e",
      bytes: Buffer.from([1, 2, 3, 4]),
    });
    expect(decode({ type: "input_audio_buffer.append", audio: "" })).toMatchObject({ bytes: Buffer.alloc(0) });
  });

  it("asks for the input format at each append: one byte a sample is fine for G.711", () => {
    const formats: AudioFormat[] = [pcm, { type: "audio/pcmu" }, { type: "audio/pcma" }];
    const changing = options({ inputFormat: () => formats.shift()! });
    const kinds = [0, 1, 2].map(() => decode({ type: "input_audio_buffer.append", audio: "AA==" }, changing).kind);
    expect(kinds).toEqual(["refused", "append", "append"]);
  });

  it("takes minutes of audio at once, up to the limit", () => {
    const atLimit = Buffer.alloc(eventLimits.audioBytes, 7).toString("base64");
    expect(decode({ type: "input_audio_buffer.append", audio: atLimit })).toMatchObject({ kind: "append" });
    const beyond = Buffer.alloc(eventLimits.audioBytes + 2, 7).toString("base64");
    expect(decode({ type: "input_audio_buffer.append", audio: beyond })).toMatchObject({
      kind: "refused",
      error: { code: "input_audio_too_long", param: "audio" },
    });
  });

  it("accepts exactly the base64 that the standard defines", () => {
    const alphabet = "ABYZabyz0189+/=-_ \n\u0141\u00e9\u{1f600}";
    const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
    const texts = fc.oneof(
      fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 24 }),
      fc.base64String(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("base64")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = decodeBase64(text);
        expect(bytes !== null).toBe(strict.test(text));
        if (bytes) expect([...bytes]).toEqual([...atob(text)].map((char) => char.charCodeAt(0)));
      }),
      { numRuns: 3000 },
    );
  });

  it("reads binary messages as raw samples, for those who asked", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    expect(decodeBinaryAppend(bytes, binaryClient)).toEqual({
      kind: "append",
      clientEventId: null,
      bytes: Buffer.from(bytes),
    });
    expect(decodeBinaryAppend(bytes.subarray(1), binaryClient)).toMatchObject({
      error: { code: "invalid_audio", param: null, clientEventId: null },
    });
    expect(decodeBinaryAppend(bytes, options())).toMatchObject({ error: { code: "invalid_event" } });
  });
});

const big = (length: number) => "x".repeat(length);
const nested = (depth: number): object => (depth === 0 ? {} : { a: nested(depth - 1) });

/** Event or text, the code, the field. */
const malformed: [unknown, string, string | null][] = [
  ["", "invalid_json", null],
  ["{", "invalid_json", null],
  ["{'type':1}", "invalid_json", null],
  ["null", "invalid_event", null],
  ["[]", "invalid_event", null],
  ['"response.create"', "invalid_event", null],
  ["7", "invalid_event", null],
  [{}, "invalid_event", "type"],
  [{ type: null }, "invalid_event", "type"],
  [{ type: 5 }, "unknown_event", "type"],
  [{ type: "response.creat" }, "unknown_event", "type"],
  [{ type: "constructor" }, "unknown_event", "type"],
  [{ type: "__proto__" }, "unknown_event", "type"],
  [{ type: "transcription_session.update", session: {} }, "unsupported_feature", "type"],
  [{ type: "response.cancel", event_id: 5 }, "invalid_value", "event_id"],
  [{ type: "response.cancel", event_id: big(513) }, "invalid_value", "event_id"],
  [{ type: "response.cancel", response_id: 5 }, "invalid_value", "response_id"],
  [{ type: "input_audio_buffer.append" }, "missing_required_parameter", "audio"],
  [{ type: "input_audio_buffer.append", audio: null }, "missing_required_parameter", "audio"],
  [{ type: "input_audio_buffer.append", audio: [1, 2] }, "invalid_value", "audio"],
  [{ type: "input_audio_buffer.append", audio: "AA=" }, "invalid_audio", "audio"],
  [{ type: "input_audio_buffer.append", audio: "A A A A " }, "invalid_audio", "audio"],
  [{ type: "input_audio_buffer.append", audio: "AA-_" }, "invalid_audio", "audio"],
  [{ type: "input_audio_buffer.append", audio: "AAAA" }, "invalid_audio", "audio"],
  [{ type: "input_audio_buffer.append", audio: "\u0141\u0141\u0141\u0141" }, "invalid_audio", "audio"],
  [{ type: "session.update" }, "missing_required_parameter", "session"],
  [{ type: "session.update", session: "x" }, "invalid_value", "session"],
  [{ type: "session.update", session: {} }, "missing_required_parameter", "session.type"],
  [{ type: "session.update", session: { type: "phone" } }, "invalid_value", "session.type"],
  [{ type: "session.update", session: { type: "transcription" } }, "unsupported_feature", "session.type"],
  [session({ output_modalities: ["text", "audio"] }), "invalid_value", "session.output_modalities"],
  [session({ output_modalities: [] }), "invalid_value", "session.output_modalities"],
  [session({ output_modalities: ["video"] }), "invalid_value", "session.output_modalities[0]"],
  [session({ instructions: 5 }), "invalid_value", "session.instructions"],
  [session({ instructions: big(eventLimits.instructionsChars + 1) }), "invalid_value", "session.instructions"],
  [session({ max_output_tokens: 0 }), "invalid_value", "session.max_output_tokens"],
  [session({ max_output_tokens: 4097 }), "invalid_value", "session.max_output_tokens"],
  [session({ max_output_tokens: "lots" }), "invalid_value", "session.max_output_tokens"],
  [session({ prompt: { id: "pmpt_1" } }), "unsupported_feature", "session.prompt"],
  [session({ truncation: "some" }), "invalid_value", "session.truncation"],
  [session({ include: ["all"] }), "invalid_value", "session.include[0]"],
  [session({ reasoning: { effort: "huge" } }), "invalid_value", "session.reasoning.effort"],
  [session({ tool_choice: "maybe" }), "invalid_value", "session.tool_choice"],
  [session({ tool_choice: { type: "function" } }), "missing_required_parameter", "session.tool_choice.name"],
  [session({ tool_choice: { type: "mcp", server_label: "s" } }), "unsupported_feature", "session.tool_choice.type"],
  [session({ tools: {} }), "invalid_value", "session.tools"],
  [session({ tools: [{ type: "mcp", server_label: "s" }] }), "unsupported_feature", "session.tools[0].type"],
  [session({ tools: [{ type: "function" }] }), "missing_required_parameter", "session.tools[0].name"],
  [session({ tools: [{ name: "ok" }, { name: "not ok" }] }), "invalid_value", "session.tools[1].name"],
  [session({ tools: [{ name: "f", parameters: nested(40) }] }), "invalid_value", "session.tools[0].parameters"],
  [session({ tools: Array(129).fill({ name: "f" }) }), "invalid_value", "session.tools"],
  [session({ audio: { output: { voice: 5 } } }), "invalid_value", "session.audio.output.voice"],
  [session({ audio: { output: { voice: {} } } }), "missing_required_parameter", "session.audio.output.voice.id"],
  [session({ audio: { output: { speed: 1.6 } } }), "invalid_value", "session.audio.output.speed"],
  [session({ audio: { output: { speed: 0.2 } } }), "invalid_value", "session.audio.output.speed"],
  [session({ audio: { output: { speed: "fast" } } }), "invalid_value", "session.audio.output.speed"],
  [session({ audio: { input: { format: "pcm16" } } }), "invalid_value", "session.audio.input.format"],
  [session({ audio: { input: { format: { type: "audio/opus" } } } }), "invalid_value", "session.audio.input.format.type"],
  [
    session({ audio: { input: { format: { type: "audio/pcm", rate: 48000 } } } }),
    "invalid_value",
    "session.audio.input.format.rate",
  ],
  [
    session({ audio: { input: { noise_reduction: { type: "mid_field" } } } }),
    "invalid_value",
    "session.audio.input.noise_reduction.type",
  ],
  [
    session({ audio: { input: { transcription: { language: "en\nus" } } } }),
    "invalid_value",
    "session.audio.input.transcription.language",
  ],
  [turn(false as unknown as object), "invalid_value", "session.audio.input.turn_detection"],
  [turn({ threshold: 0.5 }), "missing_required_parameter", "session.audio.input.turn_detection.type"],
  [turn({ type: "vad" }), "invalid_value", "session.audio.input.turn_detection.type"],
  [turn({ type: "server_vad", threshold: 2 }), "invalid_value", "session.audio.input.turn_detection.threshold"],
  [turn({ type: "server_vad", threshold: "a" }), "invalid_value", "session.audio.input.turn_detection.threshold"],
  [
    turn({ type: "server_vad", prefix_padding_ms: -1 }),
    "invalid_value",
    "session.audio.input.turn_detection.prefix_padding_ms",
  ],
  [
    turn({ type: "server_vad", silence_duration_ms: 10.5 }),
    "invalid_value",
    "session.audio.input.turn_detection.silence_duration_ms",
  ],
  [
    turn({ type: "server_vad", idle_timeout_ms: 1 }),
    "invalid_value",
    "session.audio.input.turn_detection.idle_timeout_ms",
  ],
  [turn({ type: "semantic_vad", eagerness: "very" }), "invalid_value", "session.audio.input.turn_detection.eagerness"],
  [session({ turn_detection: { type: "server_vad" } }), "invalid_value", "session.turn_detection"],
  [session({ modalities: ["text", "audio"] }), "invalid_value", "session.modalities"],
  [session({ input_audio_format: "g711_ulaw" }), "invalid_value", "session.input_audio_format"],
  [respond({ modalities: ["text"] }), "invalid_value", "response.modalities"],
  [respond({ conversation: "conv_1" }), "invalid_value", "response.conversation"],
  [respond({ prompt: { id: "p" } }), "unsupported_feature", "response.prompt"],
  [respond({ metadata: { a: 1 } }), "invalid_value", "response.metadata.a"],
  [
    respond({ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ""])) }),
    "invalid_value",
    "response.metadata",
  ],
  [respond({ metadata: { a: big(513) } }), "invalid_value", "response.metadata.a"],
  [respond({ input: [{ type: "item_reference" }] }), "missing_required_parameter", "response.input[0].id"],
  [
    respond({ input: [{ type: "message", role: "user", content: [{ type: "input_text" }] }] }),
    "missing_required_parameter",
    "response.input[0].content[0].text",
  ],
  [{ type: "response.create", response: 5 }, "invalid_value", "response"],
  [{ type: "conversation.item.create" }, "missing_required_parameter", "item"],
  [create({}), "missing_required_parameter", "item.type"],
  [create({ type: "thought" }), "invalid_value", "item.type"],
  [create({ type: "message", content: [] }), "missing_required_parameter", "item.role"],
  [create({ type: "message", role: "tool", content: [] }), "invalid_value", "item.role"],
  [create({ type: "message", role: "user" }), "missing_required_parameter", "item.content"],
  [create({ type: "message", role: "user", content: "Hi" }), "invalid_value", "item.content"],
  [message("user", {}), "missing_required_parameter", "item.content[0].type"],
  [message("user", { type: "output_text", text: "a" }), "invalid_value", "item.content[0].type"],
  [message("system", { type: "input_audio", audio: "" }), "invalid_value", "item.content[0].type"],
  [message("assistant", { type: "input_text", text: "a" }), "invalid_value", "item.content[0].type"],
  [message("user", { type: "input_image", image_url: "data:" }), "unsupported_feature", "item.content[0].type"],
  [message("user", { type: "input_text", text: "a" }, { type: "input_text" }), "missing_required_parameter", "item.content[1].text"],
  [message("user", { type: "input_text", text: big(262_145) }), "invalid_value", "item.content[0].text"],
  [message("user", { type: "input_audio" }), "missing_required_parameter", "item.content[0].audio"],
  [message("user", { type: "input_audio", audio: "?" }), "invalid_audio", "item.content[0].audio"],
  [message("user", { type: "input_audio", audio: "AAAA" }), "invalid_audio", "item.content[0].audio"],
  [create({ type: "function_call", name: "f", arguments: "{}" }), "missing_required_parameter", "item.call_id"],
  [create({ type: "function_call", call_id: "c", arguments: {} , name: "f" }), "invalid_value", "item.arguments"],
  [create({ type: "function_call_output", output: "x" }), "missing_required_parameter", "item.call_id"],
  [create({ type: "function_call_output", call_id: "c" }), "missing_required_parameter", "item.output"],
  [create({ type: "mcp_approval_response", approval_request_id: "a", approve: true }), "unsupported_feature", "item.type"],
  [create({ type: "message", id: "", role: "user", content: [] }), "invalid_value", "item.id"],
  [create({ type: "message", id: big(129), role: "user", content: [] }), "invalid_value", "item.id"],
  [{ type: "conversation.item.retrieve" }, "missing_required_parameter", "item_id"],
  [{ type: "conversation.item.delete", item_id: null }, "missing_required_parameter", "item_id"],
  [
    { type: "conversation.item.truncate", item_id: "i", audio_end_ms: 5 },
    "missing_required_parameter",
    "content_index",
  ],
  [
    { type: "conversation.item.truncate", item_id: "i", content_index: 0, audio_end_ms: -1 },
    "invalid_value",
    "audio_end_ms",
  ],
  [
    { type: "conversation.item.truncate", item_id: "i", content_index: 0.5, audio_end_ms: 1 },
    "invalid_value",
    "content_index",
  ],
  [{ type: "parley.playback", item_id: "i", played_ms: "5" }, "invalid_value", "played_ms"],
];

describe("what a client sends wrong", () => {
  it.each(malformed.map(([event, code, param]) => [JSON.stringify(event).slice(0, 90), event, code, param] as const))(
    "%s",
    (_, event, code, param) => {
      const text = typeof event === "string" ? event : JSON.stringify(event);
      const decoded = decodeClientEvent(text, options());
      expect(decoded).toMatchObject({ kind: "refused", error: { code, param } });
      if (decoded.kind !== "refused") return;
      expect(decoded.error.message).not.toBe("");
      expect(decoded.error.message.length).toBeLessThan(700);
    },
  );

  it("gives the client's event id back", () => {
    for (const [event, code] of malformed) {
      if (typeof event !== "object" || event === null || "event_id" in event) continue;
      expect(decode({ ...event, event_id: "mine" })).toMatchObject({ error: { code, clientEventId: "mine" } });
    }
  });

  it("speaks in the vendor's words", () => {
    const messageOf = (event: unknown) => {
      const decoded = decode(event);
      return decoded.kind === "refused" ? decoded.error.message : null;
    };
    expect(messageOf(create({}))).toBe("Missing required parameter: 'item.type'.");
    expect(messageOf(create({ type: "x" }))).toMatch(/^Invalid value: 'x'. Supported values are: 'message', /);
    expect(messageOf(turn({ type: "server_vad", threshold: "a" }))).toBe(
      "Invalid type for 'session.audio.input.turn_detection.threshold': expected a number, but got a string instead.",
    );
    expect(messageOf({ type: "nope" })).toMatch(/^Invalid value: 'nope'. Supported values are: 'session.update', /);
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
      expect(decodeClientEvent(text, options())).toMatchObject({ kind: "refused", error: { clientEventId: null } });
    }
  });
});

describe("whatever comes", () => {
  const codes: ReadonlySet<string> = new Set(errorCodes.filter((code) => code !== "internal_error"));

  /** Never throws, and a refusal is one of the table's codes with a message. */
  function checkOutcome(text: string): void {
    const decoded = decodeClientEvent(text, options());
    expect(["command", "append", "refused"]).toContain(decoded.kind);
    if (decoded.kind === "refused") expect(codes).toContain(decoded.error.code);
    // A command is plain JSON: it comes back from a copy as it is.
    if (decoded.kind === "command") expect(JSON.parse(JSON.stringify(decoded.command))).toEqual(decoded.command);
  }

  it("decodes or refuses any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), checkOutcome));
  });

  it("decodes or refuses any JSON, also under a known type", () => {
    const types = fc.constantFrom(...Object.keys(clientEventSchemas));
    const anything = fc.oneof(
      fc.json(),
      fc.tuple(types, fc.dictionary(fc.string(), fc.jsonValue())).map(([type, rest]) =>
        JSON.stringify({ ...rest, session: rest, item: rest, response: rest, type }),
      ),
    );
    fc.assert(fc.property(anything, checkOutcome), { numRuns: 500 });
  });

  it("decodes or refuses known events with any value put anywhere", () => {
    const seeds: object[] = malformed.map(([event]) => event).filter((event): event is object => typeof event === "object");
    const strange = fc.oneof(
      fc.constantFrom(null, "", 0, -1, 1e308, true, [], {}, "__proto__", "\ud800"),
      fc.jsonValue({ maxDepth: 2 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...seeds), fc.nat(), strange, (event, at, value) => {
        checkOutcome(JSON.stringify(replaceAt(event, at, value)));
      }),
      { numRuns: 1500 },
    );
  });
});

/** A copy of `event` with the `at`-th of its values (modulo their number) replaced. */
function replaceAt(event: object, at: number, value: unknown): unknown {
  const copy = structuredClone(event);
  const places: { holder: Record<string, unknown>; key: string }[] = [];
  const visit = (holder: Record<string, unknown>) => {
    for (const key of Object.keys(holder)) {
      places.push({ holder, key });
      const inner = holder[key];
      if (typeof inner === "object" && inner !== null) visit(inner as Record<string, unknown>);
    }
  };
  visit(copy as Record<string, unknown>);
  const place = places[at % Math.max(1, places.length)];
  if (place) place.holder[place.key] = value;
  return copy;
}
