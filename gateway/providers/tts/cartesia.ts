/**
 * Cartesia's voices by its WebSocket: many contexts on one socket, each one text with a voice and a rate of its own. An
 * interrupted one is cancelled at the vendor. Words come in messages of their own, beside the audio.
 *
 * Speed: 0.6 to 1.5 for Sonic 3 and later, further wishes are cut to that; older models speak at their own.
 */
import type { Clock, Timer } from "../../clock.ts";
import type { ProviderFault, TtsEvent, TtsRequest } from "../provider.ts";
import {
  faultFromError,
  faultFromStatus,
  keyFault,
  malformedAnswer,
  quotaFault,
  requestFault,
  VendorError,
} from "../vendor-fault.ts";
import { believed, createVendorHttp, probe } from "../vendor-http.ts";
import type { VoiceVendorOptions } from "../vendor-options.ts";
import { type StreamCall, streamFromVendor } from "../vendor-stream.ts";
import { type ContextSpeech, rateFault, speakInContext } from "./context-speech.ts";
import { bytesOfBase64, openAudioIntake } from "./vendor-audio.ts";
import { askVendor } from "./vendor-request.ts";
import {
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

export interface CartesiaTtsOptions extends VoiceVendorOptions {
  /** Limits of the pool that differ from `cartesiaLimits`. */
  limits?: Partial<VoiceSocketLimits>;
}

export const cartesiaLimits: Readonly<VoiceSocketLimits> = {
  socketsMax: 24,
  contextsPerSocketMax: 16,
  ...placeWait,
  connectMs: 5000,
  pingMs: 10_000,
  restingKept: 1,
  surplusMs: 15_000,
  closingMs: 10_000,
  silentMs,
};

const defaultUrl = "https://api.cartesia.ai";
const defaultModel = "sonic-3";
const defaultVoice = "694f9389-aac1-45b6-b726-9d9369183238";
/** The protocol that this file speaks. */
const apiVersion = "2026-03-01";
/** The one that lists models. */
const modelsVersion = "2026-08-14";
/** Voices that are asked for at once; the vendor's most. */
const voicesPageSize = 100;
const slowestRatio = 0.6;
const fastestRatio = 1.5;
/** How long audio waits for the words that lie in it, once a call: then it goes out without. */
const wordWaitMs = 80;
/** Words of one message. */
const wordsMax = 5000;
/** All sockets serve all voices. */
const poolKey = "tts";

const unknownVoice = keyFault(refusedVoice);
const unknownModel = keyFault("the vendor does not know the model");

/** What the vendor's code means, in an error message or an HTTP refusal; null for one that its status says as well. */
export function cartesiaFault(code: unknown): ProviderFault | null {
  switch (code) {
    case "voice_not_found":
      return { ...unknownVoice };
    case "model_not_found":
      return { ...unknownModel };
    case "unsupported_language":
    case "language_not_supported":
      // One conversation's mostly; the settings' own is looked at by the check.
      return requestFault("the vendor's model does not speak the language");
    case "concurrency_limited":
      return quotaFault("the vendor has too many calls of this account", null);
    case "quota_exceeded":
    case "plan_upgrade_required":
      return keyFault("the vendor's account is used up");
  }
  return null;
}

function readRefusal(_status: number, body: unknown): ProviderFault | null {
  return cartesiaFault((body as { error_code?: unknown } | null)?.error_code);
}

const isLast = (message: VoiceMessage) => message.type === "done";

function createDialect(options: CartesiaTtsOptions): VoiceDialect {
  const base = (options.url ?? defaultUrl).replace(/\/+$/, "").replace(/^http/, "ws");
  return {
    address: () => ({ url: `${base}/tts/websocket`, headers: headersOf(options) }),
    contextOf: (message) => (typeof message.context_id === "string" ? message.context_id : null),
    faultOf: (message) =>
      message.type === "error"
        ? (cartesiaFault(message.error_code) ?? faultFromStatus(Number(message.status_code), null))
        : null,
    faultOfClose,
    isLast,
    keepAlive: null,
    lingers: false,
  };
}

function headersOf(options: CartesiaTtsOptions): Record<string, string> {
  const headers: Record<string, string> = { "Cartesia-Version": apiVersion };
  if (options.apiKey !== "") headers.Authorization = `Bearer ${options.apiKey}`;
  return headers;
}

interface SpokenAs {
  model: string;
  voice: string;
  language: string;
}

/** Only the newer models have a setting for it. */
function speedOf(ratio: number, model: string): number {
  const isOld = /^sonic-?(2|turbo|english|multilingual|$)/.test(model);
  return isOld ? 1 : clampSpeed(ratio, slowestRatio, fastestRatio);
}

function messageOf(contextId: string, request: TtsRequest, { model, voice, language }: SpokenAs): object {
  const speed = speedOf(request.speedRatio, model);
  return {
    model_id: model,
    transcript: request.text,
    voice: { mode: "id", id: voice },
    ...(language === "" ? {} : { language }),
    context_id: contextId,
    output_format: { container: "raw", encoding: "pcm_s16le", sample_rate: request.sampleRateHz },
    add_timestamps: true,
    use_normalized_timestamps: false,
    continue: false,
    ...(speed !== 1 ? { generation_config: { speed } } : {}),
  };
}

/** Words of a `timestamps` message, in seconds from the context's beginning. */
function readWords(message: VoiceMessage): { text: string; fromMs: number; toMs: number }[] {
  const { words, start, end } = (message.word_timestamps ?? {}) as Record<string, unknown>;
  if (!Array.isArray(words) || !Array.isArray(start) || !Array.isArray(end)) return [];
  const found = [];
  for (const [at, word] of words.slice(0, wordsMax).entries()) {
    const [from, to] = [start[at], end[at]];
    if (typeof word !== "string" || !(Number(from) >= 0) || !(Number(to) >= 0)) continue;
    found.push({ text: word, fromMs: Number(from) * 1000, toMs: Number(to) * 1000 });
  }
  return found;
}

function speechOf(
  contextId: string,
  request: TtsRequest,
  as: SpokenAs,
  call: StreamCall<TtsEvent>,
  clock: Clock,
): ContextSpeech {
  const intake = openAudioIntake(call, request, request.sampleRateHz);
  const held: Uint8Array[] = [];
  let wait: Timer | null = null;
  let isPatient = true;
  let wordsEndMs = 0;
  /** What went wrong while nobody listened: said with the next message. */
  let broken: unknown = null;
  const receivedMs = () => (intake.samples * 1000) / request.sampleRateHz;
  const release = () => {
    wait?.cancel();
    wait = null;
    for (const bytes of held.splice(0)) intake.push(bytes);
  };
  return {
    messages: [messageOf(contextId, request, as)],
    farewell: { context_id: contextId, cancel: true },
    take(message) {
      if (broken !== null) throw broken;
      if (message.type === "chunk") {
        held.push(bytesOfBase64(message.data));
        if (!isPatient || wordsEndMs > receivedMs()) release();
        else
          wait ??= clock.timer(clock.nowMs() + wordWaitMs, () => {
            isPatient = false;
            try {
              release();
            } catch (err) {
              broken = err;
            }
          });
      } else if (message.type === "timestamps") {
        for (const { text, fromMs, toMs } of readWords(message)) {
          wordsEndMs = Math.max(wordsEndMs, toMs);
          call.emit({ type: "word", text, fromSample: Math.round((fromMs * request.sampleRateHz) / 1000) });
        }
        release();
      } else if (typeof message.type !== "string") throw new VendorError({ ...malformedAnswer });
    },
    isLast,
    finish() {
      release();
      return intake.finish() ?? rateFault(receivedMs(), wordsEndMs);
    },
    close: release,
  };
}

function readVoice(value: unknown): VendorVoice | null {
  const { id, name, language } = (value ?? {}) as { id?: unknown; name?: unknown; language?: unknown };
  if (typeof id !== "string" || id === "") return null;
  return {
    id,
    name: typeof name === "string" ? name : "",
    languages: typeof language === "string" ? [language] : [],
  };
}

/**
 * Makes the provider; opens nothing yet.
 *
 * @param options - `voice` is a voice id; "" for one that everybody has
 */
export function createCartesiaTts(options: CartesiaTtsOptions): PooledVoice {
  const { clock } = options;
  const model = options.model === "" ? defaultModel : options.model;
  const configured = options.voice === "" ? defaultVoice : options.voice;
  const sockets = createVoiceSockets(createDialect(options), { ...cartesiaLimits, ...options.limits }, clock);
  const voices = createVoiceBook(configured);
  const base = (options.url ?? defaultUrl).replace(/\/+$/, "");

  const http = createVendorHttp(clock, readRefusal);
  const ask = (path: string, signal: AbortSignal) =>
    askVendor(http, `${base}${path}`, headersOf(options), signal);
  async function learnVoices(signal: AbortSignal): Promise<void> {
    const answer = (await ask(`/voices?limit=${voicesPageSize}`, signal)) as { data?: unknown };
    if (Array.isArray(answer.data))
      voices.learn(answer.data.map(readVoice).filter((voice) => voice !== null));
  }

  /** A server that lists none, or not as expected, says nothing of the model. */
  async function knowsModel(signal: AbortSignal): Promise<boolean> {
    const headers = { ...headersOf(options), "Cartesia-Version": modelsVersion };
    const answer = await askVendor(http, `${base}/models?capability=tts`, headers, signal).catch(() => null);
    const { data = answer } = (answer ?? {}) as { data?: unknown };
    const ids = Array.isArray(data) ? data.map((one) => (one as { id?: unknown } | null)?.id) : [];
    const known = ids.filter((id) => typeof id === "string");
    return known.length === 0 || known.some((id) => isSameModel(id, model));
  }

  return {
    name: "cartesia",
    model,
    speedOf: (ratio) => speedOf(ratio, model),
    pool: () => sockets.figures,
    stream: (request, context) =>
      streamFromVendor<TtsEvent>("cartesia", context, async (call) => {
        const contextId = clock.randomId(12);
        const as = {
          model,
          voice: voices.idOf(request.voice),
          language: (request.language ?? options.language).toLowerCase().split("-")[0] ?? "",
        };
        const speech = speechOf(contextId, request, as, call, clock);
        return voices.judge(
          await speakInContext(sockets, poolKey, contextId, request, call, speech),
          as.voice,
        );
      }),
    async warm() {
      const late = AbortSignal.timeout(cartesiaLimits.connectMs);
      await Promise.all([sockets.warm(poolKey), learnVoices(late).catch(() => undefined)]);
    },
    check: (signal) => {
      const look = async () => {
        const voice = readVoice(await ask(`/voices/${encodeURIComponent(configured)}`, signal));
        if (voice === null) return unknownVoiceFault(configured);
        const fault = voiceLanguageFault(voice, options.language);
        return fault ?? ((await knowsModel(signal)) ? null : { ...unknownModel });
      };
      const faultOf = (err: unknown) => {
        const fault = faultFromError(err);
        return isUnknown(fault, options.url === null) ? unknownVoiceFault(configured) : fault;
      };
      return probe(look, signal, faultOf, options.url === null ? null : believed);
    },
    async close() {
      await Promise.all([sockets.close(), http.close()]);
    },
  };
}

/** Models have names without their day (`sonic-3` of `sonic-3-2026-01-12`), and the newest has one of its own. */
function isSameModel(listed: string, model: string): boolean {
  return (
    listed === model ||
    listed.startsWith(`${model}-`) ||
    model.startsWith(`${listed}-`) ||
    model.endsWith("-latest")
  );
}

/** An answer that does not know the voice; the vendor's own need not say more than 404. */
function isUnknown({ message }: ProviderFault, own: boolean): boolean {
  return message === unknownVoice.message || (own && message === faultFromStatus(404, null).message);
}
