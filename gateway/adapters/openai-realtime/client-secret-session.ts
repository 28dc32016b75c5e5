/** The session settings that a client secret carries. */
import { clientEventSchemas } from "../../../wire/schemas/client-events.ts";
import type { SessionPatch } from "../../session/domain.ts";
import { patchFromSession } from "./session-mapping.ts";

/**
 * Settings are checked like a `session.update`.
 *
 * @param session - the protocol's session object, unchecked
 * @returns null where they don't fit: the secret still opens a session, with the server's defaults
 */
export function patchFromClientSecret(session: unknown): SessionPatch | null {
  const parsed = clientEventSchemas["session.update"].safeParse({ type: "session.update", session });
  if (!parsed.success || parsed.data.type !== "session.update") return null;
  try {
    return patchFromSession(parsed.data.session, { allow16kHz: false });
  } catch {
    return null;
  }
}
