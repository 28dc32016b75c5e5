import { z } from "zod";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { ClientSecrets } from "./client-secrets.ts";
import { clientSecretSeconds } from "./client-secrets.ts";
import type { Visitor } from "./door.ts";

const { min, max, fallback } = clientSecretSeconds;

const createBody = z.object({
  expires_after: z
    .object({
      anchor: z.literal("created_at").default("created_at"),
      seconds: z.int().min(min).max(max).default(fallback),
    })
    .nullish(),
  session: z.looseObject({ type: z.string().default("realtime") }).nullish(),
});

/** Answer to `client.realtime.clientSecrets.create` of the vendor's package. */
export interface ClientSecretAnswer {
  value: string;
  /** Seconds since the Unix epoch. */
  expires_at: number;
  session: Record<string, unknown>;
}

/**
 * Makes a client secret for whoever holds a key.
 *
 * @throws {GatewayError} `invalid_value` with the field's path, `unsupported_feature`, `body_too_large`
 */
export function mintClientSecret(
  body: unknown,
  options: {
    visitor: Visitor;
    clientSecrets: ClientSecrets;
    clock: Clock;
    checkSession: (session: unknown) => void;
  },
): ClientSecretAnswer {
  const { visitor, clientSecrets, clock, checkSession } = options;
  const parsed = createBody.safeParse(body ?? {});
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new GatewayError("invalid_value", {
      message: `Invalid value: ${issue.message}`,
      param: issue.path.join("."),
    });
  }
  const { session, expires_after } = parsed.data;
  if (session && session.type !== "realtime") {
    throw new GatewayError("unsupported_feature", {
      message: `Sessions of type '${session.type.slice(0, 64)}' are not supported: use 'realtime'.`,
      param: "session.type",
    });
  }
  if (session) checkSession(session);
  const expiresAtSeconds = Math.floor(clock.epochMs() / 1000) + (expires_after?.seconds ?? fallback);
  const { tenant, keyName } = visitor;
  const value = clientSecrets.mint({ tenant, keyName, expiresAtSeconds, session: session ?? null });
  return {
    value,
    expires_at: expiresAtSeconds,
    session: { ...session, type: "realtime", object: "realtime.session", id: `sess_${clock.randomId(12)}` },
  };
}
