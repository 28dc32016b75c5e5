/** One of every output that a session can have, and the session that has them. */
import type {
  Item,
  Output,
  ReplyAudio,
  ResponseView,
  SessionConfig,
} from "../../../gateway/session/domain.ts";

export const config: SessionConfig = {
  model: "parley-embedded",
  instructions: "Be brief.",
  outputModality: "audio",
  input: {
    format: { type: "audio/pcm", rate: 24000 },
    noiseReduction: "near_field",
    transcription: { model: "whisper-1", language: "en" },
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
  output: { format: { type: "audio/pcm", rate: 24000 }, voice: "alloy", speedRatio: 1 },
  tools: [
    {
      name: "book_table",
      description: "Books a table.",
      parameters: { type: "object", properties: { at: { type: "string" } }, required: ["at"] },
    },
  ],
  toolChoice: { name: "book_table" },
  maxOutputTokens: null,
  echoed: { tracing: "auto" },
};

export const userItem: Item = {
  type: "message",
  id: "item_u1",
  role: "user",
  status: "completed",
  parts: [
    { type: "input_audio", transcript: null, audio: "AAA=" },
    { type: "input_text", text: "“Two, please” \u2028 said\nshe" },
  ],
};

export const assistantItem: Item = {
  type: "message",
  id: "item_a1",
  role: "assistant",
  status: "in_progress",
  parts: [
    { type: "output_audio", transcript: "A table for two." },
    { type: "output_text", text: "A table for two." },
  ],
};

export const systemItem: Item = {
  type: "message",
  id: "item_s1",
  role: "system",
  status: "completed",
  parts: [{ type: "input_text", text: "It is Monday." }],
};

export const callItem: Item = {
  type: "function_call",
  id: "item_f1",
  status: "completed",
  callId: "call_1",
  name: "book_table",
  arguments: '{"at":"19:00"}',
};

export const callOutputItem: Item = {
  type: "function_call_output",
  id: "item_o1",
  status: "completed",
  callId: "call_1",
  output: '{"ok":true}',
};

export const response: ResponseView = {
  id: "resp_1",
  status: "completed",
  reason: null,
  error: null,
  output: [assistantItem, callItem],
  usage: { inputTokens: 120, outputTokens: 9, audioMs: 1234.5, characters: 17 },
  outOfBand: false,
  outputModality: "audio",
  voice: "alloy",
  outputFormat: { type: "audio/pcm", rate: 24000 },
  maxOutputTokens: 512,
  metadata: { client_event_id: "response_create_1" },
};

const at = { responseId: "resp_1", itemId: "item_a1", outputIndex: 0, contentIndex: 0 };
const call = { responseId: "resp_1", itemId: "item_f1", outputIndex: 1, callId: "call_1" };
const session = { sessionId: "sess_1", expiresAtMs: 1_795_000_000_499 };

export const replyAudio: ReplyAudio = { ...at, bytes: Uint8Array.of(1, 2, 3, 4, 250, 251), fromMs: 40 };

const withConfig = (changes: Partial<SessionConfig>): SessionConfig => ({ ...config, ...changes });

/** Every type of `Output` at least once, and every shape in which a field can come. */
export const outputs: Output[] = [
  { type: "sessionCreated", ...session, config },
  { type: "sessionUpdated", ...session, config },
  {
    type: "sessionUpdated",
    ...session,
    config: withConfig({
      outputModality: "text",
      input: {
        format: { type: "audio/pcmu" },
        noiseReduction: null,
        transcription: null,
        turnDetection: {
          type: "semantic_vad",
          eagerness: "auto",
          createResponse: false,
          interruptResponse: true,
        },
      },
      output: { format: { type: "audio/pcma" }, voice: "slt", speedRatio: 1.25 },
      tools: [{ name: "bare" }],
      toolChoice: "none",
      maxOutputTokens: 300,
      echoed: {
        tracing: { workflow_name: "booking", group_id: "g", metadata: { a: 1 } },
        truncation: {
          type: "retention_ratio",
          retention_ratio: 0.8,
          token_limits: { post_instructions: 100 },
        },
        include: ["item.input_audio_transcription.logprobs"],
        reasoning: { effort: "low" },
        parallel_tool_calls: true,
      },
    }),
  },
  {
    type: "sessionUpdated",
    ...session,
    config: withConfig({
      input: { ...config.input, turnDetection: null, transcription: {} },
      toolChoice: "required",
      echoed: {},
    }),
  },
  {
    type: "error",
    kind: "invalid_request_error",
    code: "invalid_value",
    message: "Invalid value: 'x'.",
    param: "session.type",
    clientEventId: "e1",
  },
  {
    type: "error",
    kind: "server_error",
    code: "internal_error",
    message: "…",
    param: null,
    clientEventId: null,
  },
  { type: "speechStarted", itemId: "item_u1", audioStartMs: 1000.4 },
  { type: "speechStopped", itemId: "item_u1", audioEndMs: 2500.6 },
  { type: "inputCommitted", itemId: "item_u1", previousItemId: null },
  { type: "inputCommitted", itemId: "item_u2", previousItemId: "item_u1" },
  { type: "inputCleared" },
  { type: "inputTimeout", itemId: "item_u1", audioStartMs: 13.2, audioEndMs: 6013.2 },
  { type: "itemAdded", item: userItem, previousItemId: null },
  { type: "itemAdded", item: { ...assistantItem, parts: [] }, previousItemId: "item_u1" },
  { type: "itemAdded", item: systemItem, previousItemId: null },
  {
    type: "itemAdded",
    item: { ...callItem, status: "in_progress", arguments: "" },
    previousItemId: "item_a1",
  },
  { type: "itemDone", item: callOutputItem, previousItemId: "item_f1" },
  { type: "itemDone", item: { ...assistantItem, status: "incomplete" }, previousItemId: "item_u1" },
  { type: "itemRetrieved", item: userItem },
  { type: "itemRetrieved", item: callItem },
  { type: "itemDeleted", itemId: "item_u1" },
  { type: "itemTruncated", itemId: "item_a1", contentIndex: 0, audioEndMs: 730.5 },
  { type: "transcriptionDelta", itemId: "item_u1", contentIndex: 0, delta: "Two" },
  {
    type: "transcriptionCompleted",
    itemId: "item_u1",
    contentIndex: 0,
    transcript: "Two, please.",
    audioMs: 1520,
  },
  {
    type: "transcriptionFailed",
    itemId: "item_u1",
    contentIndex: 0,
    code: "provider_unavailable",
    message: "No recogniser answered.",
  },
  {
    type: "responseCreated",
    response: {
      ...response,
      status: "in_progress",
      output: [],
      usage: null,
      maxOutputTokens: null,
      metadata: null,
    },
  },
  { type: "responseDone", response },
  {
    type: "responseDone",
    response: { ...response, status: "cancelled", reason: "turn_detected", usage: {} },
  },
  { type: "responseDone", response: { ...response, status: "cancelled", reason: "client_cancelled" } },
  { type: "responseDone", response: { ...response, status: "incomplete", reason: "max_output_tokens" } },
  {
    type: "responseDone",
    response: {
      ...response,
      status: "failed",
      reason: "provider_unavailable",
      error: { code: "provider_unavailable", message: "No provider answered." },
      outOfBand: true,
      outputModality: "text",
      outputFormat: { type: "audio/pcmu" },
    },
  },
  { type: "outputItemAdded", responseId: "resp_1", outputIndex: 0, item: { ...assistantItem, parts: [] } },
  { type: "outputItemDone", responseId: "resp_1", outputIndex: 1, item: callItem },
  {
    type: "outputItemDone",
    responseId: "resp_1",
    outputIndex: 0,
    item: { ...assistantItem, status: "completed" },
  },
  { type: "partAdded", ...at, part: { type: "output_audio", transcript: "" } },
  { type: "partAdded", ...at, part: { type: "output_text", text: "" } },
  { type: "partDone", ...at, part: { type: "output_audio", transcript: "A table for two." } },
  { type: "partDone", ...at, part: { type: "output_text", text: "A table for two." } },
  { type: "textDelta", ...at, delta: 'A "table"' },
  { type: "textDone", ...at, text: "A table for two." },
  { type: "transcriptDelta", ...at, delta: "A table" },
  { type: "transcriptDone", ...at, transcript: "A table for two." },
  { type: "audioDone", ...at },
  { type: "functionArgumentsDelta", ...call, delta: '{"at":' },
  { type: "functionArgumentsDone", ...call, name: "book_table", arguments: '{"at":"19:00"}' },
  { type: "outputCleared", responseId: "resp_1" },
  {
    type: "rateLimits",
    limits: [
      { name: "requests", limit: 1000, remaining: 998, resetSeconds: 0.25 },
      { name: "tokens", limit: 40_000, remaining: 39_000, resetSeconds: 1 },
    ],
  },
];

/** Outputs that only clients of an extension get. */
export const extensionOutputs: Output[] = [
  { type: "duck" },
  { type: "unduck" },
  {
    type: "turnReport",
    responseId: "resp_1",
    ledger: {
      kind: "voice",
      startedAtMs: 100,
      cursorMs: 1050.06,
      entries: [
        { span: "endpoint", durationMs: 500 },
        { span: "vad", durationMs: 24.04 },
        { span: "stt", durationMs: 300.02, provider: "whisper" },
        { span: "egress", durationMs: 126 },
      ],
      closed: true,
    },
    providers: [{ stage: "stt", provider: "whisper", outcome: "completed" }],
  },
  {
    type: "replyWords",
    responseId: "resp_1",
    itemId: "item_a1",
    contentIndex: 0,
    words: [
      { text: "Good", fromMs: 0 },
      { text: "day.", fromMs: 312.6 },
    ],
  },
  { type: "callerWords", itemId: "item_u2", text: "When does the" },
  {
    type: "level",
    sample: 16_000,
    rawDb: -31.26,
    gatedDb: -44.04,
    noiseDb: -50,
    speechRatio: 0.12345,
    rawBandsDb: [-40.06, -50],
    gatedBandsDb: [-55.55, -65],
  },
];
