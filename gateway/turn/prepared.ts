/** What the gateway says when it has nothing better: plain sentences, their audio rendered at the start. */
import { resampleWhole } from "../../workers/speech/resample.ts";
import type { Clock } from "../clock.ts";
import type { TtsProvider } from "../providers/provider.ts";

/** A rendered sentence longer than this is not kept. */
export const preparedAudioMaxMs = 10_000;

const renderedRateHz = 24_000;

/** Said once when the spare answers in place of vendors that are all gone. */
export const spareCode = "spare";
/** Said while many wait for the spare. */
export const crowdCode = "crowd";
/** … and to those who wait on. */
export const crowdAgainCode = "crowd_again";

/** A sentence for every code that a reply can fail with (others get that of `provider_unavailable`), and what else is said. */
export const preparedSentences: Readonly<Record<string, string>> = {
  provider_overloaded: "I'm sorry, too many people are talking to me at once. Please try again in a moment.",
  provider_unavailable: "I'm sorry, I can't answer right now. Please try again in a moment.",
  provider_timeout: "I'm sorry, that is taking me too long. Please ask me again.",
  provider_rejected: "I'm sorry, I can't answer that one. Please try asking in another way.",
  transcription_failed: "I'm sorry, I couldn't make out what you said. Please say it again.",
  internal_error: "I'm sorry, something went wrong on my side. Please try again.",
  [crowdCode]: "One moment, many people are talking to me at once.",
  [crowdAgainCode]: "I'm still here, and I have not forgotten you.",
  [spareCode]: "My usual voice is out of reach, so I answer as its spare for now.",
};

export interface PreparedSentences {
  /** The words for a code. */
  sentence(code: string): string;
  /** Its audio, mono int16, the caller's own copy; null if it was never rendered. */
  audio(code: string, sampleRateHz: 8000 | 16000 | 24000): Int16Array | null;
  /** Renders what isn't yet, one after the other; never rejects. @returns how many are there */
  warm(tts: TtsProvider, options: WarmOptions): Promise<number>;
}

export interface WarmOptions {
  clock: Clock;
  voice: string;
  signal: AbortSignal;
  /** For one sentence. */
  renderMs: number;
}

/** @param sentences - by code; must hold `provider_unavailable`, which stands in for unknown ones */
export function createPreparedSentences(
  sentences: Readonly<Record<string, string>> = preparedSentences,
): PreparedSentences {
  /** Per code and rate; at most three rates of what was rendered. */
  const kept = new Map<string, Int16Array>();
  const known = (code: string) => (Object.hasOwn(sentences, code) ? code : "provider_unavailable");

  return {
    sentence: (code) => sentences[known(code)]!,
    audio(code, sampleRateHz) {
      const key = `${known(code)}:${sampleRateHz}`;
      let pcm = kept.get(key);
      if (pcm === undefined) {
        const rendered = kept.get(`${known(code)}:${renderedRateHz}`);
        if (rendered === undefined) return null;
        pcm = resampleWhole(rendered, renderedRateHz, sampleRateHz);
        kept.set(key, pcm);
      }
      return pcm.slice();
    },
    async warm(tts, options) {
      let rendered = 0;
      for (const [code, text] of Object.entries(sentences)) {
        const key = `${code}:${renderedRateHz}`;
        if (!kept.has(key)) {
          const pcm = options.signal.aborted ? null : await render(tts, text, options);
          if (pcm !== null) kept.set(key, pcm);
        }
        if (kept.has(key)) rendered += 1;
      }
      return rendered;
    },
  };
}

async function render(tts: TtsProvider, text: string, options: WarmOptions): Promise<Int16Array | null> {
  const { clock, voice, signal, renderMs } = options;
  const samplesMax = (preparedAudioMaxMs / 1000) * renderedRateHz;
  const chunks: Int16Array[] = [];
  let samples = 0;
  const request = { text, voice, speedRatio: 1, sampleRateHz: renderedRateHz } as const;
  const deadlineMs = clock.nowMs() + renderMs;
  try {
    const context = { signal, deadlineMs, clock, tenant: "gateway", callId: clock.randomId(9) };
    for await (const event of tts.stream(request, context)) {
      if (event.type === "end" && event.outcome !== "completed") return null;
      if (event.type !== "audio") continue;
      chunks.push(event.pcm);
      samples += event.pcm.length;
      if (samples > samplesMax) return null;
    }
  } catch {
    return null;
  }
  if (samples === 0) return null;
  const pcm = new Int16Array(samples);
  let at = 0;
  for (const chunk of chunks) {
    pcm.set(chunk, at);
    at += chunk.length;
  }
  return pcm;
}
