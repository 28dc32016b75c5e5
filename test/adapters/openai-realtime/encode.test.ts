import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createEncoderState,
  type EncoderState,
  encode,
  encodeAudio,
  encodeHostEvent,
  isTransient,
  withResumeGrant,
  withSequence,
} from "../../../gateway/adapters/openai-realtime/encode.ts";
import type { Output } from "../../../gateway/session/domain.ts";
import { decodeFrame } from "../../../wire/binary-frames.ts";
import { type Extensions, noExtensions, transientEventTypes } from "../../../wire/extensions.ts";
import { config, extensionOutputs, outputs, replyAudio, response, userItem } from "./output-samples.ts";

const start = (extensions: Partial<Extensions> = {}): EncoderState =>
  createEncoderState({
    idPrefix: "p1",
    conversationId: "conv_1",
    extensions: { ...noExtensions, ...extensions },
  });

/** The one event that an output makes. */
function eventOf(output: Output, state = start()): Record<string, unknown> {
  const { messages } = encode(state, output);
  expect(messages).toHaveLength(1);
  return JSON.parse(messages[0]!);
}

describe("encode", () => {
  it("gives every event an id of its own, and the same ones again from a saved state", () => {
    let state = start();
    const ids: unknown[] = [];
    for (const output of outputs) {
      const encoded = encode(state, output);
      const again = encode(JSON.parse(JSON.stringify(state)), output);
      expect(again).toEqual(encoded);
      ids.push(...encoded.messages.map((message) => JSON.parse(message).event_id));
      state = encoded.state;
    }
    expect(new Set(ids).size).toBe(outputs.length);
    expect(ids[0]).toBe("event_p1_0");
  });

  it("leaves the state that it was given as it is", () => {
    const state = Object.freeze(start({ binaryAudio: true }));
    for (const output of [...outputs, ...extensionOutputs]) encode(state, output);
    encodeAudio(state, replyAudio);
    expect(state).toEqual(start({ binaryAudio: true }));
  });

  it("has a sample of every event type that it knows", () => {
    const types = new Set(outputs.map((output) => eventOf(output).type));
    expect([...types].sort()).toEqual([
      "conversation.item.added",
      "conversation.item.deleted",
      "conversation.item.done",
      "conversation.item.input_audio_transcription.completed",
      "conversation.item.input_audio_transcription.delta",
      "conversation.item.input_audio_transcription.failed",
      "conversation.item.retrieved",
      "conversation.item.truncated",
      "error",
      "input_audio_buffer.cleared",
      "input_audio_buffer.committed",
      "input_audio_buffer.speech_started",
      "input_audio_buffer.speech_stopped",
      "input_audio_buffer.timeout_triggered",
      "output_audio_buffer.cleared",
      "rate_limits.updated",
      "response.content_part.added",
      "response.content_part.done",
      "response.created",
      "response.done",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_audio.done",
      "response.output_audio_transcript.delta",
      "response.output_audio_transcript.done",
      "response.output_item.added",
      "response.output_item.done",
      "response.output_text.delta",
      "response.output_text.done",
      "session.created",
      "session.updated",
    ]);
  });

  it("shows the whole session, with the interruption setting literally there", () => {
    const { session } = eventOf(outputs[0]!) as { session: unknown };
    expect(session).toEqual({
      type: "realtime",
      object: "realtime.session",
      id: "sess_1",
      model: "parley-embedded",
      expires_at: 1_795_000_000,
      output_modalities: ["audio"],
      instructions: "Be brief.",
      audio: {
        input: {
          format: { type: "audio/pcm", rate: 24000 },
          transcription: { model: "whisper-1", language: "en" },
          noise_reduction: { type: "near_field" },
          turn_detection: {
            type: "server_vad",
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_duration_ms: 500,
            idle_timeout_ms: null,
            create_response: true,
            interrupt_response: true,
          },
        },
        output: { format: { type: "audio/pcm", rate: 24000 }, voice: "alloy", speed: 1 },
      },
      tools: [{ type: "function", ...config.tools[0] }],
      tool_choice: "required",
      max_output_tokens: "inf",
      tracing: "auto",
      truncation: "auto",
      prompt: null,
      include: null,
    });
  });

  it("lets no echoed setting stand in for a setting of its own", () => {
    const forged = { ...config, echoed: { id: "x", type: "y", prompt: { id: "p" }, tracing: "auto" } };
    const { session } = eventOf({
      type: "sessionUpdated",
      sessionId: "s",
      config: forged,
      expiresAtMs: 0,
    }) as {
      session: Record<string, unknown>;
    };
    expect(session).toMatchObject({ id: "s", type: "realtime", prompt: null, tracing: "auto" });
  });

  it("always has the transcript of a user's audio, and the audio itself only when it is retrieved", () => {
    const parts = (event: Record<string, unknown>) => (event.item as { content: unknown[] }).content[0];
    expect(parts(eventOf({ type: "itemAdded", item: userItem, previousItemId: null }))).toEqual({
      type: "input_audio",
      transcript: null,
    });
    expect(parts(eventOf({ type: "itemRetrieved", item: userItem }))).toEqual({
      type: "input_audio",
      transcript: null,
      audio: "AAA=",
    });
  });

  it("calls parts of a response text and audio", () => {
    const types = outputs
      .filter((output) => output.type === "partAdded" || output.type === "partDone")
      .map((output) => (eventOf(output).part as { type: string }).type);
    expect(types).toEqual(["audio", "text", "audio", "text"]);
  });

  it.each([
    [{ status: "completed", reason: null }, null],
    [{ status: "in_progress", reason: null }, null],
    [
      { status: "cancelled", reason: "turn_detected" },
      { type: "cancelled", reason: "turn_detected" },
    ],
    [
      { status: "cancelled", reason: "client_cancelled" },
      { type: "cancelled", reason: "client_cancelled" },
    ],
    [
      { status: "incomplete", reason: "max_output_tokens" },
      { type: "incomplete", reason: "max_output_tokens" },
    ],
    [
      { status: "failed", reason: "provider_timeout", error: { code: "provider_timeout", message: "Late." } },
      { type: "failed", error: { type: "server_error", code: "provider_timeout", message: "Late." } },
    ],
    [
      { status: "failed", reason: "provider_timeout", error: null },
      {
        type: "failed",
        error: { type: "server_error", code: "provider_timeout", message: "The response failed." },
      },
    ],
  ] as const)("says why a response ended: %j", (changes, details) => {
    const event = eventOf({ type: "responseDone", response: { ...response, ...changes } });
    expect((event.response as Record<string, unknown>).status_details).toEqual(details);
  });

  it("counts tokens as whole numbers, and a response out of band belongs to no conversation", () => {
    const event = eventOf({ type: "responseDone", response: { ...response, outOfBand: true } });
    expect(event.response).toMatchObject({
      conversation_id: null,
      usage: { total_tokens: 129, input_tokens: 120, output_tokens: 9 },
    });
    expect(eventOf({ type: "responseDone", response }).response).toMatchObject({ conversation_id: "conv_1" });
  });

  it("gives times as whole milliseconds, never before the start", () => {
    expect(eventOf({ type: "speechStarted", itemId: "i", audioStartMs: -0.4 })).toMatchObject({
      audio_start_ms: 0,
    });
    expect(eventOf({ type: "speechStopped", itemId: "i", audioEndMs: 99.5 })).toMatchObject({
      audio_end_ms: 100,
    });
    expect(
      eventOf({
        type: "transcriptionCompleted",
        itemId: "i",
        contentIndex: 0,
        transcript: "",
        audioMs: 1520,
      }),
    ).toMatchObject({ usage: { type: "duration", seconds: 1.52 } });
  });

  it("hides extensions from clients that did not ask", () => {
    for (const output of extensionOutputs) {
      const state = start();
      expect(encode(state, output)).toEqual({ state, messages: [] });
    }
    const state = start();
    expect(encodeHostEvent(state, { type: "parley.goaway", reconnect_within_ms: 5000 }).messages).toEqual([]);
  });

  it("sends extensions to clients that asked", () => {
    const asked = start({ duck: true, debug: true, words: true, captions: true, level: true, resume: true });
    const [duck, unduck, turn] = extensionOutputs.map((output) => eventOf(output, asked));
    expect([duck?.type, unduck?.type]).toEqual(["parley.duck", "parley.unduck"]);
    expect(turn).toEqual({
      type: "parley.turn",
      event_id: "event_p1_0",
      response_id: "resp_1",
      kind: "voice",
      spans: [
        { span: "endpoint", owner: "speaker", duration_ms: 500 },
        { span: "vad", owner: "gateway", duration_ms: 24 },
        { span: "stt", owner: "vendor", duration_ms: 300, provider: "whisper" },
        { span: "egress", owner: "gateway", duration_ms: 126 },
      ],
      totals: { turn_ms: 950.1, infra_ms: 150, vendor_ms: 300, client_ms: 0, speaker_ms: 500 },
      providers: [{ stage: "stt", provider: "whisper", outcome: "completed" }],
    });
    const { messages } = encodeHostEvent(asked, { type: "parley.input_ack", sample: 480 });
    expect(JSON.parse(messages[0]!)).toEqual({
      event_id: "event_p1_0",
      type: "parley.input_ack",
      sample: 480,
    });
  });

  it("says when words sound, in whole milliseconds", () => {
    const words = extensionOutputs.find(({ type }) => type === "replyWords")!;
    expect(eventOf(words, start({ words: true }))).toEqual({
      event_id: "event_p1_0",
      type: "parley.words",
      response_id: "resp_1",
      item_id: "item_a1",
      content_index: 0,
      words: [
        { text: "Good", start_ms: 0 },
        { text: "day.", start_ms: 313 },
      ],
    });
  });

  it("tells what the caller has said so far", () => {
    const words = extensionOutputs.find(({ type }) => type === "callerWords")!;
    expect(eventOf(words, start({ captions: true }))).toEqual({
      ...{ event_id: "event_p1_0", type: "parley.caption" },
      ...{ item_id: "item_u2", transcript: "When does the" },
    });
  });

  it("says what the gate hears and lets through, with bands only where there are some", () => {
    const level = extensionOutputs.find((output) => output.type === "level")!;
    const asked = start({ level: true });
    const event = { event_id: "event_p1_0", type: "parley.level", sample: 16_000 };
    const levels = { raw_db: -31.3, gated_db: -44, noise_db: -50, speech_ratio: 0.123 };
    const bands = { raw_bands_db: [-40.1, -50], gated_bands_db: [-55.5, -65] };
    expect(eventOf(level, asked)).toEqual({ ...event, ...levels, ...bands });
    const { rawBandsDb, gatedBandsDb, ...plain } = level as Extract<Output, { type: "level" }>;
    expect(rawBandsDb).toHaveLength(gatedBandsDb!.length);
    expect(eventOf(plain, asked)).toEqual({ ...event, ...levels });
  });

  it("knows which outputs are not kept, as the wire's list does", () => {
    const asked = start({ duck: true, debug: true, words: true, captions: true, level: true });
    for (const output of [...outputs, ...extensionOutputs]) {
      expect(isTransient(output)).toBe(transientEventTypes.has(eventOf(output, asked).type as string));
    }
  });
});

describe("encodeAudio", () => {
  it("puts base64 into an event", () => {
    const { message, state } = encodeAudio(start(), replyAudio);
    expect(JSON.parse(message as string)).toEqual({
      event_id: "event_p1_0",
      type: "response.output_audio.delta",
      response_id: "resp_1",
      item_id: "item_a1",
      output_index: 0,
      content_index: 0,
      delta: Buffer.from(replyAudio.bytes).toString("base64"),
    });
    expect(state.nextEvent).toBe(1);
  });

  it("encodes a view's own bytes only, and escapes whatever an id holds", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ unit: "grapheme" }), fc.nat(64), (bytes, itemId, skipped) => {
        const whole = new Uint8Array(bytes.length + skipped + 3);
        whole.set(bytes, skipped);
        const view = whole.subarray(skipped, skipped + bytes.length);
        const { message } = encodeAudio(start(), { ...replyAudio, itemId, bytes: view });
        const event = JSON.parse(message as string);
        expect(event.item_id).toBe(itemId);
        expect([...Buffer.from(event.delta, "base64")]).toEqual([...bytes]);
      }),
    );
  });

  it("makes numbered frames for a client of binary audio, and spends no event id on them", () => {
    let state = start({ binaryAudio: true });
    for (const sequence of [0, 1, 2]) {
      const encoded = encodeAudio(state, { ...replyAudio, fromMs: sequence * 20 + 0.4 });
      const decoded = decodeFrame(encoded.message as Uint8Array);
      expect(decoded).toMatchObject({ ok: true, frame: { sequence, mediaTimeMs: sequence * 20 } });
      expect(decoded.ok && [...decoded.frame.samples]).toEqual([...replyAudio.bytes]);
      state = encoded.state;
    }
    expect(state).toMatchObject({ nextEvent: 0, nextFrame: 3 });
  });
});

describe("resume", () => {
  it("numbers texts and frames alike", () => {
    const { messages } = encode(start(), { type: "inputCleared" });
    expect(JSON.parse(withSequence(messages[0]!, 7))).toEqual({ ...JSON.parse(messages[0]!), seq: 7 });
    const { message } = encodeAudio(start({ binaryAudio: true }), replyAudio);
    expect(decodeFrame(withSequence(message as Uint8Array, 9))).toMatchObject({
      frame: { sequence: 9, mediaTimeMs: 40 },
    });
  });

  it("adds the token to session.created", () => {
    const { messages } = encode(start({ resume: true }), outputs[0]!);
    const grant = { resume_token: 'a"b', expires_at: 5 };
    expect(JSON.parse(withResumeGrant(messages[0]!, grant))).toEqual({
      ...JSON.parse(messages[0]!),
      parley: grant,
    });
  });
});
