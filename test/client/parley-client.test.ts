import { describe, expect, it } from "vitest";
import type { ParleyError } from "../../client/parley-error.ts";
import { connect, makeClient, next } from "./client-world.ts";
import { sessionWith } from "./fake-gateway.ts";
import { beginReply, endReply, responseWith, sendUserTurn, sendWords } from "./replies.ts";

describe("a conversation", () => {
  it("tells both sides' words as they come", async () => {
    const client = makeClient();
    const said: string[] = [];
    client.on("userTranscript", ({ text, final }) => said.push(`user: ${text}${final ? "." : "…"}`));
    client.on("replyTranscript", ({ text, final }) => said.push(`reply: ${text}${final ? "." : "…"}`));
    const peer = await connect(client);
    sendUserTurn(peer, "item_1", "What is Parley?");
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "A voice");
    sendWords(peer, "resp_1", "item_2", " gateway");
    endReply(peer, "resp_1", "item_2", "A voice gateway");
    await next(client, "response.done");
    expect(said).toEqual([
      "user: What is Parley?.",
      "reply: A voice…",
      "reply: A voice gateway…",
      "reply: A voice gateway.",
    ]);
    expect(client.state).toBe("listening");
  });

  it("tells the user's words while they grow, where it asked for that", async () => {
    const client = makeClient({ extensions: { captions: true } });
    const said: string[] = [];
    client.on("userTranscript", ({ text, final }) => said.push(`${text}${final ? "." : "…"}`));
    const peer = await connect(client);
    expect(peer.url.searchParams.get("captions")).toBe("1");
    for (const transcript of ["What", "What is"])
      peer.send({ type: "parley.caption", item_id: "item_1", transcript });
    sendUserTurn(peer, "item_1", "What is Parley?");
    await next(client, "conversation.item.input_audio_transcription.completed");
    expect(said).toEqual(["What…", "What is…", "What is Parley?."]);
  });

  it("hands on when words sound, and what the gate makes of the microphone's sound", async () => {
    const client = makeClient();
    const peer = await connect(client);
    const words = next(client, "words");
    peer.send({
      type: "parley.words",
      response_id: "resp_1",
      item_id: "item_2",
      content_index: 0,
      words: [{ text: "Hi.", start_ms: 40 }],
    });
    await expect(words).resolves.toEqual({ itemId: "item_2", words: [{ text: "Hi.", startMs: 40 }] });
    const level = { sample: 1600, raw_db: -40.1, gated_db: -60, noise_db: -50, speech_ratio: 0.25 };
    const resting = next(client, "gateLevel");
    peer.send({ type: "parley.level", ...level });
    await expect(resting).resolves.toEqual({
      sample: 1600,
      rawDb: -40.1,
      gatedDb: -60,
      noiseDb: -50,
      speechRatio: 0.25,
      rawBandsDb: null,
      gatedBandsDb: null,
    });
    const open = next(client, "gateLevel");
    peer.send({ type: "parley.level", ...level, raw_bands_db: [-1, -2], gated_bands_db: [-3, -4] });
    await expect(open).resolves.toMatchObject({ rawBandsDb: [-1, -2], gatedBandsDb: [-3, -4] });
  });

  it("follows the button where the server detects no turns", async () => {
    const client = makeClient();
    await connect(client);
    client.setTalking(true);
    expect(client.state).toBe("hearing");
    client.setTalking(false, { answerExpected: true });
    expect(client.state).toBe("thinking");
    client.setTalking(true);
    client.setTalking(false);
    expect(client.state).toBe("listening");
  });

  it("hands binary audio to its item with its media time", async () => {
    const client = makeClient();
    const heard: { itemId: string; fromMs: number | null; pcm: number[] }[] = [];
    client.on("audio", ({ itemId, fromMs, pcm }) => heard.push({ itemId, fromMs, pcm: [...pcm] }));
    const peer = await connect(client);
    beginReply(peer, "resp_1", "item_2");
    peer.sendAudio(Int16Array.of(1, -2, 3), 0);
    peer.sendAudio(Int16Array.of(-32768, 32767), 20);
    endReply(peer, "resp_1", "item_2", "hm");
    await next(client, "audioEnd");
    expect(heard).toEqual([
      { itemId: "item_2", fromMs: 0, pcm: [1, -2, 3] },
      { itemId: "item_2", fromMs: 20, pcm: [-32768, 32767] },
    ]);
  });

  it("speaks base64 to servers that know nothing else", async () => {
    const client = makeClient({ audio: "base64" });
    const peer = await connect(client);
    expect(peer.url.search).toBe("");
    client.sendAudio(Int16Array.of(1, 2));
    const append = await peer.next("input_audio_buffer.append");
    expect([...Buffer.from(append.audio, "base64")]).toEqual([1, 0, 2, 0]);
    client.acknowledgePlayback("item_2", 10);
    beginReply(peer, "resp_1", "item_2");
    const audio = next(client, "audio");
    peer.send({
      ...{ type: "response.output_audio.delta", response_id: "resp_1", item_id: "item_2", output_index: 0 },
      ...{ content_index: 0, delta: Buffer.from(Int16Array.of(7, -7).buffer).toString("base64") },
    } as never);
    await expect(audio).resolves.toMatchObject({ itemId: "item_2", fromMs: null, pcm: Int16Array.of(7, -7) });
    expect(peer.events.map(({ type }) => type)).not.toContain("parley.playback");
  });

  it("sends microphone audio as raw samples, views of a larger buffer included", async () => {
    const client = makeClient();
    const peer = await connect(client);
    const buffer = new Int16Array(1000);
    expect(client.sendAudio(buffer.subarray(100, 420))).toBe(true);
    client.commit();
    await peer.next("input_audio_buffer.commit");
    expect(peer.audioBytes).toBe(640);
  });

  it("resolves settings with what the server took, and rejects those that it refused", async () => {
    const client = makeClient();
    const peer = await connect(client);
    const taken = client.configure({ instructions: "Be brief." });
    const update = await peer.next("session.update");
    expect(update.session).toEqual({ type: "realtime", instructions: "Be brief." });
    peer.send({ type: "session.updated", session: sessionWith({ instructions: "Be brief." }) });
    await expect(taken).resolves.toMatchObject({ instructions: "Be brief." });

    const refused = client.configure({ audio: { output: { voice: "nobody" } } });
    const wrong = await peer.next("session.update");
    peer.send({
      type: "error",
      error: {
        type: "invalid_request_error",
        code: "invalid_value",
        message: "There is no such voice.",
        param: "session.audio.output.voice",
        event_id: wrong.event_id!,
      },
    });
    await expect(refused).rejects.toMatchObject({
      code: "invalid_value",
      message: "There is no such voice.",
      details: { param: "session.audio.output.voice" },
    });
  });

  it("writes, asks for answers and cancels only what is there", async () => {
    const client = makeClient();
    const peer = await connect(client);
    client.cancel();
    client.sendText("Hello");
    const item = await peer.next("conversation.item.create");
    expect(item.item).toMatchObject({ role: "user", content: [{ type: "input_text", text: "Hello" }] });
    await peer.next("response.create");
    peer.send({ type: "response.created", response: responseWith("resp_1") });
    await next(client, "response.created");
    expect(client.state).toBe("thinking");
    client.cancel();
    await peer.next("response.cancel");
    expect(peer.events.filter(({ type }) => type === "response.cancel")).toHaveLength(1);
  });

  it("tells the server what was heard and shows only that", async () => {
    const client = makeClient();
    const peer = await connect(client);
    beginReply(peer, "resp_1", "item_2");
    sendWords(peer, "resp_1", "item_2", "One two three four");
    await next(client, "replyTranscript");
    client.interrupt([{ itemId: "item_2", contentIndex: 0, playedMs: 812.6 }]);
    await peer.next("response.cancel");
    expect(await peer.next("parley.playback")).toMatchObject({ item_id: "item_2", played_ms: 812 });
    expect(await peer.next("conversation.item.truncate")).toMatchObject({
      item_id: "item_2",
      audio_end_ms: 812,
    });
    const words = next(client, "replyTranscript");
    peer.send({
      type: "conversation.item.truncated",
      item_id: "item_2",
      content_index: 0,
      audio_end_ms: 812,
    });
    await peer.next("conversation.item.retrieve");
    peer.send({
      type: "conversation.item.retrieved",
      item: {
        ...{
          type: "message",
          id: "item_2",
          object: "realtime.item",
          status: "incomplete",
          role: "assistant",
        },
        content: [{ type: "output_audio", transcript: "One two" }],
      },
    } as never);
    await expect(words).resolves.toEqual({
      itemId: "item_2",
      text: "One two",
      final: true,
      interrupted: true,
    });
  });

  it("reports a failed response and what it can't read, and lives on", async () => {
    const client = makeClient();
    const errors: ParleyError[] = [];
    client.on("error", (error) => errors.push(error));
    const peer = await connect(client);
    peer.sendText("{ no json");
    peer.sendAudio(Int16Array.of(1), 0);
    peer.send({
      type: "response.done",
      response: responseWith("resp_1", {
        status: "failed",
        status_details: {
          type: "failed",
          error: { type: "server_error", code: "provider_timeout", message: "slow" },
        },
      }),
    });
    await next(client, "response.done");
    expect(errors.map(({ code }) => code)).toEqual([
      "bad_server_message",
      "bad_server_message",
      "provider_timeout",
    ]);
    expect(errors[2]!.message).toBe("The answer took too long. Try again.");
    expect(client.state).toBe("listening");
  });

  it("drops audio instead of letting it pile up, and says so once", async () => {
    let bufferedAmount = 0;
    class Congested extends WebSocket {
      override get bufferedAmount(): number {
        return bufferedAmount;
      }
    }
    const client = makeClient({ webSocket: Congested as never });
    const errors: string[] = [];
    client.on("error", ({ code }) => errors.push(code));
    await connect(client);
    bufferedAmount = 10_000_000;
    expect([client.sendAudio(new Int16Array(320)), client.sendAudio(new Int16Array(320))]).toEqual([
      false,
      false,
    ]);
    expect(errors).toEqual(["network_too_slow"]);
    bufferedAmount = 0;
    expect(client.sendAudio(new Int16Array(320))).toBe(true);
  });

  it("refuses to send without a connection", () => {
    const client = makeClient();
    expect(() => client.commit()).toThrow("Connect first");
    expect(client.sendAudio(new Int16Array(320))).toBe(false);
  });
});
