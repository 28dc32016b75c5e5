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
import { createVendorHttp, probe } from "../vendor-http.ts";
import type { VendorOptions } from "../vendor-options.ts";
import type { StreamCall } from "../vendor-stream.ts";
import { streamFromVendor } from "../vendor-stream.ts";
import type { AiOutput, PendingCall } from "./answer-sink.ts";
import { appendArguments, emitCall, emitText, isWhole } from "./answer-sink.ts";
import { claudeRequest } from "./claude-request.ts";
import { clientFunctionName } from "./dialogue.ts";

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
  return {
    ...{ name, model },
    stream: (request, context) =>
      streamFromVendor(name, context, (call) => answer(client, request, model, call), { faultOf }),
    warm: () => http.warm(baseURL),
    check: (signal) => probe(() => client.models.retrieve(model, {}, { signal }), signal, faultOf),
    close: () => http.close(),
  };
}

async function answer(
  client: Anthropic,
  request: AiRequest,
  model: string,
  call: StreamCall<AiOutput>,
): Promise<ProviderFault | null> {
  const stream = await client.messages.create(claudeRequest(request, model), { signal: call.signal });
  const reading: Reading = { pending: new Map(), cut: false, stopReason: null, stopped: false };
  try {
    for await (const event of stream) {
      readEvent(event, reading, request, call);
      await call.room();
    }
  } catch (err) {
    // What breaks after the end is no loss.
    if (!reading.stopped) throw err;
  }
  return reading.stopped ? concludeAnswer(reading, call) : { ...brokenOff };
}

interface Reading {
  /** Function calls that are being written, by their block. */
  pending: Map<number, PendingCall>;
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
      if (event.delta.type === "text_delta") emitText(call, event.delta.text);
      const pending = reading.pending.get(event.index);
      if (event.delta.type === "input_json_delta" && pending !== undefined) {
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
  // Said with 400, as if the request were to blame.
  if (status === 400 && typeof message === "string" && /credit balance/i.test(message)) {
    return keyFault("the vendor wants the account to be paid for (400)");
  }
  return null;
}

function faultOf(err: unknown): ProviderFault {
  if (err instanceof Anthropic.APIError && err.status === undefined) {
    const type = (err.error as ErrorBody | null | undefined)?.error?.type;
    if (typeof type === "string") return faultFromStatus(statusOfType[type] ?? 500, null);
  }
  return faultFromError(err);
}
