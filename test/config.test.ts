import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { latencyBudgetMs, parseConfig, renderEnvExample } from "../gateway/config.ts";
import { settings } from "../gateway/config-table.ts";
import { GatewayError } from "../gateway/errors.ts";

function problemsOf(environment: Record<string, string>): string[] {
  try {
    parseConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    expect((error as GatewayError).code).toBe("invalid_config");
    return (error as GatewayError).message.split("\n");
  }
  return [];
}

const key = "abcdefghijklmnop-1234";

describe("configuration", () => {
  it("starts from an empty environment with defaults that keep others out", () => {
    const config = parseConfig({});
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      apiKeys: [],
      stt: ["embedded"],
      logContent: false,
    });
    expect(config.processes).toBeGreaterThanOrEqual(1);
  });

  it("allows by default an append of 15 MiB in base64", () => {
    expect(parseConfig({}).maxMessageBytes).toBeGreaterThan((15 * 1024 * 1024 * 4) / 3);
  });

  it("leaves names of others alone and counts empty values as unset", () => {
    expect(parseConfig({ HOME: "/root", PARLEY_PORT: " ", PATH: "x" }).port).toBe(8080);
  });

  it("takes PORT where PARLEY_PORT is not set", () => {
    expect(parseConfig({ PORT: "81" }).port).toBe(81);
    expect(parseConfig({ PORT: "81", PARLEY_PORT: "0" }).port).toBe(0);
  });

  it("reports all problems together, one plain line each", () => {
    const problems = problemsOf({
      PARLEY_PORT: "http",
      PARLEY_TYPO: "1",
      PARLEY_LOG_LEVEL: "loud",
      PARLEY_LOG_CONTENT: "maybe",
      PARLEY_STT: "Deepgram!",
    });
    expect(problems).toEqual([
      'PARLEY_PORT must be a whole number from 0 to 65535 (port), not "http"',
      'PARLEY_STT must list names of engines (small letters, digits, hyphens); "Deepgram!" is not',
      'PARLEY_LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, not "loud"',
      'PARLEY_LOG_CONTENT must be true or false, not "maybe"',
      "PARLEY_TYPO is not a setting of Parley (see .env.example)",
    ]);
  });

  it("reports an unknown name although it is called like a property of every object", () => {
    expect(problemsOf({ PARLEY_CONSTRUCTOR: "1", PARLEY___proto__: "1" })).toHaveLength(2);
  });

  it("reads keys with their tenants", () => {
    expect(parseConfig({ PARLEY_API_KEYS: `acme:${key}, beta:${key}2` }).apiKeys).toEqual([
      { name: "acme", key },
      { name: "beta", key: `${key}2` },
    ]);
  });

  it.each([
    ["too short a key", "acme:hunter2-short"],
    ["no name", "correcthorsebatterystaple"],
    ["a key twice", `acme:${key},beta:${key}`],
    ["a name twice", `acme:${key},acme:${key}2`],
    ["a key that looks like a client secret", "acme:ek_abcdefghijklmnopq"],
  ])("refuses keys with %s and never prints them", (_case, text) => {
    const problems = problemsOf({ PARLEY_API_KEYS: text, PARLEY_SECRET: "topsecret" });
    expect(problems).toHaveLength(text.includes("hunter2-short") ? 2 : problems.length);
    expect(problems.length).toBeGreaterThanOrEqual(2);
    for (const secret of [key, "hunter2", "horse", "topsecret", "ek_abc"])
      expect(problems.join("\n")).not.toContain(secret);
  });

  it("refuses to listen beyond this machine without keys", () => {
    expect(problemsOf({ PARLEY_HOST: "0.0.0.0" })).toEqual([
      "PARLEY_HOST is 0.0.0.0, which others can reach: set PARLEY_API_KEYS (name:key), or listen on 127.0.0.1",
    ]);
    expect(problemsOf({ PARLEY_HOST: "0.0.0.0", PARLEY_API_KEYS: `acme:${key}` })).toEqual([]);
    expect(problemsOf({ PARLEY_HOST: "localhost" })).toEqual([]);
    expect(problemsOf({ PARLEY_HOST: "127.0.0.1.example.com" })).toHaveLength(1);
  });

  it("checks settings that belong together", () => {
    expect(problemsOf({ PARLEY_TLS_CERT: "cert.pem", PARLEY_DUCK_MS: "600" })).toEqual([
      "PARLEY_TLS_CERT and PARLEY_TLS_KEY must be set together",
      "PARLEY_DUCK_MS (600) may not be more than PARLEY_BARGE_IN_MS (500)",
    ]);
  });

  it("makes its own certificate or takes one, not both", () => {
    expect(parseConfig({}).tls).toBe("files");
    expect(parseConfig({ PARLEY_TLS: "self" }).tls).toBe("self");
    const conflict =
      "PARLEY_TLS is self, which makes a certificate: leave PARLEY_TLS_CERT and PARLEY_TLS_KEY out, or PARLEY_TLS";
    const files = { PARLEY_TLS_CERT: "c.pem", PARLEY_TLS_KEY: "k.pem" };
    expect(problemsOf({ ...files, PARLEY_TLS: "self" })).toEqual([conflict]);
    expect(problemsOf({ PARLEY_TLS: "self", PARLEY_TLS_KEY: "k.pem" })).toContain(conflict);
    expect(problemsOf({ ...files, PARLEY_TLS: "files" })).toEqual([]);
    for (const wrong of ["on", "Self", "1", "letsencrypt"])
      expect(problemsOf({ PARLEY_TLS: wrong })).toEqual([
        `PARLEY_TLS must be one of files, self, not "${wrong}"`,
      ]);
  });

  it("takes a public URL without a path", () => {
    for (const right of ["https://voice.example", "http://10.0.0.7:8080/", "https://[2001:db8::1]:443"])
      expect(parseConfig({ PARLEY_PUBLIC_URL: right }).publicUrl).toBe(right);
    for (const wrong of [
      "voice.example",
      "ftp://a",
      "https://a/b",
      "https://u@a",
      "https://a:99999",
      "https://[::g]",
    ])
      expect(problemsOf({ PARLEY_PUBLIC_URL: wrong }), wrong).toHaveLength(1);
  });

  it("takes origins as browsers write them, and nothing more", () => {
    expect(
      parseConfig({ PARLEY_ALLOWED_ORIGINS: "https://a.example,http://b.example:81" }).allowedOrigins,
    ).toEqual(["https://a.example", "http://b.example:81"]);
    for (const wrong of ["https://a.example/", "https://a.example/x", "a.example", "null", "*"]) {
      expect(problemsOf({ PARLEY_ALLOWED_ORIGINS: wrong })).toHaveLength(1);
    }
  });

  it("reaches every limit of whole numbers and refuses what lies beyond", () => {
    for (const row of Object.values(settings)) {
      const found = row.kind === "whole number" ? /^(\d+) to (\d+)$/.exec(row.limit) : null;
      if (found === null) continue;
      const [min, max] = [Number(found[1]), Number(found[2])];
      for (const inside of [min, max]) expect(row.schema.safeParse(String(inside)).success).toBe(true);
      for (const outside of [min - 1, max + 1, min + 0.5])
        expect(row.schema.safeParse(String(outside)).success).toBe(false);
      const fallback = row.fallback();
      expect(fallback, row.env).toBeGreaterThanOrEqual(min);
      expect(fallback, row.env).toBeLessThanOrEqual(max);
    }
  });

  it("accepts every default when it is written out", () => {
    for (const row of Object.values(settings)) {
      if (row.dependsOnMachine || row.fallbackText === "") continue;
      expect(row.schema.parse(row.fallbackText), row.env).toEqual(row.fallback());
    }
  });

  it("is frozen, lists included", () => {
    const config = parseConfig({ PARLEY_API_KEYS: `acme:${key}` });
    expect(
      Object.isFrozen(config) && Object.isFrozen(config.apiKeys) && Object.isFrozen(config.apiKeys[0]),
    ).toBe(true);
  });

  it("splits exactly the 200 ms of the budget", () => {
    expect(Object.values(latencyBudgetMs).reduce<number>((sum, ms) => sum + ms, 0)).toBe(200);
  });

  it("has an .env.example that is current (node gateway/main.ts --env-example > .env.example)", () => {
    expect(readFileSync(new URL("../.env.example", import.meta.url), "utf8")).toBe(renderEnvExample());
  });

  it("has an .env.example whose lines, uncommented, are the defaults", () => {
    const environment: Record<string, string> = {};
    for (const [, name = "", text = ""] of renderEnvExample().matchAll(/^#([A-Z][A-Z0-9_]*)=(.*)$/gm)) {
      environment[name] = text.replace(/^"(.*)"$/, "$1");
    }
    expect(Object.keys(environment)).toHaveLength(Object.keys(settings).length);
    expect(parseConfig(environment)).toEqual(parseConfig({}));
  });
});
