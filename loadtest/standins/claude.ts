/** Claude's API: `POST /v1/messages` as a stream, `GET /v1/models/M`. */
import type { AiQuestion } from "./ai-turn.ts";
import { cutParts, entries, fields, limitDeltas, readQuestion, takeTurn, textOf } from "./ai-turn.ts";
import type { AiDialect, Asked, Piece, Reply } from "./sse-answer.ts";
import { answerModel, sendPieces, startAiStandin } from "./sse-answer.ts";
import type { StandinWorld, StartStandin } from "./standin.ts";

const wordsPerDelta = 2;
const partsOfArguments = 3;

export const startClaude: StartStandin = (world) => startAiStandin(world, createDialect(world));

function createDialect(world: StandinWorld): AiDialect {
  return {
    ...{ name: "claude", urlPath: "", errorBody, overloadedStatus: 529 },
    async answer(asked, reply) {
      const model = /^\/v1\/models\/([^/]+)$/.exec(asked.path)?.[1];
      const messages = asked.path === "/v1/messages" && asked.method === "POST";
      if (model === undefined && !messages) return;
      const { authorization = "", "x-api-key": key } = asked.headers;
      if (key === undefined && !/^Bearer \S/.test(authorization)) {
        return reply.refuse(401, "A key is required");
      }
      if (asked.headers["anthropic-version"] === undefined) {
        return reply.refuse(400, "anthropic-version: header is required");
      }
      if (model === undefined) return create(world, asked, reply);
      return answerModel(reply, {
        type: "model",
        id: model,
        display_name: model,
        created_at: "2026-01-01T00:00:00Z",
      });
    },
  };
}

async function create(world: StandinWorld, asked: Asked, reply: Reply): Promise<void> {
  const body = fields(asked.body);
  const problem = findProblem(body);
  if (problem !== null) return reply.refuse(400, problem);
  const plan = reply.begin();
  if (await reply.strike(plan)) return;
  if (!(await plan.wait(plan.firstMs))) return;
  const turn = takeTurn(world, plan, readBody(body), wordsPerDelta);
  const limit = body.max_tokens as number;
  const { deltas, cut } = limitDeltas(turn.deltas, limit);
  const stream = reply.stream();
  const { id } = plan;
  stream.send("message_start", {
    type: "message_start",
    message: {
      ...{ id: `msg_standin${id}`, type: "message", role: "assistant", model: body.model, content: [] },
      ...{ stop_reason: null, stop_sequence: null },
      usage: { input_tokens: turn.inputTokens, output_tokens: 1 },
    },
  });
  stream.send("ping", { type: "ping" });
  const error = {
    event: "error",
    data: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
  };
  const { toolCall } = turn;
  const pieces = [
    ...textPieces(deltas),
    ...(toolCall === null ? [] : callPieces(toolCall, deltas.length, id)),
  ];
  if (!(await sendPieces(plan, stream, pieces, { error, textPiece: textDelta }))) return;
  const refused = plan.fault?.kind === "content_filter";
  const reason = refused ? "refusal" : cut ? "max_tokens" : toolCall === null ? "end_turn" : "tool_use";
  stream.send("message_delta", {
    type: "message_delta",
    delta: { stop_reason: reason, stop_sequence: null },
    usage: { output_tokens: turn.outputTokens },
  });
  stream.send("message_stop", { type: "message_stop" });
  plan.end("completed");
  stream.end();
}

function event(data: { type: string } & Record<string, unknown>): Piece {
  return { event: data.type, data };
}

function textDelta(text: string): Piece {
  return event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } });
}

/** The text's block opens before its first piece and closes behind its last. */
function textPieces(deltas: readonly string[]): Piece[] {
  const opening = event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } });
  return deltas.map((delta, at) => ({
    ...textDelta(delta),
    ...(at === 0 ? { lead: [opening] } : {}),
    ...(at === deltas.length - 1 ? { trail: [event({ type: "content_block_stop", index: 0 })] } : {}),
  }));
}

function callPieces(call: { name: string; arguments: string }, textDeltas: number, id: number): Piece[] {
  const index = textDeltas > 0 ? 1 : 0;
  const block = { type: "tool_use", id: `toolu_standin${id}`, name: call.name, input: {} };
  const parts = cutParts(call.arguments, partsOfArguments);
  return parts.map((partial_json, at) => ({
    ...event({ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json } }),
    ...(at === 0 ? { lead: [event({ type: "content_block_start", index, content_block: block })] } : {}),
    ...(at === parts.length - 1 ? { trail: [event({ type: "content_block_stop", index })] } : {}),
  }));
}

function readBody(body: Record<string, unknown>): AiQuestion {
  const messages = entries(body.messages).flatMap((message) => {
    const { role, content } = fields(message);
    if (typeof content === "string") return [{ role: textOf(role), text: content }];
    const outputs = blocksOf(content, "tool_result").map((block) => ({
      ...{ role: "tool", text: textOf(block.content) },
    }));
    const text = blocksOf(content, "text")
      .map((block) => textOf(block.text))
      .join("\n\n");
    // Outputs stand first in a turn; what the caller says to them comes behind.
    return [...outputs, ...(text === "" ? [] : [{ role: textOf(role), text }])];
  });
  const tools = entries(body.tools).map((tool) => textOf(fields(tool).name));
  const { type, name } = fields(body.tool_choice);
  const choice =
    type === "none"
      ? "none"
      : type === "any"
        ? "required"
        : type === "tool"
          ? { name: textOf(name) }
          : "auto";
  return readQuestion(textOf(body.system), messages, tools, choice);
}

function blocksOf(content: unknown, type: string): Record<string, unknown>[] {
  return entries(content)
    .map(fields)
    .filter((block) => block.type === type);
}

/** What the vendor would refuse: no limit, an answer that is begun already, calls without their outputs behind them. */
function findProblem(body: Record<string, unknown>): string | null {
  if (typeof body.max_tokens !== "number") return "max_tokens: Field required";
  if (body.stream !== true) return "stream: this stand-in only streams";
  const messages = entries(body.messages).map(fields);
  if (messages.length === 0) return "messages: at least one message is required";
  if (messages.at(-1)?.role === "assistant") {
    return "This model does not support assistant message prefill. The conversation must end with a user message.";
  }
  if (messages[0]?.role !== "user") return "messages: first message must use the user role";
  for (const [index, { content }] of messages.entries()) {
    const results = blocksOf(messages[index + 1]?.content, "tool_result").map((block) => block.tool_use_id);
    const missing = blocksOf(content, "tool_use").find(({ id }) => !results.includes(id));
    if (missing !== undefined) {
      return `messages.${index}: tool_use ids were found without tool_result blocks immediately after: ${missing.id}`;
    }
    const uses = blocksOf(messages[index - 1]?.content, "tool_use").map((block) => block.id);
    if (blocksOf(content, "tool_result").some((block) => !uses.includes(block.tool_use_id))) {
      return `messages.${index}: unexpected tool_use_id found in tool_result blocks`;
    }
  }
  return null;
}

const errorTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  529: "overloaded_error",
};

function errorBody(status: number, message: string): unknown {
  const type = errorTypes[status] ?? "api_error";
  return { type: "error", error: { type, message }, request_id: "req_standin" };
}
