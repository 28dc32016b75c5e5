/** Deepgram's live recogniser: its WebSocket protocol with KeepAlive, Finalize, CloseStream and its ways to fail. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { Hearing, Pieces } from "./hearing.ts";
import { openLoopback } from "./loopback.ts";
import type { CallPlan, FaultKind, Standin, StandinWorld } from "./standin.ts";

export interface DeepgramOptions {
  /** Without audio or a KeepAlive for that long a connection is closed. Default: Deepgram's 10 s. */
  keepAliveMs?: number;
  /** What its last message says that it heard, in place of what it did. */
  durationSeconds?: number;
}

const maxMessageBytes = 2_097_152;
/** Of longer unfinished audio, words that are surely over are made final. */
const unfinishedSamples = 4 * 16_000;
const sureSamples = 8_000;

/** What these faults are when a connection is asked for. */
const refusals: Partial<Record<FaultKind, { status: number; error: string }>> = {
  unauthorized: { status: 401, error: "Invalid credentials." },
  forbidden: { status: 403, error: "Project does not have access to the requested model." },
  request_timeout: { status: 408, error: "Request timed out." },
  too_large: { status: 413, error: "Request is too large." },
  rate_limited: { status: 429, error: "Too many requests. Please try again later" },
  internal_error: { status: 500, error: "Internal server error." },
  unavailable: { status: 503, error: "Service unavailable." },
  unknown_model: { status: 400, error: "No such model/language/tier combination found." },
};

/** Starts it; `ws:` is spoken under its `http:` address. */
export async function startDeepgram(world: StandinWorld, options: DeepgramOptions = {}): Promise<Standin> {
  const server = createServer((_, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
  });
  const loopback = await openLoopback((socket) => server.emit("connection", socket));
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const plan = world.begin("deepgram");
    socket.on("close", () => plan.cancel());
    if (answerUpgrade(plan, request, socket)) return;
    sockets.handleUpgrade(request, socket, head, (webSocket) =>
      new LiveCall({ world, plan, webSocket, socket, ...options }).serve(),
    );
  });
  return {
    name: "deepgram",
    url: `http://127.0.0.1:${loopback.port}`,
    setListening: (listening) => loopback.setListening(listening),
    async close() {
      await loopback.close();
      sockets.close();
      server.close();
    },
  };
}

/** True when the connection does not come about. */
function answerUpgrade(plan: CallPlan, request: IncomingMessage, socket: Duplex): boolean {
  const kind = plan.fault?.kind;
  if (kind === "hang") {
    socket.resume();
    return true;
  }
  if (kind === "reset") {
    plan.end("failed");
    resetSocket(socket);
    return true;
  }
  const refusal = (kind === undefined ? undefined : refusals[kind]) ?? readBadQuery(request);
  if (refusal === null) return false;
  plan.end("failed");
  const { status } = refusal;
  // What a vendor says may hold what nobody should see: it must not get any further than the provider.
  const error = `${refusal.error} Drill: keys begin with sk-secret.`;
  const body = JSON.stringify({ err_code: STATUS_CODES[status], err_msg: error });
  const { retryAfterSeconds } = plan.fault ?? {};
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `dg-error: ${error}`,
      ...(status === 429 && retryAfterSeconds !== undefined ? [`retry-after: ${retryAfterSeconds}`] : []),
      "content-type: application/json",
      `content-length: ${body.length}`,
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
  return true;
}

function readBadQuery(request: IncomingMessage): { status: number; error: string } | null {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://deepgram");
  if (pathname !== "/v1/listen") return { status: 404, error: "Not found." };
  const given = ["encoding", "sample_rate", "model"].map((name) => searchParams.get(name));
  if (given[0] === "linear16" && given[1] === "16000" && given[2]) return null;
  return { status: 400, error: "Bad query: this stand-in hears linear16 at 16000 Hz, with a model." };
}

function resetSocket(socket: Duplex): void {
  (socket as Duplex & { resetAndDestroy?(): void }).resetAndDestroy?.();
}

interface LiveCallOptions extends DeepgramOptions {
  world: StandinWorld;
  plan: CallPlan;
  webSocket: WebSocket;
  /** Under `webSocket`, to cut it. */
  socket: Duplex;
}

class LiveCall {
  readonly #plan: CallPlan;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  readonly #keepAliveMs: number;
  readonly #durationSeconds: number | null;
  readonly #hearing: Hearing;
  readonly #pieces: Pieces;
  readonly #requestId: string;
  readonly #heard: string[] = [];
  #idle: NodeJS.Timeout | null = null;
  #closing = false;
  #over = false;
  /** No words came after what was asked to be final. */
  #isAnswered = false;

  constructor({ world, plan, webSocket, socket, keepAliveMs = 10_000, durationSeconds }: LiveCallOptions) {
    this.#durationSeconds = durationSeconds ?? null;
    this.#plan = plan;
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#keepAliveMs = keepAliveMs;
    this.#hearing = new Hearing(world);
    this.#pieces = new Pieces(plan, () => this.#strike());
    this.#requestId = createHash("sha256").update(`${world.seed} ${plan.id}`).digest("hex").slice(0, 32);
  }

  serve(): void {
    this.#watchIdle();
    this.#webSocket.on("error", () => undefined);
    // Who has all that was asked for may go without a word.
    // Before anybody else hears of it.
    this.#socket.prependListener("close", () => this.#end(this.#isAnswered ? "completed" : "cancelled"));
    this.#webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      if (this.#over || this.#closing) return;
      this.#watchIdle();
      if (isBinary) this.#takeAudio(data);
      else this.#takeControl(data.toString("utf8"));
    });
  }

  #watchIdle(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#fail(1011, "NET-0001"), this.#keepAliveMs);
  }

  #takeAudio(data: Buffer): void {
    if (data.length === 0) return this.#fail(1008, "DATA-0000");
    this.#hearing.append(data);
    if (this.#isMute) return;
    const guess = this.#hearing.guess();
    if (guess === null) return;
    this.#isAnswered = false;
    const sure = guess.words.filter((word) => word.endSample <= guess.untilSample - sureSamples).at(-1);
    const unfinished = guess.untilSample - this.#hearing.fromSample;
    if (sure !== undefined && unfinished > unfinishedSamples) {
      const fromSample = this.#hearing.fromSample;
      const { text, untilSample } = this.#hearing.settle(sure.endSample);
      this.#final(0, { text, fromSample, untilSample });
      return;
    }
    const { text, untilSample } = guess;
    const { fromSample } = this.#hearing;
    this.#pieces.guess(() => this.#results({ text, fromSample, untilSample }, {}));
  }

  get #isMute(): boolean {
    return this.#plan.fault?.kind === "empty_answer";
  }

  #takeControl(text: string): void {
    let type: unknown;
    try {
      type = (JSON.parse(text) as { type?: unknown }).type;
    } catch {
      return this.#fail(1008, "DATA-0000");
    }
    if (type === "Finalize") this.#finalize(true);
    if (type !== "CloseStream") return;
    this.#closing = true;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#finalize(false);
    this.#pieces.after(() => this.#bye());
  }

  /** Everything that came is made final; of no audio nothing is said. */
  #finalize(fromFinalize: boolean): void {
    const { fromSample } = this.#hearing;
    const waitMs = this.#plan.firstMs;
    if (this.#hearing.untilSample === fromSample || this.#isMute) {
      if (!fromFinalize && this.#isMute) this.#pieces.final(waitMs, () => undefined);
      return;
    }
    this.#final(waitMs, { ...this.#hearing.settle(), fromSample }, fromFinalize);
  }

  #final(
    waitMs: number,
    heard: { text: string; fromSample: number; untilSample: number },
    fromFinalize = false,
  ): void {
    if (heard.text !== "") this.#heard.push(heard.text);
    const text = this.#plan.fault?.kind === "final_without_audio" ? "" : heard.text;
    const more = { is_final: true, speech_final: fromFinalize, from_finalize: fromFinalize };
    this.#pieces.final(waitMs, () => {
      this.#isAnswered = fromFinalize;
      this.#results({ ...heard, text }, more);
    });
  }

  #results(
    { text, fromSample, untilSample }: { text: string; fromSample: number; untilSample: number },
    more: { is_final?: boolean; speech_final?: boolean; from_finalize?: boolean },
  ): void {
    this.#send({
      type: "Results",
      channel_index: [0, 1],
      duration: (untilSample - fromSample) / 16_000,
      start: fromSample / 16_000,
      ...{ is_final: false, speech_final: false, from_finalize: false, ...more },
      channel: { alternatives: [{ transcript: text, confidence: text === "" ? 0 : 0.98, words: [] }] },
      metadata: {
        request_id: this.#requestId,
        model_info: { name: "stand-in", version: "1", arch: "nova-3" },
        model_uuid: this.#requestId,
      },
    });
  }

  #bye(): void {
    const duration = this.#durationSeconds ?? this.#hearing.untilSample / 16_000;
    this.#send({
      ...{ type: "Metadata", transaction_key: "deprecated", request_id: this.#requestId },
      sha256: createHash("sha256").update(this.#requestId).digest("hex"),
      ...{ created: new Date().toISOString(), duration, channels: 1 },
    });
    this.#end("completed");
    this.#webSocket.close(1000);
  }

  #send(message: object): void {
    if (!this.#over) this.#webSocket.send(JSON.stringify(message));
  }

  #strike(): void {
    switch (this.#plan.fault?.kind) {
      case "cut":
        this.#end("failed");
        return resetSocket(this.#socket);
      case "error_in_stream":
        this.#send({
          type: "Error",
          variant: "INTERNAL",
          description: "Internal error.",
          message: "Internal error.",
        });
        return this.#fail(1011, "NET-0000 Drill: sk-secret");
      case "malformed":
        this.#end("failed");
        return this.#webSocket.send('{"type":"Results","channel":{"alternatives":[{"transcr');
      case "truncated_utf8":
        this.#end("failed");
        return this.#webSocket.send(Buffer.from([0x7b, 0x22, 0x63, 0x61, 0x66, 0xc3, 0x22]), {
          binary: false,
        });
    }
  }

  #fail(code: number, reason: string): void {
    if (this.#over) return;
    this.#end("failed");
    this.#webSocket.close(code, reason);
  }

  #end(outcome: "completed" | "cancelled" | "failed"): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    if (this.#over) return;
    this.#over = true;
    this.#plan.note({ text: this.#heard.join(" "), sampleRateHz: 16_000 });
    this.#plan.end(outcome);
  }
}
