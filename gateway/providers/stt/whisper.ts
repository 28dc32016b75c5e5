/** The embedded recogniser: Whisper in a process of its own. */
import { connectEngine, type EngineClient } from "../../../workers/speech/client.ts";
import { payloadOf } from "../../../workers/speech/frames.ts";
import type { Clock } from "../../clock.ts";
import { faultOf, streamFromEngine } from "../local-engine.ts";
import type { CallContext, ProviderFault, SttEvent, SttProvider, SttRequest } from "../provider.ts";
import type { StreamCall } from "../vendor-stream.ts";
import { type Recogniser, transcribeAtPauses } from "./pause-transcription.ts";

export interface WhisperSttOptions {
  /** Socket of the recogniser's process. */
  socketPath: string;
  clock: Clock;
}

/**
 * All that the voice detector waits for: fluent speech holds hardly any pause that is shorter than 120 ms, and words are
 * as often wrong as with a longer tail.
 */
export const settleMs = 64;

function recogniserOf(client: EngineClient, { deadlineMs, tenant }: CallContext): Recogniser {
  return {
    settleMs,
    answersProbes: true,
    asksAgain: true,
    async transcribe(pcm, signal) {
      let text = "";
      const result = await client.call(
        { op: "transcribe", args: {}, payload: payloadOf(pcm), tenant },
        {
          ...{ signal, deadlineMs },
          onEvent: (event) => {
            text = String(event.text ?? "");
          },
        },
      );
      return result.outcome === "failed" ? faultOf(result.code) : text;
    },
  };
}

async function transcribe(
  client: EngineClient,
  request: SttRequest,
  context: CallContext,
  call: StreamCall<SttEvent>,
): Promise<ProviderFault | null> {
  // The model knows English only; on another language it would invent.
  if (request.language && !/^en\b/i.test(request.language)) {
    return {
      code: "provider_rejected",
      message: "the local recogniser knows English only",
      retryable: false,
    };
  }
  call.usage.audioMs = 0;
  return transcribeAtPauses(recogniserOf(client, context), request, call, (samples) => {
    call.usage.audioMs = Math.round(samples / 16);
  });
}

/** The provider in front of the recogniser's process; connects at once. */
export function createWhisperStt(options: WhisperSttOptions): SttProvider & { readonly inFlight: number } {
  const { socketPath, clock } = options;
  const client = connectEngine({ socketPath, clock });
  return {
    name: "embedded",
    stream: (request, context) =>
      streamFromEngine<SttEvent>("embedded", client, context, (call) =>
        transcribe(client, request, context, call),
      ),
    warm: () => client.ready(),
    close: () => client.close(),
    waitMs: () => client.waitMs,
    get inFlight() {
      return client.inFlight;
    },
  };
}
