/** ElevenLabs: the multi-context WebSocket of its voices, and the lists that a client checks its settings with. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ElevenLabsSocket, type SocketSettings } from "./elevenlabs-socket.ts";
import { openHttpListener, sendJson } from "./http-listener.ts";
import { retryAfterOf, statusOfFault } from "./speech-pieces.ts";
import type { Standin, StandinWorld } from "./standin.ts";
import { createVoiceUpgrades, refuseUpgrade } from "./voice-socket-server.ts";

const name = "elevenlabs";
/** All of its models speak these. */
const modelLanguages = ["en", "de", "fr", "es"];
const modelIds = ["eleven_flash_v2_5", "eleven_turbo_v2_5", "eleven_multilingual_v2", "eleven_v3"];

/** What this account has: two English voices, a German one. */
export const elevenLabsVoices = [
  { voice_id: "JBFqnCBsd6RMkjVDRZzb", name: "George", language: "en" },
  { voice_id: "21m00Tcm4TlvDq8ikWAM", name: "Rachel", language: "en" },
  { voice_id: "bq2Ymt5kiukfjh2TmFzL", name: "Lena", language: "de" },
] as const;

/** Still listed, and refused to whoever speaks with it. */
const withdrawn = { voice_id: "withdrawnwithdrawn00", name: "Walter", language: "en" };

const voiceAnswers = [...elevenLabsVoices, withdrawn].map(({ voice_id, name: voice, language }) => ({
  voice_id,
  name: voice,
  category: "premade",
  labels: { language },
  verified_languages: [{ language, model_id: "eleven_flash_v2_5" }],
}));

const refusals: Readonly<Record<number, string>> = {
  401: "invalid_api_key",
  403: "missing_permissions",
  404: "model_not_found",
  413: "max_character_limit_exceeded",
  429: "too_many_concurrent_requests",
  500: "internal_server_error",
  503: "system_busy",
};

function refuse(response: ServerResponse, status: number, code: string, headers = {}): void {
  sendJson(response, status, { detail: { status: code, message: "Refused." } }, headers);
}

function answer(world: StandinWorld, request: IncomingMessage, response: ServerResponse): void {
  const fault = world.faultOn(name);
  const status = statusOfFault(fault);
  if (fault?.kind === "hang") return;
  if (fault?.kind === "reset") return void request.socket.resetAndDestroy();
  if (status !== null) return refuse(response, status, refusals[status] ?? "refused", retryAfterOf(fault));
  if (!request.headers["xi-api-key"]) return refuse(response, 401, "needs_authorization");
  const path = (request.url ?? "").split("?")[0] ?? "";
  if (path === "/v1/models") {
    const languages = modelLanguages.map((language_id) => ({ language_id, name: language_id }));
    return sendJson(
      response,
      200,
      modelIds.map((model_id) => ({ model_id, languages })),
    );
  }
  if (path === "/v1/voices") return sendJson(response, 200, { voices: voiceAnswers });
  const id = /^\/v1\/voices\/([^/]+)$/.exec(path)?.[1];
  const voice = voiceAnswers.find(({ voice_id }) => voice_id === id);
  if (voice) sendJson(response, 200, voice);
  else if (id) refuse(response, 400, "voice_not_found");
  else refuse(response, 404, "not_found");
}

function readSettings(request: IncomingMessage): SocketSettings | null {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://standin");
  const voice = /^\/v1\/text-to-speech\/([^/]+)\/multi-stream-input$/.exec(pathname)?.[1];
  if (voice === undefined) return null;
  const voiceId = decodeURIComponent(voice);
  const modelId = searchParams.get("model_id") ?? "eleven_multilingual_v2";
  return {
    hasKey: Boolean(request.headers["xi-api-key"]),
    voiceId: elevenLabsVoices.some(({ voice_id }) => voice_id === voiceId) ? voiceId : null,
    modelId: modelIds.includes(modelId) ? modelId : null,
    sampleRateHz: Number(
      /^pcm_(8000|16000|22050|24000)$/.exec(searchParams.get("output_format") ?? "")?.[1] ?? 0,
    ),
    hasLanguage: modelLanguages.includes(searchParams.get("language_code") ?? "en"),
    hasAlignment: searchParams.get("sync_alignment") === "true",
    inactivityMs: Math.min(180, Number(searchParams.get("inactivity_timeout") ?? 20)) * 1000,
  };
}

/** Starts it; any key will do, but there must be one. */
export async function startElevenlabs(world: StandinWorld): Promise<Standin> {
  const upgrades = createVoiceUpgrades((client, request) => {
    const settings = readSettings(request)!;
    return new ElevenLabsSocket(world, client, settings);
  });
  const listener = await openHttpListener(
    (request, response) => answer(world, request, response),
    (request, socket, head) => {
      const settings = readSettings(request);
      if (settings === null) return refuseUpgrade(socket, 404, { detail: { status: "not_found" } });
      // The newest model has no multi-context socket.
      if (settings.modelId === "eleven_v3") {
        return refuseUpgrade(socket, 400, { detail: { status: "unsupported_model" } });
      }
      upgrades.accept(request, socket, head);
    },
  );
  return {
    name,
    url: `http://127.0.0.1:${listener.port}`,
    setListening: (listening) => listener.setListening(listening),
    close: () => listener.close(),
  };
}
