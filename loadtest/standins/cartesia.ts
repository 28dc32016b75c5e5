/** Cartesia: the WebSocket of its voices, many contexts on one, and the voices that a client checks its settings with. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { openHttpListener, sendJson } from "./http-listener.ts";
import {
  hangOn,
  retryAfterOf,
  type SpeechPiece,
  speakInPieces,
  statusOfFault,
  wireBytes,
} from "./speech-pieces.ts";
import type { CallPlan, Standin, StandinWorld } from "./standin.ts";
import { createVoiceUpgrades, refuseUpgrade, type VoiceClient } from "./voice-socket-server.ts";

const name = "cartesia";
const models = ["sonic-3", "sonic-3.5", "sonic-latest", "sonic-2", "sonic-turbo"];
const languages = ["en", "de", "es", "fr", "ja", "pt", "zh", "hi", "it", "ko", "nl", "pl", "ru", "sv", "tr"];
const rates = [8000, 16000, 22050, 24000, 44100, 48000];
/** Contexts at once on one socket; the vendor says "dozens". */
const contextsMax = 48;

/** English voices, and a German one. */
export const cartesiaVoices = [
  { id: "694f9389-aac1-45b6-b726-9d9369183238", name: "Sarah", language: "en" },
  { id: "a0e99841-438c-4a64-b679-ae501e7d6091", name: "Barbershop Man", language: "en" },
  { id: "71a7ad14-091c-4e8e-a314-022ece01c121", name: "British Reading Lady", language: "en" },
  { id: "b9de4a89-2257-424b-94c2-db18ba68c81a", name: "German Woman", language: "de" },
] as const;

/** Still listed, and refused to whoever speaks with it. */
const withdrawn = { id: "0d9c0e5b-5c43-4c5e-9a4e-5d7a6f1c2b3a", name: "Walter", language: "en" };

const refusals: Readonly<Record<number, string | null>> = {
  401: "invalid_api_key",
  404: "model_not_found",
  429: "concurrency_limited",
};

function errorOf(code: string | null, message: string): Record<string, unknown> {
  return { error_code: code, title: "Refused", message, request_id: "00000000-0000-4000-8000-000000000000" };
}

function refuse(response: ServerResponse, status: number, code: string | null, headers = {}): void {
  sendJson(response, status, errorOf(code, "Refused."), headers);
}

/** What is missing in the headers; null when nothing is. */
function lack(request: IncomingMessage): { status: number; code: string } | null {
  const { searchParams } = new URL(request.url ?? "/", "http://standin");
  const hasKey =
    /^Bearer \S+$/.test(request.headers.authorization ?? "") ||
    Boolean(request.headers["x-api-key"] ?? searchParams.get("access_token"));
  if (!hasKey) return { status: 401, code: "missing_api_key" };
  const version = request.headers["cartesia-version"] ?? searchParams.get("cartesia_version");
  return version ? null : { status: 400, code: "missing_version" };
}

function answer(world: StandinWorld, request: IncomingMessage, response: ServerResponse): void {
  const fault = world.faultOn(name);
  if (fault?.kind === "hang") return;
  if (fault?.kind === "reset") return void request.socket.resetAndDestroy();
  const status = statusOfFault(fault);
  if (status !== null) return refuse(response, status, refusals[status] ?? null, retryAfterOf(fault));
  const missing = lack(request);
  if (missing !== null) return refuse(response, missing.status, missing.code);
  const path = (request.url ?? "").split("?")[0] ?? "";
  if (path === "/voices")
    return sendJson(response, 200, { data: [...cartesiaVoices, withdrawn], has_more: false });
  if (path === "/models") return sendJson(response, 200, { data: models.map((one) => ({ id: one })) });
  const id = /^\/voices\/([^/]+)$/.exec(path)?.[1];
  const voice = cartesiaVoices.find((one) => one.id === id);
  if (voice) sendJson(response, 200, voice);
  else refuse(response, 404, id ? "voice_not_found" : null);
}

interface Generation {
  contextId: string;
  text: string;
  voiceId: string;
  sampleRateHz: number;
  speedRatio: number;
  hasTimestamps: boolean;
}

type Refusal = { status: number; code: string | null; message: string };

/** What the real one refuses, or what is to be spoken. */
function readGeneration(message: Record<string, unknown>): Generation | Refusal {
  const refusal = (status: number, code: string | null, text: string) => ({ status, code, message: text });
  const format = (message.output_format ?? {}) as Record<string, unknown>;
  const voice = (message.voice ?? {}) as Record<string, unknown>;
  const { speed = 1 } = (message.generation_config ?? {}) as { speed?: number };
  if (typeof message.transcript !== "string" || message.transcript.trim() === "")
    return refusal(400, null, "The transcript is empty.");
  if (!models.includes(String(message.model_id))) return refusal(404, "model_not_found", "No such model.");
  const known = cartesiaVoices.find(({ id }) => voice.mode === "id" && id === voice.id);
  if (known === undefined) return refusal(404, "voice_not_found", "No such voice.");
  if (message.language !== undefined && !languages.includes(String(message.language)))
    return refusal(400, "unsupported_language", "The model does not speak that language.");
  if (
    format.container !== "raw" ||
    format.encoding !== "pcm_s16le" ||
    !rates.includes(Number(format.sample_rate))
  )
    return refusal(400, null, "No such output format.");
  if (!(speed >= 0.6 && speed <= 1.5)) return refusal(400, null, "The speed is out of range.");
  return {
    contextId: String(message.context_id),
    text: message.transcript,
    voiceId: known.id,
    sampleRateHz: Number(format.sample_rate),
    speedRatio: speed,
    hasTimestamps: message.add_timestamps === true,
  };
}

class CartesiaSocket {
  readonly #world: StandinWorld;
  readonly #client: VoiceClient;
  readonly #speaking = new Map<string, CallPlan>();

  constructor(world: StandinWorld, client: VoiceClient) {
    this.#world = world;
    this.#client = client;
  }

  closed(): void {
    for (const plan of this.#speaking.values()) plan.cancel();
    this.#speaking.clear();
  }

  message(message: Record<string, unknown> | null): void {
    if (message === null) return this.#refuse(null, { status: 400, code: null, message: "That is no JSON." });
    const { context_id: contextId } = message;
    if (typeof contextId !== "string" || contextId === "")
      return this.#refuse(null, { status: 400, code: null, message: "There is no context_id." });
    if (message.cancel === true) {
      this.#speaking.get(contextId)?.cancel();
      this.#speaking.delete(contextId);
      return;
    }
    const generation = readGeneration(message);
    if ("status" in generation) return this.#refuse(contextId, generation);
    if (this.#speaking.size >= contextsMax || this.#speaking.has(contextId))
      return this.#refuse(contextId, { status: 429, code: "concurrency_limited", message: "Too many." });
    void this.#speak(generation);
  }

  #refuse(contextId: string | null, { status, code, message }: Refusal): void {
    const named = contextId === null ? {} : { context_id: contextId };
    this.#client.send({
      type: "error",
      done: true,
      status_code: status,
      ...errorOf(code, message),
      ...named,
    });
  }

  async #speak(generation: Generation): Promise<void> {
    const { contextId } = generation;
    const plan = this.#world.begin(name);
    const { fault } = plan;
    this.#speaking.set(contextId, plan);
    if (fault?.kind === "hang") return void (await hangOn(plan));
    if (fault?.kind === "reset") {
      plan.end("failed");
      return this.#client.reset();
    }
    const status = statusOfFault(fault);
    if (status !== null) {
      plan.end("failed");
      this.#speaking.delete(contextId);
      return this.#refuse(contextId, { status, code: refusals[status] ?? null, message: "Refused." });
    }
    const asked = { ...generation, voice: generation.voiceId };
    await speakInPieces(this.#world, plan, name, asked, {
      piece: (piece) => this.#send(generation, piece),
      fail: (kind, piece) => {
        if (kind === "cut" && piece) this.#client.cut(chunkOf(contextId, piece));
        else if (kind === "malformed") this.#client.sendMalformed();
        else if (kind === "truncated_utf8") this.#client.sendTruncatedUtf8();
        else this.#refuse(contextId, { status: 500, code: null, message: "Generation failed." });
      },
      done: () => this.#client.send({ type: "done", done: true, status_code: 206, context_id: contextId }),
    });
    if (this.#speaking.get(contextId) === plan) this.#speaking.delete(contextId);
  }

  #send({ contextId, hasTimestamps }: Generation, piece: SpeechPiece): void {
    const { words } = piece;
    if (hasTimestamps && words.length > 0) {
      this.#client.send({
        type: "timestamps",
        done: false,
        status_code: 206,
        context_id: contextId,
        word_timestamps: {
          words: words.map(({ text }) => text),
          start: words.map(({ fromMs }) => fromMs / 1000),
          end: words.map(({ toMs }) => toMs / 1000),
        },
      });
    }
    this.#client.send(chunkOf(contextId, piece));
  }
}

function chunkOf(contextId: string, { pcm }: SpeechPiece): object {
  const data = wireBytes(pcm).toString("base64");
  return { type: "chunk", data, done: false, status_code: 206, step_time: 1, context_id: contextId };
}

/** Starts it; any key will do, but there must be one. */
export async function startCartesia(world: StandinWorld): Promise<Standin> {
  const upgrades = createVoiceUpgrades((client) => new CartesiaSocket(world, client));
  const listener = await openHttpListener(
    (request, response) => answer(world, request, response),
    (request, socket, head) => {
      const missing = lack(request);
      const isVoice = (request.url ?? "").split("?")[0] === "/tts/websocket";
      if (missing !== null) refuseUpgrade(socket, missing.status, errorOf(missing.code, "Refused."));
      else if (isVoice) upgrades.accept(request, socket, head);
      else refuseUpgrade(socket, 404, errorOf(null, "Not found."));
    },
  );
  return {
    name,
    url: `http://127.0.0.1:${listener.port}`,
    setListening: (listening) => listener.setListening(listening),
    close: () => listener.close(),
  };
}
