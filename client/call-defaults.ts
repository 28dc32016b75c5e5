/** What a call asks of its server unless it is told otherwise. */
import type { SessionSettings } from "./client-events.ts";
import type { ParleyClient } from "./parley-client.ts";

export const outputRateHz = 24_000;

/** What recognisers hear at; a server that takes base64 knows no PCM below the protocol's own rate. */
export function inputRateOf({ audio }: ParleyClient): 16_000 | 24_000 {
  return audio === "binary" ? 16_000 : 24_000;
}

/** Turns found by the server, the user's words written down. */
export const defaultSettings: SessionSettings = {
  audio: { input: { transcription: { model: "whisper-1" }, turn_detection: { type: "server_vad" } } },
};
