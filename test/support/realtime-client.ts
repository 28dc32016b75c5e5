/** A bare client of the realtime protocol for tests: sends what it is told, keeps what comes, waits with a limit. */
import { WebSocket } from "ws";
import { bytesOf } from "../../loadtest/callers/samples.ts";

/** A server event, looked into by tests without a cast at each step. */
export interface ServerEvent {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any field of any event and fails if it isn't there
  [key: string]: any;
}

export interface ClientOptions {
  /** Query beside `model`. */
  query?: Record<string, string>;
  headers?: Record<string, string>;
  subprotocols?: string[];
  ca?: string;
  /** Default "parley". */
  model?: string;
}

const openTimeoutMs = 15_000;
const defaultWaitMs = 10_000;
const maxKeptEvents = 50_000;

type Match = string | ((event: ServerEvent) => boolean);

interface Waiter {
  look(): boolean;
  fail(error: Error): void;
}

/** Thrown (rejected) when the server refuses the handshake. */
export class HandshakeRefused extends Error {
  readonly status: number;
  readonly body: string;
  constructor(status: number, body: string) {
    super(`handshake refused with ${status}: ${body}`);
    this.status = status;
    this.body = body;
  }
}

export class RealtimeClient {
  readonly socket: WebSocket;
  /** Every event so far, in order. */
  readonly events: ServerEvent[] = [];
  /** Every binary frame so far; `afterEvents` says how many events had come before it. */
  readonly frames: { bytes: Buffer; afterEvents: number }[] = [];
  #cursor = 0;
  #waiters = new Set<Waiter>();
  #closed: { code: number; reason: string } | null = null;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data, isBinary) => {
      if (isBinary) this.frames.push({ bytes: Buffer.from(data as Buffer), afterEvents: this.events.length });
      else this.events.push(JSON.parse(data.toString()) as ServerEvent);
      if (this.events.length > maxKeptEvents) throw new Error("a test keeps no more events than that");
      this.#wake();
    });
    socket.on("close", (code, reason) => {
      this.#closed = { code, reason: reason.toString() };
      this.#wake();
      for (const waiter of this.#waiters) waiter.fail(new Error(`socket closed: ${code} ${reason}`));
    });
    socket.on("error", () => {});
  }

  /** Opens a socket; with a refused handshake rejects with {@link HandshakeRefused}. */
  static open(wsUrl: string, options: ClientOptions = {}): Promise<RealtimeClient> {
    const url = new URL(wsUrl);
    url.searchParams.set("model", options.model ?? "parley");
    for (const [name, value] of Object.entries(options.query ?? {})) url.searchParams.set(name, value);
    const socket = new WebSocket(url, options.subprotocols ?? [], {
      headers: options.headers ?? {},
      perMessageDeflate: false,
      ...(options.ca ? { ca: options.ca } : {}),
    });
    return new Promise((resolve, reject) => {
      const client = new RealtimeClient(socket);
      const timer = setTimeout(() => {
        socket.terminate();
        reject(new Error(`no handshake within ${openTimeoutMs} ms`));
      }, openTimeoutMs);
      socket.once("unexpected-response", (_request, response) => {
        clearTimeout(timer);
        let body = "";
        response.on("data", (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on("end", () => reject(new HandshakeRefused(response.statusCode ?? 0, body)));
      });
      socket.once("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      socket.once("open", () => {
        clearTimeout(timer);
        resolve(client);
      });
    });
  }

  /** Opens a socket, reads `session.created`, and updates the session if asked to. */
  static async session(
    wsUrl: string,
    session: Record<string, unknown> | null = null,
    options: ClientOptions = {},
  ): Promise<RealtimeClient> {
    const client = await RealtimeClient.open(wsUrl, options);
    await client.next("session.created");
    if (session !== null) {
      client.send({ type: "session.update", session: { type: "realtime", ...session } });
      const answer = await client.next((event) => event.type === "session.updated" || event.type === "error");
      if (answer.type === "error") throw new Error(`session.update refused: ${JSON.stringify(answer.error)}`);
    }
    return client;
  }

  send(event: Record<string, unknown>): void {
    this.socket.send(JSON.stringify(event));
  }

  sendRaw(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  /** Appends PCM (or bytes of G.711) in one event. */
  append(audio: Int16Array | Uint8Array): void {
    const bytes = audio instanceof Int16Array ? bytesOf(audio) : Buffer.from(audio);
    this.send({ type: "input_audio_buffer.append", audio: bytes.toString("base64") });
  }

  /**
   * The next event that matches, after the last one that `next` gave; those in between are passed over.
   *
   * @throws {Error} with the types seen since, when none comes in time
   */
  next(match: Match, waitMs = defaultWaitMs): Promise<ServerEvent> {
    const matches = typeof match === "string" ? (event: ServerEvent) => event.type === match : match;
    const from = this.#cursor;
    let looked = from;
    const find = () => {
      for (; looked < this.events.length; looked++) {
        const event = this.events[looked]!;
        if (!matches(event)) continue;
        this.#cursor = looked + 1;
        return event;
      }
      return null;
    };
    const what = typeof match === "string" ? match : match.toString();
    return this.#wait(find, waitMs, () => `${what} after ${this.typesSince(from).join(", ") || "nothing"}`);
  }

  /** Resolves once `condition` holds over what was received. */
  until(condition: () => boolean, what: string, waitMs = defaultWaitMs): Promise<true> {
    return this.#wait(
      () => (condition() ? true : null),
      waitMs,
      () => what,
    );
  }

  /** How the socket ended. */
  closed(waitMs = defaultWaitMs): Promise<{ code: number; reason: string }> {
    return this.#wait(
      () => this.#closed,
      waitMs,
      () => "the socket's close",
    );
  }

  get isOpen(): boolean {
    return this.#closed === null;
  }

  /** Types of the events since position `from`, without repeats in a row. */
  typesSince(from: number): string[] {
    const types = this.events.slice(from).map((event) => event.type);
    return types.filter((type, index) => type !== types[index - 1]);
  }

  /** Where `next` would go on looking. */
  get position(): number {
    return this.#cursor;
  }

  /** Lets `next` look again from `position`. */
  rewind(position: number): void {
    this.#cursor = position;
  }

  /** Forgets what was received, for a client that stays long. */
  forget(): void {
    this.events.length = 0;
    this.frames.length = 0;
    this.#cursor = 0;
  }

  /** All events of a type. */
  all(type: string): ServerEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  /**
   * Proves that the session answers and that everything sent before was handled: asks for an item that doesn't
   * exist and waits for the refusal with this question's own id.
   */
  async probe(waitMs = defaultWaitMs): Promise<ServerEvent> {
    const eventId = `probe_${crypto.randomUUID()}`;
    this.send({ type: "conversation.item.retrieve", event_id: eventId, item_id: eventId });
    const kept = this.#cursor;
    const answer = await this.next(
      (event) => event.type === "error" && event.error?.event_id === eventId,
      waitMs,
    );
    this.#cursor = kept;
    return answer;
  }

  /** Adds a user's text. */
  say(text: string): void {
    const content = [{ type: "input_text", text }];
    this.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  }

  /** Reply audio received for an item (base64 deltas), joined. */
  audioOf(itemId: string): Buffer {
    const deltas = this.all("response.output_audio.delta").filter((event) => event.item_id === itemId);
    return Buffer.concat(deltas.map((event) => Buffer.from(event.delta, "base64")));
  }

  close(): void {
    this.socket.close(1000);
  }

  #wait<T>(find: () => T | null, waitMs: number, what: () => string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        look: () => {
          const found = find();
          if (found === null) return false;
          settle();
          resolve(found);
          return true;
        },
        fail: (error) => {
          settle();
          reject(new Error(`${error.message} while waiting for ${what()}`));
        },
      };
      const timer = setTimeout(() => waiter.fail(new Error(`${waitMs} ms passed`)), waitMs);
      if (waiter.look()) return;
      if (this.#closed !== null) {
        waiter.fail(new Error(`socket closed: ${this.#closed.code} ${this.#closed.reason}`));
        return;
      }
      this.#waiters.add(waiter);
    });
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter.look();
  }
}
