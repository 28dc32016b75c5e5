import type { EndpointParts } from "./gateway.ts";
import type { RealtimeEndpoint } from "./transport/contract.ts";

/**
 * Placeholder: the wiring of chains, knowledge, reply runner and sessions into the endpoint belongs here. Until it
 * stands, a connection is told so and closed.
 */
export async function createRealtime(_parts: EndpointParts): Promise<RealtimeEndpoint> {
  return {
    activeSessions: 0,
    open: (_context, socket) => {
      socket.close(1013, "not_ready");
      return { onText: () => {}, onBinary: () => {}, onDrain: () => {}, onClose: () => {} };
    },
    drain: async () => {},
    close: async () => {},
  };
}
