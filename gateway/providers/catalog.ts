/** Which providers there are, by name; each is loaded only when a chain names it. A new vendor gets its line here. */
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { AiProvider, SttProvider, TtsProvider } from "./provider.ts";
import type { Script } from "./script.ts";
import type { EarVendorOptions, VendorOptions, VoiceVendorOptions } from "./vendor-options.ts";

/** What the settings say of one vendor. */
export interface VendorSettings {
  /** Key, or the path of Google's file; null where the address needs none. */
  key: string | null;
  url: string | null;
  /** "" where voices stand for models. */
  model: string;
  /** "" where there are none. */
  voice: string;
}

export interface ProviderParts {
  clock: Clock;
  script: Script;
  /** Null when no chain names an engine of ours; those of the operator's folders are there where a chain names them. */
  speechSockets: SpeechPaths | null;
  /** A vendor's settings; null when it is off. */
  vendor(stage: "stt" | "ai" | "tts", name: string): VendorSettings | null;
  /** BCP 47, for requests that name no language. */
  language: string;
  /** Speaker of the local voice where a session's voice is none of its own; null for the first. */
  localVoice: string | null;
}

/** Sockets of the speech engines. */
interface SpeechPaths {
  recogniser: string;
  voices: string;
  "local-recogniser"?: string;
  "local-voices"?: string;
}

type Catalog<Made> = Readonly<Record<string, (parts: ProviderParts) => Promise<Made>>>;

const stt: Catalog<SttProvider> = {
  google: async (parts) => {
    const { createGoogleStt } = await import("./stt/google.ts");
    return createGoogleStt(earOptions(parts, "google"));
  },
  deepgram: async (parts) => {
    const { createDeepgramStt } = await import("./stt/deepgram.ts");
    return createDeepgramStt(earOptions(parts, "deepgram"));
  },
  openai: async (parts) => {
    const { createOpenAiStt } = await import("./stt/openai.ts");
    return createOpenAiStt(earOptions(parts, "openai"));
  },
  local: async (parts) => {
    const { createLocalStt } = await import("./stt/local.ts");
    return createLocalStt({ socketPath: socketOf(parts, "local-recogniser"), clock: parts.clock });
  },
  embedded: async (parts) => {
    const { createWhisperStt } = await import("./stt/whisper.ts");
    return createWhisperStt({ socketPath: socketOf(parts, "recogniser"), clock: parts.clock });
  },
  scripted: async ({ script }) => (await import("./stt/scripted.ts")).createScriptedStt(script),
};

const ai: Catalog<AiProvider> = {
  gemini: async (parts) => {
    const { createGeminiAi } = await import("./ai/gemini.ts");
    return createGeminiAi(vendorOptions(parts, "ai", "gemini"));
  },
  claude: async (parts) => {
    const { createClaudeAi } = await import("./ai/claude.ts");
    return createClaudeAi(vendorOptions(parts, "ai", "claude"));
  },
  openai: async (parts) => {
    const { createOpenAiAi } = await import("./ai/openai.ts");
    return createOpenAiAi(vendorOptions(parts, "ai", "openai"));
  },
  embedded: async ({ clock }) => (await import("./ai/embedded.ts")).createEmbeddedAi({ clock }),
  scripted: async ({ script }) => (await import("./ai/scripted.ts")).createScriptedAi(script),
};

const tts: Catalog<TtsProvider> = {
  google: async (parts) => {
    const { createGoogleTts } = await import("./tts/google.ts");
    const { key: credentialsPath } = settingsOf(parts, "tts", "google");
    return createGoogleTts({ ...voiceOptions(parts, "google"), credentialsPath });
  },
  elevenlabs: async (parts) => {
    const { createElevenLabsTts } = await import("./tts/elevenlabs.ts");
    return createElevenLabsTts(voiceOptions(parts, "elevenlabs"));
  },
  cartesia: async (parts) => {
    const { createCartesiaTts } = await import("./tts/cartesia.ts");
    return createCartesiaTts(voiceOptions(parts, "cartesia"));
  },
  openai: async (parts) => {
    const { createOpenAiTts } = await import("./tts/openai.ts");
    return createOpenAiTts(voiceOptions(parts, "openai"));
  },
  local: async (parts) => {
    const { createLocalTts } = await import("./tts/local.ts");
    const { clock, language, localVoice } = parts;
    const voice = localVoice ?? "";
    return createLocalTts({ socketPath: socketOf(parts, "local-voices"), clock, language, voice });
  },
  embedded: async (parts) => {
    const { createFliteTts } = await import("./tts/flite.ts");
    return createFliteTts({ socketPath: socketOf(parts, "voices"), clock: parts.clock });
  },
  scripted: async ({ script }) => (await import("./tts/scripted.ts")).createScriptedTts(script),
};

/** Names that `PARLEY_STT`, `PARLEY_AI` and `PARLEY_TTS` may hold. */
export const providerNames = { stt: Object.keys(stt), ai: Object.keys(ai), tts: Object.keys(tts) } as const;

function socketOf({ speechSockets }: ProviderParts, engine: keyof SpeechPaths): string {
  const path = speechSockets?.[engine];
  if (path !== undefined) return path;
  throw new GatewayError("invalid_config", {
    message: "A chain names a local engine, but none was started.",
  });
}

function settingsOf(parts: ProviderParts, stage: "stt" | "ai" | "tts", name: string): VendorSettings {
  const settings = parts.vendor(stage, name);
  if (settings !== null) return settings;
  throw new GatewayError("invalid_config", {
    message: `PARLEY_${stage.toUpperCase()} names ${name}, but its key is not set`,
  });
}

function vendorOptions(parts: ProviderParts, stage: "stt" | "ai" | "tts", name: string): VendorOptions {
  const { key, url, model } = settingsOf(parts, stage, name);
  return { clock: parts.clock, apiKey: key ?? "", url, model };
}

function voiceOptions(parts: ProviderParts, name: string): VoiceVendorOptions {
  const { voice } = settingsOf(parts, "tts", name);
  return { ...vendorOptions(parts, "tts", name), voice, language: parts.language };
}

function earOptions(parts: ProviderParts, name: string): EarVendorOptions {
  return { ...vendorOptions(parts, "stt", name), language: parts.language };
}

async function makeAll<Made>(
  catalog: Catalog<Made>,
  setting: string,
  names: readonly string[],
  parts: ProviderParts,
): Promise<Made[]> {
  return Promise.all(
    names.map((name) => {
      const make = Object.hasOwn(catalog, name) ? catalog[name] : undefined;
      if (make) return make(parts);
      const known = Object.keys(catalog).join(", ");
      throw new GatewayError("invalid_config", {
        message: `${setting}: no provider is called ${name}; there are: ${known}`,
      });
    }),
  );
}

/**
 * Makes the links of the three chains, in order.
 *
 * @throws GatewayError invalid_config for a name that is unknown
 */
export async function makeProviders(
  names: { stt: readonly string[]; ai: readonly string[]; tts: readonly string[] },
  parts: ProviderParts,
): Promise<{ stt: SttProvider[]; ai: AiProvider[]; tts: TtsProvider[] }> {
  const [sttLinks, aiLinks, ttsLinks] = await Promise.all([
    makeAll(stt, "PARLEY_STT", names.stt, parts),
    makeAll(ai, "PARLEY_AI", names.ai, parts),
    makeAll(tts, "PARLEY_TTS", names.tts, parts),
  ]);
  return { stt: sttLinks, ai: aiLinks, tts: ttsLinks };
}
