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
import { answered, createVendorHttp, probe } from "../vendor-http.ts";
import type { VendorOptions } from "../vendor-options.ts";
import type { StreamCall } from "../vendor-stream.ts";
import type { AiOutput, PendingCall } from "./answer-sink.ts";
import {
  appendArguments,
  countWritten,
  emitCall,
  emitText,
  isObject,
  isWhole,
  streamAnswer,
} from "./answer-sink.ts";
import { clientFunctionName } from "./dialogue.ts";
import { type ModelFit, parameterFault } from "./model-fit.ts";
import { effortOfOpenAi, type OpenAiEffort, openAiRequest } from "./openai-request.ts";
import { createThoughtFilter, type ThoughtFilter } from "./thought-filter.ts";
import { estimateInputTokens } from "./tokens.ts";

const name = "openai";
const ownUrl = "https://api.openai.com/v1";

/** The provider; connections are its own and end with `close`. */
export function createOpenAiAi({ clock, apiKey, url, model }: VendorOptions): AiProvider {
  const http = createVendorHttp(clock, readRefusal);
  const baseURL = url ?? ownUrl;
  const ofOpenAi = new URL(baseURL).hostname === new URL(ownUrl).hostname;
  const makeId = () => `call_${clock.randomId(12)}`;
  const client = new OpenAI({
    // Everything is said here, so that the SDK does not ask the environment.
    ...{ apiKey: apiKey === "" ? "none" : apiKey, baseURL, fetch: http.fetch },
    ...{ adminAPIKey: null, organization: null, project: null, webhookSecret: null },
    // Trying again is the chain's decision, and error texts are nobody's to read.
    ...{ maxRetries: 0, logLevel: "off" },
  });
  const asking: Asking = { client, model, ofOpenAi, effort: effortOfOpenAi(model, ofOpenAi), makeId };
  return {
    ...{ name, model },
    stream: (request, context) =>
      streamAnswer(name, request, context, (call) => answer(asking, request, call), { faultOf }),
    pool: () => http.pool(),
    warm: () => http.warm(baseURL),
    check(signal) {
      const ask = answered(() => client.models.retrieve(model, { signal }));
      const short = { model, max_tokens: 1, messages: [{ role: "user" as const, content: "Hello." }] };
      const say = answered(() => client.chat.completions.create({ ...short, stream: true }, { signal }));
      return probe(ask, signal, faultOf, ofOpenAi ? null : say);
    },
    close: () => http.close(),
  };
}

interface Asking {
  client: OpenAI;
  model: string;
  ofOpenAi: boolean;
  effort: ModelFit<OpenAiEffort>;
  makeId(): string;
}

/** Asks again at once where the model refuses the way in which it was asked; each way is refused once. */
async function ask({ client, model, ofOpenAi, effort }: Asking, request: AiRequest, signal: AbortSignal) {
  for (;;) {
    const { way } = effort;
    try {
      return await client.chat.completions.create(openAiRequest(request, model, ofOpenAi, way), { signal });
    } catch (err) {
      if (!effort.learns(err, way)) throw err;
    }
  }
}

interface Reading {
  /** Function calls that are being written, in order. */
  pending: (PendingCall & { index: number | undefined })[];
  thoughts: ThoughtFilter;
  /** All that came, thoughts and arguments too. */
  written: string;
  finishReason: string | null;
  /** The model's own words of refusal. */
  refused: boolean;
  /** For a call without an id: not every server gives one. */
  makeId(): string;
}

async function answer(
  asking: Asking,
  request: AiRequest,
  call: StreamCall<AiOutput>,
): Promise<ProviderFault | null> {
  const stream = await ask(asking, request, call.signal);
  const { makeId } = asking;
  const thoughts = createThoughtFilter();
  const reading: Reading = {
    ...{ pending: [], thoughts, written: "", finishReason: null, refused: false, makeId },
  };
  try {
    for await (const chunk of stream) {
      readChunk(chunk, reading, request, call);
      await call.room();
    }
  } catch (err) {
    // What breaks after the end (the count of tokens comes behind it) is no loss.
    if (reading.finishReason === null) throw err;
  } finally {
    // The count comes last, and not from everybody; what was read and written is charged all the same.
    if (call.usage.outputTokens === undefined) {
      call.usage.inputTokens = estimateInputTokens(request);
      countWritten(call.usage, reading.written);
    }
  }
  emitText(call, thoughts.flush());
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
  readText(delta?.content, reading, call);
  for (const part of delta?.tool_calls ?? []) {
    const pending = callOf(part, reading);
    // Said once, with the first part; some servers say it with every one.
    if (pending.callId === "" && part.id) pending.callId = part.id;
    if (pending.name === "" && part.function?.name) {
      pending.name = clientFunctionName(tools, part.function.name);
    }
    const written = part.function?.arguments ?? "";
    reading.written += written;
    appendArguments(call, pending, written);
  }
  if (choice.finish_reason !== null && choice.finish_reason !== undefined) {
    // Whole only now: arguments come in parts, and no part says that it is the last.
    if (choice.finish_reason !== "length") emitCalls(reading, call);
    reading.finishReason = choice.finish_reason;
  }
}

function readText(content: string | null | undefined, reading: Reading, call: StreamCall<AiOutput>): void {
  if (typeof content !== "string" || content === "") return;
  reading.written += content;
  const spoken = reading.thoughts.push(content);
  if (spoken !== "") emitText(call, spoken);
  // It is at work; nothing that can be said has come yet.
  else call.emit({ type: "text", delta: "" });
}

type CallPart = OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall;

/**
 * The call that a part belongs to. Its place says so, but some servers give all calls the same place, or none: there a new id
 * with a name begins a call, or a name after whole arguments.
 */
function callOf(part: CallPart, { pending }: Reading): Reading["pending"][number] {
  const index = part.index as number | undefined;
  const last = pending.findLast((one) => index === undefined || one.index === index);
  const { name: named, arguments: given } = part.function ?? {};
  const isOther = part.id
    ? last?.callId !== "" && last?.callId !== part.id
    : Boolean(given) && last?.arguments.trim() !== "" && last !== undefined && isObject(last.arguments);
  if (last !== undefined && !(named && isOther)) return last;
  const begun = { index, callId: "", name: "", arguments: "" };
  pending.push(begun);
  return begun;
}

function emitCalls({ pending, makeId }: Reading, call: StreamCall<AiOutput>): void {
  for (const one of pending.splice(0)) emitCall(call, { ...one, callId: one.callId || makeId() });
}

function concludeAnswer(reading: Reading, call: StreamCall<AiOutput>): ProviderFault | null {
  switch (reading.finishReason) {
    case null:
      return { ...brokenOff };
    case "content_filter":
      return requestFault("the vendor's safety filter refused the request");
    case "length":
      for (const one of reading.pending) {
        const whole = { ...one, callId: one.callId || reading.makeId() };
        if (isWhole(whole)) emitCall(call, whole);
      }
      call.emit({ type: "incomplete", reason: "max_output_tokens" });
      return null;
  }
  return reading.refused ? requestFault("the vendor's model refused the request") : null;
}

interface ErrorBody {
  code?: unknown;
  type?: unknown;
  message?: unknown;
  param?: unknown;
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
  return status === 400 && error?.param === "reasoning_effort" ? parameterFault("reasoning_effort") : null;
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
