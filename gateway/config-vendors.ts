/**
 * Settings of the vendors: which there are, what switches each on (its key, or an address on this machine), models, voices,
 * addresses and caps; and the chains that follow from what is on.
 */
import type { Setting } from "./config-kinds.ts";
import { wholeNumber, words } from "./config-kinds.ts";
import { isLoopbackHost } from "./loopback.ts";

export type VendorStage = "stt" | "ai" | "tts";

function key(env: string, whose: string): Setting<string | null> {
  return words({
    ...{ env, fallback: null, maxLength: 4096, secret: true },
    pattern: { form: /^[\x21-\x7e]+$/, wanted: "a key of 1 to 4096 characters without spaces" },
    description: `Key of ${whose}; switches it on.`,
  });
}

function address(env: string, whose: string): Setting<string | null> {
  return words({
    ...{ env, fallback: null, maxLength: 512 },
    pattern: {
      form: /^https?:\/\/[^\s/@?#]+[^\s@?#]*$/i,
      wanted: "an address that begins with http:// or https:// and holds no user and no query",
    },
    description: `Address in place of the one of ${whose}; http: to this machine needs no key.`,
  });
}

function model(env: string, whose: string, fallback: string): Setting<string> {
  return words({ env, fallback, maxLength: 128, pattern: named, description: `Model of ${whose}.` });
}

function voice(env: string, whose: string, fallback: string): Setting<string> {
  return words({
    ...{ env, fallback, maxLength: 128, pattern: named },
    description: `Voice of ${whose} where a session's voice is none of its own.`,
  });
}

const named = { form: /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/, wanted: "a name without spaces" };

function folder(env: string, what: string): Setting<string | null> {
  return words({
    ...{ env, fallback: null, maxLength: 1024 },
    description: `Folder of ${what} (docs/local-engines.md); switches it on.`,
  });
}

function inFlight(vendor: string, stage: Uppercase<VendorStage>): Setting<number> {
  return wholeNumber({
    ...{ env: `PARLEY_${vendor}_${stage}_IN_FLIGHT`, unit: "calls a process", min: 0, max: 100_000 },
    fallback: 0,
    description: "Calls at once at most, as the account allows; beyond it the chain passes on. 0: no cap.",
  });
}

function perMinute(vendor: string, stage: Uppercase<VendorStage>): Setting<number> {
  return wholeNumber({
    ...{ env: `PARLEY_${vendor}_${stage}_PER_MINUTE`, unit: "calls a process", min: 0, max: 1_000_000 },
    fallback: 0,
    description: "Calls a minute at most, as the account allows; beyond it the chain passes on. 0: no cap.",
  });
}

/** This part of the table. */
export const vendorSettings = {
  // Gemini
  geminiApiKey: key("GEMINI_API_KEY", "Gemini"),
  geminiModel: model("PARLEY_GEMINI_MODEL", "Gemini", "gemini-3.8-flash"),
  geminiUrl: address("PARLEY_GEMINI_URL", "Gemini"),
  geminiAiInFlight: inFlight("GEMINI", "AI"),
  geminiAiPerMinute: perMinute("GEMINI", "AI"),
  // Claude
  anthropicApiKey: key("ANTHROPIC_API_KEY", "Claude"),
  claudeModel: model("PARLEY_CLAUDE_MODEL", "Claude", "claude-haiku-5-5"),
  claudeUrl: address("PARLEY_CLAUDE_URL", "Claude"),
  claudeAiInFlight: inFlight("CLAUDE", "AI"),
  claudeAiPerMinute: perMinute("CLAUDE", "AI"),
  // OpenAI and what speaks as it does (Groq, Ollama, vLLM, Whisper servers)
  openaiApiKey: key("OPENAI_API_KEY", "OpenAI, or of what stands at its addresses"),
  openaiModel: model("PARLEY_OPENAI_MODEL", "OpenAI's answers", "gpt-6-luna"),
  openaiUrl: address("PARLEY_OPENAI_URL", "OpenAI's answers (Groq, Ollama and vLLM speak alike)"),
  openaiAiInFlight: inFlight("OPENAI", "AI"),
  openaiAiPerMinute: perMinute("OPENAI", "AI"),
  openaiTtsModel: model("PARLEY_OPENAI_TTS_MODEL", "OpenAI's voices", "gpt-4o-mini-tts"),
  openaiTtsVoice: voice("PARLEY_OPENAI_TTS_VOICE", "OpenAI", "marin"),
  openaiTtsUrl: address("PARLEY_OPENAI_TTS_URL", "OpenAI's voices"),
  openaiTtsInFlight: inFlight("OPENAI", "TTS"),
  openaiTtsPerMinute: perMinute("OPENAI", "TTS"),
  openaiSttModel: model("PARLEY_OPENAI_STT_MODEL", "OpenAI's transcriptions", "gpt-transcribe"),
  openaiSttUrl: address("PARLEY_OPENAI_STT_URL", "OpenAI's transcriptions (any Whisper server)"),
  openaiSttInFlight: inFlight("OPENAI", "STT"),
  openaiSttPerMinute: perMinute("OPENAI", "STT"),
  // Google's voices and ears
  googleCredentials: words({
    ...{ env: "GOOGLE_APPLICATION_CREDENTIALS", fallback: null, maxLength: 1024 },
    description: "JSON file of a service account; switches Google's voices and recognisers on.",
  }),
  googleTtsVoice: voice("PARLEY_GOOGLE_TTS_VOICE", "Google", "en-US-Chirp3-HD-Aoede"),
  googleTtsUrl: address("PARLEY_GOOGLE_TTS_URL", "Google's voices"),
  googleTtsInFlight: inFlight("GOOGLE", "TTS"),
  googleTtsPerMinute: perMinute("GOOGLE", "TTS"),
  googleSttModel: model("PARLEY_GOOGLE_STT_MODEL", "Google's recogniser", "latest_long"),
  googleSttUrl: address("PARLEY_GOOGLE_STT_URL", "Google's recogniser"),
  googleSttInFlight: inFlight("GOOGLE", "STT"),
  googleSttPerMinute: perMinute("GOOGLE", "STT"),
  // ElevenLabs
  elevenlabsApiKey: key("ELEVENLABS_API_KEY", "ElevenLabs"),
  elevenlabsModel: model("PARLEY_ELEVENLABS_MODEL", "ElevenLabs", "eleven_flash_v2_5"),
  elevenlabsVoice: voice("PARLEY_ELEVENLABS_VOICE", "ElevenLabs", "21m00Tcm4TlvDq8ikWAM"),
  elevenlabsUrl: address("PARLEY_ELEVENLABS_URL", "ElevenLabs"),
  elevenlabsTtsInFlight: inFlight("ELEVENLABS", "TTS"),
  elevenlabsTtsPerMinute: perMinute("ELEVENLABS", "TTS"),
  // Cartesia
  cartesiaApiKey: key("CARTESIA_API_KEY", "Cartesia"),
  cartesiaModel: model("PARLEY_CARTESIA_MODEL", "Cartesia", "sonic-3"),
  cartesiaVoice: voice("PARLEY_CARTESIA_VOICE", "Cartesia", "694f9389-aac1-45b6-b726-9d9369183238"),
  cartesiaUrl: address("PARLEY_CARTESIA_URL", "Cartesia"),
  cartesiaTtsInFlight: inFlight("CARTESIA", "TTS"),
  cartesiaTtsPerMinute: perMinute("CARTESIA", "TTS"),
  // Deepgram
  deepgramApiKey: key("DEEPGRAM_API_KEY", "Deepgram"),
  deepgramModel: model("PARLEY_DEEPGRAM_MODEL", "Deepgram", "nova-3"),
  deepgramUrl: address("PARLEY_DEEPGRAM_URL", "Deepgram"),
  deepgramSttInFlight: inFlight("DEEPGRAM", "STT"),
  deepgramSttPerMinute: perMinute("DEEPGRAM", "STT"),
  // Engines of ours on models of the operator's
  localSttDir: folder("PARLEY_LOCAL_STT_DIR", "a streaming recogniser for sherpa-onnx"),
  localTtsDir: folder("PARLEY_LOCAL_TTS_DIR", "a Piper or Kokoro voice"),
  localTtsVoice: words({
    ...{ env: "PARLEY_LOCAL_TTS_VOICE", fallback: null, maxLength: 64 },
    description: "Speaker of the local voice, by name or number, where a session's voice is none of its own.",
  }),
} satisfies Record<string, Setting<unknown>>;

/** Values of the vendors' settings. */
export type VendorConfig = {
  readonly [Key in keyof typeof vendorSettings]: (typeof vendorSettings)[Key] extends Setting<infer Value>
    ? Value
    : never;
};

type KeyOf<Value> = {
  [Name in keyof VendorConfig]: VendorConfig[Name] extends Value ? Name : never;
}[keyof VendorConfig];

/** One vendor in one capability. */
export interface VendorRow {
  stage: VendorStage;
  /** As chains name it. */
  name: string;
  /** Setting that switches it on. */
  key: KeyOf<string | null>;
  url: KeyOf<string | null>;
  /** Null where voices stand for models. */
  model: KeyOf<string> | null;
  /** Null where there are no voices. */
  voice: KeyOf<string> | null;
  inFlight: KeyOf<number>;
  perMinute: KeyOf<number>;
}

function row(
  stage: VendorStage,
  name: string,
  own: Pick<VendorRow, "key" | "url" | "inFlight" | "perMinute"> &
    Partial<Pick<VendorRow, "model" | "voice">>,
): VendorRow {
  return { stage, name, model: null, voice: null, ...own };
}

/** Every vendor, in the order in which chains have them by default. */
export const vendorRows: readonly VendorRow[] = [
  row("ai", "gemini", {
    ...{ key: "geminiApiKey", url: "geminiUrl", model: "geminiModel" },
    ...{ inFlight: "geminiAiInFlight", perMinute: "geminiAiPerMinute" },
  }),
  row("ai", "claude", {
    ...{ key: "anthropicApiKey", url: "claudeUrl", model: "claudeModel" },
    ...{ inFlight: "claudeAiInFlight", perMinute: "claudeAiPerMinute" },
  }),
  row("ai", "openai", {
    ...{ key: "openaiApiKey", url: "openaiUrl", model: "openaiModel" },
    ...{ inFlight: "openaiAiInFlight", perMinute: "openaiAiPerMinute" },
  }),
  row("tts", "google", {
    ...{ key: "googleCredentials", url: "googleTtsUrl", voice: "googleTtsVoice" },
    ...{ inFlight: "googleTtsInFlight", perMinute: "googleTtsPerMinute" },
  }),
  row("tts", "elevenlabs", {
    ...{ key: "elevenlabsApiKey", url: "elevenlabsUrl", model: "elevenlabsModel", voice: "elevenlabsVoice" },
    ...{ inFlight: "elevenlabsTtsInFlight", perMinute: "elevenlabsTtsPerMinute" },
  }),
  row("tts", "cartesia", {
    ...{ key: "cartesiaApiKey", url: "cartesiaUrl", model: "cartesiaModel", voice: "cartesiaVoice" },
    ...{ inFlight: "cartesiaTtsInFlight", perMinute: "cartesiaTtsPerMinute" },
  }),
  row("tts", "openai", {
    ...{ key: "openaiApiKey", url: "openaiTtsUrl", model: "openaiTtsModel", voice: "openaiTtsVoice" },
    ...{ inFlight: "openaiTtsInFlight", perMinute: "openaiTtsPerMinute" },
  }),
  row("stt", "google", {
    ...{ key: "googleCredentials", url: "googleSttUrl", model: "googleSttModel" },
    ...{ inFlight: "googleSttInFlight", perMinute: "googleSttPerMinute" },
  }),
  row("stt", "deepgram", {
    ...{ key: "deepgramApiKey", url: "deepgramUrl", model: "deepgramModel" },
    ...{ inFlight: "deepgramSttInFlight", perMinute: "deepgramSttPerMinute" },
  }),
  row("stt", "openai", {
    ...{ key: "openaiApiKey", url: "openaiSttUrl", model: "openaiSttModel" },
    ...{ inFlight: "openaiSttInFlight", perMinute: "openaiSttPerMinute" },
  }),
];

/** What one vendor is called with. */
export interface VendorValues {
  /** Key, or the path of Google's file; null with an address that needs none. */
  key: string | null;
  url: string | null;
  /** "" where voices stand for models. */
  model: string;
  /** "" where there are none. */
  voice: string;
}

/** The row of a chain's link; null for what is no vendor (`embedded`, `scripted`). */
export function vendorOf(stage: VendorStage, name: string): VendorRow | null {
  return vendorRows.find((vendor) => vendor.stage === stage && vendor.name === name) ?? null;
}

/** A vendor's settings, or null when it is off: no key, and no address of plain http on this machine. */
export function vendorValues(config: VendorConfig, vendor: VendorRow): VendorValues | null {
  const url = config[vendor.url];
  const local = url !== null && isPlainLoopback(url);
  if (config[vendor.key] === null && !local) return null;
  return {
    ...{ key: config[vendor.key], url },
    model: vendor.model === null ? "" : config[vendor.model],
    voice: vendor.voice === null ? "" : config[vendor.voice],
  };
}

/** Calls at once and a minute that each vendor may get from one process, by stage and name (`tts/elevenlabs`); 0 is no cap. */
export function vendorCaps(config: VendorConfig): Record<string, { inFlight: number; perMinute: number }> {
  return Object.fromEntries(
    vendorRows.map((vendor) => [
      `${vendor.stage}/${vendor.name}`,
      { inFlight: config[vendor.inFlight], perMinute: config[vendor.perMinute] },
    ]),
  );
}

/** The setting that names the folder of a stage's `local`; null where the stage has none. */
export const localFolders: Readonly<Record<VendorStage, "localSttDir" | "localTtsDir" | null>> = {
  ...{ stt: "localSttDir", ai: null, tts: "localTtsDir" },
};

/** The chain of a stage that says nothing of itself: the vendors that are on, then the local and the embedded engine. */
export function defaultChain(config: VendorConfig, stage: VendorStage): readonly string[] {
  const on = vendorRows.filter((vendor) => vendor.stage === stage && vendorValues(config, vendor) !== null);
  const local = localFolders[stage];
  const own = local !== null && config[local] !== null ? ["local", "embedded"] : ["embedded"];
  return [...on.map(({ name }) => name), ...own];
}

/** Names of the settings to look at when a vendor refuses what we are, or does not answer. */
export function settingsBehind(vendor: VendorRow): string[] {
  const names = [vendor.key, vendor.model, vendor.voice, vendor.url].filter((name) => name !== null);
  return names.map((name) => vendorSettings[name].env);
}

/** What is wrong with the vendors that the chains name, one plain line each. */
export function checkVendors(
  config: VendorConfig & Readonly<Record<VendorStage, readonly string[]>>,
): string[] {
  const offVendors = vendorRows
    .filter(({ stage, name }) => config[stage].includes(name))
    .filter((vendor) => vendorValues(config, vendor) === null)
    .map(
      ({ stage, name, key: switchedBy, url }) =>
        `PARLEY_${stage.toUpperCase()} names ${name}: set ${vendorSettings[switchedBy].env} (or ${vendorSettings[url].env} to an http: address of this machine)`,
    );
  return [...offVendors, ...checkLocals(config)];
}

function checkLocals(config: VendorConfig & Readonly<Record<VendorStage, readonly string[]>>): string[] {
  return (["stt", "tts"] as const).flatMap((stage) => {
    const key = localFolders[stage];
    if (key === null || config[key] !== null || !config[stage].includes("local")) return [];
    return `PARLEY_${stage.toUpperCase()} names local: set ${vendorSettings[key].env}`;
  });
}

function isPlainLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && isLoopbackHost(hostname);
}
