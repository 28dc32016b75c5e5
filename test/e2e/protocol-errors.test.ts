import { afterEach, describe, expect, test } from "vitest";
import { closeCodes } from "../../wire/codes.ts";
import { RealtimeClient } from "../support/realtime-client.ts";
import { sayRecording } from "../support/speech.ts";
import {
  Clients,
  defaultReply,
  manualSession,
  textSession,
  useScriptedGateway,
  voiceSession,
} from "./scripted-gateway.ts";

const gateway = useScriptedGateway({
  env: {
    PARLEY_MAX_MESSAGES_PER_SECOND: "500",
    PARLEY_MAX_MESSAGE_BYTES: String(2 * 1024 * 1024),
    PARLEY_INPUT_BACKLOG_BYTES: String(1024 * 1024),
  },
});
const clients = new Clients();
afterEach(() => clients.closeAll());

const event = (fields: object) => JSON.stringify({ event_id: "mine", ...fields });
const userItem = (content: unknown) => ({ type: "message", role: "user", content });

/** Text frames that must be refused: what, the frame, code, param (undefined: any), whether an id can be read. */
const refused: readonly [
  what: string,
  frame: string,
  code: string | RegExp,
  param: string | null | undefined,
  readable: boolean,
][] = [
  ["text that is no JSON", "{nonsense", "invalid_json", null, false],
  ["an empty message", "", "invalid_json", null, false],
  ["JSON cut short", '{"type":"response.create"', "invalid_json", null, false],
  ["a JSON array", "[]", /^invalid_/, null, false],
  ["null", "null", /^invalid_/, null, false],
  ["no type", event({}), /^(missing_required_parameter|invalid_event)$/, "type", true],
  [
    "a type that is no string",
    event({ type: 7 }),
    /^(unknown_event|invalid_event|invalid_value)$/,
    "type",
    true,
  ],
  ["an unknown type", event({ type: "session.destroy" }), /^(unknown_event|invalid_value)$/, "type", true],
  ["a server's own type", event({ type: "response.done" }), /^(unknown_event|invalid_value)$/, "type", true],
  [
    "an append without audio",
    event({ type: "input_audio_buffer.append" }),
    "missing_required_parameter",
    "audio",
    true,
  ],
  [
    "audio that is a number",
    event({ type: "input_audio_buffer.append", audio: 5 }),
    /^invalid_/,
    "audio",
    true,
  ],
  [
    "audio that is no base64",
    event({ type: "input_audio_buffer.append", audio: "@@@@" }),
    "invalid_audio",
    "audio",
    true,
  ],
  [
    "audio of half a sample",
    event({ type: "input_audio_buffer.append", audio: "AAAA" }),
    "invalid_audio",
    "audio",
    true,
  ],
  [
    "a commit of nothing",
    event({ type: "input_audio_buffer.commit" }),
    "input_audio_buffer_commit_empty",
    undefined,
    true,
  ],
  [
    "an item without a type",
    event({ type: "conversation.item.create", item: {} }),
    "missing_required_parameter",
    "item.type",
    true,
  ],
  ["no item", event({ type: "conversation.item.create" }), "missing_required_parameter", "item", true],
  [
    "an unknown role",
    event({ type: "conversation.item.create", item: { type: "message", role: "ghost", content: [] } }),
    "invalid_value",
    "item.role",
    true,
  ],
  [
    "an unknown content type",
    event({ type: "conversation.item.create", item: userItem([{ type: "smell" }]) }),
    "invalid_value",
    "item.content[0].type",
    true,
  ],
  [
    "an unknown previous item",
    event({
      type: "conversation.item.create",
      previous_item_id: "nobody",
      item: userItem([{ type: "input_text", text: "x" }]),
    }),
    "item_create_invalid_previous_item_id",
    "previous_item_id",
    true,
  ],
  [
    "an output for a call that was never made",
    event({
      type: "conversation.item.create",
      item: { type: "function_call_output", call_id: "call_nobody", output: "x" },
    }),
    "invalid_tool_call_id",
    "item.call_id",
    true,
  ],
  [
    "several audio parts in one item",
    event({
      type: "conversation.item.create",
      item: userItem([
        { type: "input_audio", audio: "AAAAAAAA" },
        { type: "input_audio", audio: "AAAAAAAA" },
      ]),
    }),
    "unsupported_feature",
    "item.content",
    true,
  ],
  [
    "tools of one name",
    event({
      type: "session.update",
      session: {
        type: "realtime",
        tools: [
          { type: "function", name: "look" },
          { type: "function", name: "look" },
        ],
      },
    }),
    "invalid_value",
    "session.tools[1].name",
    true,
  ],
  [
    "retrieving nothing",
    event({ type: "conversation.item.retrieve", item_id: "nobody" }),
    "item_retrieve_invalid_item_id",
    "item_id",
    true,
  ],
  [
    "deleting nothing",
    event({ type: "conversation.item.delete", item_id: "nobody" }),
    "item_delete_invalid_item_id",
    "item_id",
    true,
  ],
  [
    "truncating nothing",
    event({ type: "conversation.item.truncate", item_id: "nobody", content_index: 0, audio_end_ms: 0 }),
    "item_truncate_invalid_item_id",
    "item_id",
    true,
  ],
  [
    "truncating to a negative time",
    event({ type: "conversation.item.truncate", item_id: "nobody", content_index: 0, audio_end_ms: -1 }),
    /^(invalid_value|item_truncate_)/,
    undefined,
    true,
  ],
  ["cancelling nothing", event({ type: "response.cancel" }), "response_cancel_not_active", undefined, true],
  [
    "a response with an unknown modality",
    event({ type: "response.create", response: { output_modalities: ["smell"] } }),
    "invalid_value",
    undefined,
    true,
  ],
  [
    "a session of a wrong type",
    event({ type: "session.update", session: { type: "transcription" } }),
    /^(unsupported_feature|invalid_value)$/,
    "session.type",
    true,
  ],
  [
    "a session without a type",
    event({ type: "session.update", session: {} }),
    "missing_required_parameter",
    "session.type",
    true,
  ],
  [
    "an unknown audio format",
    event({
      type: "session.update",
      session: { type: "realtime", audio: { input: { format: { type: "audio/mp3" } } } },
    }),
    "invalid_value",
    undefined,
    true,
  ],
  [
    "16 kHz without binary audio",
    event({
      type: "session.update",
      session: { type: "realtime", audio: { input: { format: { type: "audio/pcm", rate: 16000 } } } },
    }),
    /^(unsupported_feature|invalid_value)$/,
    undefined,
    true,
  ],
  [
    "a threshold out of range",
    event({
      type: "session.update",
      session: {
        type: "realtime",
        audio: { input: { turn_detection: { type: "server_vad", threshold: 7 } } },
      },
    }),
    "invalid_value",
    undefined,
    true,
  ],
  [
    "an MCP tool",
    event({
      type: "session.update",
      session: {
        type: "realtime",
        tools: [{ type: "mcp", server_label: "x", server_url: "https://example.com" }],
      },
    }),
    "unsupported_feature",
    undefined,
    true,
  ],
  [
    "a poisoned prototype as type",
    '{"event_id":"mine","__proto__":{"type":"response.create"}}',
    /^(missing_required_parameter|invalid_event)$/,
    "type",
    true,
  ],
];

describe("a refused event", () => {
  test.each(refused)(
    "(%s) gets exactly one coded error, and the session lives on",
    async (_, frame, code, param, readable) => {
      const client = await clients.session(gateway(), textSession);
      client.sendRaw(frame);
      await client.probe();
      const errors = client.all("error").filter(({ error }) => !String(error.event_id).startsWith("probe_"));
      expect(errors).toHaveLength(1);
      const { error } = errors[0]!;
      expect(error).toMatchObject({
        type: "invalid_request_error",
        event_id: readable ? "mine" : null,
        message: expect.any(String),
      });
      if (typeof code === "string") expect(error.code).toBe(code);
      else expect(error.code).toMatch(code);
      if (param !== undefined) expect(error.param).toBe(param);
      client.say("Hello.");
      client.send({ type: "response.create" });
      expect((await client.next("response.done")).response.status).toBe("completed");
    },
  );

  test("changes nothing: a session.update with one wrong field is refused whole", async () => {
    const client = await clients.session(gateway(), { ...textSession, instructions: "Before." });
    client.send({
      type: "session.update",
      session: { type: "realtime", instructions: "After.", output_modalities: ["smell"] },
    });
    await client.next("error");
    client.send({ type: "session.update", session: { type: "realtime" } });
    expect((await client.next("session.updated")).session.instructions).toBe("Before.");
  });
});

describe("what is wrong only a little", () => {
  test("audio before any session.update is taken in the default format", async () => {
    const client = await RealtimeClient.open(gateway().wsUrl);
    client.append(await sayRecording("Hello, can you hear me?"));
    await client.next("input_audio_buffer.speech_started");
    await client.next("response.done");
    expect(client.all("error")).toEqual([]);
    client.close();
  });

  test("binary rubbish without binary audio is refused, and with it taken for noise", async () => {
    const rubbish = Uint8Array.from({ length: 641 }, (_, index) => (index * 7919) % 256);
    const plain = await clients.session(gateway(), textSession);
    plain.sendRaw(rubbish);
    await plain.probe();
    expect(plain.all("error").filter(({ error }) => error.event_id === null)).toHaveLength(1);
    const binary = await clients.session(gateway(), textSession, { audio: "binary" });
    binary.sendRaw(rubbish);
    await binary.probe();
    expect(
      binary
        .all("error")
        .filter(({ error }) => error.event_id === null)
        .map(({ error }) => error.code),
    ).toEqual(["invalid_audio"]);
    binary.sendRaw(rubbish.subarray(0, 640));
    await binary.probe();
    expect(binary.all("error").filter(({ error }) => error.event_id === null)).toHaveLength(1);
  });

  test("more audio than the backlog holds is refused by code, and what was kept still counts", async () => {
    const client = await clients.session(gateway(), manualSession);
    const audio = Buffer.alloc(700_000).toString("base64");
    for (let append = 0; append < 8; append++)
      client.send({ type: "input_audio_buffer.append", audio, event_id: `append_${append}` });
    await client.probe();
    const codes = client
      .all("error")
      .filter(({ error }) => String(error.event_id).startsWith("append_"))
      .map(({ error }) => error.code);
    expect(codes.every((code) => code === "input_audio_backlog_full")).toBe(true);
    client.send({ type: "input_audio_buffer.commit" });
    await client.next("input_audio_buffer.committed");
  });
});

describe("what cannot be answered", () => {
  test("a message over the limit closes the socket with its code", async () => {
    const client = await RealtimeClient.session(gateway().wsUrl);
    client.sendRaw(`{"type":"input_audio_buffer.append","audio":"${"A".repeat(3 * 1024 * 1024)}"}`);
    expect((await client.closed()).code).toBe(closeCodes.messageTooBig);
  });

  test("a flood closes the socket with its code", async () => {
    const client = await RealtimeClient.session(gateway().wsUrl);
    for (let sent = 0; sent < 12_000 && client.isOpen; sent++)
      client.sendRaw('{"type":"input_audio_buffer.clear"}');
    expect((await client.closed(20_000)).code).toBe(closeCodes.flood);
  });

  test("text that is no UTF-8 closes the socket by the protocol's own code or ours", async () => {
    const client = await RealtimeClient.session(gateway().wsUrl);
    client.socket.send(Buffer.from([0xff, 0xfe, 0xfd]), { binary: false });
    expect([1007, closeCodes.protocolViolation]).toContain((await client.closed()).code);
  });

  test("none of it is noticed by another session in the middle of a spoken turn", async () => {
    const innocent = await clients.session(gateway(), voiceSession);
    innocent.append(await sayRecording("What can you tell me?"));
    await innocent.next("input_audio_buffer.speech_started");
    const [flooder, giant] = await Promise.all([
      RealtimeClient.session(gateway().wsUrl),
      RealtimeClient.session(gateway().wsUrl),
    ]);
    for (let sent = 0; sent < 12_000 && flooder.isOpen; sent++) flooder.sendRaw("{");
    giant.sendRaw("x".repeat(3 * 1024 * 1024));
    await Promise.all([flooder.closed(20_000), giant.closed(20_000)]);
    const done = await innocent.next("response.done");
    expect(done.response.status).toBe("completed");
    expect(done.response.output[0].content[0].transcript).toBe(defaultReply);
    expect(innocent.all("error")).toEqual([]);
  });
});
