/** A server of the protocol that does what a test tells it, event by event; it serves the page too. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { PageAsset } from "../../gateway/http/app.ts";
import { securityHeaders } from "../../gateway/http/security-headers.ts";
import { encodeFrame } from "../../wire/binary-frames.ts";
import type { ClientEvent, SentSession, ServerEvent } from "../../wire/events.ts";

type ClientEventOf<Type extends ClientEvent["type"]> = Extract<ClientEvent, { type: Type }>;
/** An event without what the fake fills in. */
type Draft<Event> = Event extends { event_id: string } ? Omit<Event, "event_id"> : Event;

/** One client's connection, seen from the server. */
export class FakePeer {
  readonly url: URL;
  readonly protocols: string[];
  readonly events: ClientEvent[] = [];
  /** Bytes of binary messages. */
  audioBytes = 0;
  readonly #socket: WebSocket;
  #sent = 0;
  #frames = 0;
  #waiting: { type: string; resolve: (event: ClientEvent) => void }[] = [];
  #read = 0;

  constructor(socket: WebSocket, url: URL, protocols: string[]) {
    this.#socket = socket;
    this.url = url;
    this.protocols = protocols;
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) this.audioBytes += data.length;
      else this.#take(JSON.parse(data.toString()) as ClientEvent);
    });
  }

  /** The next event of that type that no `next` returned yet; others before it are skipped. */
  next<Type extends ClientEvent["type"]>(type: Type): Promise<ClientEventOf<Type>> {
    while (this.#read < this.events.length) {
      const event = this.events[this.#read]!;
      this.#read++;
      if (event.type === type) return Promise.resolve(event as ClientEventOf<Type>);
    }
    return new Promise((resolve) => {
      this.#waiting.push({ type, resolve: resolve as (event: ClientEvent) => void });
    });
  }

  send(event: Draft<ServerEvent>): void {
    this.#sent++;
    this.#socket.send(JSON.stringify({ event_id: `event_${this.#sent}`, ...event }));
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  sendAudio(pcm: Int16Array, mediaTimeMs: number): void {
    this.#socket.send(
      encodeFrame(this.#frames, mediaTimeMs, new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)),
    );
    this.#frames++;
  }

  /** Says hello and takes the first settings, as a gateway does. */
  async welcome(): Promise<void> {
    this.send({ type: "session.created", session: sessionWith({}) });
    await this.confirmUpdate();
  }

  /** Takes the next settings as they are. @returns what was asked for */
  async confirmUpdate(): Promise<ClientEventOf<"session.update">> {
    const update = await this.next("session.update");
    this.send({ type: "session.updated", session: sessionWith(update.session as Partial<SentSession>) });
    return update;
  }

  close(code: number, reason = ""): void {
    this.#socket.close(code, reason);
  }

  /** Pulls the plug: no closing handshake. */
  terminate(): void {
    this.#socket.terminate();
  }

  #take(event: ClientEvent): void {
    this.events.push(event);
    const index = this.#waiting.findIndex(({ type }) => type === event.type);
    if (index < 0) return;
    this.#read = this.events.length;
    this.#waiting.splice(index, 1)[0]!.resolve(event);
  }
}

/** A whole session, with the audio formats that a client asked for. */
export function sessionWith(settings: Partial<SentSession>): SentSession {
  const input = settings.audio?.input;
  const output = settings.audio?.output;
  return {
    type: "realtime",
    object: "realtime.session",
    id: "sess_1",
    model: "parley",
    expires_at: 4_000_000_000,
    output_modalities: ["audio"],
    instructions: settings.instructions ?? "",
    audio: {
      input: {
        format: input?.format ?? { type: "audio/pcm", rate: 24000 },
        transcription: input?.transcription ?? null,
        noise_reduction: null,
        turn_detection: null,
      },
      output: { format: output?.format ?? { type: "audio/pcm", rate: 24000 }, voice: "slt", speed: 1 },
    },
    tools: [],
    tool_choice: "auto",
    max_output_tokens: "inf",
    tracing: null,
    truncation: "auto",
    prompt: null,
    include: null,
  };
}

export interface FakeGateway {
  /** With a slash at the end. */
  url: string;
  /** Refuses handshakes, and tells why to whoever asks by HTTP; null: welcome. */
  refusal: { status: number; code: string } | null;
  /** What `/readyz` says: null that sessions are taken, else why not. */
  notReadyBecause: string | null;
  /** Whether `/v1/realtime` can't be asked by plain HTTP (as where another origin's answers can't be read). */
  mute: boolean;
  /** The next connection that no `nextPeer` returned yet. */
  nextPeer(): Promise<FakePeer>;
  stop(): Promise<void>;
}

/**
 * @param page - served at its paths under the real policy
 * @param port - 0: any free one
 */
export async function startFakeGateway(
  page: ReadonlyMap<string, PageAsset> = new Map(),
  port = 0,
): Promise<FakeGateway> {
  const server = createServer();
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has("realtime") ? "realtime" : false),
  });
  const peers: FakePeer[] = [];
  const waiting: ((peer: FakePeer) => void)[] = [];
  const gateway: FakeGateway = {
    url: "",
    refusal: null,
    notReadyBecause: null,
    mute: false,
    nextPeer: () => {
      const peer = peers.shift();
      return peer ? Promise.resolve(peer) : new Promise((resolve) => waiting.push(resolve));
    },
    stop: async () => {
      for (const socket of sockets.clients) socket.terminate();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  serveHttp(server, page, gateway);
  server.on("upgrade", (request, socket: Duplex, head) => {
    if (gateway.refusal !== null) {
      socket.end(
        `HTTP/1.1 ${gateway.refusal.status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      );
      return;
    }
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      const url = new URL(request.url!, gateway.url);
      const peer = new FakePeer(
        accepted,
        url,
        (request.headers["sec-websocket-protocol"] ?? "").split(/,\s*/),
      );
      const waiter = waiting.shift();
      if (waiter) waiter(peer);
      else peers.push(peer);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  gateway.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return gateway;
}

function serveHttp(server: Server, page: ReadonlyMap<string, PageAsset>, gateway: FakeGateway): void {
  server.on("request", (request, response) => {
    const { pathname } = new URL(request.url!, "http://localhost");
    const headers = securityHeaders(request.headers.host, false);
    const asset = page.get(pathname);
    if (asset) {
      response.writeHead(200, { ...headers, "content-type": asset.contentType }).end(asset.body);
      return;
    }
    if (pathname === "/healthz") {
      response.writeHead(200, { ...headers, "content-type": "application/json" });
      response.end(JSON.stringify({ status: "ok", version: "0.0.0" }));
      return;
    }
    if (pathname === "/readyz") {
      const reason = gateway.notReadyBecause;
      response.writeHead(reason === null ? 200 : 503, { ...headers, "content-type": "application/json" });
      response.end(JSON.stringify({ ready: reason === null, reason }));
      return;
    }
    if (gateway.mute) {
      request.socket.destroy();
      return;
    }
    const refusal =
      pathname === "/v1/realtime" ? (gateway.refusal ?? { status: 426, code: "upgrade_required" }) : null;
    const { status, code } = refusal ?? { status: 404, code: "not_found" };
    response.writeHead(status, { ...headers, "content-type": "application/json" });
    response.end(
      JSON.stringify({ error: { type: "invalid_request_error", code, message: code, param: null } }),
    );
  });
}
