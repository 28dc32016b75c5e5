import type { HandshakeDecision, HandshakeRequest, RealtimeEndpoint } from "../transport/contract.ts";
import { refusal } from "../transport/upgrade.ts";
import type { Door } from "./door.ts";

/** Path of the Realtime protocol. */
export const realtimePath = "/v1/realtime";

/** The subprotocol that stock clients offer beside their key; no other one is ever chosen. */
const realtimeSubprotocol = "realtime";

export interface RealtimeUpgradeOptions {
  door: Door;
  endpoint: RealtimeEndpoint;
  maxSessions: number;
  /** False while the audio thread is down: sessions could not hear. */
  audioHealthy: () => boolean;
}

/**
 * Decides on upgrades: the path, the door, a place for a session; then the endpoint takes over.
 */
export function createRealtimeUpgrade(
  options: RealtimeUpgradeOptions,
): (request: HandshakeRequest) => Promise<HandshakeDecision> {
  const { door, endpoint, maxSessions, audioHealthy } = options;
  return async (request) => {
    const { url, headers, subprotocols, secure, remoteAddress } = request;
    const refuse = (...args: Parameters<typeof refusal>): HandshakeDecision => ({
      accept: false,
      ...refusal(...args),
    });
    if (url.pathname !== realtimePath) return refuse("not_found");
    const { host, origin, authorization } = headers;
    const answer = door.admit({ host, origin, authorization, subprotocols, secure });
    if (!answer.ok) {
      return refuse(
        answer.code,
        undefined,
        answer.code.endsWith("_api_key") ? { "WWW-Authenticate": "Bearer" } : undefined,
      );
    }
    if (url.searchParams.get("intent") === "transcription") {
      return refuse("unsupported_feature", "Transcription sessions are not supported by this server.");
    }
    const retry = { "Retry-After": "1" };
    if (!audioHealthy()) return refuse("audio_front_end_down", undefined, retry);
    if (endpoint.activeSessions >= maxSessions) return refuse("too_many_sessions", undefined, retry);
    const { tenant, keyName, clientSecretSession } = answer.visitor;
    return {
      accept: true,
      subprotocol: subprotocols.includes(realtimeSubprotocol) ? realtimeSubprotocol : null,
      open: (socket) => endpoint.open({ tenant, keyName, url, clientSecretSession, remoteAddress }, socket),
    };
  };
}
