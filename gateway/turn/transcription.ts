/** One utterance's way through the recognisers, as a stream that always says how it ended. */
import type { Clock } from "../clock.ts";
import type {
  AudioRange,
  ConversationMemory,
  SttProvider,
  SttRequest,
  Usage,
} from "../providers/provider.ts";
import { addUsage } from "../resilience/chain.ts";
import { openScope } from "../resilience/scope.ts";
import type { ReplyAttempt } from "./reply.ts";
import type { StageReport } from "./reply-line.ts";

/** An utterance that is still not transcribed after this is given up; recognisers' own deadlines are the chain's. */
export const utteranceMaxMs = 15 * 60_000;

export type TranscriptionEvent =
  /** Replaces the partial before it; `untilSample` as the provider gave it. */
  | { type: "partial"; text: string; untilSample?: number }
  | {
      type: "final";
      text: string;
      untilSample: number;
      provider: string;
      attempts: ReplyAttempt[];
      usage: Usage;
    }
  | {
      type: "failed";
      code: string;
      message: string;
      provider: string;
      attempts: ReplyAttempt[];
      usage: Usage;
    };

export interface TranscriptionOptions {
  tenant: string;
  /** BCP 47. */
  language?: string;
  /** Words to expect. */
  prompt?: string;
  /** What the chains remember of the conversation. */
  conversation?: ConversationMemory;
}

export interface TranscriberOptions {
  stt: SttProvider;
  clock: Clock;
  utteranceMaxMs?: number;
  /** How long a turn may wait for vendors, all stages together, in ms. Absent: no limit beside the chain's own. */
  patienceMs?: number;
  /** For metrics: every attempt, `durationMs` from its start to its transcript; must not throw. */
  onStage?(report: Omit<StageReport, "stage"> & { stage: "stt" }): void;
}

export interface Transcriber {
  /** Partials, then one final or failed; nothing more after an abort. Never throws. */
  transcribe(
    audio: AudioRange,
    options: TranscriptionOptions,
    signal: AbortSignal,
  ): AsyncGenerator<TranscriptionEvent>;
}

/** Drives `stt` (a chain) for one utterance at a time; holds nothing between calls. */
export function createTranscriber(options: TranscriberOptions): Transcriber {
  return {
    transcribe: (audio, asked, signal) => transcribe(options, audio, asked, signal),
  };
}

async function* transcribe(
  { stt, clock, onStage, patienceMs, ...limits }: TranscriberOptions,
  audio: AudioRange,
  { tenant, language, prompt, conversation }: TranscriptionOptions,
  signal: AbortSignal,
): AsyncGenerator<TranscriptionEvent> {
  const attempts: ReplyAttempt[] = [];
  const usage: Usage = {};
  const request: SttRequest = { audio };
  if (language !== undefined) request.language = language;
  if (prompt !== undefined) request.prompt = prompt;
  const scope = openScope(signal);
  const context = {
    signal: scope.signal,
    deadlineMs: clock.nowMs() + (limits.utteranceMaxMs ?? utteranceMaxMs),
    clock,
    tenant,
    callId: clock.randomId(9),
    ...(patienceMs === undefined ? {} : { patienceMs }),
    ...(conversation === undefined ? {} : { conversation }),
    observer: {
      started: () => undefined,
      ended: ({
        provider,
        outcome,
        usefulMs,
        durationMs,
      }: {
        provider: string;
        outcome: ReplyAttempt["outcome"];
        usefulMs: number | null;
        durationMs: number;
      }) => {
        attempts.push({ stage: "stt", provider, outcome });
        onStage?.({ stage: "stt", provider, outcome, durationMs: usefulMs ?? durationMs });
      },
    },
  };
  let final: { text: string; untilSample: number } | null = null;
  try {
    for await (const event of stt.stream(request, context)) {
      if (signal.aborted) continue;
      if (event.type === "partial") yield event;
      else if (event.type === "final") final = { text: event.text, untilSample: event.untilSample };
      else {
        addUsage(usage, event.usage);
        const { provider, outcome, error } = event;
        if (attempts.length === 0) attempts.push({ stage: "stt", provider, outcome });
        if (final !== null) yield { type: "final", ...final, provider, attempts, usage };
        else if (outcome !== "cancelled") {
          const fault = error ?? { code: "provider_unavailable", message: "No transcript came." };
          yield { type: "failed", code: fault.code, message: fault.message, provider, attempts, usage };
        }
        return;
      }
    }
  } catch {
    if (signal.aborted) return;
    const provider = stt.name;
    yield {
      type: "failed",
      code: "internal_error",
      message: "The recogniser broke off.",
      provider,
      attempts,
      usage,
    };
  } finally {
    scope.abort();
    scope.close();
  }
}
