/** Settings of vendors that are wrong: named at the start and in /readyz, and the service works with what is left. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Standins, startStandins } from "../../loadtest/standins/start.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";

const key = "key-that-nobody-may-read-0123456789";
const wrong = {
  "ai/gemini": "GEMINI_API_KEY",
  "ai/claude": "PARLEY_CLAUDE_MODEL",
  "stt/deepgram": "PARLEY_DEEPGRAM_URL",
  "tts/elevenlabs": "PARLEY_ELEVENLABS_VOICE",
} as const;
let standins: Standins;
let gateway: RunningGateway;

interface Vendor {
  stage: string;
  provider: string;
  ok: boolean | null;
  problem: string | null;
}

async function readyz(): Promise<{ status: number; body: string; vendors: Vendor[] }> {
  const response = await fetch(`${gateway.url}readyz`);
  const body = await response.text();
  return { status: response.status, body, vendors: JSON.parse(body).vendors };
}

beforeAll(async () => {
  standins = await startStandins({ names: ["gemini", "claude", "deepgram", "elevenlabs"] });
  await standins.setFault("gemini", { kind: "unauthorized" });
  await standins.setFault("claude", { kind: "unknown_model" });
  await standins.setFault("deepgram", { kind: "refuse" });
  gateway = await startGateway({
    env: {
      ...standins.settings,
      GEMINI_API_KEY: key,
      PARLEY_STT: "deepgram,embedded",
      PARLEY_AI: "gemini,claude,embedded",
      PARLEY_TTS: "elevenlabs,embedded",
      // A German voice, in sessions that speak English.
      PARLEY_ELEVENLABS_VOICE: "bq2Ymt5kiukfjh2TmFzL",
    },
  });
});
afterAll(async () => {
  await gateway?.stop();
  await standins?.close();
});

test("each is named in one line of the log and in /readyz, no key is shown, and the gateway is ready", async () => {
  await expect.poll(async () => (await readyz()).vendors.every(({ ok }) => ok !== null)).toBe(true);
  const { status, body, vendors } = await readyz();
  expect(status).toBe(200);
  const lines = gateway.log().split("\n");
  for (const [name, setting] of Object.entries(wrong)) {
    const [stage, provider] = name.split("/");
    expect(vendors).toContainEqual({ stage, provider, ok: false, problem: expect.stringMatching(/\w/) });
    const about = lines.filter((line) => line.includes(`the vendor ${name} does not work: `));
    expect(about).toHaveLength(1);
    expect(about[0]).toContain(setting);
  }
  expect(body).not.toContain(key);
  expect(gateway.log()).not.toContain(key);
});
