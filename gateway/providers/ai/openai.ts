/** Answers by OpenAI's chat completions, or by what speaks as they do (Groq, Ollama, vLLM), through OpenAI's SDK. */
import OpenAI from "openai";
import type { AiProvider, AiRequest, ProviderFault } from "../provider.ts";
import {
  brokenOff,
  faultFromError,
  faultFromStatus,
  keyFault,
  malformedAnswer,
  requestFault,
  vendorFault,
} from "../vendor-fault.ts";
import { createVendorHttp, probe } from "../vendor-http.ts";
import type { VendorOptions } from "../vendor-options.ts";
import type { StreamCall } from "../vendor-stream.ts";
import { streamFromVendor } from "../vendor-stream.ts";
import type { AiOutput, PendingCall } from "./answer-sink.ts";
import { appendArguments, emitCall, emitText, isWhole } from "./answer-sink.ts";
import { clientFunctionName } from "./dialogue.ts";
import { openAiRequest } from "./openai-request.ts";

const name = "openai";
const ownUrl = "https://api.openai.com/v1";

/** The provider; connections are its own and end with `close`. */
export function createOpenAiAi({ clock, apiKey, url, model }: VendorOptions): AiProvider {
  const http = createVendorHttp(clock, readRefusal);
  const baseURL = url ?? ownUrl;
  const ofOpenAi = new URL(baseURL).hostname === new URL(ownUrl).hostname;
  const asking: Asking = { model, ofOpenAi, makeId: () => `call_${clock.randomId(12)}` };
  const client = new OpenAI({
    // Everything is said here, so that the SDK does not ask the environment.
    ...{ apiKey: apiKey === "" ? "none" : apiKey, baseURL, fetch: http.fetch },
    ...{ adminAPIKey: null, organization: null, project: null, webhookSecret: null },
    // Trying again is the chain's decision, and error texts are nobody's to read.
    ...{ maxRetries: 0, logLevel: "off" },
  });
  return {
    ...{ name, model },
    stream: (request, context) =>
      streamFromVendor(name, context, (call) => answer(client, request, asking, call), { faultOf }),
    warm: () => http.warm(baseURL),
    check: (signal) => probe(() => client.models.retrieve(model, { signal }), signal, faultOf),
    close: () => http.close(),
  };
}

interface Asking {
  model: string;
  ofOpenAi: boolean;
  makeId(): string;
}

interface Reading {
  /** Function calls that are being written, by their place. */
  pending: Map<number, PendingCall>;
  finishReason: string | null;
  /** The model's own words of refusal. */
  refused: boolean;
  /** For a call without an id: not every server gives one. */
  makeId(): string;
}

async function answer(
  client: OpenAI,
  request: AiRequest,
  { model, ofOpenAi, makeId }: Asking,
  call: StreamCall<AiOutput>,
): Promise<ProviderFault | null> {
  const asked = openAiRequest(request, model, ofOpenAi);
  const stream = await client.chat.completions.create(asked, { signal: call.signal });
  const reading: Reading = { pending: new Map(), finishReason: null, refused: false, makeId };
  try {
    for await (const chunk of stream) {
      readChunk(chunk, reading, request, call);
      await call.room();
    }
  } catch (err) {
    // What breaks after the end (the count of tokens comes behind it) is no loss.
    if (reading.finishReason === null) throw err;
  }
  return concludeAnswer(reading, call);
}

function readChunk(
  chunk: OpenAI.ChatCompletionChunk,
  reading: Reading,
  { tools }: AiRequest,
  call: StreamCall<AiOutput>,
): void {
  if (typeof chunk.usage === "object" && chunk.usage !== null) {
    call.usage.inputTokens = chunk.usage.prompt_tokens;
    call.usage.outputTokens = chunk.usage.completion_tokens;
  }
  // The chunk of the usage has none, and some servers leave the list out.
  const choice = (chunk.choices as typeof chunk.choices | undefined)?.[0];
  if (choice === undefined) return;
  const delta = choice.delta as typeof choice.delta | undefined;
  if (delta?.refusal) reading.refused = true;
  emitText(call, delta?.content);
  for (const part of delta?.tool_calls ?? []) {
    let pending = reading.pending.get(part.index);
    if (pending === undefined) {
      pending = { callId: "", name: "", arguments: "" };
      reading.pending.set(part.index, pending);
    }
    // Said once, with the first part; some servers say it with every one.
    if (pending.callId === "" && part.id) pending.callId = part.id;
    if (pending.name === "" && part.function?.name) {
      pending.name = clientFunctionName(tools, part.function.name);
    }
    appendArguments(call, pending, part.function?.arguments ?? "");
  }
  if (choice.finish_reason !== null && choice.finish_reason !== undefined) {
    // Whole only now: arguments come in parts, and no part says that it is the last.
    if (choice.finish_reason !== "length") emitCalls(reading, call);
    reading.finishReason = choice.finish_reason;
  }
}

function emitCalls({ pending, makeId }: Reading, call: StreamCall<AiOutput>): void {
  for (const one of pending.values()) emitCall(call, { ...one, callId: one.callId || makeId() });
  pending.clear();
}

function concludeAnswer(reading: Reading, call: StreamCall<AiOutput>): ProviderFault | null {
  switch (reading.finishReason) {
    case null:
      return { ...brokenOff };
    case "content_filter":
      return requestFault("the vendor's safety filter refused the request");
    case "length":
      for (const one of reading.pending.values()) if (isWhole(one)) emitCall(call, one);
      call.emit({ type: "incomplete", reason: "max_output_tokens" });
      return null;
  }
  return reading.refused ? requestFault("the vendor's model refused the request") : null;
}

interface ErrorBody {
  code?: unknown;
  type?: unknown;
  message?: unknown;
}

const quotaMessage = "the vendor's account has no quota left";
const filterMessage = "the vendor's safety filter refused the request";

function readRefusal(status: number, body: unknown): ProviderFault | null {
  const error = (body as { error?: ErrorBody | null } | null)?.error ?? null;
  const code = error?.code ?? error?.type;
  // 429 as if there had been too many calls; but waiting does not help.
  if (code === "insufficient_quota") return keyFault(`${quotaMessage} (${status})`);
  if (code === "content_filter" || code === "content_policy_violation") {
    return requestFault(`${filterMessage} (${status})`);
  }
  if (code === "model_not_found") return keyFault(`the vendor does not know the model (${status})`);
  return null;
}

/** Codes of errors inside a stream, where there is no status; servers that speak alike have numbers there. */
function faultOfCode(code: unknown): ProviderFault {
  if (typeof code === "number" && code >= 400 && code <= 599) return faultFromStatus(code, null);
  switch (code) {
    case "rate_limit_exceeded":
    case "rate_limit_error":
      return faultFromStatus(429, null);
    case "overloaded_error":
    case "server_overloaded":
      return faultFromStatus(503, null);
    case "invalid_api_key":
      return faultFromStatus(401, null);
  }
  return (
    readRefusal(200, { error: { code } }) ?? vendorFault("the vendor failed in the middle of its answer")
  );
}

function faultOf(err: unknown): ProviderFault {
  if (err instanceof SyntaxError) return { ...malformedAnswer };
  const broken = err instanceof OpenAI.APIError && err.status === undefined && err.cause === undefined;
  if (broken && !(err instanceof OpenAI.APIConnectionError)) {
    const { code, type } = (err.error ?? {}) as ErrorBody;
    return faultOfCode(code ?? type);
  }
  return faultFromError(err);
}
