import type { Clock } from "../../gateway/clock.ts";
import type {
  AiRequest,
  CallContext,
  EndEvent,
  Provider,
  ProviderFault,
  TtsEvent,
  TtsRequest,
} from "../../gateway/providers/provider.ts";

export const aiRequest: AiRequest = {
  instructions: "",
  messages: [{ role: "user", text: "Hello?" }],
  passages: [],
  tools: [],
  toolChoice: "auto",
  spokenPrefix: "",
  maxOutputTokens: null,
};
export const ttsRequest: TtsRequest = {
  text: "one two three four",
  voice: "v",
  speedRatio: 1,
  sampleRateHz: 8000,
};

/** What a fake does, one step after the other: waits, yields, hangs or fails; it completes after the last. */
export type Step<Event> =
  | { wait: number }
  | { give: Event }
  /** Waits for the abort and for nothing else. */
  | { hang: true }
  /** Doesn't even hear the abort. */
  | { deaf: true }
  | { fail: ProviderFault["code"] }
  | { failWith: ProviderFault }
  /** Ends the stream without an `end`. */
  | { breakOff: true }
  | { throw: true };

/** What was asked of a fake. */
export interface FakeCall<Request> {
  request: Request;
  aborted: boolean;
  /** The stream was read to its end or given back. */
  over: boolean;
}

export interface FakeProvider<Request, Event> extends Provider<Request, Event> {
  readonly calls: FakeCall<Request>[];
}

/** A provider that follows `steps` on the context's clock and keeps the contract but where a step breaks it. */
export function createFakeProvider<Request, Event>(
  name: string,
  steps: Step<Event>[] | ((request: Request, call: number) => Step<Event>[]),
): FakeProvider<Request, Event> {
  const calls: FakeCall<Request>[] = [];
  return {
    name,
    calls,
    async *stream(request, context) {
      const call: FakeCall<Request> = { request, aborted: false, over: false };
      calls.push(call);
      context.signal.addEventListener("abort", () => {
        call.aborted = true;
      });
      const todo = typeof steps === "function" ? steps(request, calls.length - 1) : steps;
      try {
        for (const step of todo) {
          if (context.signal.aborted) break;
          if ("give" in step) yield step.give;
          else if ("fail" in step) return yield failed(name, step.fail);
          else if ("failWith" in step)
            return yield { ...failed(name, step.failWith.code), error: step.failWith };
          else if ("breakOff" in step) return;
          else if ("throw" in step) throw new Error("a vendor's bug");
          else if ("deaf" in step) await new Promise(() => undefined);
          else await pause("wait" in step ? step.wait : Number.POSITIVE_INFINITY, context);
        }
        yield {
          type: "end",
          outcome: context.signal.aborted ? "cancelled" : "completed",
          usage: { characters: 1 },
          provider: name,
        };
      } finally {
        call.over = true;
      }
    },
  };
}

function failed(provider: string, code: ProviderFault["code"]): EndEvent {
  return {
    type: "end",
    outcome: "failed",
    error: { code, message: code, retryable: true },
    usage: { characters: 1 },
    provider,
  };
}

function pause(ms: number, { clock, signal }: CallContext): Promise<void> {
  if (signal.aborted || ms === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      timer?.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = ms === Number.POSITIVE_INFINITY ? null : clock.timer(clock.nowMs() + ms, end);
    signal.addEventListener("abort", end);
  });
}

/** Sound of `samples` samples; every one holds `level`. */
export function sound(samples: number, level = 5000): { give: Extract<TtsEvent, { type: "audio" }> } {
  return { give: { type: "audio", pcm: new Int16Array(samples).fill(level) } };
}

export function word(
  text: string,
  fromSample: number,
): { give: { type: "word"; text: string; fromSample: number } } {
  return { give: { type: "word", text, fromSample } };
}

export function text(delta: string): { give: { type: "text"; delta: string } } {
  return { give: { type: "text", delta } };
}

/** What a call gets: a minute, and a signal that nobody aborts unless one is given. */
export function openContext(clock: Clock, signal: AbortSignal = new AbortController().signal): CallContext {
  return { signal, deadlineMs: clock.nowMs() + 60_000, clock, tenant: "t", callId: "c" };
}

/** Reads a stream to its end. */
export async function collect<E>(stream: AsyncIterable<E>): Promise<E[]> {
  const events: E[] = [];
  for await (const event of stream) events.push(event);
  return events;
}
