/** OpenAI's chat completions: `POST /v1/chat/completions` as a stream, `GET /v1/models/M`. */
import type { AiQuestion } from "./ai-turn.ts";
import { cutParts, entries, fields, limitDeltas, readQuestion, takeTurn, textOf } from "./ai-turn.ts";
import type { AiDialect, Asked, Piece, Reply } from "./sse-answer.ts";
import { answerModel, sendPieces, startAiStandin } from "./sse-answer.ts";
import type { StandinWorld, StartStandin } from "./standin.ts";

const wordsPerDelta = 1;
const partsOfArguments = 3;

export const startOpenai: StartStandin = (world) => startAiStandin(world, createDialect(world));

function createDialect(world: StandinWorld): AiDialect {
  return {
    ...{ name: "openai", urlPath: "/v1", errorBody },
    async answer(asked, reply) {
      const model = /^\/v1\/models\/([^/]+)$/.exec(asked.path)?.[1];
      const completions = asked.path === "/v1/chat/completions" && asked.method === "POST";
      if (model === undefined && !completions) return;
      if (!/^Bearer \S/.test(asked.headers.authorization ?? "")) {
        return reply.refuse(401, "You didn't provide an API key.");
      }
      if (model === undefined) return create(world, asked, reply);
      return answerModel(reply, { id: model, object: "model", created: 0, owned_by: "stand-in" });
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
  const limit = body.max_completion_tokens ?? body.max_tokens;
  const { deltas, cut } = limitDeltas(turn.deltas, typeof limit === "number" ? limit : null);
  const stream = reply.stream();
  const base = {
    ...{ id: `chatcmpl-standin${plan.id}`, object: "chat.completion.chunk", model: body.model },
    ...{ created: Math.floor(Date.now() / 1000) },
  };
  const chunk = (delta: unknown, finish_reason: string | null = null): Piece => ({
    event: null,
    data: { ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason }], usage: null },
  });
  const { toolCall } = turn;
  const pieces = [
    ...deltas.map((content) => chunk({ content })),
    ...(toolCall === null ? [] : callDeltas(toolCall, plan.id).map((delta) => chunk(delta))),
  ];
  const error = {
    event: null,
    data: { error: { message: "The server had an error.", type: "server_error", param: null, code: null } },
  };
  stream.send(null, chunk({ role: "assistant", content: "", refusal: null }).data);
  const faults = { error, textPiece: (content: string) => chunk({ content }) };
  if (!(await sendPieces(plan, stream, pieces, faults))) return;
  const filtered = plan.fault?.kind === "content_filter";
  const reason = filtered ? "content_filter" : cut ? "length" : toolCall === null ? "stop" : "tool_calls";
  stream.send(null, chunk({}, reason).data);
  if (fields(body.stream_options).include_usage === true) {
    const usage = { prompt_tokens: turn.inputTokens, completion_tokens: turn.outputTokens };
    const total_tokens = turn.inputTokens + turn.outputTokens;
    stream.send(null, { ...base, choices: [], usage: { ...usage, total_tokens } });
  }
  plan.end("completed");
  stream.end("data: [DONE]\n\n");
}

function callDeltas(call: { name: string; arguments: string }, id: number): unknown[] {
  const begun = { id: `call_standin${id}`, type: "function" };
  return cutParts(call.arguments, partsOfArguments).map((text, at) => ({
    tool_calls: [
      at === 0
        ? { index: 0, ...begun, function: { name: call.name, arguments: text } }
        : { index: 0, function: { arguments: text } },
    ],
  }));
}

function readBody(body: Record<string, unknown>): AiQuestion {
  const messages = entries(body.messages).map((message) => {
    const { role, content } = fields(message);
    return { role: textOf(role), text: textOf(content) };
  });
  const system = messages.filter(({ role }) => role === "system").map(({ text }) => text);
  const spoken = messages.filter(({ role, text }) => role !== "system" && text !== "");
  const tools = entries(body.tools).map((tool) => textOf(fields(fields(tool).function).name));
  const { tool_choice: asked } = body;
  const named = textOf(fields(fields(asked).function).name);
  const choice = asked === "none" || asked === "required" ? asked : named === "" ? "auto" : { name: named };
  return readQuestion(system.join("\n"), spoken, tools, choice);
}

/** What the vendor would refuse: outputs without their call before them, calls without their outputs. */
function findProblem(body: Record<string, unknown>): string | null {
  if (body.stream !== true) return "stream: this stand-in only streams";
  const messages = entries(body.messages).map(fields);
  if (messages.length === 0) return "[] is too short - 'messages'";
  let open = new Set<unknown>();
  for (const [index, { role, tool_calls: calls, tool_call_id: callId }] of messages.entries()) {
    if (role === "tool") {
      if (!open.delete(callId))
        return `messages[${index}]: 'tool' must follow a message with its 'tool_calls'`;
      continue;
    }
    if (open.size > 0) return "An assistant message with 'tool_calls' must be followed by tool messages";
    open = new Set(entries(calls).map((call) => fields(call).id));
  }
  return open.size > 0 ? "An assistant message with 'tool_calls' must be followed by tool messages" : null;
}

const errorTypes: Readonly<Record<number, [type: string, code: string | null]>> = {
  400: ["invalid_request_error", null],
  401: ["invalid_request_error", "invalid_api_key"],
  403: ["invalid_request_error", "unsupported_country_region_territory"],
  404: ["invalid_request_error", "model_not_found"],
  413: ["invalid_request_error", null],
  429: ["requests", "rate_limit_exceeded"],
};

function errorBody(status: number, message: string): unknown {
  const [type, code] = errorTypes[status] ?? ["server_error", null];
  return { error: { message, type, param: null, code } };
}
