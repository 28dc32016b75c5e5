/** How a vendor's answer becomes our events: rubbish is refused, arguments are handed on whole and once. */
import type { AiEvent, AiProvider, AiRequest, CallContext, ProviderFault, Usage } from "../provider.ts";
import { malformedAnswer, VendorError } from "../vendor-fault.ts";
import type { StreamCall, VendorStreamOptions } from "../vendor-stream.ts";
import { streamFromVendor } from "../vendor-stream.ts";
import { estimateInputTokens, estimateTokens } from "./tokens.ts";

/** What an AI provider yields before its end. */
export type AiOutput = Exclude<
  AiProvider["stream"] extends (...given: never[]) => AsyncIterable<infer Event> ? Event : never,
  { type: "end" }
>;

/** Arguments of one call at most; models that loop write without end. */
export const argumentCharsMax = 256 * 1024;

/**
 * A vendor's answer as a stream. What the vendor was given to read is charged, also where the call was given up before it
 * said how much that was: the most that it can have read. A refusal says that it read nothing.
 */
export function streamAnswer(
  name: string,
  request: AiRequest,
  context: CallContext,
  answer: (call: StreamCall<AiOutput>) => Promise<ProviderFault | null>,
  options?: VendorStreamOptions,
): ReturnType<typeof streamFromVendor<AiOutput>> {
  return streamFromVendor<AiOutput>(
    name,
    context,
    async (call) => {
      try {
        return await answer(call);
      } finally {
        if (call.signal.aborted) call.usage.inputTokens ??= estimateInputTokens(request);
      }
    },
    options,
  );
}

/** @throws {VendorError} for text that holds what bytes that are no UTF-8 turn into */
export function emitText(call: StreamCall<AiOutput>, delta: string | null | undefined): void {
  if (delta === null || delta === undefined || delta === "") return;
  if (delta.includes("\uFFFD")) throw new VendorError({ ...malformedAnswer });
  call.emit({ type: "text", delta });
}

/** A function call on its way. */
export interface PendingCall {
  callId: string;
  name: string;
  arguments: string;
}

/** @throws {VendorError} when the arguments grow past all sense */
export function appendArguments(call: StreamCall<AiOutput>, pending: PendingCall, part: string): void {
  pending.arguments += part;
  if (pending.arguments.length > argumentCharsMax) throw new VendorError({ ...malformedAnswer });
  call.emit({ type: "writing" });
}

/** Whether it has a name and its arguments are a JSON object ("" stands for none): the limit of tokens cuts anywhere. */
export function isWhole({ callId, name, arguments: text }: PendingCall): boolean {
  return name !== "" && callId !== "" && !text.includes("\uFFFD") && isObject(orNone(text));
}

/** @throws {VendorError} unless it is whole */
export function emitCall(call: StreamCall<AiOutput>, pending: PendingCall): void {
  if (!isWhole(pending)) throw new VendorError({ ...malformedAnswer });
  const { callId, name } = pending;
  call.emit({ type: "toolCall", callId, name, arguments: orNone(pending.arguments) } satisfies AiEvent);
}

function orNone(text: string): string {
  return text.trim() === "" ? "{}" : text;
}

export function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Counts what was written where the vendor did not get to say it: it is charged all the same. */
export function countWritten(usage: Usage, written: string): void {
  usage.outputTokens = Math.max(usage.outputTokens ?? 0, estimateTokens(written));
}
