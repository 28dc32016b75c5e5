/** Which link a call begins with: a conversation keeps the voice that it has got used to. */
import type { CallContext } from "../providers/provider.ts";
import type { ChainParts } from "./chain.ts";
import { floorName } from "./guard.ts";
import type { Link } from "./link-run.ts";

/** The links in the order of one call: the one that the conversation has got used to comes first. */
export function orderLinks<Request, Event>(
  { links, policy, voices }: ChainParts<Request, Event>,
  { conversation, unplayedMs }: CallContext,
): Link<Request, Event>[] {
  if (conversation === undefined) return [...links];
  // Inside a reply (some of it is still to be played) a voice isn't changed without need.
  const speaking = policy.stage === "tts" && (unplayedMs?.() ?? 0) > 0 ? voices.get(conversation) : undefined;
  const wanted = conversation.preferred[policy.stage] ?? speaking;
  const first = links.find(({ provider }) => provider.name === wanted && wanted !== floorName);
  return first === undefined ? [...links] : [first, ...links.filter((link) => link !== first)];
}
