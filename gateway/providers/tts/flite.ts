/** The embedded voice: flite in a process of its own. */
import { connectEngine, type EngineClient } from "../../../workers/speech/client.ts";
import { type FliteVoice, fliteVoices, MAX_TEXT_CHARACTERS } from "../../../workers/speech/flite.ts";
import { pcmOf } from "../../../workers/speech/frames.ts";
import type { Clock } from "../../clock.ts";
import { faultOf, streamFromEngine } from "../local-engine.ts";
import type { CallContext, ProviderFault, TtsEvent, TtsProvider, TtsRequest } from "../provider.ts";
import type { StreamCall } from "../vendor-stream.ts";

export interface FliteTtsOptions {
  /** Socket of the voices' process. */
  socketPath: string;
  clock: Clock;
}

const voicesByName: Record<string, FliteVoice> = {
  ...{ alloy: "slt", coral: "slt", nova: "slt", sage: "slt", shimmer: "slt", marin: "slt" },
  ...{ ash: "rms", echo: "rms", onyx: "rms", verse: "rms", cedar: "rms", ballad: "awb", fable: "awb" },
};

/** The voice for a name as OpenAI's clients give it; flite's own names mean themselves, unknown ones `slt`. */
export function fliteVoiceOf(name: string): FliteVoice {
  const known = name.toLowerCase();
  if (fliteVoices.includes(known as FliteVoice)) return known as FliteVoice;
  return (Object.hasOwn(voicesByName, known) ? voicesByName[known] : undefined) ?? "slt";
}

async function speak(
  client: EngineClient,
  request: TtsRequest,
  context: CallContext,
  { emit, signal, usage }: StreamCall<TtsEvent>,
): Promise<ProviderFault | null> {
  if (request.text.length > MAX_TEXT_CHARACTERS) return faultOf("invalid_request");
  usage.characters = request.text.length;
  // Said again after a restart, it comes out the same to the sample: what was passed on is left out.
  let passedSamples = 0;
  let passedWords = 0;
  let seenSamples = 0;
  let seenWords = 0;
  const result = await client.call(
    {
      op: "speak",
      args: {
        text: request.text,
        voice: fliteVoiceOf(request.voice),
        speedRatio: request.speedRatio,
        sampleRateHz: request.sampleRateHz,
      },
      tenant: context.tenant,
    },
    {
      signal,
      deadlineMs: context.deadlineMs,
      onResend() {
        seenSamples = 0;
        seenWords = 0;
      },
      onEvent(event, payload) {
        if (typeof event.word === "string") {
          if (++seenWords <= passedWords) return;
          passedWords = seenWords;
          emit({ type: "word", text: event.word, fromSample: Number(event.fromSample) });
          return;
        }
        const pcm = pcmOf(payload);
        const fresh = pcm.subarray(Math.max(0, passedSamples - seenSamples));
        seenSamples += pcm.length;
        passedSamples = Math.max(passedSamples, seenSamples);
        if (fresh.length > 0) emit({ type: "audio", pcm: fresh });
      },
    },
  );
  usage.audioMs = Math.round((passedSamples * 1000) / request.sampleRateHz);
  return result.outcome === "failed" ? faultOf(result.code) : null;
}

/** The provider in front of the voices' process; connects at once. */
export function createFliteTts({
  socketPath,
  clock,
}: FliteTtsOptions): TtsProvider & { readonly inFlight: number } {
  const client = connectEngine({ socketPath, clock });
  return {
    name: "embedded",
    stream: (request, context) =>
      streamFromEngine<TtsEvent>("embedded", client, context, (call) =>
        speak(client, request, context, call),
      ),
    warm: () => client.ready(),
    close: () => client.close(),
    waitMs: () => client.waitMs,
    get inFlight() {
      return client.inFlight;
    },
  };
}
