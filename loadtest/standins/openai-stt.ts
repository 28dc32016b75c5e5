/** A server that transcribes files as OpenAI does: multipart in, JSON out. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { openLoopback } from "./loopback.ts";
import type { CallPlan, FaultKind, Standin, StandinWorld } from "./standin.ts";

/** OpenAI's limit for a file. */
const maxBodyBytes = 25 * 1024 * 1024;
const wavHeaderBytes = 44;
/** What the newest models let themselves be told. */
const knownLanguages = ["de", "en", "es", "fr", "no"];

/** What these faults are; `code` is what the SDK finds in the error's body. */
const refusals: Partial<Record<FaultKind, { status: number; code: string }>> = {
  unauthorized: { status: 401, code: "invalid_api_key" },
  forbidden: { status: 403, code: "unsupported_country_region_territory" },
  request_timeout: { status: 408, code: "request_timeout" },
  too_large: { status: 413, code: "request_too_large" },
  rate_limited: { status: 429, code: "rate_limit_exceeded" },
  internal_error: { status: 500, code: "server_error" },
  unavailable: { status: 503, code: "service_unavailable" },
  unknown_model: { status: 404, code: "model_not_found" },
  content_filter: { status: 400, code: "content_policy_violation" },
};

/** Starts it; its address ends in `/v1`, as the SDK's base URL does. */
export async function startOpenAiStt(world: StandinWorld): Promise<Standin> {
  const server = createServer((request, response) => {
    answer(world, request, response).catch(() => response.destroy());
  });
  const loopback = await openLoopback((socket) => server.emit("connection", socket));
  return {
    name: "openai-stt",
    url: `http://127.0.0.1:${loopback.port}/v1`,
    setListening: (listening) => loopback.setListening(listening),
    async close() {
      await loopback.close();
      server.close();
    },
  };
}

async function answer(
  world: StandinWorld,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = new URL(request.url ?? "/", "http://openai").pathname;
  const asksModel = request.method === "GET" && path.startsWith("/v1/models/");
  const transcribes = request.method === "POST" && path === "/v1/audio/transcriptions";
  if (!asksModel && !transcribes) return refuse(response, 404, "unknown_url");
  const plan = world.begin("openai-stt");
  response.on("close", () => plan.cancel());
  const kind = plan.fault?.kind;
  if (kind === "hang") return;
  if (kind === "reset") {
    plan.end("failed");
    request.socket.resetAndDestroy();
    return;
  }
  const body = await readBody(request);
  const refusal = kind === undefined ? undefined : refusals[kind];
  if (refusal !== undefined || body === null) {
    plan.end("failed");
    return refuse(response, refusal?.status ?? 413, refusal?.code ?? "request_too_large", plan);
  }
  if (asksModel) {
    const id = decodeURIComponent(path.slice("/v1/models/".length));
    plan.end("completed");
    return sendJson(response, 200, { id, object: "model", created: 0, owned_by: "stand-in" });
  }
  const form = await readForm(request, body);
  const pcm = form === null ? null : await readWav(form.get("file"));
  if (form === null || pcm === null || !form.get("model")) {
    plan.end("failed");
    return refuse(response, 400, "invalid_request");
  }
  const model = String(form.get("model"));
  const languages = form.getAll("languages[]").map(String);
  plan.note({ languages: [...languages, ...form.getAll("language").map(String)] });
  // The newest models take the list, and only what they know in it; the single field is nothing to them.
  if (model.startsWith("gpt-transcribe") && languages.some((one) => !knownLanguages.includes(one))) {
    plan.end("failed");
    return refuse(response, 400, "invalid_value");
  }
  if (!(await plan.wait(plan.firstMs))) return;
  tell(world, plan, { pcm, model }, response);
}

/** Models are charged by the minute, begun seconds full, or by tokens. */
function usageOf({ pcm, model }: Asked, text: string): object {
  const seconds = pcm.length / 16_000;
  if (!model.startsWith("gpt-4o")) return { type: "duration", seconds: Math.ceil(seconds) };
  const [input, output] = [Math.ceil(seconds * 10), Math.ceil(text.length / 4)];
  return { type: "tokens", input_tokens: input, output_tokens: output, total_tokens: input + output };
}

interface Asked {
  pcm: Int16Array;
  model: string;
}

function tell(world: StandinWorld, plan: CallPlan, asked: Asked, response: ServerResponse): void {
  const kind = plan.fault?.kind;
  const { text } = world.hear(asked.pcm);
  plan.note({ text, sampleRateHz: 16_000 });
  const isEmpty = kind === "empty_answer" || kind === "final_without_audio";
  const whole = Buffer.from(JSON.stringify({ text: isEmpty ? "" : text, usage: usageOf(asked, text) }));
  const half = whole.subarray(0, whole.length >> 1);
  // A single piece answers: whatever fails in the stream fails in the middle of it.
  switch (kind) {
    case "stall":
      response.writeHead(200, { "content-type": "application/json", "content-length": whole.length });
      response.write(half);
      return;
    case "cut":
      response.writeHead(200, { "content-type": "application/json", "content-length": whole.length });
      response.write(half, () => response.destroy());
      return plan.end("failed");
    case "error_in_stream":
      plan.end("failed");
      return sendJson(response, 200, {
        error: { message: "Drill: keys begin with sk-secret.", type: "server_error", code: null },
      });
    case "malformed":
      plan.end("failed");
      return send(response, 200, half);
    case "truncated_utf8":
      plan.end("completed");
      return send(response, 200, Buffer.from(`{"text":"${text} caf\u00c3"}`, "latin1"));
  }
  plan.end("completed");
  send(response, 200, whole);
}

/** Null when it is too large; it is read to its end then, too, so that the client hears why. */
async function readBody(request: IncomingMessage): Promise<Buffer<ArrayBuffer> | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes <= maxBodyBytes) parts.push(part);
    else parts.length = 0;
  }
  return bytes > maxBodyBytes ? null : (Buffer.concat(parts) as Buffer<ArrayBuffer>);
}

async function readForm(request: IncomingMessage, body: Buffer<ArrayBuffer>): Promise<FormData | null> {
  try {
    const headers = { "content-type": request.headers["content-type"] ?? "" };
    return await new Response(body, { headers }).formData();
  } catch {
    return null;
  }
}

/** Mono 16-bit PCM at 16 kHz with the plain header; null for anything else. */
async function readWav(file: FormDataEntryValue | null): Promise<Int16Array | null> {
  if (file === null || typeof file === "string") return null;
  const bytes = Buffer.from(await file.arrayBuffer());
  if (bytes.length < wavHeaderBytes || bytes.toString("latin1", 0, 4) !== "RIFF") return null;
  const isPcm = bytes.readUInt16LE(20) === 1 && bytes.readUInt16LE(22) === 1 && bytes.readUInt16LE(34) === 16;
  if (!isPcm || bytes.readUInt32LE(24) !== 16_000) return null;
  return Int16Array.from({ length: (bytes.length - wavHeaderBytes) >> 1 }, (_, index) =>
    bytes.readInt16LE(wavHeaderBytes + 2 * index),
  );
}

function refuse(response: ServerResponse, status: number, code: string, plan?: CallPlan): void {
  const { retryAfterSeconds } = plan?.fault ?? {};
  if (status === 429 && retryAfterSeconds !== undefined) response.setHeader("retry-after", retryAfterSeconds);
  sendJson(response, status, {
    error: { message: "Drill: keys begin with sk-secret.", type: "error", param: null, code },
  });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, Buffer.from(JSON.stringify(body)));
}

function send(response: ServerResponse, status: number, body: Buffer): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length }).end(body);
}
