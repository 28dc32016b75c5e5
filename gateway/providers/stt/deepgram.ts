/** Deepgram's live recogniser over its WebSocket API. */
import { Agent } from "node:https";
import type { ProviderFault, SttEvent, SttProvider, SttRequest } from "../provider.ts";
import { faultFromError, fullFault, vendorFault } from "../vendor-fault.ts";
import type { EarVendorOptions } from "../vendor-options.ts";
import { streamFromVendor } from "../vendor-stream.ts";
import { DeepgramListening } from "./deepgram-listening.ts";
import { DeepgramSocket, deepgramKeepAliveMs } from "./deepgram-socket.ts";
import { isoLanguage } from "./iso-language.ts";
import { deepgramPhraseLimits, phrasesOf } from "./prompt-phrases.ts";

const defaultUrl = "https://api.deepgram.com";
const defaultModel = "nova-3";
/** Connections of one process at most, so that none takes all of its file handles; an account's own limit is a setting. */
const deepgramSocketsMax = 500;
/** Opening one at warming may take that long. */
const warmMs = 5_000;

/**
 * A connection a call: it is opened when speech begins and is there before the first words are over. (One kept ready would
 * save nothing that is waited for, and would outlive a vendor's failure.) TLS sessions are taken up again.
 *
 * `inFlight`: calls that are going on.
 */
export function createDeepgramStt(
  options: EarVendorOptions & { keepAliveMs?: number; socketsMax?: number },
): SttProvider & { readonly inFlight: number } {
  const { clock, apiKey, keepAliveMs = deepgramKeepAliveMs, socketsMax = deepgramSocketsMax } = options;
  const model = options.model === "" ? defaultModel : options.model;
  const agent = new Agent({ keepAlive: false });
  let inFlight = 0;

  function connect({ language, prompt }: Pick<SttRequest, "language" | "prompt">): DeepgramSocket {
    const phrases = phrasesOf(prompt, deepgramPhraseLimits);
    const spoken = deepgramLanguage(language ?? options.language);
    const url = urlOf(options.url ?? defaultUrl, { model, language: spoken, phrases });
    return new DeepgramSocket({
      ...{ url, apiKey, clock, agent, keepAliveMs },
      hasWishes: language !== undefined || phrases.length > 0,
    });
  }

  return {
    name: "deepgram",
    model,
    stream: (request, context) =>
      streamFromVendor<SttEvent>("deepgram", context, async (call) => {
        if (inFlight >= socketsMax) return { ...allInUse };
        inFlight += 1;
        try {
          return await new DeepgramListening(connect(request), request, call).run();
        } finally {
          inFlight -= 1;
        }
      }),
    // A connection a call.
    pool: () => ({ open: inFlight, waiting: 0 }),
    async warm() {
      const abort = new AbortController();
      const timer = clock.timer(clock.nowMs() + warmMs, () => abort.abort());
      await check(() => connect({}), abort.signal);
      timer.cancel();
    },
    check: (signal) => check(() => connect({}), signal),
    async close() {
      agent.destroy();
    },
    get inFlight() {
      return inFlight;
    },
  };
}

/** Tags with a region or a script that Deepgram knows; it refuses all others, "de-DE" too. */
const taggedLanguages = (
  "da-DK de-CH en-AU en-GB en-IN en-NZ en-US es-419 es-LATAM fr-CA ko-KR nl-BE pt-BR pt-PT sv-SE th-TH " +
  "zh-CN zh-HK zh-Hans zh-Hant zh-TW"
).split(" ");

/** A language as Deepgram takes it: without its region, but where it knows that. */
export function deepgramLanguage(language: string): string {
  const wanted = language.replaceAll("_", "-").toLowerCase();
  return taggedLanguages.find((tag) => tag.toLowerCase() === wanted) ?? isoLanguage(language);
}

const allInUse: Readonly<ProviderFault> = fullFault("all connections to the recogniser are in use");

/** Opens a connection and closes it: Deepgram looks at key, model and language before it says yes, and bills audio only. */
async function check(connect: () => DeepgramSocket, signal: AbortSignal): Promise<ProviderFault | null> {
  let socket: DeepgramSocket;
  try {
    socket = connect();
  } catch (err) {
    return faultFromError(err);
  }
  let onAbort = () => {};
  try {
    return await new Promise<ProviderFault | null>((resolve) => {
      onAbort = () => resolve(vendorFault("the vendor did not answer in time", "provider_timeout"));
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) return onAbort();
      if (socket.state === "open") return resolve(null);
      socket.listener = { onMessage() {}, onClose: resolve, onSent: () => resolve(null) };
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.cancel();
  }
}

function urlOf(
  base: string,
  { model, language, phrases }: { model: string; language: string; phrases: readonly string[] },
): string {
  const url = new URL(base);
  url.protocol = url.protocol === "http:" || url.protocol === "ws:" ? "ws:" : "wss:";
  if (!/\/listen\/?$/.test(url.pathname))
    url.pathname = `${url.pathname.replace(/\/(v1\/?)?$/, "")}/v1/listen`;
  const query = url.searchParams;
  query.set("model", model);
  query.set("language", language);
  query.set("encoding", "linear16");
  query.set("sample_rate", "16000");
  query.set("channels", "1");
  query.set("interim_results", "true");
  query.set("punctuate", "true");
  // When a turn is over is ours to say.
  query.set("endpointing", "false");
  // Older models than nova-3 call it "keywords".
  const name = /^nova-3|^flux/.test(model) ? "keyterm" : "keywords";
  for (const phrase of phrases) query.append(name, phrase);
  return url.href;
}
