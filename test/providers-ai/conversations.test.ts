/** What a person asks and hears: query, real retrieval over the project's documents, answer. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AiMessage } from "../../gateway/providers/provider.ts";
import { speakable } from "../../gateway/turn/speakable.ts";
import { ask, startKnowledge } from "./asking.ts";
import { about, type Case, followUps, offTopicCases, smallTalk, unknown } from "./conversation-table.ts";

const defaultInstructions = "You are a helpful voice assistant. Answer briefly, in plain spoken words.";

describe("a conversation with the embedded answerer", () => {
  let started: Awaited<ReturnType<typeof startKnowledge>>;
  beforeAll(async () => {
    started = await startKnowledge();
  });
  afterAll(() => started.close());

  async function converse({ said, instructions = defaultInstructions }: Case): Promise<string> {
    const messages: AiMessage[] = [];
    let heard = "";
    for (const text of [said].flat()) {
      messages.push({ role: "user", text });
      heard = (await ask(started.knowledge, { messages, instructions })).text;
      messages.push({ role: "assistant", text: heard });
    }
    return heard;
  }

  function check({ holds = [], lacks = [], refuses }: Case, heard: string): void {
    for (const pattern of holds) expect(heard).toMatch(pattern);
    for (const pattern of lacks) expect(heard).not.toMatch(pattern);
    expect(unknown.test(heard)).toBe(refuses === true);
    // Made to be heard: nothing is lost or changed on the way to a voice.
    expect(heard).not.toMatch(/[`*#|<>{}[\]_]|https?:|\s{2}/);
    expect(speakable(heard)).toBe(heard);
    expect(heard.split(/\s+/).length).toBeLessThanOrEqual(110);
  }

  it("covers at least 80 things that people say", () => {
    expect(about.length + offTopicCases.length + smallTalk.length + followUps.length).toBeGreaterThanOrEqual(
      80,
    );
  });

  describe("answers from its documents", () => {
    it.each(about)("$said", async (one) => check(one, await converse(one)));
  });
  describe("says that it does not know", () => {
    it.each(offTopicCases)("$said", async (one) => check(one, await converse(one)));
  });
  describe("talks", () => {
    it.each(smallTalk)("$said", async (one) => check(one, await converse(one)));
  });
  describe("follows", () => {
    it.each(followUps)("$said", async (one) => check(one, await converse(one)));
  });

  it("says the same to the same request", async () => {
    for (const said of ["What is Parley?", "who painted the Mona Lisa", "tell me a joke"]) {
      expect(await converse({ said })).toBe(await converse({ said }));
    }
  });

  it("varies how it says that it does not know", async () => {
    const refusals = await Promise.all(offTopicCases.map((one) => converse(one)));
    expect(new Set(refusals.map((text) => text.split(".")[0])).size).toBeGreaterThanOrEqual(3);
  });

  it("offers the nearest question and answers it on a yes", async () => {
    const first: AiMessage[] = [{ role: "user", text: "is the traffic encrypted" }];
    const offer = (await ask(started.knowledge, { messages: first })).text;
    expect(offer).toMatch(
      /The nearest question that I can answer is: How do I set up TLS, so that the connection is encrypted\?$/,
    );
    const then: AiMessage[] = [
      ...first,
      { role: "assistant", text: offer },
      { role: "user", text: "Yes, please." },
    ];
    expect((await ask(started.knowledge, { messages: then })).text).toMatch(/^Give Parley a certificate/);
  });

  it("goes on after an interruption with the sentence that was cut, and repeats the whole on request", async () => {
    const question: AiMessage = { role: "user", text: "What is a chain of providers?" };
    const whole = (await ask(started.knowledge, { messages: [question] })).text;
    const heard = whole.slice(0, whole.indexOf("There is one chain") + 12);
    const history: AiMessage[] = [question, { role: "assistant", text: heard, interrupted: true }];
    const more = await ask(started.knowledge, { messages: [...history, { role: "user", text: "go on" }] });
    expect(more.text).toMatch(/^There is one chain/);
    const again = await ask(started.knowledge, {
      messages: [...history, { role: "user", text: "Sorry, what did you say?" }],
    });
    expect(again.text).toBe(whole);
  });
});
