/**
 * Any server that transcribes files as OpenAI does (OpenAI itself, Groq, a Whisper server). It takes a file at a time, so
 * what was said is sent at each pause: the words are there, or on their way, when the turn's end is declared.
 */
import OpenAI from "openai";
import type { ProviderFault, SttEvent, SttProvider, SttRequest, Usage } from "../provider.ts";
import { faultFromError, keyFault, malformedAnswer, vendorFault } from "../vendor-fault.ts";
import { createVendorHttp, type ReadRefusal, type VendorHttp } from "../vendor-http.ts";
import type { EarVendorOptions } from "../vendor-options.ts";
import { streamFromVendor } from "../vendor-stream.ts";
import { isoLanguage } from "./iso-language.ts";
import { type Recogniser, transcribeAtPauses } from "./pause-transcription.ts";
import { isBrokenText } from "./running-transcript.ts";
import { wavOf } from "./wav.ts";

const defaultUrl = "https://api.openai.com/v1";
const defaultModel = "gpt-transcribe";
/** Each pause that is believed costs a request with all that was said; shorter ones are mostly none. */
const settleMs = 150;
/** The least that OpenAI takes is 100 ms. */
const leastSamples = 3_200;
/** Whisper reads 224 tokens of a prompt. */
const maxPromptChars = 800;
/** A refusal that the language may be the reason of. */
const badRequest = /\(4(00|22)\)/;
/** Languages whose refusal is remembered. */
const languagesMax = 200;
/** A request's own limit, for one that nobody waits for any more; the chain's deadlines come first. */
const requestMs = 60_000;

/** `inFlight`: requests that are going on. */
export function createOpenAiStt(options: EarVendorOptions): SttProvider & { readonly inFlight: number } {
  const model = options.model === "" ? defaultModel : options.model;
  const http = createVendorHttp(options.clock, readRefusal);
  const client = createClient(options, http);
  let inFlight = 0;
  /** Languages that the vendor refused to be told; it hears them all the same. */
  const refused = new Set<string>();

  async function transcribe(
    pcm: Int16Array,
    asked: Pick<SttRequest, "language" | "prompt">,
    signal: AbortSignal,
    meter?: Meter,
  ): Promise<string | ProviderFault> {
    const language = isoLanguage(asked.language ?? options.language);
    const isTold = language !== "" && !refused.has(language);
    const heard = await send(pcm, isTold ? language : "", asked.prompt, signal, meter);
    if (!isTold || typeof heard === "string" || !badRequest.test(heard.message)) return heard;
    const again = await send(pcm, "", asked.prompt, signal, meter);
    if (typeof again === "string" && refused.size < languagesMax) refused.add(language);
    return again;
  }

  async function send(
    pcm: Int16Array,
    language: string,
    prompt: string | undefined,
    signal: AbortSignal,
    meter?: Meter,
  ): Promise<string | ProviderFault> {
    inFlight += 1;
    try {
      const samples = pcm.length < leastSamples ? padded(pcm) : pcm;
      const settle = meter?.(samples.length / 16);
      const answer: unknown = await client.audio.transcriptions.create(
        {
          file: new File([wavOf(samples)], "speech.wav", { type: "audio/wav" }),
          ...{ model, response_format: "json" },
          ...(language === "" ? {} : languageFor(model, language)),
          ...(prompt === undefined ? {} : { prompt: prompt.slice(0, maxPromptChars) }),
        },
        { signal },
      );
      const { text, usage } = (answer ?? {}) as { text?: unknown; usage?: unknown };
      settle?.(usage);
      if (typeof text !== "string" || isBrokenText(text)) return { ...malformedAnswer };
      return text.trim();
    } catch (err) {
      return faultFromError(err, options.clock.epochMs());
    } finally {
      inFlight -= 1;
    }
  }

  function recogniserOf(request: SttRequest, usage: Usage): Recogniser {
    const meter = openMeter(usage);
    return {
      settleMs,
      // A guess on half a word would cost a request.
      answersProbes: false,
      // Whether a vendor is asked again is the chain's to say.
      asksAgain: false,
      transcribe: (pcm, signal) => transcribe(pcm, request, signal, meter),
    };
  }

  return {
    name: "openai",
    model,
    stream: (request, context) =>
      streamFromVendor<SttEvent>("openai", context, (call) => {
        call.usage.audioMs = 0;
        return transcribeAtPauses(recogniserOf(request, call.usage), request, call);
      }),
    pool: () => http.pool(),
    warm: () => http.warm(options.url ?? defaultUrl),
    /** Asks for the model, which costs nothing; servers that list none have a moment of silence to transcribe. */
    async check(signal) {
      try {
        await client.models.retrieve(model, { signal });
        return null;
      } catch (err) {
        if (signal.aborted) return vendorFault("the vendor did not answer in time", "provider_timeout");
        const fault = faultFromError(err, options.clock.epochMs());
        if (fault.blame !== "key" && fault.blame !== "request") return fault;
      }
      const heard = await transcribe(new Int16Array(leastSamples), {}, signal);
      return typeof heard === "string" ? null : heard;
    },
    close: () => http.close(),
    get inFlight() {
      return inFlight;
    },
  };
}

/** Counts a request's audio as it is sent, and what the vendor says that it was once it has answered. */
type Meter = (audioMs: number) => (billed: unknown) => void;

function openMeter(usage: Usage): Meter {
  let sumMs = 0;
  const add = (ms: number) => {
    sumMs += ms;
    usage.audioMs = Math.round(sumMs);
  };
  return (audioMs) => {
    add(audioMs);
    return (billed) => {
      const {
        seconds,
        input_tokens: input,
        output_tokens: output,
      } = (billed ?? {}) as Record<string, unknown>;
      if (isCount(seconds)) add(seconds * 1000 - audioMs);
      if (isCount(input)) usage.inputTokens = (usage.inputTokens ?? 0) + input;
      if (isCount(output)) usage.outputTokens = (usage.outputTokens ?? 0) + output;
    };
  };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

/** An unknown model is 404 at OpenAI, 400 at others; both name it. */
const readRefusal: ReadRefusal = (status, body) => {
  const { code } = ((body as { error?: unknown } | null)?.error ?? {}) as { code?: unknown };
  const isModel = code === "model_not_found" || code === "invalid_model";
  return isModel ? keyFault(`the vendor does not know the model (${status})`) : null;
};

function createClient({ apiKey, url }: EarVendorOptions, http: VendorHttp): OpenAI {
  return new OpenAI({
    // A server that asks for no key gets something: the SDK insists. Nothing is left for it to ask the environment for.
    ...{ apiKey: apiKey === "" ? "none" : apiKey, baseURL: url ?? defaultUrl, fetch: http.fetch },
    ...{ adminAPIKey: null, organization: null, project: null, webhookSecret: null },
    // Retrying is the chain's decision.
    ...{ maxRetries: 0, timeout: requestMs, logLevel: "off" },
  });
}

function padded(pcm: Int16Array): Int16Array {
  const long = new Int16Array(leastSamples);
  long.set(pcm);
  return long;
}

/** The newest models are told languages that there may be, and don't know the field for the one. */
function languageFor(model: string, language: string): { languages: string[] } | { language: string } {
  return model.startsWith("gpt-transcribe") ? { languages: [language] } : { language };
}
