/** What is remembered of a conversation beside its value: lives in one process, as long as the session does. */
import type { ConversationMemory } from "../providers/provider.ts";

/** Nothing is preferred, nothing was told. */
export function createConversationMemory(): ConversationMemory {
  return { preferred: { stt: null, ai: null, tts: null }, spareTold: false };
}
