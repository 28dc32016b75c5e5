/** A transport under test, and clients of it: `ws` and bare TCP. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
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

export const roomy: TransportLimits = {
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
export class Visit implements SocketHandler {
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

export interface Seen {
  requests: HandshakeRequest[];
  refused: string[];
  closed: number[];
  pings: number[];
  bytes: { in: number; out: number };
  faults: unknown[];
}

export interface House {
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
export function frame(opcode: number, payload: Buffer, fin = true): Buffer {
  const long = payload.length > 125;
  const head = Buffer.alloc((long ? 4 : 2) + 4);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = 0x80 | (long ? 126 : payload.length);
  if (long) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

/** Opens transports and clients for a test; `leave` ends them all. */
export function openBench(make: TransportFactory) {
  const houses: House[] = [];
  const raws: Socket[] = [];
  const clients: WebSocket[] = [];

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

  async function leave(): Promise<void> {
    for (const client of clients.splice(0)) client.terminate();
    for (const raw of raws.splice(0)) raw.destroy();
    await Promise.all(houses.splice(0).map(({ transport }) => transport.close(1001, "end")));
  }

  return { build, dial, enter, bare, answerTo, refused, leave };
}
