import { afterEach, describe, expect, test } from "vitest";
import { sayRecording, silence } from "../support/speech.ts";
import {
  Clients,
  defaultReply,
  heardWords,
  manualSession,
  textSession,
  useScriptedGateway,
  voiceSession,
} from "./scripted-gateway.ts";

const gateway = useScriptedGateway();
const clients = new Clients();
afterEach(() => clients.closeAll());

const replyHead = [
  "response.created",
  "response.output_item.added",
  "conversation.item.added",
  "response.content_part.added",
];
const replyTail = [
  "response.content_part.done",
  "conversation.item.done",
  "response.output_item.done",
  "response.done",
];

/** Types between two positions without audio and rate limits, whose places are free. */
function orderOf(types: string[], ...without: string[]): string[] {
  const left = types.filter((type) => type !== "rate_limits.updated" && !without.includes(type));
  return left.filter((type, index) => type !== left[index - 1]);
}

describe("the order of events", () => {
  test("of a text turn is the vendor's", async () => {
    const client = await clients.session(gateway(), textSession);
    const from = client.events.length;
    client.say("Hello.");
    client.send({ type: "response.create" });
    const done = await client.next("response.done");
    expect(orderOf(client.typesSince(from))).toEqual([
      "conversation.item.added",
      "conversation.item.done",
      ...replyHead,
      "response.output_text.delta",
      "response.output_text.done",
      ...replyTail,
    ]);
    expect(done.response.status).toBe("completed");
    const deltas = client
      .all("response.output_text.delta")
      .map((event) => event.delta)
      .join("");
    expect(deltas).toBe(defaultReply);
    expect(client.all("response.output_text.done")[0]!.text).toBe(defaultReply);
    expect(done.response.output[0].content[0]).toMatchObject({ type: "output_text", text: defaultReply });
    expect(done.response.usage).toMatchObject({
      input_tokens: expect.any(Number),
      output_tokens: expect.any(Number),
      total_tokens: expect.any(Number),
    });
  });

  test("of an audio turn is the vendor's, and its ids fit together", async () => {
    const client = await clients.session(gateway(), { output_modalities: ["audio"] });
    const from = client.events.length;
    client.say("Hello.");
    client.send({ type: "response.create" });
    const done = await client.next("response.done");
    const order = orderOf(
      client.typesSince(from),
      "response.output_audio.delta",
      "response.output_audio_transcript.delta",
    );
    expect(order).toEqual([
      "conversation.item.added",
      "conversation.item.done",
      ...replyHead,
      "response.output_audio.done",
      "response.output_audio_transcript.done",
      ...replyTail,
    ]);
    const created = client.all("response.created")[0]!;
    const item = client.all("response.output_item.added")[0]!.item;
    for (const event of client.events
      .slice(from)
      .filter(({ type }) => type.startsWith("response.output_audio"))) {
      expect(event).toMatchObject({
        response_id: created.response.id,
        item_id: item.id,
        output_index: 0,
        content_index: 0,
      });
    }
    expect(
      client
        .all("response.output_audio_transcript.delta")
        .map((event) => event.delta)
        .join(""),
    ).toBe(defaultReply);
    expect(done.response.output[0].content[0]).toMatchObject({
      type: "output_audio",
      transcript: defaultReply,
    });
    expect(client.audioOf(item.id).length).toBeGreaterThan(24_000);
  });

  test("of a hands-free spoken turn is the vendor's", async () => {
    const client = await clients.session(gateway(), voiceSession);
    const from = client.events.length;
    client.append(await sayRecording("What can you tell me?"));
    const done = await client.next("response.done");
    const order = orderOf(
      client.typesSince(from),
      "response.output_audio.delta",
      "response.output_audio_transcript.delta",
    );
    expect(order).toEqual([
      "input_audio_buffer.speech_started",
      "input_audio_buffer.speech_stopped",
      "input_audio_buffer.committed",
      "conversation.item.added",
      "conversation.item.done",
      "conversation.item.input_audio_transcription.delta",
      "conversation.item.input_audio_transcription.completed",
      ...replyHead,
      "response.output_audio.done",
      "response.output_audio_transcript.done",
      ...replyTail,
    ]);
    const started = client.all("input_audio_buffer.speech_started")[0]!;
    const committed = client.all("input_audio_buffer.committed")[0]!;
    expect(committed.item_id).toBe(started.item_id);
    expect(client.all("conversation.item.input_audio_transcription.completed")[0]).toMatchObject({
      item_id: started.item_id,
      content_index: 0,
      transcript: heardWords,
      usage: expect.anything(),
    });
    expect(done.response.status).toBe("completed");
  });

  test("of a turn committed by hand is the vendor's, and no response is made unasked", async () => {
    const client = await clients.session(gateway(), manualSession);
    const from = client.events.length;
    client.append(await sayRecording("What can you tell me?"));
    client.send({ type: "input_audio_buffer.commit" });
    await client.next("conversation.item.input_audio_transcription.completed");
    await client.probe();
    const order = orderOf(client.typesSince(from), "error");
    expect(order).toEqual([
      "input_audio_buffer.committed",
      "conversation.item.added",
      "conversation.item.done",
      "conversation.item.input_audio_transcription.delta",
      "conversation.item.input_audio_transcription.completed",
    ]);
    client.send({ type: "response.create" });
    expect((await client.next("response.done")).response.status).toBe("completed");
  });

  test("links items by previous_item_id", async () => {
    const client = await clients.session(gateway(), textSession);
    client.say("One.");
    client.send({ type: "response.create" });
    await client.next("response.done");
    client.say("Two.");
    await client.next("conversation.item.done");
    const added = client.all("conversation.item.added");
    expect(added.map((event) => event.previous_item_id)).toEqual([
      null,
      added[0]!.item.id,
      added[1]!.item.id,
    ]);
  });

  test("of a function call puts the item before its arguments and goes on after its output", async () => {
    const tools = [
      { type: "function", name: "get_weather", description: "Weather.", parameters: { type: "object" } },
    ];
    const client = await clients.session(gateway(), { ...textSession, tools, tool_choice: "auto" });
    const from = client.events.length;
    client.say("How is the weather?");
    client.send({ type: "response.create" });
    const done = await client.next("response.done");
    expect(orderOf(client.typesSince(from)).slice(2)).toEqual([
      "response.created",
      "response.output_item.added",
      "conversation.item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "conversation.item.done",
      "response.output_item.done",
      "response.done",
    ]);
    const call = client.all("response.function_call_arguments.done")[0]!;
    expect(call).toMatchObject({
      name: "get_weather",
      arguments: '{"city":"Berlin"}',
      call_id: expect.any(String),
    });
    expect(client.all("response.output_item.done")[0]).toMatchObject({
      response_id: done.response.id,
      item: { type: "function_call", status: "completed", call_id: call.call_id, name: "get_weather" },
    });
    client.send({
      type: "conversation.item.create",
      item: { type: "function_call_output", call_id: call.call_id, output: "sunny" },
    });
    client.send({ type: "response.create" });
    const answer = await client.next("response.done");
    expect(answer.response.output[0].content[0].text).toBe("It is sunny in Berlin.");
  });

  test("keeps an out-of-band response out of the conversation", async () => {
    const client = await clients.session(gateway(), textSession);
    client.send({
      type: "response.create",
      response: {
        conversation: "none",
        metadata: { topic: "side" },
        input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "short" }] }],
      },
    });
    const done = await client.next("response.done");
    expect(done.response).toMatchObject({
      status: "completed",
      metadata: { topic: "side" },
      conversation_id: null,
    });
    expect(done.response.output[0].content[0].text).toBe("Yes.");
    const itemId = done.response.output[0].id;
    expect(client.all("conversation.item.added")).toEqual([]);
    client.send({ type: "conversation.item.retrieve", item_id: itemId, event_id: "r" });
    expect((await client.next("error")).error).toMatchObject({
      code: "item_retrieve_invalid_item_id",
      event_id: "r",
    });
  });

  test("of silence is nothing at all", async () => {
    const client = await clients.session(gateway(), voiceSession);
    const from = client.events.length;
    client.append(silence(5000, 24000));
    await client.probe();
    // The audio thread works behind the socket: words spoken after the silence show that the silence was worked off.
    client.append(await sayRecording("Hello there."));
    const started = await client.next("input_audio_buffer.speech_started");
    expect(client.events.slice(from).indexOf(started)).toBe(1);
    expect(started.audio_start_ms).toBeGreaterThan(4500);
  });
});
