/** An AI that answers from a script, at once. */
import type { AiProvider, AiRequest } from "../provider.ts";
import type { Script } from "../script.ts";

interface Rule {
  pattern: RegExp;
  reply: string | undefined;
  toolCall: { name: string; arguments: string } | undefined;
}

export function createScriptedAi(script: Script): AiProvider {
  const rules: Rule[] = script.rules.map(({ match, reply, toolCall }) => ({
    pattern: new RegExp(match, "iu"),
    reply,
    toolCall,
  }));
  let calls = 0;
  return {
    name: "scripted",
    async *stream(request, { signal }) {
      const inputTokens = request.messages.length;
      const rule = rules.find(({ pattern }) => pattern.test(lastWords(request)));
      if (rule?.toolCall && request.toolChoice !== "none" && !signal.aborted) {
        calls += 1;
        yield { type: "toolCall", callId: `call_scripted${calls}`, ...rule.toolCall };
      }
      const text = rule ? (rule.reply ?? "") : script.reply;
      const words = text.slice(continueAt(text, request.spokenPrefix)).match(/\S+\s*/g) ?? [];
      const limit = request.maxOutputTokens ?? Number.POSITIVE_INFINITY;
      let outputTokens = 0;
      for (const delta of words) {
        if (signal.aborted || outputTokens >= limit) break;
        outputTokens += 1;
        yield { type: "text", delta };
      }
      const usage = { inputTokens, outputTokens };
      if (signal.aborted) return yield { type: "end", outcome: "cancelled", usage, provider: "scripted" };
      if (outputTokens < words.length) yield { type: "incomplete", reason: "max_output_tokens" };
      yield { type: "end", outcome: "completed", usage, provider: "scripted" };
    },
  };
}

/** What is answered: the newest user's words or tool's output. */
function lastWords({ messages }: AiRequest): string {
  const last = messages.findLast(({ role }) => role === "user" || role === "toolOutput");
  if (!last) return "";
  return last.role === "toolOutput" ? last.output : "text" in last ? last.text : "";
}

function continueAt(text: string, spokenPrefix: string): number {
  return spokenPrefix !== "" && text.startsWith(spokenPrefix) ? spokenPrefix.length : 0;
}
