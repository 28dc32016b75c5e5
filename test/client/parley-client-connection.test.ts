import { describe, expect, it } from "vitest";
import { connect, gateway, makeClient, next, startGateway } from "./client-world.ts";
import { type FakePeer, sessionWith } from "./fake-gateway.ts";

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
    await startGateway();
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
