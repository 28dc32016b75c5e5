import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";

/** Lifetimes that the protocol allows, and its default. */
export const clientSecretSeconds = { min: 10, max: 7200, fallback: 600 } as const;

/** A secret travels in one HTTP header; the listener takes 32 KiB of headers in all. */
const maxSecretChars = 20_000;
/** What a session's configuration may be once it is unpacked. */
const maxSessionBytes = 256 * 1024;

/** What a client secret says. */
export interface ClientSecretClaims {
  tenant: string;
  keyName: string;
  expiresAtSeconds: number;
  /** The session configuration that it was made with, the protocol's own JSON; null for none. */
  session: unknown | null;
}

/** Makes and reads client secrets: signed, never stored, good on every machine that shares the signing secret. */
export interface ClientSecrets {
  /** @throws {GatewayError} `body_too_large` when the session's configuration does not fit a header */
  mint(claims: ClientSecretClaims): string;
  /** @returns null for a secret that is not ours, was changed, or has expired */
  read(secret: string): ClientSecretClaims | null;
}

const prefix = "ek_";

/** True for what looks like a client secret. */
export function looksLikeClientSecret(key: string): boolean {
  return key.startsWith(prefix);
}

/**
 * @param signingSecret - PARLEY_SECRET
 */
export function createClientSecrets(signingSecret: string, clock: Clock): ClientSecrets {
  // The purpose is part of what is signed, so that no other token of this gateway can pass for a client secret.
  const sign = (payload: string) =>
    createHmac("sha256", signingSecret).update(`parley client secret 1 ${payload}`).digest();
  return {
    mint: ({ tenant, keyName, expiresAtSeconds, session }) => {
      // Two that say the same are still two.
      const nonce = randomBytes(6).toString("base64url");
      const json = JSON.stringify([tenant, keyName, expiresAtSeconds, session, nonce]);
      const payload = deflateRawSync(json).toString("base64url");
      const secret = `${prefix}${payload}.${sign(payload).toString("base64url")}`;
      if (secret.length > maxSecretChars || json.length > maxSessionBytes) {
        throw new GatewayError("body_too_large", {
          message:
            "The session's configuration is too large to be carried by a client secret; send it with session.update.",
          param: "session",
        });
      }
      return secret;
    },
    read: (secret) => {
      if (!looksLikeClientSecret(secret) || secret.length > maxSecretChars) return null;
      const [payload = "", signature = "", ...rest] = secret.slice(prefix.length).split(".");
      const given = Buffer.from(signature, "base64url");
      const wanted = sign(payload);
      if (rest.length > 0 || given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
      const json = inflateRawSync(Buffer.from(payload, "base64url"), {
        maxOutputLength: maxSessionBytes * 4,
      });
      const [tenant, keyName, expiresAtSeconds, session] = JSON.parse(json.toString()) as [
        string,
        string,
        number,
        unknown,
      ];
      if (clock.epochMs() >= expiresAtSeconds * 1000) return null;
      return { tenant, keyName, expiresAtSeconds, session };
    },
  };
}
