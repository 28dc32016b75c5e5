/** All stand-ins by name; a module is loaded when its stand-in is first started. */
import type { Capability, StandinName, StartStandin } from "./standin.ts";

interface Entry {
  capability: Capability;
  /** The gateway's setting for the vendor's address. */
  urlSetting: string;
  /** The vendor's own name for its key; null where it takes none. */
  keySetting: string | null;
}

export const registry: Readonly<Record<StandinName, Entry>> = {
  gemini: { capability: "ai", urlSetting: "PARLEY_GEMINI_URL", keySetting: "GEMINI_API_KEY" },
  claude: { capability: "ai", urlSetting: "PARLEY_CLAUDE_URL", keySetting: "ANTHROPIC_API_KEY" },
  openai: { capability: "ai", urlSetting: "PARLEY_OPENAI_URL", keySetting: "OPENAI_API_KEY" },
  "google-tts": { capability: "tts", urlSetting: "PARLEY_GOOGLE_TTS_URL", keySetting: null },
  elevenlabs: { capability: "tts", urlSetting: "PARLEY_ELEVENLABS_URL", keySetting: "ELEVENLABS_API_KEY" },
  cartesia: { capability: "tts", urlSetting: "PARLEY_CARTESIA_URL", keySetting: "CARTESIA_API_KEY" },
  "openai-tts": { capability: "tts", urlSetting: "PARLEY_OPENAI_TTS_URL", keySetting: "OPENAI_API_KEY" },
  "google-stt": { capability: "stt", urlSetting: "PARLEY_GOOGLE_STT_URL", keySetting: null },
  deepgram: { capability: "stt", urlSetting: "PARLEY_DEEPGRAM_URL", keySetting: "DEEPGRAM_API_KEY" },
  "openai-stt": { capability: "stt", urlSetting: "PARLEY_OPENAI_STT_URL", keySetting: "OPENAI_API_KEY" },
};

const modules: Readonly<Record<StandinName, () => Promise<StartStandin>>> = {
  gemini: async () => (await import("./gemini.ts")).startGemini,
  claude: async () => (await import("./claude.ts")).startClaude,
  openai: async () => (await import("./openai.ts")).startOpenai,
  "google-tts": async () => (await import("./google-tts.ts")).startGoogleTts,
  elevenlabs: async () => (await import("./elevenlabs.ts")).startElevenlabs,
  cartesia: async () => (await import("./cartesia.ts")).startCartesia,
  "openai-tts": async () => (await import("./openai-tts.ts")).startOpenaiTts,
  "google-stt": async () => (await import("./google-stt.ts")).startGoogleStt,
  deepgram: async () => (await import("./deepgram.ts")).startDeepgram,
  "openai-stt": async () => (await import("./openai-stt.ts")).startOpenAiStt,
};

/** Loads a stand-in's module. */
export function loadStandin(name: StandinName): Promise<StartStandin> {
  return modules[name]();
}
