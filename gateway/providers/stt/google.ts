/**
 * Google's streaming recogniser, API v1: v2 asks for a project and a region with every call and knows no recogniser that
 * v1 does not have for live speech, so it would only add settings.
 */
import type { ProviderFault, SttEvent, SttProvider, SttRequest } from "../provider.ts";
import { faultFromError, vendorFault } from "../vendor-fault.ts";
import type { EarVendorOptions } from "../vendor-options.ts";
import { streamFromVendor } from "../vendor-stream.ts";
import { GoogleChannels, type GoogleEarLimits, googleEarLimits } from "./google-channels.ts";
import { GoogleListening, type GoogleStreamLimits, googleStreamLimits } from "./google-listening.ts";
import { openSpeechStream, type SpeechHandlers, type SpeechStream } from "./google-stream.ts";
import { googlePhraseLimits, phrasesOf } from "./prompt-phrases.ts";

/** `apiKey` is the path of a service account's key file; "" leaves it to Google's own search. */
export interface GoogleEarOptions extends EarVendorOptions {
  /** When a stream makes room for the next one; Google's limit in tests is shorter. */
  streamLimits?: Partial<GoogleStreamLimits>;
  /** Limits of the channels that differ from `googleEarLimits`. */
  limits?: Partial<GoogleEarLimits>;
}

const defaultModel = "latest_long";
/** A second is the least that Google bills. */
const checkMs = 100;

/** `inFlight`: streams that are open at Google. */
export function createGoogleStt(options: GoogleEarOptions): SttProvider & { readonly inFlight: number } {
  const model = options.model === "" ? defaultModel : options.model;
  const limits = { ...googleStreamLimits, ...options.streamLimits };
  const channels = new GoogleChannels({
    ...{ clock: options.clock, url: options.url, keyPath: options.apiKey },
    limits: { ...googleEarLimits, ...options.limits },
  });

  async function open(
    request: Pick<SttRequest, "language" | "prompt">,
    on: SpeechHandlers,
  ): Promise<SpeechStream> {
    return openSpeechStream(await channels.lease(), {
      language: request.language ?? options.language,
      languageAsked: request.language !== undefined,
      model,
      phrases: phrasesOf(request.prompt, googlePhraseLimits),
      ...on,
    });
  }

  return {
    name: "google",
    model,
    stream: (request, context) =>
      streamFromVendor<SttEvent>("google", context, (call) =>
        new GoogleListening(
          (on) => open(request, on),
          ...([request, call, options.clock, limits] as const),
        ).run(),
      ),
    pool: () => ({ open: channels.open, waiting: 0 }),
    async warm() {
      await channels.connect().catch(() => undefined);
    },
    check: (signal) => check((on) => open({}, on), signal),
    close: () => channels.close(),
    get inFlight() {
      return channels.streams;
    },
  };
}

/** Lets Google recognise a moment of silence: that asks for key, model, language and address at once. */
async function check(
  open: (on: SpeechHandlers) => Promise<SpeechStream>,
  signal: AbortSignal,
): Promise<ProviderFault | null> {
  let stream: SpeechStream | null = null;
  let onAbort = () => {};
  try {
    return await new Promise<ProviderFault | null>((resolve, reject) => {
      onAbort = () => resolve(vendorFault("the vendor did not answer in time", "provider_timeout"));
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      open({ onResults() {}, onBilled() {}, onEnd: resolve }).then((opened) => {
        stream = opened;
        if (signal.aborted) return opened.cancel();
        opened.send(Buffer.alloc(checkMs * 32));
        opened.halfClose();
      }, reject);
    });
  } catch (err) {
    return faultFromError(err);
  } finally {
    signal.removeEventListener("abort", onAbort);
    (stream as SpeechStream | null)?.cancel();
  }
}
