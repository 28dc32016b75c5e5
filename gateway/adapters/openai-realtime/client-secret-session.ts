/** The session settings that a client secret carries. */
import { clientEventSchemas } from "../../../wire/schemas/client-events.ts";
import { GatewayError } from "../../errors.ts";
import type { SessionPatch } from "../../session/domain.ts";
import { Refusal, refusalFromIssues } from "./decode-refusal.ts";
import { patchFromSession } from "./session-mapping.ts";

/**
 * Checks settings as a `session.update` with them would be.
 *
 * @param session - the protocol's session object, unchecked
 * @throws GatewayError with the code and param that the event would be refused with
 */
export function patchFromClientSecret(session: unknown): SessionPatch {
  try {
    const event = { type: "session.update", session };
    const parsed = clientEventSchemas["session.update"].safeParse(event);
    if (!parsed.success) throw refusalFromIssues(parsed.error.issues, event);
    return patchFromSession(parsed.data.session, { allow16kHz: false });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, message, param } = error;
    throw new GatewayError(code, param === null ? { message } : { message, param });
  }
}
