/** What the stand-ins of AI vendors share: an HTTP server that can be cut off, and an answer as server-sent events. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { CallPlan, Fault, FaultKind, Standin, StandinName, StandinWorld } from "./standin.ts";

/** A request's body at most; the vendors take some ten MB. */
const bodyBytesMax = 8 * 1024 * 1024;
/** Idle connections are kept that long, as vendors do. */
const keepAliveMs = 75_000;
/** Longer than anybody waits. */
const foreverMs = 24 * 60 * 60_000;

/** A request whose body has been read. */
export interface Asked {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  /** Parsed JSON; null where there is none, or none that parses. */
  body: unknown;
}

/** How one vendor says things. */
export interface AiDialect {
  name: StandinName;
  /** Appended to the address, `/v1` for OpenAI. */
  urlPath: string;
  /** Answers one request; a call is begun by who finds it to be one. */
  answer(asked: Asked, reply: Reply): Promise<void>;
  /** Body of a refusal. */
  errorBody(status: number, message: string, fault: Fault | null): unknown;
  /** Said in place of 503; 503 unless given. */
  overloadedStatus?: number;
  /** Whether a header says when to come back; true unless given. */
  retryAfterHeader?: boolean;
}

/** One request's way out. */
export interface Reply {
  /** Begins a call that ends as cancelled when the client goes away. */
  begin(): CallPlan;
  json(status: number, body: unknown, headers?: Record<string, string>): void;
  refuse(status: number, message: string): void;
  /** Carries out a fault that strikes before anything is answered; false when there is none such. */
  strike(plan: CallPlan): Promise<boolean>;
  /** Opens the stream of events. */
  stream(): EventStream;
}

/** A request for a model's description, the cheapest that vendors have: costs no time, and fails as calls do. */
export async function answerModel(reply: Reply, body: unknown): Promise<void> {
  const plan = reply.begin();
  if (await reply.strike(plan)) return;
  plan.end("completed");
  reply.json(200, body);
}

export interface EventStream {
  /** Writes one event. `event` null leaves its name out. */
  send(event: string | null, data: unknown): void;
  /** Writes an event whose data are these bytes, as they are. */
  sendRaw(event: string | null, data: Buffer | string): void;
  /** Writes the first half of an event, inside one chunk of HTTP, and destroys the socket. */
  cut(event: string | null, data: unknown): Promise<void>;
  end(lastText?: string): void;
}

const statusOfFault: Partial<Record<FaultKind, number>> = {
  unauthorized: 401,
  forbidden: 403,
  unknown_model: 404,
  request_timeout: 408,
  too_large: 413,
  rate_limited: 429,
  internal_error: 500,
  unavailable: 503,
};

/** Starts a server that speaks `dialect` on a free port of 127.0.0.1. */
export async function startAiStandin(world: StandinWorld, dialect: AiDialect): Promise<Standin> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    void serve(world, dialect, request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = keepAliveMs;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    const closed = closeServer(server);
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    name: dialect.name,
    url: `http://127.0.0.1:${port}${dialect.urlPath}`,
    async setListening(listening) {
      if (listening === server.listening) return;
      if (listening) await listen(port);
      else await stop();
    },
    close: stop,
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

async function serve(
  world: StandinWorld,
  dialect: AiDialect,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://standin");
  const text = await readBody(request);
  const reply = createReply(world, dialect, response);
  if (text === null) return reply.refuse(413, "The request is too large.");
  const asked: Asked = {
    ...{ method: request.method ?? "GET", path: url.pathname, query: url.searchParams },
    ...{ headers: request.headers, body: parseJson(text) },
  };
  await dialect.answer(asked, reply);
  if (!response.headersSent && !response.destroyed) reply.refuse(404, "There is nothing at this path.");
}

/** Null when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function createReply(world: StandinWorld, dialect: AiDialect, response: ServerResponse): Reply {
  const json: Reply["json"] = (status, body, headers = {}) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
  return {
    json,
    begin() {
      const plan = world.begin(dialect.name);
      response.once("close", () => plan.cancel());
      return plan;
    },
    refuse: (status, message) => json(status, dialect.errorBody(status, message, null)),
    async strike(plan) {
      const { fault } = plan;
      if (fault === null) return false;
      if (fault.kind === "hang") {
        await plan.wait(foreverMs);
        return true;
      }
      if (fault.kind === "reset") {
        plan.end("failed");
        response.socket?.resetAndDestroy();
        return true;
      }
      const named = statusOfFault[fault.kind];
      if (named === undefined) return false;
      const status = named === 503 ? (dialect.overloadedStatus ?? named) : named;
      plan.end("failed");
      const seconds = dialect.retryAfterHeader === false ? undefined : fault.retryAfterSeconds;
      const message = `Drill: ${fault.kind}. Keys begin with sk-secret, and so on.`;
      const headers: Record<string, string> = {};
      if (seconds !== undefined) headers["Retry-After"] = String(seconds);
      json(status, dialect.errorBody(status, message, fault), headers);
      return true;
    },
    stream: () => openStream(response),
  };
}

function openStream(response: ServerResponse): EventStream {
  response.writeHead(200, {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
  });
  const frame = (event: string | null, data: Buffer | string) =>
    Buffer.concat([
      Buffer.from(`${event === null ? "" : `event: ${event}\n`}data: `),
      typeof data === "string" ? Buffer.from(data) : data,
      Buffer.from("\n\n"),
    ]);
  const sendRaw: EventStream["sendRaw"] = (event, data) => {
    if (!response.destroyed) response.write(frame(event, data));
  };
  return {
    send: (event, data) => sendRaw(event, JSON.stringify(data)),
    sendRaw,
    cut(event, data) {
      const bytes = frame(event, JSON.stringify(data));
      const { socket } = response;
      // Headers may wait for the first write: they go out before what is written past the response.
      response.flushHeaders();
      return new Promise((resolve) => {
        if (socket === null) return resolve();
        const half = bytes.subarray(0, Math.ceil(bytes.length / 2));
        socket.write(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), half]), () => {
          socket.destroy();
          resolve();
        });
      });
    },
    end: (lastText) => {
      if (!response.destroyed) response.end(lastText);
    },
  };
}

/** One piece of an answer, ready to be sent: its event's name and data. */
export interface Piece {
  event: string | null;
  data: unknown;
  /** Events that stand right before and behind it: they are no pieces themselves. */
  lead?: readonly Piece[];
  trail?: readonly Piece[];
}

/** How an answer's faults look in one vendor's stream. */
export interface PieceFaults {
  /** An event that tells of an error. */
  error: Piece;
  /** The JSON of an event with `text` in it. */
  textPiece(text: string): Piece;
}

/** A character of three bytes, of which the last is left out. */
const truncated = "\u20ac";

/**
 * Sends pieces at the plan's pace, with its faults.
 *
 * @returns false when the stream has been dealt with (cut, stalled, client gone): nothing may follow
 */
export async function sendPieces(
  plan: CallPlan,
  stream: EventStream,
  pieces: readonly Piece[],
  faults: PieceFaults,
): Promise<boolean> {
  let mangled = false;
  for (const [count, piece] of pieces.entries()) {
    if (count > 0 && !(await plan.wait(plan.pieceMs))) return false;
    if (plan.signal.aborted) return false;
    if (!mangled && plan.failsAfter(count)) {
      if (plan.fault?.kind === "truncated_utf8") {
        mangled = true;
        sendTruncated(stream, faults.textPiece(`${truncated} `));
      } else {
        for (const one of piece.lead ?? []) stream.send(one.event, one.data);
        return failStream(plan, stream, piece, faults);
      }
    }
    for (const one of [...(piece.lead ?? []), piece, ...(piece.trail ?? [])])
      stream.send(one.event, one.data);
  }
  if (!mangled && plan.failsAfter(pieces.length) && plan.fault?.kind !== "truncated_utf8") {
    return failStream(plan, stream, faults.textPiece("unheard"), faults);
  }
  return true;
}

function sendTruncated(stream: EventStream, { event, data }: Piece): void {
  const bytes = Buffer.from(JSON.stringify(data));
  const at = bytes.indexOf(Buffer.from(truncated)) + 2;
  stream.sendRaw(event, Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]));
}

async function failStream(
  plan: CallPlan,
  stream: EventStream,
  next: Piece,
  faults: PieceFaults,
): Promise<false> {
  switch (plan.fault?.kind) {
    case "stall":
      await plan.wait(foreverMs);
      return false;
    case "cut":
      plan.end("failed");
      await stream.cut(next.event, next.data);
      return false;
    case "error_in_stream":
      plan.end("failed");
      stream.send(faults.error.event, faults.error.data);
      stream.end();
      return false;
    default: {
      // Half of the data, and the line's end where it should go on.
      plan.end("failed");
      const text = JSON.stringify(next.data);
      stream.sendRaw(next.event, text.slice(0, Math.ceil(text.length / 2)));
      stream.end();
      return false;
    }
  }
}
