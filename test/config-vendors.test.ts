import { describe, expect, it } from "vitest";
import { parseConfig } from "../gateway/config.ts";
import {
  settingsBehind,
  vendorCaps,
  vendorOf,
  vendorRows,
  vendorSettings,
  vendorValues,
} from "../gateway/config-vendors.ts";
import { GatewayError } from "../gateway/errors.ts";
import { providerNames } from "../gateway/providers/catalog.ts";

function problemsOf(environment: Record<string, string>): string[] {
  try {
    parseConfig(environment);
  } catch (error) {
    if (error instanceof GatewayError) return error.message.split("\n");
  }
  return [];
}

const allKeys = {
  GEMINI_API_KEY: "g",
  ANTHROPIC_API_KEY: "a",
  OPENAI_API_KEY: "o",
  ELEVENLABS_API_KEY: "e",
  DEEPGRAM_API_KEY: "d",
  CARTESIA_API_KEY: "c",
  GOOGLE_APPLICATION_CREDENTIALS: "/keys/google.json",
};

describe("the vendors' settings", () => {
  it("put the vendors that have a key in front of the embedded engines", () => {
    const chains = ({ stt, ai, tts }: ReturnType<typeof parseConfig>) => ({ stt, ai, tts });
    expect(chains(parseConfig(allKeys))).toEqual({
      stt: ["google", "deepgram", "openai", "embedded"],
      ai: ["gemini", "claude", "openai", "embedded"],
      tts: ["google", "elevenlabs", "cartesia", "openai", "embedded"],
    });
    expect(chains(parseConfig({ ANTHROPIC_API_KEY: "a", DEEPGRAM_API_KEY: "d" }))).toEqual({
      ...{ stt: ["deepgram", "embedded"], ai: ["claude", "embedded"], tts: ["embedded"] },
    });
  });

  it("put a local engine right in front of the embedded one where its folder is set", () => {
    const both = { PARLEY_LOCAL_STT_DIR: "/models/ears", PARLEY_LOCAL_TTS_DIR: "/models/voice" };
    const config = parseConfig({ ...both, ELEVENLABS_API_KEY: "e" });
    expect(config.stt).toEqual(["local", "embedded"]);
    expect(config.ai).toEqual(["embedded"]);
    expect(config.tts).toEqual(["elevenlabs", "local", "embedded"]);
    expect(problemsOf({ PARLEY_STT: "local", PARLEY_TTS: "local,embedded" })).toEqual([
      "PARLEY_STT names local: set PARLEY_LOCAL_STT_DIR",
      "PARLEY_TTS names local: set PARLEY_LOCAL_TTS_DIR",
    ]);
    for (const stage of ["stt", "tts"] as const) expect(providerNames[stage]).toContain("local");
  });

  it("leave a chain alone that is written down", () => {
    const config = parseConfig({ ...allKeys, PARLEY_AI: "claude,scripted", PARLEY_TTS: "embedded" });
    expect(config.ai).toEqual(["claude", "scripted"]);
    expect(config.tts).toEqual(["embedded"]);
    expect(config.stt).toContain("deepgram");
  });

  it("take an address of plain http on this machine for a key", () => {
    expect(parseConfig({ PARLEY_OPENAI_URL: "http://127.0.0.1:11434/v1" }).ai).toEqual([
      "openai",
      "embedded",
    ]);
    expect(parseConfig({ PARLEY_GOOGLE_TTS_URL: "http://localhost:9000" }).tts).toEqual([
      "google",
      "embedded",
    ]);
    for (const url of ["https://127.0.0.1:1", "http://example.com/v1"])
      expect(parseConfig({ PARLEY_OPENAI_URL: url }).ai).toEqual(["embedded"]);
  });

  it("refuse a chain that names a vendor without its key, in one line each", () => {
    expect(problemsOf({ PARLEY_AI: "gemini,embedded", PARLEY_STT: "deepgram" })).toEqual([
      "PARLEY_AI names gemini: set GEMINI_API_KEY (or PARLEY_GEMINI_URL to an http: address of this machine)",
      "PARLEY_STT names deepgram: set DEEPGRAM_API_KEY (or PARLEY_DEEPGRAM_URL to an http: address of this machine)",
    ]);
  });

  it("refuse addresses that are none, and never show a key", () => {
    expect(
      problemsOf({ PARLEY_GEMINI_URL: "ftp://x", PARLEY_CLAUDE_URL: "https://me:pw@host" }),
    ).toHaveLength(2);
    const [problem] = problemsOf({ GEMINI_API_KEY: "two words" });
    expect(problem).toContain("GEMINI_API_KEY must be a key");
    expect(problem).not.toContain("two words");
  });

  it("count every key among the secrets", () => {
    for (const { key } of vendorRows) {
      const { env, secret } = vendorSettings[key];
      expect(secret, env).toBe(env.endsWith("_API_KEY"));
    }
  });

  it("give each vendor what it is called with", () => {
    const config = parseConfig({ ...allKeys, PARLEY_ELEVENLABS_VOICE: "Rachel" });
    expect(vendorValues(config, vendorOf("tts", "elevenlabs")!)).toEqual({
      ...{ key: "e", url: null, model: "eleven_flash_v2_5", voice: "Rachel" },
    });
    expect(vendorValues(parseConfig({}), vendorOf("tts", "elevenlabs")!)).toBeNull();
    expect(vendorOf("tts", "embedded")).toBeNull();
    expect(settingsBehind(vendorOf("ai", "gemini")!)).toEqual([
      ...["GEMINI_API_KEY", "PARLEY_GEMINI_MODEL", "PARLEY_GEMINI_URL"],
    ]);
  });

  it("hold a cap for every vendor and capability, none by default", () => {
    const caps = vendorCaps(
      parseConfig({ PARLEY_ELEVENLABS_TTS_IN_FLIGHT: "5", PARLEY_OPENAI_STT_PER_MINUTE: "60" }),
    );
    expect(Object.keys(caps)).toHaveLength(vendorRows.length);
    expect(caps["tts/elevenlabs"]).toEqual({ inFlight: 5, perMinute: 0 });
    expect(caps["stt/openai"]).toEqual({ inFlight: 0, perMinute: 60 });
    for (const { stage, name, inFlight, perMinute } of vendorRows) {
      const vendor = name.toUpperCase();
      expect(vendorSettings[inFlight].env).toBe(`PARLEY_${vendor}_${stage.toUpperCase()}_IN_FLIGHT`);
      expect(vendorSettings[perMinute].env).toBe(`PARLEY_${vendor}_${stage.toUpperCase()}_PER_MINUTE`);
    }
  });

  it("know a provider for every vendor", () => {
    for (const { stage, name } of vendorRows) expect(providerNames[stage]).toContain(name);
  });
});
