/** What a stock client's own code makes of our events, and we of its. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { OpenAIRealtimeBase, type RealtimeClientMessage } from "@openai/agents-realtime";
import { describe, expect, it } from "vitest";
import { decodeClientEvent } from "../../../gateway/adapters/openai-realtime/decode.ts";
import { createEncoderState, encode, encodeAudio } from "../../../gateway/adapters/openai-realtime/encode.ts";
import type { AudioFormat } from "../../../gateway/session/domain.ts";
import { noExtensions } from "../../../wire/extensions.ts";
import { extensionOutputs, outputs, replyAudio } from "./output-samples.ts";

interface ParsedEvent {
  data: { type: string } | null;
  isGeneric: boolean;
}

const packageEntry = createRequire(import.meta.url).resolve("@openai/agents-realtime");
const eventsFile = pathToFileURL(join(dirname(packageEntry), "openaiRealtimeEvents.mjs")).href;
const { parseRealtimeEvent } = (await import(eventsFile)) as {
  parseRealtimeEvent: (event: { data: string }) => ParsedEvent;
};

/** Types of the protocol that the SDK has no schema for: it passes them on unread. */
const unknownToSdk = new Set(["input_audio_buffer.timeout_triggered"]);

const state = createEncoderState({ idPrefix: "p", conversationId: "conv_p", extensions: noExtensions });
const messages = [
  ...outputs.flatMap((output) => encode(state, output).messages),
  encodeAudio(state, replyAudio).message as string,
];

/** The SDK's protocol half, without a socket. */
class SocketlessClient extends OpenAIRealtimeBase {
  readonly sent: RealtimeClientMessage[] = [];
  readonly muted = null;
  readonly status = "connected" as const;
  async connect(): Promise<void> {}
  sendEvent(event: RealtimeClientMessage): void {
    this.sent.push(event);
  }
  mute(): void {}
  close(): void {}
  interrupt(): void {}
  receive(data: string): void {
    this._onMessage(new MessageEvent("message", { data }));
  }
  tracing(config: Parameters<OpenAIRealtimeBase["_updateTracingConfig"]>[0]): void {
    this._updateTracingConfig(config);
  }
}

function decode(event: unknown) {
  const inputFormat = (): AudioFormat => ({ type: "audio/pcm", rate: 24000 });
  return decodeClientEvent(JSON.stringify(event), {
    extensions: noExtensions,
    inputFormat,
    receivedSamples: () => 0,
  });
}

describe("@openai/agents-realtime reads our events", () => {
  it.each(messages.map((message) => [JSON.parse(message).type as string, message]))("%s", (type, message) => {
    const parsed = parseRealtimeEvent({ data: message });
    expect(parsed.data?.type).toBe(type);
    expect(parsed.isGeneric).toBe(unknownToSdk.has(type));
  });

  it("takes every event in its message handler without throwing, where a bad item ends the process", () => {
    const client = new SocketlessClient({ model: "m", apiKey: "k" });
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    for (const message of messages) client.receive(message);
    expect(errors).toHaveLength(outputs.filter((output) => output.type === "error").length);
  });

  it("starts a tool call from our finished function call", () => {
    const client = new SocketlessClient({ model: "m", apiKey: "k" });
    const calls: unknown[] = [];
    client.on("error", () => {});
    client.on("function_call", (call) => calls.push(call));
    for (const message of messages) client.receive(message);
    expect(calls).toContainEqual({
      id: "item_f1",
      type: "function_call",
      callId: "call_1",
      arguments: '{"at":"19:00"}',
      name: "book_table",
      responseId: "resp_1",
    });
  });

  it("never sees a type of ours", () => {
    for (const output of extensionOutputs) expect(encode(state, output).messages).toEqual([]);
  });
});

describe("we read what @openai/agents-realtime sends", () => {
  const session = (config: Parameters<OpenAIRealtimeBase["updateSessionConfig"]>[0]) => {
    const client = new SocketlessClient({ model: "m", apiKey: "k" });
    client.updateSessionConfig(config);
    return decode(client.sent[0]);
  };

  it("its first session.update, sent before session.created", () => {
    const decoded = session({ instructions: "Hi", toolChoice: "auto" });
    expect(decoded).toMatchObject({
      kind: "command",
      command: {
        type: "configure",
        patch: {
          instructions: "Hi",
          model: "m",
          outputModality: "audio",
          input: {
            format: { type: "audio/pcm", rate: 24000 },
            transcription: { model: "gpt-4o-mini-transcribe" },
            turnDetection: { type: "semantic_vad", createResponse: true, interruptResponse: true },
          },
          output: { speedRatio: 1 },
          toolChoice: "auto",
        },
      },
    });
    // It sends `noise_reduction: null` unasked, so null can't mean off.
    expect(JSON.stringify(decoded)).not.toContain("noiseReduction");
  });

  it.each([
    [
      { audio: { input: { turnDetection: null, transcription: null } } },
      { turnDetection: null, transcription: null },
    ],
    [
      { audio: { input: { turnDetection: { type: "server_vad" as const, silenceDurationMs: 700 } } } },
      { turnDetection: { type: "server_vad", silenceDurationMs: 700, thresholdRatio: 0.5 } },
    ],
    [{ audio: { input: { format: "g711_ulaw" as const } } }, { format: { type: "audio/pcmu" } }],
    [
      { audio: { input: { noiseReduction: { type: "far_field" as const } } } },
      { noiseReduction: "far_field" },
    ],
  ])("session settings %j", (config, input) => {
    expect(session(config)).toMatchObject({ command: { type: "configure", patch: { input } } });
  });

  it("a session.update of nothing but its type and tracing", () => {
    for (const tracing of ["auto", null, { workflow_name: "w" }] as const) {
      const client = new SocketlessClient({ model: "m", apiKey: "k" });
      client.tracing(tracing);
      const event = { type: "session.update", session: { type: "realtime", tracing } };
      expect(client.sent[0]).toEqual(event);
      expect(decode(event)).toMatchObject({
        kind: "command",
        command: { type: "configure", patch: { echoed: { tracing } } },
      });
    }
  });

  it("messages, function call outputs and a history that is played back", () => {
    const client = new SocketlessClient({ model: "m", apiKey: "k" });
    const toolCall = {
      type: "function_call",
      id: "f1",
      callId: "c1",
      name: "f",
      arguments: "{}",
      responseId: "r1",
    } as const;
    client.sendMessage("Hello", {});
    client.sendFunctionCallOutput(toolCall, "done");
    client.sendAudio(new ArrayBuffer(4), { commit: true });
    client.resetHistory(
      [],
      [
        {
          itemId: "u1",
          type: "message",
          role: "user",
          status: "completed",
          content: [{ type: "input_audio", audio: null, transcript: "Hi" }],
        },
        {
          itemId: "a1",
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "Hello" }],
        },
      ],
    );
    const kinds = client.sent.map((event) => {
      const decoded = decode(event);
      return decoded.kind === "command" ? decoded.command.type : decoded.kind;
    });
    expect(kinds).toEqual([
      "createItem",
      "createResponse",
      "createItem",
      "createResponse",
      "append",
      "commitInput",
      "createItem",
      "createItem",
    ]);
  });
});
