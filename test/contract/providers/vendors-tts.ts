/** Voices' vendors under the contract. */
import type { TtsRequest } from "../../../gateway/providers/provider.ts";
import { createCartesiaTts } from "../../../gateway/providers/tts/cartesia.ts";
import { createElevenLabsTts } from "../../../gateway/providers/tts/elevenlabs.ts";
import { createGoogleTts } from "../../../gateway/providers/tts/google.ts";
import { createOpenAiTts } from "../../../gateway/providers/tts/openai.ts";
import type { AnyVendorCase, Expectation } from "./vendors.ts";
import { defineVendor } from "./vendors.ts";

const request = async (): Promise<TtsRequest> => ({
  ...{
    text: "The harbour sleeps behind the golden lantern.",
    voice: "slt",
    speedRatio: 1,
    sampleRateHz: 24_000,
  },
});
const language = "en-US";
/** Connections that rest are closed within the suite's patience; in service they are kept for a while. */
const limits = { surplusMs: 50, closingMs: 400 };
/** A message on a WebSocket has no header that says when to come back. */
const quotaWithoutTime: Expectation = { blame: "quota", code: "provider_overloaded" };
/** gRPC has one word for both: overloaded, and not to be reached. */
const unavailable: Expectation = { blame: "vendor", code: "provider_unavailable" };

export const ttsVendors: readonly AnyVendorCase[] = [
  defineVendor({
    ...{ name: "google", stage: "tts", standin: "google-tts", request, cannot: {} },
    create: (given) => createGoogleTts({ ...given, model: "", voice: "", language, credentialsPath: null }),
    expected: { unavailable },
  }),
  defineVendor({
    ...{ name: "google", variant: "at once", atOnce: true, stage: "tts", standin: "google-tts", request },
    cannot: {},
    create: (given) =>
      createGoogleTts({ ...given, model: "", voice: "en-US-Neural2-C", language, credentialsPath: null }),
    expected: { unavailable },
  }),
  defineVendor({
    ...{ name: "elevenlabs", stage: "tts", standin: "elevenlabs", request, cannot: {} },
    create: (given) =>
      createElevenLabsTts({ ...given, model: "eleven_flash_v2_5", voice: "", language, limits }),
    expected: { rate_limited: quotaWithoutTime },
  }),
  defineVendor({
    ...{ name: "cartesia", stage: "tts", standin: "cartesia", request, cannot: {} },
    unpriced: "credits of a plan",
    create: (given) => createCartesiaTts({ ...given, model: "sonic-3", voice: "", language, limits }),
    expected: { rate_limited: quotaWithoutTime },
  }),
  defineVendor({
    ...{ name: "openai", stage: "tts", standin: "openai-tts", request, cannot: {} },
    create: (given) => createOpenAiTts({ ...given, model: "gpt-4o-mini-tts", voice: "marin", language }),
  }),
];
