/**
 * OpenAI's voices, and those of servers that speak like it: raw samples at 24 kHz (or a WAV file, whatever was asked for),
 * streamed, resampled for telephones. No times of words. Speed: 0.25 to 4, but for the `gpt-4o` voices, which take none. The language is told by the text.
 */
import OpenAI from "openai";
import type { ProviderFault, TtsEvent, TtsRequest } from "../provider.ts";
import { brokenOff, faultFromError, keyFault, requestFault } from "../vendor-fault.ts";
import { believed, createVendorHttp, probe } from "../vendor-http.ts";
import type { VoiceVendorOptions } from "../vendor-options.ts";
import { type StreamCall, streamFromVendor } from "../vendor-stream.ts";
import { openAudioIntake } from "./vendor-audio.ts";
import { unknownVoiceFault } from "./vendor-voices.ts";
import type { PooledVoice } from "./voice-sockets.ts";

const name = "openai";
const ownUrl = "https://api.openai.com/v1";
const defaultModel = "gpt-4o-mini-tts";
const defaultVoice = "alloy";
/** The rate of `pcm`. */
const vendorRateHz = 24_000;
const textMaxCharacters = 4096;

/** OpenAI's own names; a custom voice's id begins with `voice_`. */
export const openAiVoices = [
  ...["alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage"],
  ...["shimmer", "verse"],
] as const;

function isOwnVoice(voice: string): boolean {
  return (openAiVoices as readonly string[]).includes(voice);
}

const unknownVoice = keyFault("the vendor does not know the voice");

/** A refusal over the voice or the model is one of our settings', whatever its status. */
function readRefusal(_status: number, body: unknown): ProviderFault | null {
  const { param, code } = ((body as { error?: unknown } | null)?.error ?? {}) as {
    param?: unknown;
    code?: unknown;
  };
  if (code === "voice_not_found" || param === "voice") return { ...unknownVoice };
  if (code === "model_not_found" || param === "model") return keyFault("the vendor does not know the model");
  if (code === "insufficient_quota") return keyFault("the vendor's account is used up");
  return null;
}

/** Formats that are no raw samples: such a server does not look at what it is asked for. */
const compressed = /^audio\/(mpeg|mp3|mp4|aac|ogg|opus|flac|webm)\b/;

interface Speaking {
  client: OpenAI;
  model: string;
  configured: string;
  /** The session's voices that the server has refused. */
  refused: Set<string>;
}

/** The newer voices have no setting for their speed. */
function obeysSpeed(model: string): boolean {
  return !model.startsWith("gpt-4o");
}

/** Speaks in `voice`, or in the configured one where the server does not have that. */
async function request(
  { client, model, configured, refused }: Speaking,
  { text, speedRatio }: TtsRequest,
  voice: string,
  signal: AbortSignal,
): Promise<Response> {
  const takesSpeed = speedRatio !== 1 && obeysSpeed(model);
  const create = (as: string) =>
    client.audio.speech.create(
      {
        ...{ model, voice: as, input: text, response_format: "pcm" },
        ...(takesSpeed ? { speed: speedRatio } : {}),
      },
      { signal },
    );
  if (voice === configured || refused.has(voice)) return create(configured);
  try {
    return await create(voice);
  } catch (err) {
    const { blame } = faultFromError(err);
    if (blame !== "key" && blame !== "request") throw err;
    const response = await create(configured);
    refused.add(voice);
    return response;
  }
}

async function speak(
  speaking: Speaking,
  asked: TtsRequest,
  voice: string,
  call: StreamCall<TtsEvent>,
): Promise<ProviderFault | null> {
  if (asked.text.length > textMaxCharacters) return requestFault("the text is too long for one call");
  const intake = openAudioIntake(call, asked, { headerlessHz: vendorRateHz });
  call.usage.characters = asked.text.length;
  const response = await request(speaking, asked, voice, call.signal);
  if (response.body === null) return { ...brokenOff };
  if (compressed.test(response.headers.get("content-type") ?? "")) {
    await response.body.cancel();
    return keyFault("the server sends compressed audio, and not the samples that it is asked for");
  }
  for await (const bytes of response.body) {
    intake.push(bytes);
    await call.room();
  }
  return intake.finish();
}

/**
 * Makes the provider; opens nothing yet.
 *
 * @param options - `url` with its `/v1`; `voice` is a name, "" for `alloy`
 */
export function createOpenAiTts(options: VoiceVendorOptions): PooledVoice {
  const { clock, apiKey, url } = options;
  const model = options.model === "" ? defaultModel : options.model;
  const configured = options.voice === "" ? defaultVoice : options.voice;
  const http = createVendorHttp(clock, readRefusal);
  const baseURL = url ?? ownUrl;
  let inUse = 0;
  const client = new OpenAI({
    // Everything is said here, so that the SDK does not ask the environment.
    ...{ apiKey: apiKey === "" ? "none" : apiKey, organization: null, project: null, baseURL },
    // Trying again is the chain's decision, and error texts are nobody's to read.
    ...{ fetch: http.fetch, maxRetries: 0, logLevel: "off" as const },
  });
  const speaking: Speaking = { client, model, configured, refused: new Set() };
  /** A server of somebody's own may have other names: the session's is sent only where OpenAI's seem to be spoken. */
  const voiceOf = (wanted: string) => (isOwnVoice(wanted) && isOwnVoice(configured) ? wanted : configured);

  /** The list of models tells whether the key is right; a server without one tells nothing. */
  async function checkModel(signal: AbortSignal): Promise<ProviderFault | null> {
    if (url === null && !isOwnVoice(configured) && !configured.startsWith("voice_")) {
      return unknownVoiceFault(configured);
    }
    const known = new Set<string>();
    for (const one of (await client.models.list({ signal })).data ?? []) known.add(one.id);
    return known.size === 0 || known.has(model) ? null : keyFault("the vendor does not know the model");
  }

  return {
    name,
    model,
    speedOf: (ratio) => (obeysSpeed(model) ? ratio : 1),
    pool: () => ({ ...(http.pool() ?? { open: inUse, waiting: 0 }), inUse }),
    stream: (request, context) =>
      streamFromVendor<TtsEvent>(name, context, async (call) => {
        inUse += 1;
        try {
          return await speak(speaking, request, voiceOf(request.voice), call);
        } finally {
          inUse -= 1;
        }
      }),
    warm: () => http.warm(baseURL),
    check: (signal) =>
      probe(() => checkModel(signal), signal, faultFromError, url === null ? null : believed),
    close: () => http.close(),
  };
}
