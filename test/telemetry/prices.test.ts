import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { vendorRows, vendorSettings } from "../../gateway/config-vendors.ts";
import { createPriceTable, listPrices, readPrices } from "../../gateway/telemetry/prices.ts";

const home = mkdtempSync(join(tmpdir(), "parley-prices-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const mine = {
  provider: "gemini",
  capability: "ai",
  model: "mine*",
  usd: { inputTokens: 1, outputTokens: 2 },
  readOn: "2026-01-02",
} as const;

/** What providers count, by stage. */
const counted = {
  stt: { audioMs: 60_000 },
  ai: { inputTokens: 1000, outputTokens: 1000 },
  tts: { characters: 1000, audioMs: 60_000 },
};
/** Vendors without a list price, each with the reason. */
const unpriced: Readonly<Record<string, string>> = {
  "tts/cartesia": "sold as credits of a monthly plan, each plan with a price of its own for them",
};
/** What a voice of Google's is charged as. */
const voiceModels: Readonly<Record<string, string>> = { "en-US-Chirp3-HD-Aoede": "chirp3-hd" };

function write(content: unknown): string {
  const path = join(home, "prices.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("the table of prices", () => {
  it("sums what was used of each unit", () => {
    const table = createPriceTable([
      mine,
      { provider: "d", capability: "stt", model: "m", usd: { audioMinutes: 0.6 }, readOn: "2026-01-02" },
      { provider: "e", capability: "tts", model: "m", usd: { characters: 50 }, readOn: "2026-01-02" },
    ]);
    expect(table.costUsd("gemini", "ai", "mine-1", { inputTokens: 500_000, outputTokens: 250_000 })).toBe(1);
    expect(table.costUsd("d", "stt", "m", { audioMs: 30_000 })).toBeCloseTo(0.3);
    expect(table.costUsd("e", "tts", "m", { characters: 1000, audioMs: 5 })).toBeCloseTo(0.05);
  });

  it("has no price for what it doesn't know, and none is needed for nothing", () => {
    const table = createPriceTable([mine]);
    expect(table.costUsd("gemini", "ai", "theirs", { inputTokens: 1 })).toBeNull();
    expect(table.costUsd("gemini", "tts", "mine", { inputTokens: 1 })).toBeNull();
    expect(table.costUsd("gemini", "ai", "mine", { characters: 1 })).toBeNull();
    expect(table.costUsd("gemini", "ai", "mine", {})).toBe(0);
  });

  it("lets a file go before the list", () => {
    const path = write({ prices: [{ ...mine, model: "gemini-3.8-flash" }] });
    const table = createPriceTable([...readPrices(path), ...listPrices]);
    expect(table.costUsd("gemini", "ai", "gemini-3.8-flash", { inputTokens: 1e6 })).toBe(1);
    expect(table.costUsd("claude", "ai", "claude-haiku-5-5", { outputTokens: 1e6 })).toBe(0.5);
  });

  it.each(vendorRows.map((row) => [`${row.stage}/${row.name}`, row] as const))(
    "prices what is counted of %s's default model, or says why not",
    (key, { stage, name, model, voice }) => {
      const asked =
        model === null ? voiceModels[vendorSettings[voice!].fallback()]! : vendorSettings[model].fallback();
      const costUsd = createPriceTable().costUsd(name, stage, asked, counted[stage]);
      if (Object.hasOwn(unpriced, key)) expect(costUsd).toBeNull();
      else expect(costUsd).toBeGreaterThan(0);
    },
  );

  it("knows the day of every price", () => {
    for (const { readOn } of listPrices) expect(readOn).toMatch(/^20\d\d-\d\d-\d\d$/);
  });

  it("reads the example of the docs", () => {
    const text = readFileSync(new URL("../../docs/resilience.md", import.meta.url), "utf8");
    const example = /```json\n(.*?)```/s.exec(text)?.[1] ?? "";
    expect(readPrices(write(example))).toHaveLength(1);
  });

  it.each([
    ["no JSON", "{", "is no JSON"],
    [
      "a price below nothing",
      { prices: [{ ...mine, usd: { inputTokens: -1 } }] },
      "prices.0.usd.inputTokens",
    ],
    ["an unknown unit", { prices: [{ ...mine, usd: { words: 1 } }] }, "prices.0.usd"],
    ["no date", { prices: [{ ...mine, readOn: "lately" }] }, "prices.0.readOn"],
    ["something else", [], "the file"],
  ])("refuses a file with %s in one line", (_, content, words) => {
    const refused = () => readPrices(write(content));
    expect(refused).toThrow(expect.objectContaining({ code: "invalid_config" }));
    expect(refused).toThrow(words);
    expect(refused).toThrow(/^[^\n]*PARLEY_PRICES[^\n]*$/);
  });

  it("refuses a file that isn't there", () => {
    expect(() => readPrices(join(home, "none.json"))).toThrow("ENOENT");
  });
});
