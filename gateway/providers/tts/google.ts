/**
 * Google's voices by gRPC. Chirp 3 HD voices stream; the others answer with the whole audio at once. Google gives no times of
 * words for plain text. Speed: 0.25 to 2, so all that a request may want.
 */
import type { TextToSpeechClient } from "@google-cloud/text-to-speech";
import type { ProviderFault, TtsEvent, TtsRequest } from "../provider.ts";
import { faultFromError, keyFault, requestFault } from "../vendor-fault.ts";
import { believed, probe } from "../vendor-http.ts";
import type { GoogleAccount, VoiceVendorOptions } from "../vendor-options.ts";
import { type StreamCall, streamFromVendor } from "../vendor-stream.ts";
import { createGoogleVoiceChannels, type GoogleChannelLimits, googleVoiceLimits } from "./google-channels.ts";
import { openAudioIntake } from "./vendor-audio.ts";
import {
  createVoiceBook,
  refusedVoice,
  unknownVoiceFault,
  type VendorVoice,
  voiceLanguageFault,
} from "./vendor-voices.ts";
import { type PooledVoice, silentMs } from "./voice-sockets.ts";

export interface GoogleTtsOptions extends VoiceVendorOptions, GoogleAccount {
  /** Limits of the channels that differ from `googleVoiceLimits`. */
  limits?: Partial<GoogleChannelLimits>;
}

const defaultVoice = "en-US-Chirp3-HD-Aoede";
/** Google takes 5,000 bytes a call. */
const textMaxBytes = 5000;
/** A unary answer is handed on in pieces of that much. */
const pieceBytes = 9600;
const listTimeoutMs = 5000;
/** The SDK's numbers of encodings. */
const linear16 = 1;
const rawPcm = 7;

/** Only these voices stream. */
export function canStream(voice: string): boolean {
  return /-Chirp3-HD-/i.test(voice);
}

/** "en-US" of "en-US-Chirp3-HD-Aoede"; "" where a name holds no language. */
export function languageOfVoice(voice: string): string {
  return /^[a-z]{2,3}(-[A-Za-z]{4})?-([A-Z]{2}|\d{3})(?=-)/.exec(voice)?.[0] ?? "";
}

const namesLanguage = /^[a-z]{2,3}(-[a-z]{4})?-([a-z]{2}|\d{3})-/i;

/** What Google means by "invalid argument" is told by its text alone, and that stays here. */
function faultOf(err: unknown): ProviderFault {
  const { code, details } = (err ?? {}) as { code?: unknown; details?: unknown };
  if (code === 3 && /voice|language|speaking rate|sample rate/i.test(String(details ?? ""))) {
    return keyFault(`${refusedVoice}, or not in that language (gRPC 3)`);
  }
  return faultFromError(err);
}

/** Ends when the call's signal aborts; a call that is over is told so. */
function whenAborted(signal: AbortSignal, cancel: () => void): () => void {
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  return () => signal.removeEventListener("abort", cancel);
}

interface Speech {
  request: TtsRequest;
  voice: string;
  language: string;
  timeoutMs: number;
}

/** gax tries again by itself unless it is told not to. */
const callOptions = (timeoutMs: number) => ({ timeout: timeoutMs, retry: null });

async function speakStreaming(
  client: TextToSpeechClient,
  { request, voice, language, timeoutMs }: Speech,
  call: StreamCall<TtsEvent>,
): Promise<ProviderFault | null> {
  const intake = openAudioIntake(call, request, request.sampleRateHz);
  const stream = client.streamingSynthesize(callOptions(timeoutMs) as object);
  let isOver = false;
  // Some errors come after the end; without a listener each would end the process.
  stream.on("error", () => undefined);
  const forget = whenAborted(call.signal, () => {
    isOver = true;
    stream.cancel();
  });
  try {
    stream.write({
      streamingConfig: {
        voice: { name: voice, languageCode: language },
        streamingAudioConfig: {
          audioEncoding: rawPcm,
          sampleRateHertz: request.sampleRateHz,
          speakingRate: request.speedRatio,
        },
      },
    });
    call.usage.characters = request.text.length;
    stream.write({ input: { text: request.text } });
    stream.end();
    for await (const answer of stream) {
      intake.push((answer as { audioContent?: Uint8Array }).audioContent ?? new Uint8Array(0));
      await call.room();
    }
    return intake.finish();
  } catch (err) {
    return isOver ? null : faultOf(err);
  } finally {
    forget();
    // Given up in the middle by a fault of ours: the vendor need not go on.
    if (!stream.readableEnded) stream.cancel();
  }
}

async function speakAtOnce(
  client: TextToSpeechClient,
  { request, voice, language, timeoutMs }: Speech,
  call: StreamCall<TtsEvent>,
): Promise<ProviderFault | null> {
  const intake = openAudioIntake(call, request, "wav");
  call.usage.characters = request.text.length;
  const asked = client.synthesizeSpeech(
    {
      input: { text: request.text },
      voice: { name: voice, languageCode: language },
      audioConfig: {
        audioEncoding: linear16,
        sampleRateHertz: request.sampleRateHz,
        speakingRate: request.speedRatio,
      },
    },
    { ...callOptions(timeoutMs), signal: call.signal } as object,
  );
  try {
    const [answer] = await asked;
    const bytes = answer.audioContent;
    if (bytes instanceof Uint8Array) {
      for (let at = 0; at < bytes.length && !call.signal.aborted; at += pieceBytes) {
        intake.push(bytes.subarray(at, at + pieceBytes));
        await call.room();
      }
    }
    return intake.finish();
  } catch (err) {
    return call.signal.aborted ? null : faultOf(err);
  }
}

/**
 * Makes the provider; opens nothing yet, and loads the SDK with its first channel.
 *
 * @param options - `voice` is a voice's name, "" for one that everybody has; `apiKey` and `model` are not used
 */
export function createGoogleTts(options: GoogleTtsOptions): PooledVoice {
  const { clock } = options;
  const configured = options.voice === "" ? defaultVoice : options.voice;
  const channels = createGoogleVoiceChannels(options, { ...googleVoiceLimits, ...options.limits });
  const voices = createVoiceBook(configured);

  async function listVoices(languageCode: string, signal?: AbortSignal): Promise<VendorVoice[]> {
    const { client, release } = await channels.lease();
    try {
      const given = signal === undefined ? {} : { signal };
      const options = { ...callOptions(listTimeoutMs), ...given } as object;
      const [answer] = await client.listVoices({ languageCode }, options);
      const listed = answer.voices ?? [];
      // Beside names with a language those without are of models that this call doesn't ask: Google lists and refuses them.
      const named = listed.filter(({ name }) => namesLanguage.test(name ?? ""));
      return (named.length > 0 ? named : listed).map(({ name, languageCodes }) => ({
        id: name ?? "",
        name: "",
        languages: languageCodes ?? [],
      }));
    } finally {
      release(false);
    }
  }

  async function speak(
    request: TtsRequest,
    deadlineMs: number,
    call: StreamCall<TtsEvent>,
  ): Promise<ProviderFault | null> {
    if (Buffer.byteLength(request.text) > textMaxBytes)
      return requestFault("the text is too long for one call");
    const voice = voices.idOf(request.voice);
    const language = languageOfVoice(voice) || (request.language ?? options.language);
    const { client, release } = await channels.lease();
    const leasedAtMs = clock.nowMs();
    try {
      if (call.signal.aborted) return null;
      const timeoutMs = Math.max(1, Math.ceil(deadlineMs - clock.nowMs()));
      const speech: Speech = { request, voice, language, timeoutMs };
      const speakIt = canStream(voice) ? speakStreaming : speakAtOnce;
      return voices.judge(await speakIt(client, speech, call), voice);
    } finally {
      // A path that drops all packets looks like that: its channel gets no more calls.
      release(call.usage.audioMs === undefined && clock.nowMs() - leasedAtMs > silentMs);
    }
  }

  async function checkVoice(signal: AbortSignal): Promise<ProviderFault | null> {
    const spoken = options.language || languageOfVoice(configured);
    const isConfigured = ({ id }: VendorVoice) => id.toLowerCase() === configured.toLowerCase();
    const found =
      (await listVoices(spoken, signal)).find(isConfigured) ??
      (await listVoices("", signal)).find(isConfigured);
    return found === undefined ? unknownVoiceFault(configured) : voiceLanguageFault(found, spoken);
  }

  return {
    name: "google",
    model: canStream(configured) ? "chirp3-hd" : modelOfVoice(configured),
    pool: () => channels.figures,
    stream: (request, context) =>
      streamFromVendor<TtsEvent>("google", context, (call) => speak(request, context.deadlineMs, call), {
        faultOf,
      }),
    async warm() {
      try {
        await channels.connect();
        voices.learn(await listVoices(""));
      } catch {
        // The first call will tell.
      }
    },
    check: (signal) =>
      probe(() => checkVoice(signal), signal, faultOf, options.url === null ? null : believed),
    close: () => channels.close(),
  };
}

/** Google charges by the kind of voice: "neural2" of "en-US-Neural2-C". */
function modelOfVoice(voice: string): string {
  const kind = voice.slice(languageOfVoice(voice).length + 1).split("-")[0] ?? "";
  return kind.toLowerCase();
}
