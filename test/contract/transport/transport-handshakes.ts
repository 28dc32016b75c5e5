/** Who is let in, and who is turned away. */
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { type House, handshakeText, openBench, type TransportFactory } from "./transport-bench.ts";

export function describeHandshakes(make: TransportFactory): void {
  const { build, dial, enter, bare, answerTo, refused, leave } = openBench(make);
  afterEach(leave);

  it("refuses with the decision's status and a coded JSON body", async () => {
    const house = await build({}, async () => ({
      accept: false,
      status: 401,
      code: "invalid_api_key",
      message: "No such key.",
    }));
    const { status, body } = await refused(house);
    expect(status).toBe(401);
    expect(body.error).toMatchObject({
      code: "invalid_api_key",
      message: "No such key.",
      type: "authentication_error",
    });
    expect(house.seen.refused).toEqual(["invalid_api_key"]);
  });

  it("refuses with internal_error when the decision fails, and says so to the log", async () => {
    const house = await build({}, async () => {
      throw new Error("no way to decide");
    });
    const { status, body } = await refused(house);
    expect([status, body.error.code]).toEqual([500, "internal_error"]);
    expect(house.seen.faults).toHaveLength(1);
  });

  it("refuses when the decision takes too long", async () => {
    const house = await build({ handshakeTimeoutMs: 50 }, () => new Promise(() => {}));
    const { status, body } = await refused(house);
    expect([status, body.error.code]).toEqual([503, "not_ready"]);
  });

  it.each([
    ["an old version", handshakeText().replace("Version: 13", "Version: 8"), 426, "upgrade_required"],
    [
      "another protocol",
      handshakeText().replace("Upgrade: websocket", "Upgrade: h2c"),
      426,
      "upgrade_required",
    ],
    ["no key", handshakeText().replace(/Sec-WebSocket-Key.*\r\n/, ""), 400, "invalid_request"],
    ["a malformed subprotocol", handshakeText(["Sec-WebSocket-Protocol: a b, c"]), 400, "invalid_request"],
    ["a subprotocol twice", handshakeText(["Sec-WebSocket-Protocol: a, a"]), 400, "invalid_request"],
    ["a POST", handshakeText().replace("GET", "POST"), 405, "method_not_allowed"],
  ])("refuses a bad upgrade: %s", async (_case, text, status, code) => {
    const house = await build();
    const answer = await answerTo(house, text);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(JSON.parse(answer.split("\r\n\r\n")[1]!).error.code).toBe(code);
    expect(house.visits).toEqual([]);
  });

  it("gives up a handshake whose headers never end", async () => {
    const house = await build({ handshakeTimeoutMs: 100 });
    const socket = bare(house);
    socket.write("GET /v1/realtime HTTP/1.1\r\nHost: x\r\n");
    socket.resume();
    await once(socket, "close");
    expect(house.seen.requests).toEqual([]);
  });

  it("frees the place of a caller that leaves while it is decided on", async () => {
    let decideNow = (): void => {};
    const house = await build({ maxConnections: 1 }, (_request, accept) =>
      house.seen.requests.length > 1
        ? Promise.resolve(accept)
        : new Promise((resolve) => {
            decideNow = () => resolve(accept);
          }),
    );
    const early = bare(house);
    early.write(handshakeText());
    await expect.poll(() => house.seen.requests.length).toBe(1);
    early.destroy();
    decideNow();
    await expect.poll(() => dialAndSee(house)).toBe("open");
    expect(house.transport.openSockets).toBe(1);
  });

  async function dialAndSee(house: House): Promise<string> {
    const client = dial(house);
    const opened = once(client, "open").then(() => "open");
    return Promise.race([opened, once(client, "unexpected-response").then(() => "refused")]);
  }

  it("turns away connections past the limit in all, and takes one again when one left", async () => {
    const house = await build({ maxConnections: 2 });
    const { client, visit } = await enter(house);
    await enter(house);
    const { status, body } = await refused(house);
    expect([status, body.error.code]).toEqual([429, "too_many_connections"]);
    client.close();
    await visit.until(() => visit.closes.length === 1);
    await enter(house);
    expect(house.transport.openSockets).toBe(2);
  });

  it("turns away connections past the limit of one address", async () => {
    const house = await build({ maxConnectionsPerAddress: 1 });
    await enter(house);
    expect((await refused(house)).body.error.code).toBe("too_many_connections");
  });

  it("turns away handshakes past the rate", async () => {
    const house = await build({ maxHandshakesPerSecond: 1 });
    await enter(house);
    await enter(house);
    expect((await refused(house)).body.error.code).toBe("too_many_connections");
  });

  it("turns new handshakes away while it drains, and lets open sockets live on", async () => {
    const house = await build();
    const { client, visit } = await enter(house);
    house.transport.stopAccepting();
    const { status, body } = await refused(house);
    expect([status, body.error.code]).toEqual([503, "draining"]);
    client.send("still here");
    await visit.until(() => visit.texts.length === 1);
  });
}
