/** One StreamingRecognize call to Google: audio in, results out. */
import type { protos } from "@google-cloud/speech";
import type { ProviderFault } from "../provider.ts";
import { faultFromError, faultFromGrpc, keyFault, requestFault } from "../vendor-fault.ts";
import type { ChannelLease } from "./google-channels.ts";

/** Longer than any stream may live: the calls' own deadlines end them earlier. */
const callTimeoutMs = 400_000;
const invalidArgument = 3;
const unavailable = 14;

type Response = protos.google.cloud.speech.v1.IStreamingRecognizeResponse;

/** A guess or a final text, and how much of the stream's audio it is of. */
export interface SpeechResult {
  text: string;
  isFinal: boolean;
  /** From the stream's start; null where Google does not say. */
  endMs: number | null;
}

export interface SpeechStreamOptions {
  /** BCP 47. */
  language: string;
  /** The language came with the request: an unknown one is the request's fault, not the settings'. */
  languageAsked: boolean;
  model: string;
  phrases: readonly string[];
  onResults(results: SpeechResult[]): void;
  /** How much audio Google charges for; comes with its last word on the stream, so before the results that come with it. */
  onBilled(billedMs: number): void;
  /** No result follows: null when Google has said everything. Not called after `cancel`. */
  onEnd(fault: ProviderFault | null): void;
}

export type SpeechHandlers = Pick<SpeechStreamOptions, "onResults" | "onBilled" | "onEnd">;

export interface SpeechStream {
  /** @returns false when the vendor is slow to take it: `onDrain` is called once it does */
  send(pcm: Buffer): boolean;
  onDrain: (() => void) | null;
  /** Nothing more is sent; what Google still has to say follows. */
  halfClose(): void;
  /** Ends it now. */
  cancel(): void;
}

/** Starts a call on `lease`, which goes back when the call is over. */
export function openSpeechStream(lease: ChannelLease, options: SpeechStreamOptions): SpeechStream {
  // Retries are off: whether to try again is the chain's to say.
  const call = lease.client._streamingRecognize({ timeout: callTimeoutMs, retry: null as never });
  let over = false;
  const release = (broken: boolean) => {
    over = true;
    lease.release(broken);
  };
  const finish = (fault: ProviderFault | null, broken = false) => {
    if (over) return;
    release(broken);
    options.onEnd(fault);
  };
  const stream: SpeechStream = {
    onDrain: null,
    send: (audioContent) => over || call.write({ audioContent }),
    halfClose: () => {
      if (!over) call.end();
    },
    cancel() {
      if (over) return;
      release(false);
      call.cancel();
    },
  };
  call.on("data", (response: Response) => {
    if (over) return;
    if (response.error?.code) {
      const { code, message } = response.error;
      finish(faultOfCode({ code, message, details: null }, options));
      call.cancel();
      return;
    }
    const billedMs = msOf(response.totalBilledTime);
    if (billedMs > 0) options.onBilled(billedMs);
    if (response.results?.length) options.onResults(response.results.map(readResult));
  });
  call.on("drain", () => stream.onDrain?.());
  call.on("end", () => finish(null));
  call.on("close", () => finish(null));
  call.on("error", (err: { code?: unknown; message?: unknown }) =>
    finish(
      err.code === invalidArgument
        ? faultOfCode({ code: invalidArgument, message: err.message, details: null }, options)
        : faultFromError(err),
      err.code === unavailable,
    ),
  );
  call.write({ streamingConfig: configOf(options) });
  return stream;
}

function configOf({ language, model, phrases }: SpeechStreamOptions) {
  return {
    config: {
      encoding: "LINEAR16",
      sampleRateHertz: 16000,
      audioChannelCount: 1,
      languageCode: language,
      model,
      enableAutomaticPunctuation: true,
      ...(phrases.length > 0 ? { speechContexts: [{ phrases: [...phrases] }] } : {}),
    },
    interimResults: true,
  };
}

function readResult(result: protos.google.cloud.speech.v1.IStreamingRecognitionResult): SpeechResult {
  const endMs = msOf(result.resultEndTime);
  return {
    text: String(result.alternatives?.[0]?.transcript ?? ""),
    isFinal: result.isFinal === true,
    endMs: endMs > 0 ? endMs : null,
  };
}

function msOf(time: protos.google.protobuf.IDuration | null | undefined): number {
  return time ? Number(time.seconds ?? 0) * 1000 + Number(time.nanos ?? 0) / 1e6 : 0;
}

/** An argument that is invalid may be the settings'; what Google says of it is read, and not handed on. */
function faultOfCode(
  { code, message, details }: { code: number; message: unknown; details: unknown },
  { languageAsked }: SpeechStreamOptions,
): ProviderFault {
  if (code !== invalidArgument) return faultFromGrpc(code, details);
  if (!/model|language|config/i.test(String(message))) return faultFromGrpc(code);
  return languageAsked
    ? requestFault("the recogniser refuses the language that was asked for (gRPC 3)")
    : keyFault("the recogniser refuses the model or the language of the settings (gRPC 3)");
}
