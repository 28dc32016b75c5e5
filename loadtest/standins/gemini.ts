/** Gemini's API: `models/M:streamGenerateContent?alt=sse` and `models/M`. */
import type { AiQuestion, AiTurn } from "./ai-turn.ts";
import { entries, fields, limitDeltas, readQuestion, takeTurn, textOf } from "./ai-turn.ts";
import type { AiDialect, Asked, Piece, Reply } from "./sse-answer.ts";
import { answerModel, sendPieces, startAiStandin } from "./sse-answer.ts";
import type { Fault, StandinWorld, StartStandin } from "./standin.ts";

/** Gemini's chunks are larger than others'. */
const wordsPerDelta = 4;

export const startGemini: StartStandin = (world) => startAiStandin(world, createDialect(world));

function createDialect(world: StandinWorld): AiDialect {
  return {
    ...{ name: "gemini", urlPath: "", errorBody, retryAfterHeader: false },
    async answer(asked, reply) {
      const [, model, verb] = /^\/v1(?:alpha|beta)?\/models\/([^/:]+)(?::(\w+))?$/.exec(asked.path) ?? [];
      if (model === undefined) return;
      if (asked.headers["x-goog-api-key"] === undefined) return reply.refuse(403, "The key is missing.");
      if (verb === undefined && asked.method === "GET") {
        const limits = { inputTokenLimit: 1_048_576, outputTokenLimit: 65_536 };
        return answerModel(reply, { name: `models/${model}`, version: "1", displayName: model, ...limits });
      }
      if (verb !== "streamGenerateContent" || asked.query.get("alt") !== "sse") return;
      await generate(world, model, asked, reply);
    },
  };
}

async function generate(world: StandinWorld, model: string, asked: Asked, reply: Reply): Promise<void> {
  const body = fields(asked.body);
  const problem = findProblem(entries(body.contents));
  if (problem !== null) return reply.refuse(400, problem);
  const plan = reply.begin();
  if (await reply.strike(plan)) return;
  if (!(await plan.wait(plan.firstMs))) return;
  const turn = takeTurn(world, plan, readBody(body), wordsPerDelta);
  const limit = fields(body.generationConfig).maxOutputTokens;
  const { deltas, cut } = limitDeltas(turn.deltas, typeof limit === "number" ? limit : null);
  const chunk = createChunks(model, plan.id, turn);
  const stream = reply.stream();
  const error = {
    event: null,
    data: errorBody(503, "The model is overloaded. Please try again later.", null),
  };
  const pieces: Piece[] = deltas.map((text) => chunk([{ text }]));
  if (turn.toolCall !== null) {
    const { name, arguments: text } = turn.toolCall;
    const functionCall = { id: `fc-${plan.id}`, name, args: JSON.parse(text) as unknown };
    pieces.push(chunk([{ functionCall, thoughtSignature: "c2lnbmF0dXJl" }]));
  }
  const faults = { error, textPiece: (text: string) => chunk([{ text }]) };
  if (!(await sendPieces(plan, stream, pieces, faults))) return;
  const filtered = plan.fault?.kind === "content_filter";
  const finishReason = filtered ? "SAFETY" : cut ? "MAX_TOKENS" : "STOP";
  stream.send(null, chunk(filtered ? null : [{ text: "" }], finishReason).data);
  plan.end("completed");
  stream.end();
}

function createChunks(model: string, id: number, turn: AiTurn) {
  let sent = 0;
  return (parts: unknown[] | null, finishReason?: string): Piece => {
    // Counts grow with the answer, as the vendor's do.
    sent = finishReason === undefined ? Math.min(turn.outputTokens, sent + wordsPerDelta) : turn.outputTokens;
    const counts = { promptTokenCount: turn.inputTokens, candidatesTokenCount: sent };
    return {
      event: null,
      data: {
        candidates: [
          {
            ...(parts === null ? {} : { content: { parts, role: "model" } }),
            ...(finishReason === undefined ? {} : { finishReason }),
            index: 0,
          },
        ],
        usageMetadata: { ...counts, totalTokenCount: turn.inputTokens + sent },
        modelVersion: model,
        responseId: `standin-${id}`,
      },
    };
  };
}

function readBody(body: Record<string, unknown>): AiQuestion {
  const messages = entries(body.contents).flatMap((content) => {
    const { role, parts } = fields(content);
    const outputs = entries(parts).flatMap((part) => {
      const { functionResponse } = fields(part);
      if (functionResponse === undefined) return [];
      return [{ role: "tool", text: textOf(fields(fields(functionResponse).response).output) }];
    });
    const text = textsOf(parts);
    return [...(text === "" ? [] : [{ role: role === "model" ? "assistant" : "user", text }]), ...outputs];
  });
  const declarations = entries(body.tools).flatMap((tool) => entries(fields(tool).functionDeclarations));
  const tools = declarations.map((declaration) => textOf(fields(declaration).name));
  const system = textsOf(fields(body.systemInstruction).parts);
  return readQuestion(system, messages, tools, readChoice(fields(body.toolConfig)));
}

function textsOf(parts: unknown): string {
  return entries(parts)
    .map((part) => textOf(fields(part).text))
    .filter((text) => text !== "")
    .join("\n\n");
}

function readChoice(toolConfig: Record<string, unknown>): AiQuestion["choice"] {
  const { mode, allowedFunctionNames } = fields(toolConfig.functionCallingConfig);
  if (mode === "NONE") return "none";
  if (mode !== "ANY") return "auto";
  const [name] = entries(allowedFunctionNames);
  return typeof name === "string" ? { name } : "required";
}

/** What the vendor would refuse: a conversation that ends with the model, calls without as many outputs behind them. */
function findProblem(contents: unknown[]): string | null {
  if (contents.length === 0) return "contents are not specified";
  const last = fields(contents.at(-1));
  if (last.role !== "user") return "Please ensure that the last turn is of the user.";
  for (const [index, content] of contents.entries()) {
    const calls = count(content, "functionCall");
    if (calls > 0 && calls !== count(contents[index + 1], "functionResponse")) {
      return "The number of function response parts must equal that of function call parts of the function call turn.";
    }
  }
  return null;
}

function count(content: unknown, kind: "functionCall" | "functionResponse"): number {
  return entries(fields(content).parts).filter((part) => fields(part)[kind] !== undefined).length;
}

const statusNames: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
};

function errorBody(code: number, message: string, fault: Fault | null): unknown {
  const seconds = fault?.retryAfterSeconds;
  const retryInfo = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${seconds}s` };
  const details = seconds === undefined ? [] : [retryInfo];
  return { error: { code, message, status: statusNames[code] ?? "UNKNOWN", details } };
}
