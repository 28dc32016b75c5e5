/**
 * ElevenLabs' voices by its multi-context WebSocket. A socket speaks with one voice at one rate, in at most five contexts at
 * once; a context is one text. Its end is known only by closing it: flushed and closed at once, it speaks to its end and then
 * says so. So an interrupted one keeps its place until the vendor is through with it.
 *
 * Speed: 0.7 to 1.2, further wishes are cut to that. Words come with the audio.
 */
import type { ProviderFault, TtsEvent, TtsRequest } from "../provider.ts";
import { faultFromError, keyFault, quotaFault, requestFault, vendorFault } from "../vendor-fault.ts";
import { believed, createVendorHttp, probe } from "../vendor-http.ts";
import type { VoiceVendorOptions } from "../vendor-options.ts";
import { type StreamCall, streamFromVendor } from "../vendor-stream.ts";
import { createAlignmentReader } from "./alignment-words.ts";
import { type ContextSpeech, rateFault, speakInContext } from "./context-speech.ts";
import { bytesOfBase64, openAudioIntake } from "./vendor-audio.ts";
import { askVendor } from "./vendor-request.ts";
import {
  baseLanguage,
  clampSpeed,
  createVoiceBook,
  refusedVoice,
  unknownVoiceFault,
  type VendorVoice,
  voiceLanguageFault,
} from "./vendor-voices.ts";
import {
  createVoiceSockets,
  faultOfClose,
  type PooledVoice,
  placeWait,
  silentMs,
  type VoiceDialect,
  type VoiceMessage,
  type VoiceSocketLimits,
} from "./voice-sockets.ts";

export interface ElevenLabsTtsOptions extends VoiceVendorOptions {
  /** Limits of the pool that differ from `elevenLabsLimits`. */
  limits?: Partial<VoiceSocketLimits>;
}

export const elevenLabsLimits: Readonly<VoiceSocketLimits> = {
  socketsMax: 64,
  contextsPerSocketMax: 5,
  ...placeWait,
  connectMs: 5000,
  pingMs: 10_000,
  restingKept: 1,
  surplusMs: 15_000,
  closingMs: 10_000,
  silentMs,
};

const defaultUrl = "https://api.elevenlabs.io";
const defaultModel = "eleven_flash_v2_5";
const defaultVoice = "21m00Tcm4TlvDq8ikWAM";
/** Longest rest of a context that the vendor allows, in seconds. */
const inactivityTimeoutSeconds = 180;
/** Languages of a model that are kept. */
const languagesMax = 500;
const slowestRatio = 0.7;
const fastestRatio = 1.2;

/** The vendor's codes, over WebSocket (`error`) and HTTP (`detail.code` or `detail.status`). */
export function elevenLabsFault(code: string): ProviderFault {
  switch (code) {
    case "invalid_api_key":
    case "missing_api_key":
    case "needs_authorization":
    case "authentication_required":
    case "unauthorized":
      return keyFault("the vendor refused the key");
    case "missing_permissions":
    case "subscription_required":
      return keyFault("the vendor refused: the key may not do that");
    case "quota_exceeded":
    case "payment_required":
      return keyFault("the vendor's account is used up");
    case "voice_id_does_not_exist":
    case "voice_does_not_exist":
    case "voice_not_found":
    case "only_for_creator+":
      return keyFault(`${refusedVoice}, or does not give it to this account`);
    case "model_id_does_not_exist":
    case "model_not_found":
    case "invalid_model_id":
      return keyFault("the vendor does not know the model");
    case "too_many_concurrent_requests":
    case "rate_limit_exceeded":
    case "max_active_conversations":
      return quotaFault("the vendor has too many calls of this account", null);
    case "request_timeout":
      return vendorFault("the vendor gave the request up as too slow", "provider_timeout");
    case "system_busy":
      return vendorFault("the vendor is overloaded", "provider_overloaded");
    case "max_character_limit_exceeded":
    case "text_too_long":
    case "content_policy_violation":
    case "invalid_request":
    case "unsupported_language":
    case "language_not_supported":
      return requestFault("the vendor refused the request");
  }
  return vendorFault("the vendor failed in the stream");
}

function createDialect(options: ElevenLabsTtsOptions): VoiceDialect {
  const base = (options.url ?? defaultUrl).replace(/\/+$/, "").replace(/^http/, "ws");
  return {
    address: (key) => ({
      url: `${base}/v1/text-to-speech/${key}`,
      headers: options.apiKey === "" ? {} : { "xi-api-key": options.apiKey },
    }),
    contextOf(message) {
      const id = message.contextId ?? message.context_id;
      return typeof id === "string" ? id : null;
    },
    faultOf: (message) => (typeof message.error === "string" ? elevenLabsFault(message.error) : null),
    faultOfClose: (code) =>
      code === 1012 || code === 1013
        ? vendorFault("the vendor is overloaded", "provider_overloaded")
        : faultOfClose(code),
    isLast,
    keepAlive: JSON.stringify({ text: "" }),
    lingers: true,
  };
}

function isLast(message: VoiceMessage): boolean {
  return message.isFinal === true || message.is_final === true;
}

/** The pool's key: what a socket is bound to, as the end of its address. */
function socketKey(voice: string, model: string, language: string, sampleRateHz: number): string {
  const query = new URLSearchParams({
    model_id: model,
    output_format: `pcm_${sampleRateHz}`,
    auto_mode: "true",
    sync_alignment: "true",
    inactivity_timeout: String(inactivityTimeoutSeconds),
  });
  // The others infer the language, and refuse to be told.
  if (language !== "" && /(turbo|flash)_v2_5/.test(model)) query.set("language_code", language);
  return `${encodeURIComponent(voice)}/multi-stream-input?${query}`;
}

const speedOf = (ratio: number) => clampSpeed(ratio, slowestRatio, fastestRatio);

function speechOf(contextId: string, request: TtsRequest, call: StreamCall<TtsEvent>): ContextSpeech {
  const speedRatio = speedOf(request.speedRatio);
  const intake = openAudioIntake(call, request, request.sampleRateHz);
  const reader = createAlignmentReader(request.text);
  const receivedMs = () => (intake.samples * 1000) / request.sampleRateHz;
  return {
    messages: [
      {
        text: " ",
        context_id: contextId,
        ...(speedRatio === 1 ? {} : { voice_settings: { speed: speedRatio } }),
      },
      { text: `${request.text} `, context_id: contextId, flush: true },
      { context_id: contextId, close_context: true },
    ],
    farewell: null,
    take(message) {
      for (const { text, fromMs } of reader.take(message, receivedMs()))
        call.emit({ type: "word", text, fromSample: Math.round((fromMs * request.sampleRateHz) / 1000) });
      if (typeof message.audio === "string") intake.push(bytesOfBase64(message.audio));
    },
    isLast,
    finish: () => intake.finish() ?? rateFault(receivedMs(), reader.spokenMs),
  };
}

interface VoiceAnswer {
  voice_id?: unknown;
  name?: unknown;
  labels?: { language?: unknown } | null;
  verified_languages?: unknown;
}

/** A voice as the vendor's lists have it; null when it has no id. */
function readVoice(value: unknown): VendorVoice | null {
  const { voice_id: id, name, labels, verified_languages: verified } = (value ?? {}) as VoiceAnswer;
  if (typeof id !== "string" || id === "") return null;
  const languages: string[] = [];
  for (const one of Array.isArray(verified) ? verified.slice(0, 200) : []) {
    const { language } = (one ?? {}) as { language?: unknown };
    if (typeof language === "string") languages.push(language);
  }
  if (typeof labels?.language === "string") languages.push(labels.language);
  return { id, name: typeof name === "string" ? name : "", languages };
}

/** The vendor's code in an HTTP refusal: `detail.code` or `detail.status`. */
function readRefusal(_status: number, body: unknown): ProviderFault | null {
  const detail = (body as { detail?: { code?: unknown; status?: unknown } } | null)?.detail;
  for (const code of [detail?.code, detail?.status]) {
    const fault = typeof code === "string" ? elevenLabsFault(code) : null;
    if (fault !== null && fault.blame !== "vendor") return fault;
  }
  return null;
}

/**
 * Makes the provider; opens nothing yet.
 *
 * @param options - `voice` is a voice id; "" for one that everybody has
 */
export function createElevenLabsTts(options: ElevenLabsTtsOptions): PooledVoice {
  const { clock } = options;
  const model = options.model === "" ? defaultModel : options.model;
  const configured = options.voice === "" ? defaultVoice : options.voice;
  const sockets = createVoiceSockets(
    createDialect(options),
    { ...elevenLabsLimits, ...options.limits },
    clock,
  );
  const voices = createVoiceBook(configured);
  const base = (options.url ?? defaultUrl).replace(/\/+$/, "");
  /** The languages that the model speaks; empty until the vendor has told. */
  const spoken = new Set<string>();
  /** One that the model does not speak is not named: it would be refused, and the model infers it. */
  const languageOf = (asked: string | undefined) => {
    const wanted = baseLanguage(asked ?? options.language);
    const language = wanted === "nb" || wanted === "nn" ? "no" : wanted;
    return spoken.size === 0 || spoken.has(language) ? language : "";
  };

  const http = createVendorHttp(clock, readRefusal);
  const headers: Record<string, string> = options.apiKey === "" ? {} : { "xi-api-key": options.apiKey };
  const ask = (path: string, signal: AbortSignal) => askVendor(http, `${base}${path}`, headers, signal);
  async function learnVoices(signal: AbortSignal): Promise<void> {
    const answer = (await ask("/v1/voices", signal)) as { voices?: unknown };
    if (!Array.isArray(answer.voices)) return;
    voices.learn(answer.voices.map(readVoice).filter((voice) => voice !== null));
  }
  async function learnLanguages(signal: AbortSignal): Promise<void> {
    const models = await ask("/v1/models", signal);
    const own = Array.isArray(models) ? models.find((one) => one?.model_id === model) : undefined;
    for (const one of Array.isArray(own?.languages) ? own.languages.slice(0, languagesMax) : []) {
      if (typeof one?.language_id === "string") spoken.add(baseLanguage(one.language_id));
    }
  }

  return {
    name: "elevenlabs",
    model,
    speedOf,
    pool: () => sockets.figures,
    stream: (request, context) =>
      streamFromVendor<TtsEvent>("elevenlabs", context, async (call) => {
        const contextId = clock.randomId(12);
        const voice = voices.idOf(request.voice);
        const key = socketKey(voice, model, languageOf(request.language), request.sampleRateHz);
        const speech = speechOf(contextId, request, call);
        return voices.judge(await speakInContext(sockets, key, contextId, request, call, speech), voice);
      }),
    async warm() {
      const late = AbortSignal.timeout(elevenLabsLimits.connectMs);
      const learning = [learnVoices(late), learnLanguages(late)];
      await Promise.all(learning.map((learnt) => learnt.catch(() => undefined)));
      await sockets.warm(socketKey(configured, model, languageOf(undefined), 24000));
    },
    check: (signal) =>
      probe(() => checkVoice(signal), signal, faultFromError, options.url === null ? null : believed),
    async close() {
      await Promise.all([sockets.close(), http.close()]);
    },
  };

  async function checkVoice(signal: AbortSignal): Promise<ProviderFault | null> {
    const models = await ask("/v1/models", signal);
    const known = Array.isArray(models) ? models.map((one) => (one as { model_id?: unknown })?.model_id) : [];
    if (known.length > 0 && !known.includes(model)) return elevenLabsFault("model_not_found");
    const answer = await ask(`/v1/voices/${encodeURIComponent(configured)}`, signal).catch((err) => {
      const { message } = faultFromError(err);
      if (message === elevenLabsFault("voice_not_found").message) return null;
      throw err;
    });
    const voice = readVoice(answer);
    return voice === null ? unknownVoiceFault(configured) : voiceLanguageFault(voice, options.language);
  }
}
