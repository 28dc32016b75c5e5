/** Peers that are slow, that flood or that answer nothing. */
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { openBench, type TransportFactory } from "./transport-bench.ts";

export function describeFlow(make: TransportFactory): void {
  const { build, enter, leave } = openBench(make);
  afterEach(leave);

  it("reports a backlog, then its drain, once the peer reads again", async () => {
    const { client, visit } = await enter(await build({ sendBufferBytes: 16 * 1024 * 1024 }));
    client.pause();
    const piece = new Uint8Array(64 * 1024);
    let result = visit.socket.send(piece);
    while (result === "sent") result = visit.socket.send(piece);
    expect(result).toBe("backlogged");
    expect(visit.socket.bufferedBytes).toBeGreaterThan(4 * 1024 * 1024);
    expect(visit.drains).toBe(0);
    client.resume();
    await visit.until(() => visit.drains === 1);
    expect(visit.socket.bufferedBytes).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect(visit.socket.send("small")).toBe("sent");
  });

  it("closes a client that reads more slowly than it is sent to with slow_client", async () => {
    const house = await build({ sendBufferBytes: 256 * 1024 });
    const { client, visit } = await enter(house);
    client.pause();
    const piece = new Uint8Array(64 * 1024);
    let sends = 0;
    while (sends < 1000 && visit.socket.send(piece) !== "closed") sends++;
    expect(visit.socket.bufferedBytes).toBeLessThanOrEqual(256 * 1024 + 1024);
    expect(sends).toBeGreaterThan(3);
    await visit.until(() => visit.closes.length === 1);
    expect(visit.closes).toEqual([{ code: 4001, reason: "slow_client" }]);
  });

  it("keeps a client that reads on, though more comes at once than the buffer holds", async () => {
    const { client, visit } = await enter(await build({ sendBufferBytes: 64 * 1024 }));
    const piece = "x".repeat(8 * 1024);
    for (let sends = 0; sends < 12; sends++) expect(visit.socket.send(piece)).not.toBe("closed");
    let arrived = 0;
    await new Promise<void>((resolve) => {
      client.on("message", () => ++arrived === 12 && resolve());
    });
    expect(visit.closes).toEqual([]);
  });

  it("sends one message that is larger than the whole buffer", async () => {
    const { client, visit } = await enter(await build({ sendBufferBytes: 64 * 1024 }));
    const arrived = once(client, "message");
    visit.socket.send("x".repeat(8 * 1024 * 1024));
    expect(visit.socket.send("and a small one")).not.toBe("closed");
    const [data] = await arrived;
    expect((data as Buffer).length).toBe(8 * 1024 * 1024);
  });

  it("closes a client that floods messages", async () => {
    const { client, visit } = await enter(await build({ maxMessagesPerSecond: 10 }));
    for (let index = 0; index < 200; index++) client.send("x");
    await visit.until(() => visit.closes.length === 1);
    expect(visit.closes).toEqual([{ code: 4503, reason: "flood" }]);
    expect(visit.texts.length).toBeGreaterThanOrEqual(100);
    expect(visit.texts.length).toBeLessThan(200);
  });

  it("closes a client that floods bytes", async () => {
    const { client, visit } = await enter(
      await build({ maxInputBytesPerSecond: 1000, maxMessageBytes: 2000 }),
    );
    for (let index = 0; index < 40; index++) client.send(Buffer.alloc(1000));
    await visit.until(() => visit.closes.length === 1);
    expect(visit.closes).toEqual([{ code: 4503, reason: "flood" }]);
    expect(visit.binaries.length).toBeGreaterThanOrEqual(10);
    expect(visit.binaries.length).toBeLessThan(40);
  });

  it("counts a flood of pings too", async () => {
    const { client, visit } = await enter(await build({ maxMessagesPerSecond: 10 }));
    for (let index = 0; index < 200; index++) client.ping();
    await visit.until(() => visit.closes.length === 1);
    expect(visit.closes[0]!.code).toBe(4503);
  });

  it("pings its peers and reports the round trip", async () => {
    const house = await build({ pingIntervalMs: 20 });
    const { client } = await enter(house);
    await once(client, "ping");
    await expect.poll(() => house.seen.pings.length).toBeGreaterThan(0);
    expect(house.seen.pings[0]).toBeGreaterThanOrEqual(0);
  });

  it("gives up a peer that answers nothing, not even pings", async () => {
    const house = await build({ pingIntervalMs: 30 });
    const { client, visit } = await enter(house);
    client.pause();
    await visit.until(() => visit.closes.length === 1);
    expect(visit.closes).toEqual([{ code: 4004, reason: "idle_timeout" }]);
  });

  it("reports sums of bytes by the end", async () => {
    const house = await build();
    const { client, visit } = await enter(house);
    client.send("12345");
    await visit.until(() => visit.texts.length === 1);
    visit.socket.send(new Uint8Array(7));
    await house.transport.close(1001, "end");
    expect(house.seen.bytes).toEqual({ in: 5, out: 7 });
    expect(house.seen.closed).toEqual([1001]);
  });
}
