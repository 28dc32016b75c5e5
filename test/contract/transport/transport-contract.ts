/** What every transport must do, whatever it is made of. Clients are `ws` and bare TCP. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Clock } from "../../../gateway/clock.ts";
import { createSystemClock } from "../../../gateway/system-clock.ts";
import type {
  HandshakeDecision,
  HandshakeRequest,
  SocketHandler,
  Transport,
  TransportSocket,
} from "../../../gateway/transport/contract.ts";
import type { TransportLimits, TransportObserver } from "../../../gateway/transport/limits.ts";

/** What a transport under test is made with; it listens on 127.0.0.1, a free port. */
export interface ContractSetup {
  decide(request: HandshakeRequest): Promise<HandshakeDecision>;
  limits: TransportLimits;
  clock: Clock;
  observe: TransportObserver;
}

export type TransportFactory = (setup: ContractSetup) => Transport;

const roomy: TransportLimits = {
  maxConnections: 100,
  maxConnectionsPerAddress: 100,
  maxHandshakesPerSecond: 1000,
  handshakeTimeoutMs: 5000,
  maxMessageBytes: 21 * 1024 * 1024,
  maxMessagesPerSecond: 1000,
  maxInputBytesPerSecond: 8 * 1024 * 1024,
  sendBufferBytes: 256 * 1024,
  pingIntervalMs: 60_000,
  closeTimeoutMs: 300,
};

/** One connection as the server saw it; waits end with the event, never with a guess at time. */
class Visit implements SocketHandler {
  readonly texts: string[] = [];
  readonly binaries: Buffer[] = [];
  readonly readAtMs: number[] = [];
  drains = 0;
  closes: { code: number; reason: string }[] = [];
  socket!: TransportSocket;
  onMessage: (() => void) | null = null;
  readonly #waits: { holds: () => boolean; resolve: () => void }[] = [];

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waits.push({ holds, resolve });
      this.#check();
    });
  }
  onText(text: string): void {
    this.texts.push(text);
    this.readAtMs.push(this.socket.readAtMs);
    this.onMessage?.();
    this.#check();
  }
  onBinary(bytes: Uint8Array): void {
    this.binaries.push(Buffer.from(bytes));
    this.onMessage?.();
    this.#check();
  }
  onDrain(): void {
    this.drains++;
    this.#check();
  }
  onClose(code: number, reason: string): void {
    this.closes.push({ code, reason });
    this.#check();
  }
  #check(): void {
    for (const wait of this.#waits) if (wait.holds()) wait.resolve();
  }
}

interface Seen {
  requests: HandshakeRequest[];
  refused: string[];
  closed: number[];
  pings: number[];
  bytes: { in: number; out: number };
  faults: unknown[];
}

interface House {
  transport: Transport;
  port: number;
  seen: Seen;
  visits: Visit[];
  clock: Clock;
}

/** A handshake's bytes, for clients that misbehave. */
export function handshakeText(lines: string[] = [], path = "/v1/realtime"): string {
  return [
    `GET ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...lines,
    "",
    "",
  ].join("\r\n");
}

/** A client's frame, masked with zeros. */
function frame(opcode: number, payload: Buffer, fin = true): Buffer {
  const long = payload.length > 125;
  const head = Buffer.alloc((long ? 4 : 2) + 4);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = 0x80 | (long ? 126 : payload.length);
  if (long) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

/** Runs the whole suite over one transport. */
export function describeTransport(name: string, make: TransportFactory): void {
  describe(`transport: ${name}`, () => {
    const houses: House[] = [];
    const raws: Socket[] = [];
    const clients: WebSocket[] = [];

    afterEach(async () => {
      for (const client of clients.splice(0)) client.terminate();
      for (const raw of raws.splice(0)) raw.destroy();
      await Promise.all(houses.splice(0).map(({ transport }) => transport.close(1001, "end")));
    });

    async function build(
      limits: Partial<TransportLimits> = {},
      decide?: (request: HandshakeRequest, accept: HandshakeDecision) => Promise<HandshakeDecision>,
    ): Promise<House> {
      const clock = createSystemClock();
      const seen: Seen = {
        requests: [],
        refused: [],
        closed: [],
        pings: [],
        bytes: { in: 0, out: 0 },
        faults: [],
      };
      const visits: Visit[] = [];
      const observe: TransportObserver = {
        opened: () => {},
        closed: (code) => seen.closed.push(code),
        refused: (code) => seen.refused.push(code),
        pinged: (ms) => seen.pings.push(ms),
        bytes: (direction, count) => {
          seen.bytes[direction] += count;
        },
        backlog: () => {},
        fault: (error) => seen.faults.push(error),
      };
      const transport = make({
        limits: { ...roomy, ...limits },
        clock,
        observe,
        decide: async (request) => {
          seen.requests.push(request);
          const accept: HandshakeDecision = {
            accept: true,
            subprotocol: request.subprotocols.includes("realtime") ? "realtime" : null,
            open: (socket) => {
              const visit = new Visit();
              visit.socket = socket;
              visits.push(visit);
              return visit;
            },
          };
          return decide ? decide(request, accept) : accept;
        },
      });
      const { port } = await transport.listen();
      const house = { transport, port, seen, visits, clock };
      houses.push(house);
      return house;
    }

    function dial(house: House, path = "/v1/realtime", protocols: string[] = []): WebSocket {
      const client = new WebSocket(`ws://127.0.0.1:${house.port}${path}`, protocols);
      client.on("error", () => {});
      clients.push(client);
      return client;
    }

    async function enter(
      house: House,
      path?: string,
      protocols?: string[],
    ): Promise<{ client: WebSocket; visit: Visit }> {
      const client = dial(house, path, protocols);
      await once(client, "open");
      return { client, visit: house.visits.at(-1)! };
    }

    function bare(house: House): Socket {
      const socket = connect(house.port, "127.0.0.1");
      socket.on("error", () => {});
      raws.push(socket);
      return socket;
    }

    /** What a bare client got until the server ended the connection. */
    async function answerTo(house: House, text: string): Promise<string> {
      const socket = bare(house);
      socket.write(text);
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    }

    async function refused(
      house: House,
    ): Promise<{ status: number; body: { error: { code: string; type: string; message: string } } }> {
      const client = dial(house);
      const [, response] = (await once(client, "unexpected-response")) as [
        unknown,
        NodeJS.ReadableStream & { statusCode: number },
      ];
      let text = "";
      for await (const chunk of response) text += String(chunk);
      return { status: response.statusCode, body: JSON.parse(text) };
    }

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
  });
}
