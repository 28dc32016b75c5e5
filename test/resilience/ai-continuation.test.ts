import { describe, expect, it } from "vitest";
import type { AiRequest } from "../../gateway/providers/provider.ts";
import type { AiChainEvent } from "../../gateway/resilience/ai-policy.ts";
import { aiPolicy } from "../../gateway/resilience/ai-policy.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import type { Step } from "./fake-providers.ts";
import { collect, createFakeProvider, openContext, aiRequest as request, text } from "./fake-providers.ts";

const ai = (name: string, ...steps: Step<AiChainEvent>[]) =>
  createFakeProvider<AiRequest, AiChainEvent>(name, steps);
const call = (callId: string): Step<AiChainEvent> => ({
  give: { type: "toolCall", callId, name: "book", arguments: "{}" },
});
const dies: Step<AiChainEvent> = { fail: "provider_unavailable" };

async function run(...links: ReturnType<typeof ai>[]) {
  return runWith(request, ...links);
}

async function runWith(asked: AiRequest, ...links: ReturnType<typeof ai>[]) {
  const clock = createFakeClock();
  const useful: string[] = [];
  const observer = {
    started: () => undefined,
    useful: (name: string) => useful.push(name),
    ended: () => undefined,
  };
  const context = { ...openContext(clock), observer };
  const events = await clock.until(collect(createChain(links, aiPolicy).stream(asked, context)));
  const said = events.map((event) => (event.type === "text" ? event.delta : "")).join("");
  const calls = events.flatMap((event) => (event.type === "toolCall" ? [event.callId] : []));
  return { said, calls, useful, events, end: events.at(-1) };
}

describe("an answerer that dies", () => {
  it("in the middle of a tool call leaves the call to the next one, told what was said", async () => {
    const next = ai("b", text("Right away."), call("2"));
    const { said, calls, end } = await run(ai("a", text("I will book that. "), text("Ri"), dies), next);
    expect(next.calls[0]!.request.spokenPrefix).toBe("I will book that. ");
    expect([said, calls]).toEqual(["I will book that. Right away.", ["2"]]);
    expect(end).toMatchObject({ outcome: "completed", provider: "b" });
  });

  it("after a tool call, or after words behind one, is not asked for again: the call runs once", async () => {
    for (const steps of [
      [call("1"), dies],
      [call("1"), text("Booked it for y"), dies],
    ]) {
      const next = ai("b", call("2"));
      const { calls, end } = await run(ai("a", ...steps), next);
      expect(calls).toEqual(["1"]);
      expect(next.calls).toHaveLength(0);
      expect(end).toMatchObject({ outcome: "completed" });
    }
  });

  it("hands words on that come after a tool call, and two calls of one answer", async () => {
    const { said, calls } = await run(
      ai("a", text("One moment"), call("1"), text(" while I look."), call("2")),
    );
    expect([said, calls]).toEqual(["One moment while I look.", ["1", "2"]]);
  });
});

describe("what an answerer may not do", () => {
  it("repeats a tool call: it is handed on once", async () => {
    expect((await run(ai("a", call("1"), call("1")))).calls).toEqual(["1"]);
  });

  it("sends what is no text: the words before it stand, the next one goes on", async () => {
    const next = ai("b", text("costs five euros."));
    const { said, useful } = await run(ai("a", text("It cos"), text("ts f\ufffd"), text("never")), next);
    expect(said).toBe("It costs five euros.");
    expect(useful).toEqual(["a", "b"]);
  });
});

describe("an answerer that uses up the limit", () => {
  const limit: Step<AiChainEvent> = { give: { type: "incomplete", reason: "max_output_tokens" } };

  it("before its first word has said nothing: the next one answers, and nobody is blamed", async () => {
    const { said, end } = await run(ai("a", limit), ai("b", text("Hello.")));
    expect([said, end]).toMatchObject(["Hello.", { outcome: "completed", provider: "b" }]);
    const alone = await runWith({ ...request, maxOutputTokens: 50 }, ai("a", limit));
    expect(alone.end).toMatchObject({ outcome: "failed", error: { blame: "request" } });
  });

  it("of its own, where the caller set none, is to blame", async () => {
    const { end } = await run(ai("a", limit));
    expect(end).toMatchObject({ outcome: "failed", error: { message: "The answer was empty." } });
  });

  it("in the middle of a tool call is told so: the caller may raise it", async () => {
    const { events } = await run(ai("a", { give: { type: "writing" } }, limit), ai("b", text("never")));
    expect(events.map(({ type }) => type)).toEqual(["incomplete", "end"]);
  });

  it("in mid-answer is told so, once", async () => {
    const { said, events } = await run(ai("a", text("Hello the"), limit), ai("b", text("never")));
    expect(said).toBe("Hello the");
    expect(events.map(({ type }) => type)).toEqual(["text", "text", "incomplete", "end"]);
  });
});

describe("an answerer that takes over", () => {
  it("may begin with dots: they are left out", async () => {
    for (const dots of ["...", "… ", " ... "]) {
      const { said } = await run(ai("a", text("It costs five "), dies), ai("b", text(`${dots}euros.`)));
      expect(said).toBe("It costs five euros.");
    }
  });
});
