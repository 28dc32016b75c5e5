/** OpenAI's speech endpoint: `POST /v1/audio/speech`, streamed, and the list of models. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { openHttpListener, readJson, sendJson } from "./http-listener.ts";
import {
  hangOn,
  retryAfterOf,
  speakInPieces,
  statusOfFault,
  truncatedUtf8,
  wireBytes,
} from "./speech-pieces.ts";
import type { CallPlan, Fault, Standin, StandinWorld } from "./standin.ts";

const name = "openai-tts";
const models = ["gpt-4o-mini-tts", "tts-1", "tts-1-hd"];
const voices = [
  ...["alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage"],
  ...["shimmer", "verse"],
];
const rateHz = 24_000;
const inputMaxCharacters = 4096;

function refuse(
  response: ServerResponse,
  status: number,
  error: { message: string; type: string; param?: string | null; code?: string | null },
  headers: Record<string, string> = {},
): void {
  sendJson(response, status, { error: { param: null, code: null, ...error } }, headers);
}

function refuseByFault(response: ServerResponse, fault: Fault | null): boolean {
  const status = statusOfFault(fault);
  if (status === null) return false;
  const codes: Record<number, string> = {
    400: "content_policy_violation",
    401: "invalid_api_key",
    404: "model_not_found",
    429: "rate_limit_exceeded",
  };
  const error = { message: `Refused with ${status}`, type: "api_error", code: codes[status] ?? null };
  refuse(response, status, error, retryAfterOf(fault));
  return true;
}

function hasKey(request: IncomingMessage): boolean {
  return /^Bearer \S+$/.test(request.headers.authorization ?? "");
}

const noKey = { message: "You didn't provide an API key.", type: "invalid_request_error", code: null };

function listModels(world: StandinWorld, request: IncomingMessage, response: ServerResponse): void {
  if (refuseByFault(response, world.faultOn(name))) return;
  if (!hasKey(request)) return refuse(response, 401, noKey);
  const data = models.map((id) => ({ id, object: "model", created: 0, owned_by: "system" }));
  sendJson(response, 200, { object: "list", data });
}

async function speak(world: StandinWorld, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readJson(request);
  const plan = world.begin(name);
  response.on("close", () => plan.cancel());
  if (plan.fault?.kind === "hang") return void (await hangOn(plan));
  if (plan.fault?.kind === "reset") {
    plan.end("failed");
    return void request.socket.resetAndDestroy();
  }
  const refusal = refusalOf(body, request);
  if (refuseByFault(response, plan.fault) || refusal !== null) {
    if (refusal !== null && !response.headersSent) refuse(response, refusal.status, refusal.error);
    return plan.end("failed");
  }
  const { input, voice, speed } = body as { input: string; voice: string; speed?: number };
  response.writeHead(200, { "content-type": "audio/pcm", "transfer-encoding": "chunked" });
  response.flushHeaders();
  const asked = { text: input, voice, sampleRateHz: rateHz, speedRatio: speed ?? 1 };
  await speakInPieces(world, plan, name, asked, {
    async piece({ pcm }) {
      if (pcm.length === 0 || response.write(wireBytes(pcm))) return;
      await new Promise<void>((resolve) => {
        response.once("drain", resolve);
        plan.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    },
    fail: (kind, piece) => breakStream(response, plan, kind, piece?.pcm ?? new Int16Array(0)),
    done: () => response.end(),
  });
}

/** In a body of raw samples every break looks alike: the chunked encoding is cut off, or is none any more. */
function breakStream(response: ServerResponse, plan: CallPlan, kind: string, pcm: Int16Array): void {
  const socket = response.socket;
  if (socket === null) return;
  if (kind === "cut") {
    // An odd number of bytes: the middle of a sample.
    response.write(wireBytes(pcm).subarray(0, pcm.length | 1), () => socket.destroy());
    return;
  }
  if (kind === "malformed" || kind === "truncated_utf8")
    socket.end(Buffer.concat([Buffer.from("zz\r\n"), truncatedUtf8]));
  else socket.resetAndDestroy();
  plan.end("failed");
}

/** What the real one refuses; null for a request that it would serve. */
function refusalOf(
  body: Record<string, unknown> | null,
  request: IncomingMessage,
): { status: number; error: Parameters<typeof refuse>[2] } | null {
  if (!hasKey(request)) return { status: 401, error: noKey };
  const invalid = (message: string, param: string | null, status = 400, code: string | null = null) => ({
    status,
    error: { message, type: "invalid_request_error", param, code },
  });
  if (body === null) return invalid("We could not parse the JSON body of your request.", null);
  if (typeof body.input !== "string" || body.input === "") return invalid("Missing input.", "input");
  if (body.input.length > inputMaxCharacters)
    return invalid("String too long.", "input", 400, "string_too_long");
  if (!models.includes(String(body.model))) {
    return invalid("The model does not exist.", null, 404, "model_not_found");
  }
  if (!voices.includes(String(body.voice))) return invalid("Unknown voice.", "voice", 400, "invalid_value");
  if (body.response_format !== "pcm") return invalid("Only pcm is spoken here.", "response_format");
  const speed = body.speed ?? 1;
  if (typeof speed !== "number" || speed < 0.25 || speed > 4) return invalid("Speed out of range.", "speed");
  return null;
}

/** Starts it; any key will do, but there must be one. */
export async function startOpenaiTts(world: StandinWorld): Promise<Standin> {
  const listener = await openHttpListener((request, response) => {
    const path = (request.url ?? "").split("?")[0];
    if (request.method === "POST" && path === "/v1/audio/speech") void speak(world, request, response);
    else if (request.method === "GET" && path === "/v1/models") listModels(world, request, response);
    else refuse(response, 404, { message: "Unknown request URL.", type: "invalid_request_error" });
  });
  return {
    name,
    url: `http://127.0.0.1:${listener.port}/v1`,
    setListening: (listening) => listener.setListening(listening),
    close: () => listener.close(),
  };
}
