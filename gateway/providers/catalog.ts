/** Which providers there are, by name; each is loaded only when a chain names it. A new vendor gets its line here. */
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { AiProvider, SttProvider, TtsProvider } from "./provider.ts";
import type { Script } from "./script.ts";

export interface ProviderParts {
  clock: Clock;
  script: Script;
  /** Null when no chain names a local engine. */
  speechSockets: { recogniser: string; voices: string } | null;
}

type Catalog<Made> = Readonly<Record<string, (parts: ProviderParts) => Promise<Made>>>;

const stt: Catalog<SttProvider> = {
  embedded: async (parts) => {
    const { createWhisperStt } = await import("./stt/whisper.ts");
    return createWhisperStt({ socketPath: sockets(parts).recogniser, clock: parts.clock });
  },
  scripted: async ({ script }) => (await import("./stt/scripted.ts")).createScriptedStt(script),
};

const ai: Catalog<AiProvider> = {
  embedded: async ({ clock }) => (await import("./ai/embedded.ts")).createEmbeddedAi({ clock }),
  scripted: async ({ script }) => (await import("./ai/scripted.ts")).createScriptedAi(script),
};

const tts: Catalog<TtsProvider> = {
  embedded: async (parts) => {
    const { createFliteTts } = await import("./tts/flite.ts");
    return createFliteTts({ socketPath: sockets(parts).voices, clock: parts.clock });
  },
  scripted: async ({ script }) => (await import("./tts/scripted.ts")).createScriptedTts(script),
};

/** Names that `PARLEY_STT`, `PARLEY_AI` and `PARLEY_TTS` may hold. */
export const providerNames = { stt: Object.keys(stt), ai: Object.keys(ai), tts: Object.keys(tts) } as const;

function sockets({ speechSockets }: ProviderParts): { recogniser: string; voices: string } {
  if (speechSockets) return speechSockets;
  throw new GatewayError("invalid_config", {
    message: "A chain names a local engine, but none was started.",
  });
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
