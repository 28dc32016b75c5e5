/** A neural voice (Piper, Kokoro) from the operator's folder, in a process of its own. */
import { connectEngine, type EngineClient } from "../../../workers/speech/client.ts";
import { pcmOf } from "../../../workers/speech/frames.ts";
import { MAX_LOCAL_TEXT_CHARACTERS, speaksLanguage } from "../../../workers/speech/local-speaking.ts";
import type { Clock } from "../../clock.ts";
import { checkEngine, faultOf, streamFromEngine } from "../local-engine.ts";
import type { CallContext, ProviderFault, TtsEvent, TtsProvider, TtsRequest } from "../provider.ts";
import { keyFault } from "../vendor-fault.ts";
import type { StreamCall } from "../vendor-stream.ts";

export interface LocalTtsOptions {
  /** Socket of the voice's process. */
  socketPath: string;
  clock: Clock;
  /** Speaker, by name or number, where a request's voice is none of its own; "" for the first. */
  voice: string;
  /** BCP 47, for requests that name no language. */
  language: string;
}

async function speak(
  client: EngineClient,
  { voice, language }: LocalTtsOptions,
  request: TtsRequest,
  context: CallContext,
  { emit, signal, usage }: StreamCall<TtsEvent>,
): Promise<ProviderFault | null> {
  if (request.text.length > MAX_LOCAL_TEXT_CHARACTERS) return faultOf("invalid_request");
  usage.characters = request.text.length;
  const { text, speedRatio, sampleRateHz } = request;
  const args = {
    ...{ text, speedRatio, sampleRateHz, voice: request.voice, fallbackVoice: voice },
    language: request.language ?? language,
  };
  let samples = 0;
  const result = await client.call(
    { op: "speak", args, tenant: context.tenant },
    {
      ...{ signal, deadlineMs: context.deadlineMs },
      onEvent(_event, payload) {
        const pcm = pcmOf(payload);
        if (pcm.length === 0) return;
        samples += pcm.length;
        usage.audioMs = Math.round((samples * 1000) / sampleRateHz);
        emit({ type: "audio", pcm });
      },
    },
  );
  return result.outcome === "failed" ? faultOf(result.code) : null;
}

/** The voice's language against the one that is spoken here. */
async function checkLanguage(
  client: EngineClient,
  { clock, language }: LocalTtsOptions,
  signal: AbortSignal,
): Promise<ProviderFault | null> {
  let own: string | null = null;
  const result = await client.call(
    { op: "describe", args: {}, tenant: "check" },
    {
      ...{ signal, deadlineMs: clock.nowMs() + describeLimitMs },
      onEvent: (event) => {
        own = typeof event.language === "string" ? event.language : null;
      },
    },
  );
  if (result.outcome === "failed") return faultOf(result.code);
  if (speaksLanguage({ language: own }, language)) return null;
  return keyFault(`the voice in PARLEY_LOCAL_TTS_DIR speaks ${own}, PARLEY_LANGUAGE is ${language}`);
}

const describeLimitMs = 5_000;

/** The provider in front of the voice's process; connects at once. */
export function createLocalTts(options: LocalTtsOptions): TtsProvider & { readonly inFlight: number } {
  const { socketPath, clock } = options;
  const client = connectEngine({ socketPath, clock, failWhenLost: true });
  return {
    name: "local",
    stream: (request, context) =>
      streamFromEngine<TtsEvent>("local", client, context, (call) =>
        speak(client, options, request, context, call),
      ),
    warm: () => client.ready(),
    check: async (signal) =>
      (await checkEngine(client, "PARLEY_LOCAL_TTS_DIR", signal)) ??
      (signal.aborted ? null : checkLanguage(client, options, signal)),
    close: () => client.close(),
    waitMs: () => client.waitMs,
    get inFlight() {
      return client.inFlight;
    },
  };
}
