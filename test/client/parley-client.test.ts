import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ParleyClientOptions } from "../../client/client-events.ts";
import { ParleyClient } from "../../client/parley-client.ts";
import type { ParleyError } from "../../client/parley-error.ts";
import { type FakeGateway, type FakePeer, sessionWith, startFakeGateway } from "./fake-gateway.ts";
import { beginReply, endReply, responseWith, sendUserTurn, sendWords } from "./replies.ts";

let gateway: FakeGateway;
const clients: ParleyClient[] = [];

beforeEach(async () => {
  gateway = await startFakeGateway();
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await gateway.stop();
});

function makeClient(options: Partial<ParleyClientOptions> = {}): ParleyClient {
  const client = new ParleyClient({
    url: gateway.url,
    reconnect: { baseMs: 2, maxMs: 4 },
    random: () => 0,
    ...options,
  });
  clients.push(client);
  return client;
}

async function connect(client: ParleyClient): Promise<FakePeer> {
  const connecting = client.connect();
  const peer = await gateway.nextPeer();
  peer.send({ type: "session.created", session: sessionWith({}) });
  await connecting;
  return peer;
}

/** Resolves with the next event of that name. */
function next<Type extends Parameters<ParleyClient["once"]>[0]>(client: ParleyClient, type: Type) {
  return new Promise<Parameters<Parameters<typeof client.once<Type>>[1]>[0]>((resolve) =>
    client.once(type, resolve),
  );
}

describe("connecting", () => {
  it("asks for what the options say and resolves when the server is ready", async () => {
    const client = makeClient({ apiKey: async () => "secret-1", extensions: { duck: true, debug: true } });
    const states: string[] = [];
    client.on("state", ({ state }) => states.push(state));
    const peer = await connect(client);
    expect(peer.url.pathname).toBe("/v1/realtime");
    expect(Object.fromEntries(peer.url.searchParams)).toEqual({ audio: "binary", duck: "1", debug: "1" });
    expect(peer.protocols).toEqual(["realtime", "openai-insecure-api-key.secret-1"]);
    expect(states).toEqual(["connecting", "listening"]);
    expect(client.session?.id).toBe("sess_1");
  });

  it.each([
    [401, "missing_api_key", "This server asks for an API key."],
    [401, "invalid_api_key", "The server didn't accept this API key."],
    [503, "too_many_sessions", "The server is busy. Try again in a moment."],
    [503, "draining", "The server is about to restart. Try again in a moment."],
  ])("tells a refusal with %i %s in plain words", async (status, code, message) => {
    gateway.refusal = { status, code };
    const client = makeClient();
    await expect(client.connect()).rejects.toMatchObject({ code, message });
    expect(client.state).toBe("closed");
  });

  it("tells a busy server from one that is away, also where only /readyz can be asked", async () => {
    gateway.refusal = { status: 503, code: "unread" };
    gateway.mute = true;
    gateway.notReadyBecause = "draining";
    await expect(makeClient().connect()).rejects.toMatchObject({ code: "draining", retryable: true });
    gateway.notReadyBecause = "no code at all!";
    await expect(makeClient().connect()).rejects.toMatchObject({ code: "too_many_sessions" });
    gateway.notReadyBecause = null;
    await expect(makeClient().connect()).rejects.toMatchObject({ code: "upgrade_required" });
  });

  it("asks for every extension by its own name, from the next connection on", async () => {
    const client = makeClient({ extensions: { words: true, level: true } });
    const peer = await connect(client);
    expect(Object.fromEntries(peer.url.searchParams)).toEqual({ audio: "binary", words: "1", level: "1" });
    client.close();
    client.extend({ level: false, echoGuard: true });
    const second = await connect(client);
    expect(Object.fromEntries(second.url.searchParams)).toEqual({ audio: "binary", words: "1", aec: "none" });
    const plain = makeClient({ audio: "base64", extensions: { words: true, duck: true } });
    expect([...(await connect(plain)).url.searchParams]).toEqual([]);
  });

  it("tells when there is no server", async () => {
    await gateway.stop();
    await expect(makeClient().connect()).rejects.toMatchObject({
      code: "server_unreachable",
      retryable: true,
      message: "The server can't be reached. Check that it is running and that you are online.",
    });
    gateway = await startFakeGateway();
  });

  it("refuses a key that can't travel, before anything is sent", async () => {
    await expect(makeClient({ apiKey: "two words" }).connect()).rejects.toMatchObject({
      code: "api_key_unusable",
    });
  });

  it("gives up on a server that says nothing", async () => {
    await expect(makeClient({ connectTimeoutMs: 50 }).connect()).rejects.toMatchObject({
      code: "connect_timeout",
    });
  });

  it("can be given up by the caller, and begun again", async () => {
    const client = makeClient();
    const connecting = client.connect();
    client.close();
    await expect(connecting).rejects.toMatchObject({ code: "closed_by_caller" });
    await connect(client);
    expect(client.state).toBe("listening");
    await expect(client.connect()).rejects.toMatchObject({ code: "already_connected" });
  });
});

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

describe("a lost connection", () => {
  it.each([
    ["a restart", (peer: FakePeer) => peer.close(4000, "restart"), "server_restart"],
    ["a cut wire", (peer: FakePeer) => peer.terminate(), "connection_lost"],
  ])(
    "is taken up again after %s, in a new conversation with the same settings",
    async (_name, lose, code) => {
      const client = makeClient();
      const peer = await connect(client);
      const configured = client.configure({ instructions: "Be brief." });
      await peer.next("session.update");
      peer.send({ type: "session.updated", session: sessionWith({ instructions: "Be brief." }) });
      await configured;
      const notices: string[] = [];
      client.on("reconnecting", ({ attempt, cause }) => notices.push(`${attempt} ${cause.code}`));
      const restarted = next(client, "restarted");
      lose(peer);
      const second = await gateway.nextPeer();
      second.send({ type: "session.created", session: sessionWith({}) });
      const update = await second.next("session.update");
      expect(update.session).toMatchObject({ instructions: "Be brief." });
      second.send({ type: "session.updated", session: sessionWith({ instructions: "Be brief." }) });
      await expect(restarted).resolves.toEqual({
        message: "Connected again. This is a new conversation: what was said before is forgotten.",
      });
      expect(notices).toEqual([`1 ${code}`]);
      expect(client.state).toBe("listening");
    },
  );

  it("goes on trying when it is lost again while it is restored", async () => {
    const client = makeClient();
    const peer = await connect(client);
    const configured = client.configure({});
    await peer.next("session.update");
    peer.send({ type: "session.updated", session: sessionWith({}) });
    await configured;
    const restarted = next(client, "restarted");
    peer.terminate();
    const second = await gateway.nextPeer();
    second.send({ type: "session.created", session: sessionWith({}) });
    await second.next("session.update");
    second.terminate();
    const third = await gateway.nextPeer();
    await third.welcome();
    await restarted;
    expect(client.state).toBe("listening");
  });

  it("is given up after the last attempt", async () => {
    const client = makeClient({ reconnect: { baseMs: 1, maxMs: 1, maxAttempts: 2 } });
    const peer = await connect(client);
    const attempts: number[] = [];
    client.on("reconnecting", ({ attempt }) => attempts.push(attempt));
    const closed = next(client, "closed");
    gateway.refusal = { status: 503, code: "draining" };
    peer.close(4000);
    const { error } = await closed;
    expect(error?.code).toBe("reconnect_failed");
    expect(attempts).toEqual([1, 2]);
    expect(client.state).toBe("closed");
  });

  it("is not taken up where that can't help", async () => {
    const client = makeClient();
    const peer = await connect(client);
    const closed = next(client, "closed");
    peer.close(4504, "too long");
    const { error } = await closed;
    expect(error).toMatchObject({
      code: "session_expired",
      message: "The conversation reached its longest duration.",
      details: { closeCode: 4504, detail: "too long" },
    });
  });

  it("is given up at once when the key isn't taken any more", async () => {
    const client = makeClient();
    const peer = await connect(client);
    gateway.refusal = { status: 401, code: "invalid_api_key" };
    const closed = next(client, "closed");
    peer.close(4000);
    expect((await closed).error?.code).toBe("invalid_api_key");
  });

  it("is tried again at once when the device wakes up or finds its network", async () => {
    const client = makeClient({ reconnect: { baseMs: 60_000, maxMs: 60_000 } });
    for (const wake of [() => void client.wake(), () => client.setOnline(true)]) {
      const peer = await connect(client);
      const reconnecting = next(client, "reconnecting");
      const restarted = next(client, "restarted");
      peer.terminate();
      await reconnecting;
      wake();
      const second = await gateway.nextPeer();
      second.send({ type: "session.created", session: sessionWith({}) });
      await restarted;
      client.close();
    }
  });

  it("isn't given up while the device has no network", async () => {
    const client = makeClient({ reconnect: { baseMs: 1, maxMs: 1, maxAttempts: 2 } });
    const peer = await connect(client);
    const attempts: number[] = [];
    client.on("reconnecting", ({ attempt }) => attempts.push(attempt));
    client.setOnline(false);
    gateway.refusal = { status: 503, code: "draining" };
    peer.close(4000);
    await expect.poll(() => attempts.length, { timeout: 10_000 }).toBeGreaterThan(5);
    expect(attempts.slice(0, 4)).toEqual([1, 2, 2, 2]);
    gateway.refusal = null;
    const restarted = next(client, "restarted");
    client.setOnline(true);
    (await gateway.nextPeer()).send({ type: "session.created", session: sessionWith({}) });
    await restarted;
  });

  it("is noticed after a sleep although the socket looks open, and left alone when it lives", async () => {
    const client = makeClient({ connectTimeoutMs: 200 });
    const peer = await connect(client);
    const alive = client.wake();
    await peer.next("session.update");
    peer.send({ type: "session.updated", session: sessionWith({}) });
    await alive;
    expect(client.state).toBe("listening");
    const reconnecting = next(client, "reconnecting");
    void client.wake();
    await peer.next("session.update");
    // It never answers.
    expect((await reconnecting).cause.code).toBe("connection_lost");
  });

  it("stays closed when the caller closes meanwhile", async () => {
    const client = makeClient({ reconnect: { baseMs: 60_000, maxMs: 60_000 } });
    const peer = await connect(client);
    const reconnecting = next(client, "reconnecting");
    peer.terminate();
    await reconnecting;
    const closed = next(client, "closed");
    client.close();
    expect((await closed).error).toBeNull();
    expect(client.state).toBe("closed");
  });
});
