/** Answers by Gemini, through Google's Gen AI SDK. */
import type { GenerateContentResponse } from "@google/genai";
import { ApiError, FinishReason, GoogleGenAI } from "@google/genai";
import type { AiProvider, AiRequest, ProviderFault, Usage } from "../provider.ts";
import {
  brokenOff,
  faultFromError,
  faultFromStatus,
  keyFault,
  malformedAnswer,
  quotaFault,
  readRetryInfoMs,
  requestFault,
  vendorFault,
} from "../vendor-fault.ts";
import { answered, createVendorHttp, probe } from "../vendor-http.ts";
import type { VendorOptions } from "../vendor-options.ts";
import type { StreamCall } from "../vendor-stream.ts";
import type { AiOutput } from "./answer-sink.ts";
import { emitCall, emitText, streamAnswer } from "./answer-sink.ts";
import { clientFunctionName } from "./dialogue.ts";
import { geminiRequest } from "./gemini-request.ts";

const name = "gemini";
const ownUrl = "https://generativelanguage.googleapis.com";
/** Signatures of the newest function calls that are kept; older calls go without. */
export const signaturesMax = 1000;

interface Asking {
  client: GoogleGenAI;
  model: string;
  /** Signatures by the call's id, oldest first. */
  signatures: Map<string, string>;
  makeId(): string;
}

/** The provider; connections are its own and end with `close`. */
export function createGeminiAi({ clock, apiKey, url, model }: VendorOptions): AiProvider {
  const http = createVendorHttp(clock, readRefusal);
  const baseUrl = url ?? ownUrl;
  const client = new GoogleGenAI({
    // Everything is said here, so that the SDK does not ask the environment. It tries nothing again unless it is told to.
    ...{ apiKey: apiKey === "" ? "none" : apiKey, vertexai: false },
    httpOptions: { baseUrl, fetch: http.fetch },
  });
  const makeId = () => `call_${clock.randomId(12)}`;
  const asking: Asking = { client, model, signatures: new Map(), makeId };
  return {
    ...{ name, model },
    stream: (request, context) =>
      streamAnswer(name, request, context, (call) => answer(asking, request, call), { faultOf }),
    pool: () => http.pool(),
    warm: () => http.warm(baseUrl),
    check(signal) {
      const short = { model, contents: "Hello.", config: { abortSignal: signal, maxOutputTokens: 1 } };
      const say = answered(() => client.models.generateContentStream(short));
      const ask = answered(() => client.models.get({ model, config: { abortSignal: signal } }));
      return probe(ask, signal, faultOf, url === null ? null : say);
    },
    close: () => http.close(),
  };
}

async function answer(
  asking: Asking,
  request: AiRequest,
  call: StreamCall<AiOutput>,
): Promise<ProviderFault | null> {
  const asked = geminiRequest(request, asking.model, (callId) => asking.signatures.get(callId));
  asked.config.abortSignal = call.signal;
  const stream = await asking.client.models.generateContentStream(asked);
  let finishReason: FinishReason | null = null;
  try {
    for await (const chunk of stream) {
      const fault = readChunk(chunk, asking, request, call);
      if (fault !== null) return fault;
      finishReason = chunk.candidates?.[0]?.finishReason ?? finishReason;
      await call.room();
    }
  } catch (err) {
    // What breaks after the end is no loss.
    if (finishReason === null) throw err;
  }
  return concludeAnswer(finishReason, call);
}

function readChunk(
  chunk: GenerateContentResponse,
  { signatures, makeId }: Asking,
  { tools }: AiRequest,
  call: StreamCall<AiOutput>,
): ProviderFault | null {
  countTokens(call.usage, chunk.usageMetadata);
  const blocked = chunk.promptFeedback?.blockReason;
  if (blocked !== undefined) return requestFault("the vendor's safety filter refused the request");
  for (const part of chunk.candidates?.[0]?.content?.parts ?? []) {
    // The model's thoughts are not its answer.
    if (part.thought === true) continue;
    emitText(call, part.text);
    if (part.functionCall === undefined) continue;
    const { id, name: vendorName, args } = part.functionCall;
    const callId = id ?? makeId();
    if (part.thoughtSignature !== undefined) keepSignature(signatures, callId, part.thoughtSignature);
    emitCall(call, {
      ...{ callId, name: clientFunctionName(tools, vendorName ?? "") },
      arguments: JSON.stringify(args ?? {}),
    });
  }
  return null;
}

function keepSignature(signatures: Map<string, string>, callId: string, signature: string): void {
  signatures.set(callId, signature);
  const [oldest] = signatures.keys();
  if (signatures.size > signaturesMax && oldest !== undefined) signatures.delete(oldest);
}

/** Counts are of the whole answer so far; thoughts are charged as output. */
function countTokens(usage: Usage, counted: GenerateContentResponse["usageMetadata"]): void {
  if (counted?.promptTokenCount !== undefined) usage.inputTokens = counted.promptTokenCount;
  if (counted?.candidatesTokenCount !== undefined || counted?.thoughtsTokenCount !== undefined) {
    usage.outputTokens = (counted.candidatesTokenCount ?? 0) + (counted.thoughtsTokenCount ?? 0);
  }
}

function concludeAnswer(finishReason: FinishReason | null, call: StreamCall<AiOutput>): ProviderFault | null {
  switch (finishReason) {
    case null:
      return { ...brokenOff };
    case FinishReason.STOP:
    case FinishReason.FINISH_REASON_UNSPECIFIED:
      return null;
    case FinishReason.MAX_TOKENS:
      call.emit({ type: "incomplete", reason: "max_output_tokens" });
      return null;
    case FinishReason.MALFORMED_FUNCTION_CALL:
    case FinishReason.MALFORMED_RESPONSE:
    case FinishReason.UNEXPECTED_TOOL_CALL:
    case FinishReason.TOO_MANY_TOOL_CALLS:
      return { ...malformedAnswer };
    case FinishReason.OTHER:
      return vendorFault("the vendor ended its answer without a reason");
    default:
      // SAFETY, RECITATION, BLOCKLIST, PROHIBITED_CONTENT, SPII, LANGUAGE and what may come.
      return requestFault("the vendor's safety filter refused the request");
  }
}

interface ErrorBody {
  error?: { code?: unknown; status?: unknown; details?: unknown } | null;
}

function readRefusal(status: number, body: unknown): ProviderFault | null {
  const error = ((Array.isArray(body) ? body[0] : body) as ErrorBody | null | undefined)?.error;
  const details = Array.isArray(error?.details) ? error.details : [];
  if (status === 429) {
    return quotaFault("the vendor's quota is used up (429)", readRetryInfoMs(details));
  }
  // Both are said with 400, as if the request were to blame.
  const reasons = details.map((detail: { reason?: unknown } | null) => detail?.reason);
  if (reasons.includes("API_KEY_INVALID")) return keyFault(`the vendor refused the key (${status})`);
  if (error?.status === "FAILED_PRECONDITION") {
    return keyFault(`the vendor serves neither this account nor this place (${status})`);
  }
  return null;
}

function faultOf(err: unknown): ProviderFault {
  // Only an error inside a stream gets here as the SDK's own: refusals are read before the SDK sees them.
  if (err instanceof ApiError) {
    return readRefusal(err.status, jsonIn(err.message)) ?? faultFromStatus(err.status, null);
  }
  if (err instanceof Error && err.message.startsWith("Incomplete JSON segment")) return { ...brokenOff };
  return faultFromError(err);
}

function jsonIn(message: string): unknown {
  try {
    return JSON.parse(message.slice(message.indexOf("{")));
  } catch {
    return null;
  }
}
