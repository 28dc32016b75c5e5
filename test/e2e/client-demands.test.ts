import { afterEach, describe, expect, test } from "vitest";
import { RealtimeClient, type ServerEvent } from "../support/realtime-client.ts";
import { sayRecording } from "../support/speech.ts";
import { Clients, textSession, useScriptedGateway, voiceSession } from "./scripted-gateway.ts";

const gateway = useScriptedGateway();
const clients = new Clients();
afterEach(() => clients.closeAll());

/** The SDK's own reader of events: what misfits its schemas comes back as generic. */
const schemas = new URL(
  "../../node_modules/@openai/agents-realtime/dist/openaiRealtimeEvents.mjs",
  import.meta.url,
);
const { parseRealtimeEvent } = (await import(schemas.href)) as {
  parseRealtimeEvent(event: { data: string }): { isGeneric: boolean };
};

/** Types that the SDK of that version has no schema for, though the vendor's API sends them. */
const unknownToSdk = new Set([
  "input_audio_buffer.timeout_triggered",
  "conversation.item.input_audio_transcription.segment",
]);

function misfits(events: readonly ServerEvent[]): string[] {
  return events
    .filter(
      (event) =>
        !unknownToSdk.has(event.type) && parseRealtimeEvent({ data: JSON.stringify(event) }).isGeneric,
    )
    .map((event) => JSON.stringify(event));
}

/** Paths of numbers that are no integers. */
function fractions(value: unknown, path = ""): string[] {
  if (typeof value === "number") return Number.isInteger(value) ? [] : [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => fractions(inner, `${path}.${key}`));
}

const weatherTool = {
  type: "function",
  name: "get_weather",
  description: "Weather.",
  parameters: { type: "object" },
};

describe("@openai/agents-realtime", () => {
  test("can read every event of a spoken turn, a text turn, a call and an error by its own schemas", async () => {
    const client = await clients.session(gateway(), { ...voiceSession, tools: [weatherTool] });
    client.append(await sayRecording("What can you tell me?"));
    await client.next("response.done");
    client.say("How is the weather?");
    client.send({ type: "response.create", response: { output_modalities: ["text"] } });
    await client.next("response.done");
    const itemId = client.all("conversation.item.added")[0]!.item.id;
    client.send({ type: "conversation.item.retrieve", item_id: itemId });
    await client.next("conversation.item.retrieved");
    client.send({ type: "conversation.item.delete", item_id: itemId });
    await client.next("conversation.item.deleted");
    await client.probe();
    expect(misfits(client.events)).toEqual([]);
  });

  test("may send session.update before session.created was read, and one with only tracing after", async () => {
    const client = await RealtimeClient.open(gateway().wsUrl);
    client.send({ type: "session.update", session: { type: "realtime", instructions: "Be brief." } });
    await client.next("session.created");
    client.send({ type: "session.update", session: { type: "realtime", tracing: "auto" } });
    expect((await client.next("session.updated")).session.instructions).toBe("Be brief.");
    const second = await client.next("session.updated");
    expect(second.session).toMatchObject({ instructions: "Be brief.", tracing: "auto" });
    expect(client.all("error")).toEqual([]);
    client.close();
  });

  test("finds the key transcript in a user's audio part, wherever the item is shown", async () => {
    const client = await clients.session(gateway(), voiceSession);
    client.append(await sayRecording("What can you tell me?"));
    await client.next("response.done");
    const shown = [...client.all("conversation.item.added"), ...client.all("conversation.item.done")].filter(
      (event) => event.item.role === "user",
    );
    client.send({ type: "conversation.item.retrieve", item_id: shown[0]!.item.id });
    shown.push(await client.next("conversation.item.retrieved"));
    expect(shown.length).toBe(3);
    for (const { item } of shown) expect(Object.keys(item.content[0])).toContain("transcript");
    expect(shown.at(-1)!.item.content[0].transcript).not.toBeNull();
  });

  test("finds part.type text or audio, and output_text or output_audio in items", async () => {
    const client = await clients.session(gateway(), textSession);
    client.say("short");
    client.send({ type: "response.create" });
    await client.next("response.done");
    client.send({ type: "response.create", response: { output_modalities: ["audio"] } });
    await client.next("response.done");
    const parts = [...client.all("response.content_part.added"), ...client.all("response.content_part.done")];
    expect(parts.map((event) => event.part.type).sort()).toEqual(["audio", "audio", "text", "text"]);
    expect(client.all("response.output_item.done").map((event) => event.item.content[0].type)).toEqual([
      "output_text",
      "output_audio",
    ]);
  });

  test("sees interrupt_response echoed as true", async () => {
    const client = await clients.session(gateway(), voiceSession);
    expect(client.all("session.updated")[0]!.session.audio.input.turn_detection).toMatchObject({
      type: "server_vad",
      interrupt_response: true,
      create_response: true,
    });
  });

  test("may truncate an item that was just cancelled by its barge-in, and retrieve it", async () => {
    const client = await clients.session(gateway(), voiceSession);
    client.say("count");
    client.send({ type: "response.create" });
    const { item_id: itemId } = await client.next("response.output_audio.delta");
    client.append(await sayRecording("Stop now please, I have heard enough of this."));
    await client.next("input_audio_buffer.speech_started");
    client.send({ type: "conversation.item.truncate", item_id: itemId, content_index: 0, audio_end_ms: 300 });
    expect(await client.next("conversation.item.truncated")).toMatchObject({
      item_id: itemId,
      content_index: 0,
      audio_end_ms: 300,
    });
    client.send({ type: "conversation.item.retrieve", item_id: itemId });
    const { item } = await client.next("conversation.item.retrieved");
    expect(item).toMatchObject({
      status: "incomplete",
      content: [{ type: "output_audio", transcript: "Sentence" }],
    });
    const cancelled = client.all("response.done")[0]!;
    expect(cancelled.response).toMatchObject({
      status: "cancelled",
      status_details: { type: "cancelled", reason: "turn_detected" },
    });
  });

  test("gets its event_id back when response.create is refused", async () => {
    const client = await clients.session(gateway(), textSession);
    client.say("count");
    client.send({ type: "response.create", response: { output_modalities: ["audio"] } });
    await client.next("response.created");
    client.send({ type: "response.create", event_id: "second" });
    expect((await client.next("error")).error).toMatchObject({
      type: "invalid_request_error",
      code: "conversation_already_has_active_response",
      event_id: "second",
      message: expect.stringMatching(/^Conversation already has an active response/),
    });
  });

  test("sees only requests and tokens among rate limits", async () => {
    const client = await clients.session(gateway(), textSession);
    client.say("short");
    client.send({ type: "response.create" });
    await client.next("response.done");
    await client.probe();
    const names = client
      .all("rate_limits.updated")
      .flatMap((event) => event.rate_limits.map((limit: { name: string }) => limit.name));
    expect(names.filter((name) => name !== "requests" && name !== "tokens")).toEqual([]);
  });
});

describe("openai-agents for Python", () => {
  test("finds integers wherever a number stands", async () => {
    const client = await clients.session(gateway(), voiceSession);
    client.append(await sayRecording("What can you tell me?", { beforeMs: 333 }));
    await client.next("response.done");
    await client.probe();
    const allowed = /\.(threshold|speed|temperature|seconds|reset_seconds|eagerness)$/;
    const found = client.events
      .flatMap((event) => fractions(event, event.type))
      .filter((path) => !allowed.test(path));
    expect(found).toEqual([]);
  });

  test("may truncate an item in progress while its response goes on, and the response ends", async () => {
    const client = await clients.session(gateway(), textSession);
    client.say("count");
    client.send({ type: "response.create", response: { output_modalities: ["audio"] } });
    const { item_id: itemId } = await client.next("response.output_audio.delta");
    client.send({ type: "conversation.item.truncate", item_id: itemId, content_index: 0, audio_end_ms: 0 });
    await client.next("conversation.item.truncated");
    const done = await client.next("response.done");
    expect(["cancelled", "completed", "incomplete"]).toContain(done.response.status);
    expect(client.all("error")).toEqual([]);
  });

  test("may round the audio's length up by a millisecond, but not claim a second more", async () => {
    const client = await clients.session(gateway(), { output_modalities: ["audio"] });
    client.say("short");
    client.send({ type: "response.create" });
    const done = await client.next("response.done");
    const itemId = done.response.output[0].id;
    const lengthMs = Math.ceil(client.audioOf(itemId).length / 48);
    client.send({
      type: "conversation.item.truncate",
      item_id: itemId,
      content_index: 0,
      audio_end_ms: lengthMs + 1000,
      event_id: "far",
    });
    expect((await client.next("error")).error).toMatchObject({
      code: "item_truncate_invalid_audio_end_ms",
      event_id: "far",
    });
    client.send({
      type: "conversation.item.truncate",
      item_id: itemId,
      content_index: 0,
      audio_end_ms: lengthMs + 1,
    });
    const truncated = await client.next("conversation.item.truncated");
    expect(truncated.audio_end_ms).toBeLessThanOrEqual(lengthMs);
  });

  test("never meets an event type of ours that it did not ask for", async () => {
    const client = await clients.session(gateway(), voiceSession);
    client.say("count");
    client.send({ type: "response.create" });
    await client.next("response.output_audio.delta");
    client.append(await sayRecording("Stop now please, I have heard enough of this."));
    await client.next("input_audio_buffer.speech_started");
    await client.next("response.done");
    expect(client.events.filter(({ type }) => type.startsWith("parley."))).toEqual([]);
    expect(
      client.events.flatMap((event) => Object.keys(event)).filter((key) => key === "parley" || key === "seq"),
    ).toEqual([]);
  });
});

describe("pipecat", () => {
  test("finds tool_choice as a string in the session", async () => {
    const client = await clients.session(gateway(), {
      ...textSession,
      tools: [weatherTool],
      tool_choice: "required",
    });
    const shown = [...client.all("session.created"), ...client.all("session.updated")].map(
      (event) => event.session.tool_choice,
    );
    expect(shown).toEqual(["auto", "required"]);
  });

  test("finds content_index in transcription deltas", async () => {
    const client = await clients.session(gateway(), voiceSession);
    client.append(await sayRecording("What can you tell me?"));
    expect((await client.next("conversation.item.input_audio_transcription.delta")).content_index).toBe(0);
  });

  test("is forgiven an unknown item: the error has its code and event_id, the session goes on", async () => {
    const client = await clients.session(gateway(), textSession);
    client.send({ type: "conversation.item.retrieve", item_id: "item_gone", event_id: "ask" });
    expect((await client.next("error")).error).toMatchObject({
      code: "item_retrieve_invalid_item_id",
      event_id: "ask",
    });
    await client.probe();
  });

  test("keeps every message to itself under 1 MiB", async () => {
    const client = await clients.session(gateway(), voiceSession);
    client.say("count");
    client.send({ type: "response.create" });
    await client.until(() => client.all("response.output_audio.delta").length > 10, "ten deltas");
    const sizes = client.events.map((event) => JSON.stringify(event).length);
    expect(Math.max(...sizes)).toBeLessThan(1024 * 1024);
  });
});

describe("LiveKit", () => {
  test("may write null where it leaves something out", async () => {
    const client = await clients.session(gateway(), textSession);
    client.send({
      type: "session.update",
      session: {
        type: "realtime",
        tracing: null,
        audio: { input: { noise_reduction: null } },
        instructions: null,
        tools: null,
      },
    });
    await client.next("session.updated");
    client.say("short");
    client.send({
      type: "response.create",
      response: { instructions: null, metadata: { client_event_id: "mine" }, tools: null },
    });
    const created = await client.next("response.created");
    expect(created.response.metadata).toEqual({ client_event_id: "mine" });
    expect((await client.next("response.done")).response.status).toBe("completed");
    expect(client.all("error")).toEqual([]);
  });

  test("places an item at the root, sees its own id confirmed, and may delete it", async () => {
    const client = await clients.session(gateway(), textSession);
    const create = (id: string, previous: string | null) =>
      client.send({
        type: "conversation.item.create",
        previous_item_id: previous,
        item: { id, type: "message", role: "user", content: [{ type: "input_text", text: id }] },
      });
    create("item_b", null);
    create("item_a", "root");
    expect(await client.next("conversation.item.added")).toMatchObject({
      previous_item_id: null,
      item: { id: "item_b" },
    });
    expect(await client.next("conversation.item.added")).toMatchObject({
      previous_item_id: null,
      item: { id: "item_a" },
    });
    create("item_c", "item_a");
    expect(await client.next("conversation.item.added")).toMatchObject({
      previous_item_id: "item_a",
      item: { id: "item_c" },
    });
    client.send({ type: "conversation.item.delete", item_id: "item_c" });
    expect((await client.next("conversation.item.deleted")).item_id).toBe("item_c");
  });

  test("learns of a duplicate id by its code", async () => {
    const client = await clients.session(gateway(), textSession);
    const item = {
      id: "item_twice",
      type: "message",
      role: "user",
      content: [{ type: "input_text", text: "x" }],
    };
    client.send({ type: "conversation.item.create", item });
    client.send({ type: "conversation.item.create", item, event_id: "again" });
    expect((await client.next("error")).error).toMatchObject({
      code: "item_create_duplicate_item_id",
      event_id: "again",
    });
  });

  test("may replay a conversation with calls under its old ids", async () => {
    const client = await clients.session(gateway(), { ...textSession, tools: [weatherTool] });
    const items = [
      { id: "old_1", type: "message", role: "system", content: [{ type: "input_text", text: "Be kind." }] },
      { id: "old_2", type: "message", role: "user", content: [{ type: "input_text", text: "weather" }] },
      { id: "old_3", type: "function_call", call_id: "call_old", name: "get_weather", arguments: "{}" },
      { id: "old_4", type: "function_call_output", call_id: "call_old", output: "sunny" },
      {
        id: "old_5",
        type: "message",
        role: "assistant",
        content: [{ type: "output_text", text: "It is sunny." }],
      },
      { id: "old_6", type: "message", role: "user", content: [{ type: "input_text", text: "short" }] },
    ];
    for (const [index, item] of items.entries()) {
      client.send({
        type: "conversation.item.create",
        previous_item_id: items[index - 1]?.id ?? "root",
        item,
      });
    }
    client.send({ type: "response.create" });
    const done = await client.next("response.done");
    expect(done.response.output[0].content[0].text).toBe("Yes.");
    expect(
      client
        .all("conversation.item.added")
        .map((event) => event.item.id)
        .slice(0, 6),
    ).toEqual(items.map(({ id }) => id));
  });

  test("is forgiven a cancel in vain and an empty commit, by message and code", async () => {
    const client = await clients.session(gateway(), textSession);
    client.send({ type: "response.cancel", event_id: "vain" });
    expect((await client.next("error")).error).toMatchObject({
      code: "response_cancel_not_active",
      message: expect.stringMatching(/^Cancellation failed/),
      event_id: "vain",
    });
    client.send({ type: "input_audio_buffer.commit", event_id: "empty" });
    expect((await client.next("error")).error).toMatchObject({
      code: "input_audio_buffer_commit_empty",
      event_id: "empty",
    });
    await client.probe();
  });
});
