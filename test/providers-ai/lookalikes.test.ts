/** Servers that speak like a vendor and are not quite it, and models that take less than their siblings. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createClaudeAi } from "../../gateway/providers/ai/claude.ts";
import { parameterFault } from "../../gateway/providers/ai/model-fit.ts";
import { createOpenAiAi } from "../../gateway/providers/ai/openai.ts";
import { effortOfOpenAi } from "../../gateway/providers/ai/openai-request.ts";
import type { AiProvider, AiRequest, EndEvent } from "../../gateway/providers/provider.ts";
import { VendorError } from "../../gateway/providers/vendor-fault.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { callContext, collect } from "../contract/providers/provider-contract.ts";
import { askAi } from "../contract/providers/vendors-ai.ts";

const clock = createSystemClock();
const question = askAi("Hello there.");
const tool = { name: "weather", parameters: { type: "object", properties: {} } };

type Body = Record<string, unknown>;
type Answer = (body: Body, response: ServerResponse) => void;

let server: Server | null = null;
let provider: AiProvider | null = null;
const asked: { path: string; body: Body }[] = [];

afterEach(async () => {
  await provider?.close?.();
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)));
  server = null;
  asked.length = 0;
});

/** Answers questions at `path`, and 404 everywhere else. */
async function serve(path: string, answer: Answer): Promise<string> {
  server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    asked.push({ path: request.url ?? "", body: text === "" ? {} : (JSON.parse(text) as Body) });
    if (request.url === path) return answer(asked.at(-1)!.body, response);
    refuse(response, 404, { detail: "Not Found" });
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function refuse(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function sendEvents(response: ServerResponse, events: readonly [string | null, unknown][]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const [event, data] of events) {
    response.write(`${event === null ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`);
  }
}

/** Deltas as OpenAI's chunks, then the reason why it ended, and no count of tokens. */
function chunks(deltas: readonly object[], reason: string | null): Answer {
  const events = deltas.map((delta): [null, unknown] => [null, { choices: [{ index: 0, delta }] }]);
  return (_body, response) => {
    sendEvents(response, events);
    if (reason === null) return;
    endWith(response, reason);
  };
}

function endWith(response: ServerResponse, reason: string): void {
  const last = { choices: [{ index: 0, delta: {}, finish_reason: reason }] };
  response.end(`data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`);
}

async function likeOpenAi(answer: Answer): Promise<AiProvider> {
  const url = await serve("/v1/chat/completions", answer);
  provider = createOpenAiAi({ clock, apiKey: "", url: `${url}/v1`, model: "qwen3" });
  return provider;
}

async function ask(from: AiProvider, request: AiRequest = question) {
  const events = await collect(from.stream(request, callContext(new AbortController().signal)));
  const text = events.map((event) => (event.type === "text" ? event.delta : "")).join("");
  const calls = events.flatMap((event) => (event.type === "toolCall" ? [event] : []));
  return { text, calls, end: events.at(-1)! };
}

const call = (part: object) => ({ tool_calls: [part] });

describe("a server that speaks like OpenAI", () => {
  it("is well without an address for its models, if it answers", async () => {
    const { check } = await likeOpenAi(chunks([{ content: "Hi" }], "length"));
    expect(await check!(new AbortController().signal)).toBeNull();
    expect(asked.map(({ path }) => path)).toEqual(["/v1/models/qwen3", "/v1/chat/completions"]);
    expect(asked[1]!.body).toMatchObject({ model: "qwen3", max_tokens: 1 });
  });

  it("does not know the model if it says so when it is asked", async () => {
    const { check } = await likeOpenAi((_body, response) =>
      refuse(response, 404, { error: { code: "model_not_found", message: "no such model" } }),
    );
    expect(await check!(new AbortController().signal)).toMatchObject({ blame: "key" });
  });

  it.each([
    ["gives all calls the same place", 0],
    ["gives calls no place", undefined],
  ])("%s: two calls are two", async (_what, index) => {
    const ai = await likeOpenAi(
      chunks(
        [
          call({ index, id: "a", function: { name: "weather", arguments: '{"city":"Rome"}' } }),
          call({ index, id: "b", function: { name: "weather", arguments: '{"city":' } }),
          call({ index, function: { arguments: '"Oslo"}' } }),
        ],
        "tool_calls",
      ),
    );
    const { calls, end } = await ask(ai, { ...question, tools: [tool] });
    expect(end).toMatchObject({ outcome: "completed" });
    expect(calls.map(({ callId, arguments: given }) => [callId, given])).toEqual([
      ["a", '{"city":"Rome"}'],
      ["b", '{"city":"Oslo"}'],
    ]);
  });

  it("gives calls neither place nor id: a name after whole arguments begins another", async () => {
    const ai = await likeOpenAi(
      chunks(
        [
          call({ function: { name: "weather", arguments: '{"city":"Rome"}' } }),
          call({ function: { name: "weather", arguments: '{"city":"Oslo"}' } }),
        ],
        "length",
      ),
    );
    const { calls } = await ask(ai, { ...question, tools: [tool] });
    expect(calls.map(({ arguments: given }) => given)).toEqual(['{"city":"Rome"}', '{"city":"Oslo"}']);
    expect(new Set(calls.map(({ callId }) => callId)).size).toBe(2);
  });

  it("repeats name and id with every part, or has a new id for every part: one call is one", async () => {
    const parts = ['{"city"', ':"Rome"', "}"];
    const repeating = parts.map((text) =>
      call({ index: 0, id: "a", function: { name: "weather", arguments: text } }),
    );
    const renaming = parts.map((text, at) =>
      call({
        index: 0,
        id: `id${at}`,
        function: { ...(at === 0 ? { name: "weather" } : {}), arguments: text },
      }),
    );
    const again = call({ index: 0, function: { name: "weather", arguments: "" } });
    for (const deltas of [repeating, renaming, [...repeating, again]]) {
      const ai = await likeOpenAi(chunks(deltas, "tool_calls"));
      const { calls } = await ask(ai, { ...question, tools: [tool] });
      expect(calls.map(({ arguments: given }) => given)).toEqual(['{"city":"Rome"}']);
    }
  });

  it("leaves the model's thoughts in its answer: they are not said", async () => {
    const said = (...texts: string[]) =>
      likeOpenAi(
        chunks(
          texts.map((content) => ({ content })),
          "stop",
        ),
      ).then(ask);
    expect((await said("<thi", "nk>\nThe user gre", "ets me.</thi", "nk>\n\nHello", " you.")).text).toBe(
      "Hello you.",
    );
    expect((await said("<", "3 you")).text).toBe("<3 you");
    expect((await said("\n", "Hello ", "<think>aloud")).text.trim()).toBe("Hello <think>aloud");
    expect((await said("<th")).text).toBe("<th");
  });

  it("is charged for what it wrote, also where it does not count or was interrupted", async () => {
    const words = Array.from({ length: 30 }, () => ({ content: "word " }));
    const whole = await ask(await likeOpenAi(chunks(words, "stop")));
    expect(whole.end).toMatchObject({ usage: { inputTokens: expect.any(Number), outputTokens: 40 } });
    const ai = await likeOpenAi(chunks(words, null));
    const interrupt = new AbortController();
    const events = [];
    for await (const event of ai.stream(question, callContext(interrupt.signal))) {
      events.push(event);
      if (events.length === 20) interrupt.abort();
    }
    const end = events.at(-1) as EndEvent;
    expect(end).toMatchObject({ outcome: "cancelled", usage: { inputTokens: expect.any(Number) } });
    expect(end.usage.outputTokens).toBeGreaterThanOrEqual(26);
  });

  it("is charged nothing where it refused", async () => {
    const ai = await likeOpenAi((_body, response) => refuse(response, 503, {}));
    expect((await ask(ai)).end).toMatchObject({ outcome: "failed", usage: {} });
  });
});

describe("a model of Claude's", () => {
  const answer: Answer = (_body, response) => {
    sendEvents(response, [
      ["message_start", { type: "message_start", message: { usage: { input_tokens: 9, output_tokens: 1 } } }],
      [
        "content_block_delta",
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello." } },
      ],
      [
        "message_delta",
        { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 4 } },
      ],
      ["message_stop", { type: "message_stop" }],
    ]);
    response.end();
  };
  const refusing =
    (refuses: (body: Body) => string | null): Answer =>
    (body, response) => {
      const message = refuses(body);
      if (message === null) return answer(body, response);
      refuse(response, 400, { type: "error", error: { type: "invalid_request_error", message } });
    };
  async function claude(model: string, reply: Answer): Promise<AiProvider> {
    provider = createClaudeAi({ clock, apiKey: "key", url: await serve("/v1/messages", reply), model });
    return provider;
  }

  it("is asked another way when it refuses how it is told not to think, and so from then on", async () => {
    const ai = await claude(
      "claude-haiku-9",
      refusing(({ thinking }) =>
        (thinking as { type?: string } | undefined)?.type === "between_tools"
          ? null
          : "thinking.type: must be between_tools",
      ),
    );
    expect(await ask(ai)).toMatchObject({ text: "Hello.", end: { outcome: "completed" } });
    expect(await ask(ai)).toMatchObject({ text: "Hello." });
    expect(asked.map(({ body }) => body.thinking)).toEqual([
      { type: "disabled" },
      { type: "between_tools" },
      { type: "between_tools" },
    ]);
  });

  it("is told in words to call a function where it can't be forced", async () => {
    const ai = await claude(
      "claude-haiku-9",
      refusing(({ tool_choice: choice }) =>
        (choice as { type?: string }).type === "auto"
          ? null
          : "tool_choice: forced tool use is not supported",
      ),
    );
    const request: AiRequest = { ...question, tools: [tool], toolChoice: { name: "weather" } };
    expect(await ask(ai, request)).toMatchObject({ text: "Hello." });
    expect(asked[1]!.body).toMatchObject({
      tool_choice: { type: "auto" },
      system: expect.stringContaining("Call the function weather now"),
    });
  });

  it("that is known to take neither is not asked for it", async () => {
    const ai = await claude("claude-sonnet-5-5", answer);
    await ask(ai, { ...question, tools: [tool], toolChoice: "required" });
    expect(asked).toHaveLength(1);
    expect(asked[0]!.body).toMatchObject({
      tool_choice: { type: "auto" },
      thinking: { type: "between_tools" },
    });
  });

  it("that refuses all ways refuses the request", async () => {
    const ai = await claude(
      "claude-haiku-9",
      refusing(() => "thinking: not today"),
    );
    expect((await ask(ai)).end).toMatchObject({ outcome: "failed", error: { blame: "request" } });
    expect(asked).toHaveLength(3);
  });
});

describe("a model of OpenAI's", () => {
  it("that does not take the least effort is asked for a little, then for none in particular", () => {
    const effort = effortOfOpenAi("gpt-6.1-sol", true);
    const refusal = new VendorError(parameterFault("reasoning_effort"));
    expect(effort.way).toBe("none");
    // Two calls at once learn it once.
    expect([effort.learns(refusal, "none"), effort.learns(refusal, "none")]).toEqual([true, true]);
    expect(effort.way).toBe("low");
    expect(effort.learns(new Error("no"), "low")).toBe(false);
    expect(effort.learns(refusal, "low")).toBe(true);
    expect([effort.way, effort.learns(refusal, null)]).toEqual([null, false]);
    expect(effortOfOpenAi("gpt-4o", true).way).toBeNull();
    expect(effortOfOpenAi("gpt-6-luna", false).way).toBeNull();
  });
});
