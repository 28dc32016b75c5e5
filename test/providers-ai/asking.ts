/** Asking the embedded answerer as a turn does: query, retrieval, answer. */
import { createEmbeddedAi } from "../../gateway/providers/ai/embedded.ts";
import type {
  AiMessage,
  AiRequest,
  CallContext,
  EndEvent,
  Passage,
} from "../../gateway/providers/provider.ts";
import { createEmbedder, type Embedder } from "../../gateway/state/embedder.ts";
import { createKnowledge, type Knowledge } from "../../gateway/state/knowledge/knowledge.ts";
import { readProjectDocuments } from "../../gateway/state/knowledge/project-documents.ts";
import { buildQuery } from "../../gateway/state/knowledge/query.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { startEngines } from "../providers/engines.ts";

const clock = createSystemClock();
/** Saturday, November 21, 2026, 3:04 in the afternoon, UTC. */
export const epochMs = Date.UTC(2026, 10, 21, 15, 4);
export const ai = createEmbeddedAi({ clock: { ...clock, epochMs: () => epochMs }, timeZone: "UTC" });

/** What one answer was. */
export interface Reply {
  text: string;
  toolCalls: { callId: string; name: string; arguments: Record<string, unknown> }[];
  deltas: string[];
  incomplete: boolean;
  end: EndEvent;
}

/** A request with nothing in it but what is given. */
export function makeRequest(parts: Partial<AiRequest> = {}): AiRequest {
  return {
    ...{
      instructions: "",
      messages: [],
      passages: [],
      tools: [],
      toolChoice: "auto",
      spokenPrefix: "",
      maxOutputTokens: null,
    },
    ...parts,
  };
}

export function makeContext(parts: Partial<CallContext> = {}): CallContext {
  const { signal } = new AbortController();
  return { signal, deadlineMs: clock.nowMs() + 60_000, clock, tenant: "test", callId: "call", ...parts };
}

/** Runs a request to its end. */
export async function reply(request: Partial<AiRequest>, context: Partial<CallContext> = {}): Promise<Reply> {
  const deltas: string[] = [];
  const toolCalls: Reply["toolCalls"] = [];
  let incomplete = false;
  for await (const event of ai.stream(makeRequest(request), makeContext(context))) {
    if (event.type === "text") deltas.push(event.delta);
    else if (event.type === "toolCall") toolCalls.push({ ...event, arguments: JSON.parse(event.arguments) });
    else if (event.type === "incomplete") incomplete = true;
    else if (event.type !== "writing")
      return { text: deltas.join(""), toolCalls, deltas, incomplete, end: event };
  }
  throw new Error("the stream had no end event");
}

/** Words of a user as a history of one message. */
export function user(...texts: string[]): AiMessage[] {
  return texts.map((text) => ({ role: "user", text }));
}

/** Knowledge of the project's documents with the real embeddings; vectors are made when it resolves. */
export async function startKnowledge(): Promise<{
  knowledge: Knowledge;
  embedder: Embedder;
  close(): Promise<void>;
}> {
  const speech = await startEngines();
  const embedder = createEmbedder({ socketPath: speech.sockets.embeddings, clock });
  await embedder.ready();
  // A busy machine may take its time over a question's vector: what is found is tested here, not when.
  const knowledge = createKnowledge({ embedder, clock, limits: { queryVectorMs: 10_000 } });
  const documents = await readProjectDocuments();
  await knowledge.load(documents);
  await knowledge.settled();
  return {
    ...{ knowledge, embedder },
    async close() {
      knowledge.close();
      await embedder.close();
      await speech.close();
    },
  };
}

/** Answers a conversation with what the knowledge holds for it. */
export async function ask(
  knowledge: Knowledge,
  parts: Partial<AiRequest> & { messages: AiMessage[] },
): Promise<Reply & { passages: Passage[] }> {
  const { signal } = new AbortController();
  const passages = await knowledge.retrieve(buildQuery(parts.messages), { tenant: "default", k: 4, signal });
  return { ...(await reply({ ...parts, passages })), passages };
}
