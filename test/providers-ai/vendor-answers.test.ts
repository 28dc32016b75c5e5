/** What the vendors' answers become, told by stand-ins that speak their protocols. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClaudeAi } from "../../gateway/providers/ai/claude.ts";
import { createGeminiAi } from "../../gateway/providers/ai/gemini.ts";
import { createOpenAiAi } from "../../gateway/providers/ai/openai.ts";
import type { AiProvider, AiRequest, EndEvent } from "../../gateway/providers/provider.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import type { Fault } from "../../loadtest/standins/standin.ts";
import type { Standins } from "../../loadtest/standins/start.ts";
import { startStandins } from "../../loadtest/standins/start.ts";
import { callContext, collect } from "../contract/providers/provider-contract.ts";
import { askAi } from "../contract/providers/vendors-ai.ts";

const names = ["gemini", "claude", "openai"] as const;
const create = { gemini: createGeminiAi, claude: createClaudeAi, openai: createOpenAiAi };
const clock = createSystemClock();
const weather = {
  name: "get_weather",
  parameters: { type: "object", properties: { city: { type: "string" } } },
};

let standins: Standins;
const providers = new Map<string, AiProvider>();

beforeAll(async () => {
  const fast = { first: { p50Ms: 0, p95Ms: 0 }, piece: { p50Ms: 0, p95Ms: 0 } };
  const latencies = { gemini: fast, claude: fast, openai: fast };
  standins = await startStandins({ names, seed: 7, latencies });
  for (const name of names) {
    const { url } = standins.standins.get(name)!;
    providers.set(name, create[name]({ clock, apiKey: "key", url, model: "gemini-3.8-flash" }));
  }
});
afterAll(async () => {
  for (const provider of providers.values()) await provider.close?.();
  await standins.close();
});

async function ask(name: (typeof names)[number], request: AiRequest, fault: Fault | null = null) {
  await standins.setFault(name, fault);
  const stream = providers.get(name)!.stream(request, callContext(new AbortController().signal));
  const events = await collect(stream);
  await standins.setFault(name, null);
  const text = events.map((event) => (event.type === "text" ? event.delta : "")).join("");
  const calls = events.filter((event) => event.type === "toolCall");
  return { events, text, calls, end: events.at(-1) as EndEvent };
}

const long = askAi("Tell me a long story.");

describe.each(names)("an answer by %s", (name) => {
  it("counts the tokens of question and answer", async () => {
    const { text, end } = await ask(name, long);
    expect(text.split(" ").length).toBeGreaterThan(20);
    expect(end.usage.inputTokens).toBeGreaterThan(0);
    expect(end.usage.outputTokens).toBeGreaterThan(20);
  });

  it("goes on where another vendor broke off, and says nothing twice", async () => {
    const whole = (await ask("claude", long)).text;
    const words = whole.split(" ");
    const said = words.slice(0, 9).join(" ");
    const { text } = await ask(name, { ...long, spokenPrefix: said });
    // A model may say its last words again: at most four, which the chain cuts.
    const again = words.slice(0, 9).findLastIndex((_, at) => text.startsWith(words.slice(at).join(" ")));
    const next = text === words.slice(9).join(" ") ? 9 : again;
    expect(next).toBeGreaterThanOrEqual(5);
    expect([...words.slice(0, next), text].join(" ")).toBe(whole);
  });

  it("gives the same answer whatever was looked up beside it", async () => {
    const passages = [{ id: "1", source: "Book", text: "Something else.", score: 1 }];
    expect((await ask(name, { ...long, passages })).text).toBe((await ask(name, long)).text);
  });

  it("calls a function with whole arguments, and takes its output", async () => {
    const request = askAi("What is the weather in Paris?", { tools: [weather] });
    const { calls, text, events } = await ask(name, request);
    expect(text).toBe("");
    // That it is at work on it; Gemini sends calls whole.
    expect(events.some(({ type }) => type === "writing")).toBe(name !== "gemini");
    expect(calls).toEqual([
      { type: "toolCall", callId: expect.any(String), name: "get_weather", arguments: '{"city":"paris"}' },
    ]);
    const { callId, arguments: given } = calls[0]!;
    const messages: AiRequest["messages"] = [
      ...request.messages,
      { role: "toolCall", callId, name: "get_weather", arguments: given },
      { role: "toolOutput", callId, output: "mild rain" },
    ];
    expect((await ask(name, { ...request, messages })).text).toContain("mild rain");
    // The call of another vendor, with an id that is nobody's form.
    const foreign = messages.map((message) =>
      message.role === "toolCall" || message.role === "toolOutput"
        ? { ...message, callId: "a b/c" }
        : message,
    );
    expect((await ask(name, { ...request, messages: foreign })).text).toContain("mild rain");
  });

  it("keeps a function's call to itself when the vendor dies in the middle of the arguments", async () => {
    const request = askAi("What is the weather in Paris?", { tools: [weather] });
    const afterPieces = name === "gemini" ? 0 : 1;
    const { calls, end } = await ask(name, request, { kind: "cut", afterPieces });
    expect(calls).toEqual([]);
    expect(end).toMatchObject({ outcome: "failed", error: { blame: "vendor" } });
  });

  it("obeys the choice of functions", async () => {
    const asked = (toolChoice: AiRequest["toolChoice"]) =>
      ask(name, askAi("What is the weather in Paris?", { tools: [weather], toolChoice }));
    expect((await asked("none")).calls).toEqual([]);
    const hello = askAi("Hello there.", { tools: [weather], toolChoice: { name: "get_weather" } });
    expect((await ask(name, hello)).calls).toHaveLength(1);
    expect((await ask(name, { ...hello, toolChoice: "required" })).calls).toHaveLength(1);
  });

  it("says when the limit of tokens cut it", async () => {
    const { events, end } = await ask(name, { ...long, maxOutputTokens: 12 });
    expect(events.at(-2)).toEqual({ type: "incomplete", reason: "max_output_tokens" });
    expect(end.outcome).toBe("completed");
  });

  it("completes with nothing when the vendor says nothing: the chain judges that", async () => {
    const { events } = await ask(name, long, { kind: "empty_answer" });
    expect(events).toMatchObject([{ type: "end", outcome: "completed" }]);
  });

  it("tells what a cancelled or broken answer used, by the vendor's count or an estimate", async () => {
    const { end } = await ask(name, long, { kind: "cut", afterPieces: 2 });
    expect(end.usage.inputTokens).toBeGreaterThan(0);
  });

  it("reads when to come back, in the header or in the body", async () => {
    const { end } = await ask(name, long, { kind: "rate_limited", retryAfterSeconds: 90 });
    expect(end.error).toMatchObject({ blame: "quota", retryAfterMs: 90_000 });
  });

  it("keeps its connection open for the next call", async () => {
    const { url } = standins.standins.get(name)!;
    const provider = create[name]({ clock, apiKey: "key", model: "m", url });
    const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
    await provider.warm?.();
    const call = () => collect(provider.stream(long, callContext(new AbortController().signal)));
    await call();
    const before = sockets();
    for (let count = 0; count < 4; count += 1) await call();
    expect(sockets()).toBeLessThanOrEqual(before);
    await provider.close?.();
  });
});
