/**
 * What vendors charge: list prices, each with the day on which it was read off the vendor's own page or off a
 * transcript of it. Prices change and accounts have discounts, so `PARLEY_PRICES` names a file that goes before.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { GatewayError } from "../errors.ts";
import type { Attempt, Usage } from "../providers/provider.ts";

/** US dollars for each unit that a vendor charges by. */
export interface UnitPrices {
  /** A million. */
  inputTokens?: number | undefined;
  /** A million. */
  outputTokens?: number | undefined;
  /** A million. */
  characters?: number | undefined;
  /** One. */
  audioMinutes?: number | undefined;
}

export interface Price {
  provider: string;
  capability: Attempt["stage"];
  /** The model's name, or its beginning followed by `*`. */
  model: string;
  usd: UnitPrices;
  /** The day on which it was read. */
  readOn: string;
}

/**
 * List prices without discounts and free quotas; for models with steps, those of short prompts. A price is for what is counted
 * (a provider's usage), whatever else the vendor charges by. What isn't here has no price.
 */
export const listPrices: readonly Price[] = [
  {
    provider: "gemini",
    capability: "ai",
    model: "gemini-3.8-flash*",
    usd: { inputTokens: 0.75, outputTokens: 3.75 },
    readOn: "2026-10-07",
  },
  {
    provider: "gemini",
    capability: "ai",
    model: "gemini-3.5-flash*",
    usd: { inputTokens: 1.5, outputTokens: 9 },
    readOn: "2026-07-01",
  },
  {
    provider: "gemini",
    capability: "ai",
    model: "gemini-3.1-flash-lite*",
    usd: { inputTokens: 0.25, outputTokens: 1.5 },
    readOn: "2026-07-01",
  },
  {
    provider: "gemini",
    capability: "ai",
    model: "gemini-2.5-flash-lite*",
    usd: { inputTokens: 0.1, outputTokens: 0.4 },
    readOn: "2026-07-01",
  },
  {
    provider: "gemini",
    capability: "ai",
    model: "gemini-2.5-flash*",
    usd: { inputTokens: 0.3, outputTokens: 2.5 },
    readOn: "2026-07-01",
  },
  {
    provider: "claude",
    capability: "ai",
    model: "claude-haiku-5-5*",
    usd: { inputTokens: 0.1, outputTokens: 0.5 },
    readOn: "2026-11-21",
  },
  {
    provider: "claude",
    capability: "ai",
    model: "claude-sonnet-5-5*",
    usd: { inputTokens: 2, outputTokens: 10 },
    readOn: "2026-11-21",
  },
  {
    provider: "claude",
    capability: "ai",
    model: "claude-opus-5-5*",
    usd: { inputTokens: 4, outputTokens: 20 },
    readOn: "2026-11-21",
  },
  {
    provider: "openai",
    capability: "ai",
    model: "gpt-6-luna*",
    usd: { inputTokens: 0.1, outputTokens: 0.5 },
    readOn: "2026-09-22",
  },
  {
    provider: "openai",
    capability: "ai",
    model: "gpt-6-sol*",
    usd: { inputTokens: 2, outputTokens: 10 },
    readOn: "2026-09-22",
  },
  {
    provider: "openai",
    capability: "ai",
    model: "gpt-5.6-luna*",
    usd: { inputTokens: 0.2, outputTokens: 1.2 },
    readOn: "2026-11-21",
  },
  {
    provider: "openai",
    capability: "tts",
    model: "gpt-4o-mini-tts*",
    // Charged by tokens of audio, which no answer tells: OpenAI's own estimate. So are those of the transcribers below.
    usd: { audioMinutes: 0.015 },
    readOn: "2026-11-21",
  },
  {
    provider: "openai",
    capability: "tts",
    model: "tts-1-hd*",
    usd: { characters: 30 },
    readOn: "2026-11-21",
  },
  {
    provider: "openai",
    capability: "tts",
    model: "tts-1*",
    usd: { characters: 15 },
    readOn: "2026-11-21",
  },
  {
    provider: "openai",
    capability: "stt",
    model: "gpt-transcribe*",
    usd: { audioMinutes: 0.0045 },
    readOn: "2026-11-21",
  },
  {
    provider: "openai",
    capability: "stt",
    model: "gpt-4o-transcribe*",
    usd: { audioMinutes: 0.006 },
    readOn: "2026-11-21",
  },
  {
    provider: "openai",
    capability: "stt",
    model: "gpt-4o-mini-transcribe*",
    usd: { audioMinutes: 0.003 },
    readOn: "2026-11-21",
  },
  {
    provider: "openai",
    capability: "stt",
    model: "whisper-1",
    usd: { audioMinutes: 0.006 },
    readOn: "2026-11-21",
  },
  {
    provider: "google",
    capability: "stt",
    // API v1, without leave to keep the audio; with it 0.016.
    model: "latest_*",
    usd: { audioMinutes: 0.024 },
    readOn: "2026-11-21",
  },
  {
    provider: "google",
    capability: "tts",
    model: "chirp3-hd",
    usd: { characters: 30 },
    readOn: "2026-11-21",
  },
  {
    provider: "google",
    capability: "tts",
    model: "studio",
    usd: { characters: 160 },
    readOn: "2026-11-21",
  },
  {
    provider: "google",
    capability: "tts",
    model: "neural2",
    usd: { characters: 16 },
    readOn: "2026-11-21",
  },
  {
    provider: "google",
    capability: "tts",
    model: "standard",
    usd: { characters: 4 },
    readOn: "2026-11-21",
  },
  {
    provider: "deepgram",
    capability: "stt",
    model: "nova-3*",
    usd: { audioMinutes: 0.0048 },
    readOn: "2026-08-01",
  },
  {
    provider: "elevenlabs",
    capability: "tts",
    model: "eleven_flash_v2_5",
    usd: { characters: 50 },
    readOn: "2026-05-05",
  },
  {
    provider: "elevenlabs",
    capability: "tts",
    model: "eleven_multilingual_v2",
    usd: { characters: 100 },
    readOn: "2026-05-19",
  },
];

export interface PriceTable {
  /** US dollars; null when there is no price for what was used. */
  costUsd(provider: string, capability: Attempt["stage"], model: string, usage: Usage): number | null;
}

/** Prices in a file, at most. */
const pricesMax = 1000;

const unit = z.number().min(0).max(1_000_000).optional();
const fileSchema = z.strictObject({
  prices: z
    .array(
      z.strictObject({
        provider: z.string().min(1).max(64),
        capability: z.enum(["stt", "ai", "tts"]),
        model: z.string().min(1).max(128),
        usd: z.strictObject({ inputTokens: unit, outputTokens: unit, characters: unit, audioMinutes: unit }),
        readOn: z.iso.date(),
      }),
    )
    .max(pricesMax),
});

/**
 * Reads a file of prices: `{ "prices": [{ "provider", "capability", "model", "usd", "readOn" }] }`.
 *
 * @throws {GatewayError} `invalid_config` for a file that can't be read or isn't that, with the first thing that is wrong
 */
export function readPrices(path: string): Price[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown fault";
    throw new GatewayError("invalid_config", {
      message: `PARLEY_PRICES: cannot read ${path} (${why})`,
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new GatewayError("invalid_config", { message: `PARLEY_PRICES: ${path} is no JSON`, cause });
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data.prices;
  const issue = parsed.error.issues[0]!;
  throw new GatewayError("invalid_config", {
    message: `PARLEY_PRICES: ${path}: ${issue.path.join(".") || "the file"} ${issue.message}`,
  });
}

/** @param prices - the first that fits counts */
export function createPriceTable(prices: readonly Price[] = listPrices): PriceTable {
  const found = new Map<string, UnitPrices | null>();
  function find(provider: string, capability: string, model: string): UnitPrices | null {
    const key = `${capability}/${provider}/${model}`;
    let usd = found.get(key);
    if (usd === undefined) {
      usd = prices.find((price) => fits(price, provider, capability, model))?.usd ?? null;
      // Models are settings: a handful in a process's life.
      if (found.size < pricesMax) found.set(key, usd);
    }
    return usd;
  }
  return {
    costUsd(provider, capability, model, usage) {
      const usd = find(provider, capability, model);
      return usd === null ? null : sumOf(usd, usage);
    },
  };
}

function fits(price: Price, provider: string, capability: string, model: string): boolean {
  if (price.provider !== provider || price.capability !== capability) return false;
  return price.model.endsWith("*") ? model.startsWith(price.model.slice(0, -1)) : model === price.model;
}

function sumOf(usd: UnitPrices, usage: Usage): number | null {
  const parts = [
    [usd.inputTokens, (usage.inputTokens ?? 0) / 1e6],
    [usd.outputTokens, (usage.outputTokens ?? 0) / 1e6],
    [usd.characters, (usage.characters ?? 0) / 1e6],
    [usd.audioMinutes, (usage.audioMs ?? 0) / 60_000],
  ] as const;
  let sum = 0;
  let priced = false;
  let used = false;
  for (const [price, count] of parts) {
    used ||= count > 0;
    if (price === undefined || count === 0) continue;
    priced = true;
    sum += price * count;
  }
  return priced || !used ? sum : null;
}
