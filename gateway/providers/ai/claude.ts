/** Answers by Claude, through Anthropic's SDK. */
import Anthropic from "@anthropic-ai/sdk";
import type { AiProvider, AiRequest, ProviderFault, Usage } from "../provider.ts";
import {
  brokenOff,
  faultFromError,
  faultFromStatus,
  keyFault,
  malformedAnswer,
  requestFault,
} from "../vendor-fault.ts";
import { answered, createVendorHttp, probe } from "../vendor-http.ts";
import type { VendorOptions } from "../vendor-options.ts";
import type { StreamCall } from "../vendor-stream.ts";
import type { AiOutput, PendingCall } from "./answer-sink.ts";
import { appendArguments, countWritten, emitCall, emitText, isWhole, streamAnswer } from "./answer-sink.ts";
import type { ClaudeFit } from "./claude-request.ts";
import { claudeRequest, fitOfClaude } from "./claude-request.ts";
import { clientFunctionName } from "./dialogue.ts";
import { parameterFault } from "./model-fit.ts";

const name = "claude";
const ownUrl = "https://api.anthropic.com";

/** The provider; connections are its own and end with `close`. */
export function createClaudeAi({ clock, apiKey, url, model }: VendorOptions): AiProvider {
  const http = createVendorHttp(clock, readRefusal);
  const baseURL = url ?? ownUrl;
  const client = new Anthropic({
    // Everything is said here, so that the SDK asks neither the environment nor files.
    ...{ apiKey: apiKey === "" ? "none" : apiKey, authToken: null, baseURL, fetch: http.fetch },
    // Trying again is the chain's decision, and error texts are nobody's to read.
    ...{ maxRetries: 0, logLevel: "off" },
  });
  const asking: Asking = { client, model, fit: fitOfClaude(model) };
  return {
    ...{ name, model },
    stream: (request, context) =>
      streamAnswer(name, request, context, (call) => answer(asking, request, call), { faultOf }),
    pool: () => http.pool(),
    warm: () => http.warm(baseURL),
    check(signal) {
      const ask = answered(() => client.models.retrieve(model, {}, { signal }));
      const short = { model, max_tokens: 1, messages: [{ role: "user" as const, content: "Hello." }] };
      const say = answered(() => client.messages.create({ ...short, stream: true }, { signal }));
      return probe(ask, signal, faultOf, url === null ? null : say);
    },
    close: () => http.close(),
  };
}

interface Asking {
  client: Anthropic;
  model: string;
  fit: ClaudeFit;
}

/** Asks again at once where the model refuses the way in which it was asked; each way is refused once. */
async function ask({ client, model, fit }: Asking, request: AiRequest, signal: AbortSignal) {
  for (;;) {
    const { way: thinking } = fit.thinking;
    const { way: forcing } = fit.forcing;
    try {
      return await client.messages.create(claudeRequest(request, model, fit), { signal });
    } catch (err) {
      if (!fit.thinking.learns(err, thinking) && !fit.forcing.learns(err, forcing)) throw err;
    }
  }
}

async function answer(
  asking: Asking,
  request: AiRequest,
  call: StreamCall<AiOutput>,
): Promise<ProviderFault | null> {
  const stream = await ask(asking, request, call.signal);
  const reading: Reading = {
    ...{ pending: new Map(), written: "", cut: false, stopReason: null, stopped: false },
  };
  try {
    for await (const event of stream) {
      readEvent(event, reading, request, call);
      await call.room();
    }
  } catch (err) {
    // What breaks after the end is no loss.
    if (!reading.stopped) throw err;
  } finally {
    // The count comes with the end; what was written before is charged all the same.
    if (!reading.stopped) countWritten(call.usage, reading.written);
  }
  return reading.stopped ? concludeAnswer(reading, call) : { ...brokenOff };
}

interface Reading {
  /** Function calls that are being written, by their block. */
  pending: Map<number, PendingCall>;
  /** All that came, arguments too. */
  written: string;
  /** A call ended in the middle of its arguments. */
  cut: boolean;
  stopReason: string | null;
  /** The vendor said that the answer is complete. */
  stopped: boolean;
}

function readEvent(
  event: Anthropic.RawMessageStreamEvent,
  reading: Reading,
  { tools }: AiRequest,
  call: StreamCall<AiOutput>,
): void {
  switch (event.type) {
    case "message_start":
      countTokens(call.usage, event.message.usage);
      return;
    case "content_block_start":
      if (event.content_block.type === "tool_use") {
        const { id, name: vendorName } = event.content_block;
        const pending = { callId: id, name: clientFunctionName(tools, vendorName), arguments: "" };
        reading.pending.set(event.index, pending);
        call.emit({ type: "writing" });
      }
      return;
    case "content_block_delta": {
      if (event.delta.type === "text_delta") {
        reading.written += event.delta.text;
        emitText(call, event.delta.text);
      }
      const pending = reading.pending.get(event.index);
      if (event.delta.type === "input_json_delta" && pending !== undefined) {
        reading.written += event.delta.partial_json;
        appendArguments(call, pending, event.delta.partial_json);
      }
      return;
    }
    case "content_block_stop": {
      const pending = reading.pending.get(event.index);
      reading.pending.delete(event.index);
      if (pending === undefined) return;
      if (isWhole(pending)) emitCall(call, pending);
      else reading.cut = true;
      return;
    }
    case "message_delta":
      reading.stopReason = event.delta.stop_reason ?? reading.stopReason;
      countTokens(call.usage, event.usage);
      return;
    case "message_stop":
      reading.stopped = true;
  }
}

function concludeAnswer({ stopReason, cut }: Reading, call: StreamCall<AiOutput>): ProviderFault | null {
  switch (stopReason) {
    case "refusal":
      return requestFault("the vendor's safety filter refused the request");
    case "model_context_window_exceeded":
      return requestFault("the conversation is longer than the vendor's model takes");
    case "max_tokens":
      call.emit({ type: "incomplete", reason: "max_output_tokens" });
      return null;
  }
  return cut ? { ...malformedAnswer } : null;
}

/** Counts are of the whole answer so far; what was read from or put into the cache is input, too. */
function countTokens(usage: Usage, counted: Partial<Anthropic.MessageDeltaUsage> | null | undefined): void {
  const { input_tokens: input, output_tokens: output } = counted ?? {};
  const cached = (counted?.cache_creation_input_tokens ?? 0) + (counted?.cache_read_input_tokens ?? 0);
  if (typeof input === "number") usage.inputTokens = input + cached;
  if (typeof output === "number") usage.outputTokens = output;
}

/** HTTP statuses that the types of errors stand for; inside a stream there is the type alone. */
const statusOfType: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

interface ErrorBody {
  error?: { type?: unknown; message?: unknown } | null;
}

function readRefusal(status: number, body: unknown): ProviderFault | null {
  const { message } = (body as ErrorBody | null)?.error ?? {};
  if (status !== 400 || typeof message !== "string") return null;
  // Said with 400, as if the request were to blame.
  if (/credit balance/i.test(message)) return keyFault("the vendor wants the account to be paid for (400)");
  if (/\bthinking\b/.test(message)) return parameterFault("thinking");
  return /tool_choice|forced tool|tool choice/i.test(message) ? parameterFault("tool_choice") : null;
}

function faultOf(err: unknown): ProviderFault {
  if (err instanceof Anthropic.APIError && err.status === undefined) {
    const type = (err.error as ErrorBody | null | undefined)?.error?.type;
    if (typeof type === "string") return faultFromStatus(statusOfType[type] ?? 500, null);
  }
  return faultFromError(err);
}
