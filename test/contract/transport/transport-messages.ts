/** What passes over a connection, and how it ends. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, expect, it } from "vitest";
import { frame, handshakeText, openBench, type TransportFactory } from "./transport-bench.ts";

export function describeMessages(make: TransportFactory): void {
  const { build, enter, bare, leave } = openBench(make);
  afterEach(leave);

  it("hands a handshake on with its path, query, headers and subprotocols, and answers with the chosen one", async () => {
    const house = await build();
    const { client } = await enter(house, "/v1/realtime?model=x&audio=binary", [
      "realtime",
      "openai-insecure-api-key.abc",
    ]);
    const request = house.seen.requests[0]!;
    expect(request.url.pathname + request.url.search).toBe("/v1/realtime?model=x&audio=binary");
    expect(request.subprotocols).toEqual(["realtime", "openai-insecure-api-key.abc"]);
    expect(request.headers.host).toBe(`127.0.0.1:${house.port}`);
    expect(request).toMatchObject({ remoteAddress: "127.0.0.1", secure: false });
    expect(client.protocol).toBe("realtime");
    expect(house.transport.openSockets).toBe(1);
  });

  it("carries text and binary both ways, in order and told apart", async () => {
    const { client, visit } = await enter(await build());
    client.send("grüß dich");
    client.send(Buffer.from([1, 2, 3]));
    await visit.until(() => visit.binaries.length === 1);
    expect(visit.texts).toEqual(["grüß dich"]);
    expect(visit.binaries[0]).toEqual(Buffer.from([1, 2, 3]));
    const got: [unknown, boolean][] = [];
    const both = new Promise<void>((resolve) => {
      client.on("message", (data, isBinary) => {
        got.push([isBinary ? data : String(data), isBinary]);
        if (got.length === 2) resolve();
      });
    });
    expect(visit.socket.send("höre")).toBe("sent");
    expect(visit.socket.send(new Uint8Array([9, 8]))).toBe("sent");
    await both;
    expect(got).toEqual([
      ["höre", false],
      [Buffer.from([9, 8]), true],
    ]);
  });

  it("stamps a message with the moment at which it was read", async () => {
    const house = await build();
    const { client, visit } = await enter(house);
    const beforeMs = house.clock.nowMs();
    client.send("now");
    await visit.until(() => visit.texts.length === 1);
    expect(visit.readAtMs[0]).toBeGreaterThanOrEqual(beforeMs);
    expect(visit.readAtMs[0]).toBeLessThanOrEqual(house.clock.nowMs());
  });

  it("takes an append of 15 MiB of audio in one message", async () => {
    const { client, visit } = await enter(await build());
    const length = 20 * 1024 * 1024;
    client.send("a".repeat(length));
    await visit.until(() => visit.texts.length === 1);
    expect(visit.texts[0]).toHaveLength(length);
  });

  it("closes with message_too_big past the limit", async () => {
    const { client, visit } = await enter(await build({ maxMessageBytes: 1000 }));
    client.send("a".repeat(1001));
    const [code, reason] = await once(client, "close");
    await visit.until(() => visit.closes.length === 1);
    expect([code, String(reason)]).toEqual([4502, "message_too_big"]);
    expect(visit.closes).toEqual([{ code: 4502, reason: "message_too_big" }]);
    expect(visit.texts).toEqual([]);
  });

  it("closes with protocol_violation on a frame that no client may send", async () => {
    const house = await build();
    const socket = bare(house);
    socket.write(handshakeText());
    await once(socket, "data");
    socket.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]));
    await house.visits[0]!.until(() => house.visits[0]!.closes.length === 1);
    expect(house.visits[0]!.closes).toEqual([{ code: 4500, reason: "protocol_violation" }]);
  });

  it("closes on text that is not UTF-8", async () => {
    const house = await build();
    const socket = bare(house);
    socket.write(handshakeText());
    await once(socket, "data");
    socket.write(frame(1, Buffer.from([0xc3, 0x28])));
    await house.visits[0]!.until(() => house.visits[0]!.closes.length === 1);
    expect(house.visits[0]!.closes[0]!.code).toBe(4500);
  });

  it("joins the fragments of a message and refuses one that is cut into crumbs", async () => {
    const house = await build({ maxMessageBytes: 64 * 1024 });
    const socket = bare(house);
    socket.write(handshakeText());
    await once(socket, "data");
    const visit = house.visits[0]!;
    socket.write(Buffer.concat([frame(1, Buffer.from("one "), false), frame(0, Buffer.from("piece"))]));
    await visit.until(() => visit.texts.length === 1);
    expect(visit.texts).toEqual(["one piece"]);
    const crumbs = Array.from({ length: 5000 }, (_, index) =>
      frame(index === 0 ? 2 : 0, Buffer.from([1]), false),
    );
    socket.write(Buffer.concat(crumbs));
    await visit.until(() => visit.closes.length === 1);
    expect(visit.closes[0]!.code).toBe(4500);
  });

  it("closes every socket with the given code and frees the port", async () => {
    const house = await build();
    const { client, visit } = await enter(house);
    const closed = once(client, "close");
    await house.transport.close(4000, "server_restart");
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([4000, "server_restart"]);
    expect(visit.closes).toEqual([{ code: 4000, reason: "server_restart" }]);
    expect(house.transport.openSockets).toBe(0);
    const [error] = await once(connect(house.port, "127.0.0.1"), "error");
    expect(error.code).toBe("ECONNREFUSED");
  });

  it("cuts a peer that does not take part in closing", async () => {
    const house = await build({ closeTimeoutMs: 50 });
    const socket = bare(house);
    socket.write(handshakeText());
    await once(socket, "data");
    await house.transport.close(4000, "server_restart");
    expect(house.visits[0]!.closes).toEqual([{ code: 4000, reason: "server_restart" }]);
  });

  it("tells a handler of the peer's close exactly once, as the last call", async () => {
    const { client, visit } = await enter(await build());
    client.close(4321, "bye");
    await visit.until(() => visit.closes.length === 1);
    expect(visit.closes).toEqual([{ code: 4321, reason: "bye" }]);
    expect(visit.socket.send("late")).toBe("closed");
    visit.socket.close(1000, "late");
    expect(visit.closes).toHaveLength(1);
  });

  it("passes the peer's own 1009 on as what it is", async () => {
    const { client, visit } = await enter(await build());
    client.close(1009, "too big for me");
    await visit.until(() => visit.closes.length === 1);
    expect(visit.closes).toEqual([{ code: 1009, reason: "too big for me" }]);
  });

  it("delivers nothing after it began to close", async () => {
    const { client, visit } = await enter(await build());
    visit.onMessage = () => visit.socket.close(4504, "session_expired");
    client.send("first");
    client.send("second");
    await visit.until(() => visit.closes.length === 1);
    expect(visit.texts).toEqual(["first"]);
    expect(visit.closes).toEqual([{ code: 4504, reason: "session_expired" }]);
  });

  it("cuts a close reason to 123 bytes between characters", async () => {
    const { client, visit } = await enter(await build());
    const closed = once(client, "close");
    visit.socket.close(4500, "ü".repeat(100));
    const [, reason] = await closed;
    expect(String(reason)).toBe("ü".repeat(61));
  });

  it("closes only the connection whose handler throws", async () => {
    const house = await build();
    const { client, visit } = await enter(house);
    const other = await enter(house);
    visit.onMessage = () => {
      throw new Error("a bug of ours");
    };
    client.send("boom");
    const [code] = await once(client, "close");
    expect(code).toBe(1011);
    expect(house.seen.faults).toHaveLength(1);
    other.client.send("fine");
    await other.visit.until(() => other.visit.texts.length === 1);
  });
}
