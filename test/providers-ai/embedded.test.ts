import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { speakSentence } from "../../gateway/providers/ai/embedded/speech.ts";
import { createEmbeddedAi } from "../../gateway/providers/ai/embedded.ts";
import { estimateTokens } from "../../gateway/providers/ai/tokens.ts";
import type { AiMessage, Passage } from "../../gateway/providers/provider.ts";
import { buildQuery } from "../../gateway/state/knowledge/query.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import { ai, makeContext, makeRequest, reply, user } from "./asking.ts";

const passage = (text: string, score = 0.9, heading = "What is a lighthouse?"): Passage => ({
  ...{ id: `d#${heading}`, source: `Guide: ${heading}`, text, score },
});
const lighthouse = passage(
  "A lighthouse is a tower with a lamp. It warns ships of the coast. The oldest ones burned wood. Today they are run by machines. Few people live in them.",
);

describe("the embedded answerer as a provider", () => {
  it("streams a few words at a time and ends with its usage", async () => {
    const { deltas, end, text } = await reply({
      messages: user("what is a lighthouse"),
      passages: [lighthouse],
    });
    expect(text).toMatch(
      /^A lighthouse is a tower with a lamp\. It warns ships of the coast\. The oldest ones burned wood\./,
    );
    expect(deltas.length).toBeGreaterThan(4);
    for (const delta of deltas) expect(delta.trim().split(/\s+/).length).toBeLessThanOrEqual(4);
    expect(end).toEqual({
      ...{ type: "end", outcome: "completed", provider: "embedded" },
      usage: { inputTokens: expect.any(Number), outputTokens: estimateTokens(text) },
    });
    expect(end.usage.inputTokens).toBe(estimateTokens(`what is a lighthouse ${lighthouse.text}`));
  });

  it("ends at once as cancelled when it was cancelled before, and in the middle", async () => {
    const before = await reply({ messages: user("count to 100") }, { signal: AbortSignal.abort() });
    expect([before.text, before.end.outcome]).toEqual(["", "cancelled"]);
    const abort = new AbortController();
    const types: string[] = [];
    for await (const event of ai.stream(
      makeRequest({ messages: user("count to 100") }),
      makeContext({ signal: abort.signal }),
    )) {
      types.push(event.type === "end" ? event.outcome : event.type);
      if (types.length === 3) abort.abort();
    }
    expect(types).toEqual(["text", "text", "text", "cancelled"]);
  });

  it("fails with a code when its deadline passes while it speaks", async () => {
    const clock = createFakeClock();
    const slow = createEmbeddedAi({ clock, timeZone: "UTC" });
    const events: unknown[] = [];
    for await (const event of slow.stream(
      makeRequest({ messages: user("count to 40") }),
      makeContext({ clock, deadlineMs: clock.nowMs() + 10 }),
    )) {
      events.push(event);
      await clock.advance(6);
    }
    expect(events.at(-1)).toMatchObject({
      type: "end",
      outcome: "failed",
      error: { code: "provider_timeout" },
    });
    expect(events).toHaveLength(3);
  });

  it("stops at the limit of tokens and says so", async () => {
    const { text, incomplete, end } = await reply({ messages: user("count to 40"), maxOutputTokens: 10 });
    expect(incomplete).toBe(true);
    expect(text.trim()).toBe("1, 2, 3, 4, 5, 6, 7,");
    expect(end).toMatchObject({ outcome: "completed", usage: { outputTokens: 10 } });
    expect((await reply({ messages: user("hello"), maxOutputTokens: 100 })).incomplete).toBe(false);
  });

  it("takes any words without throwing, and always has something to say", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme", maxLength: 200 }),
        fc.string(),
        fc.boolean(),
        async (said, output, tool) => {
          const messages: AiMessage[] = tool
            ? [
                { role: "toolCall", callId: "c", name: "f", arguments: "{}" },
                { role: "toolOutput", callId: "c", output },
              ]
            : user(said);
          const { text, end } = await reply({ messages, instructions: output, passages: [passage(said)] });
          expect(text.trim()).not.toBe("");
          expect(text).not.toContain("I can't answer that");
          expect(end.outcome).toBe("completed");
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("words without end", () => {
  it.each([
    "yes ",
    "no ",
    "hello ",
    "please ",
    "um ",
    "one ",
    "hundred and ",
    "thank you ",
    "tell me more ",
    "what did you say ",
    "a",
    "1 + ",
    "in Paris ",
    "You are A ",
  ])(
    "answers %j said over and over",
    async (words) => {
      const endless = `${words.repeat(Math.ceil(400_000 / words.length))}x`;
      const tool = {
        name: "get_weather",
        parameters: { properties: { city: { type: "string" } }, required: ["city"] },
      };
      const { end, text } = await reply({
        messages: user("hi", endless),
        instructions: endless,
        tools: [tool],
      });
      expect(end.outcome).toBe("completed");
      expect(text.length).toBeLessThan(20_000);
      expect(buildQuery(user("what is it", endless)).length).toBeLessThanOrEqual(801);
    },
    5_000,
  );
});

describe("going on after words that were spoken", () => {
  const request = { messages: user("what is a lighthouse"), passages: [lighthouse] };

  it("adds exactly what is missing of its own answer, wherever it was cut", async () => {
    const whole = (await reply(request)).text;
    for (let cut = 1; cut <= whole.length; cut++) {
      const spokenPrefix = whole.slice(0, cut);
      expect(spokenPrefix + (await reply({ ...request, spokenPrefix })).text, `cut at ${cut}`).toBe(whole);
    }
  });

  it("says nothing twice after another provider's sentence", async () => {
    const { text } = await reply({
      ...request,
      spokenPrefix: "A lighthouse is a tower with a lamp. Sailors love it.",
    });
    expect(text).toMatch(/^ It warns ships of the coast\./);
    expect(text).not.toContain("tower with a lamp");
  });

  it("finishes a sentence that another provider took from a passage", async () => {
    const { text } = await reply({ ...request, spokenPrefix: "Good question. The oldest ones burned " });
    expect(text).toBe("wood.");
  });

  it("turns to its own words where another provider's sentence broke off", async () => {
    const { text } = await reply({ ...request, spokenPrefix: "Well, a lighthouse could be" });
    expect(text).toMatch(/^, or, to put it another way: A lighthouse is a tower/);
  });
});

describe("knowing and not knowing", () => {
  it("does not answer from a passage that is unlikely to fit", async () => {
    const { text } = await reply({
      messages: user("what is a lighthouse"),
      passages: [{ ...lighthouse, score: 0.2 }],
    });
    expect(text).toMatch(/don't know|don't have/);
    expect(text).not.toContain("tower");
  });

  it("offers more where there is more, and tells it until nothing is left", async () => {
    const messages = user("what is a lighthouse");
    const heard: string[] = [];
    for (let round = 0; round < 4; round++) {
      const { text } = await reply({ messages, passages: [lighthouse] });
      heard.push(text);
      messages.push(
        { role: "assistant", text },
        { role: "user", text: round === 0 ? "Yes, please." : "tell me more" },
      );
    }
    expect(heard[0]).toMatch(/\?$/);
    expect(heard[1]).toBe("Today they are run by machines. Few people live in them.");
    expect(heard[2]).toMatch(/^That is all that I know about it/);
  });

  it("begins where the answer stands in a longer passage", async () => {
    const text =
      "Ships have many parts. The hull floats. It is made of steel. The anchor weighs two tons. The crew sleeps below. The galley feeds them.";
    const answer = await reply({
      messages: user("how heavy is the anchor"),
      passages: [passage(text, 0.8, "Ships")],
    });
    expect(answer.text).toMatch(/^The anchor weighs two tons\./);
    const pointing = await reply({
      messages: user("is it made of steel"),
      passages: [passage(text, 0.8, "Ships")],
    });
    expect(pointing.text).toMatch(/^(?:Ships have many parts\. )?The hull floats\. It is made of steel\./);
  });
});

describe("sentences made to be heard", () => {
  it.each([
    ["Open `http://127.0.0.1:8080/` now.", "Open 127 dot 0 dot 0 dot 1, port 8080 now."],
    ["See [the docs](https://example.com/x?y=1) for more", "See the docs for more."],
    ["Set PARLEY_TLS_CERT first.", "Set parley tls cert first."],
    ["It is at /v1/realtime.", "It is at slash v1 slash realtime."],
    ["Speech → text – fast.", "Speech to text, fast."],
    [
      'parley_calls_total{stage,provider}: who was asked (beside="embedded").',
      "Parley calls total: who was asked.",
    ],
    ["const a = { b: 1 }; c(&d); $e%", ""],
    ["***", ""],
  ])("%s", (written, spoken) => {
    expect(speakSentence(written)).toBe(spoken);
  });
});

describe("instructions", () => {
  const say = async (instructions: string, messages: AiMessage[] = []) =>
    (await reply({ instructions, messages })).text;

  it.each([
    ["", "Hello, this is Parley. How can I help you?"],
    ["You are Max. Be brief.", "Hello, this is Max. How can I help you?"],
    ["Say hello to the caller.", "Hello, this is Parley. How can I help you?"],
    ["You are Zoe. Greet the caller with “Welcome to Acme!” and be nice.", "Welcome to Acme!"],
    ['Say exactly "I am back."', "I am back."],
    ["Say: your table is ready", "Your table is ready."],
    ["Ask the caller for their order number.", "May I have your order number, please?"],
    ["Tell the user that the line is busy.", "The line is busy."],
    ["Apologise to the caller.", "I am sorry about that."],
    ["Say goodbye.", "Goodbye, and have a nice day."],
  ])("without a question, %j makes it say %j", async (instructions, text) => {
    expect(await say(instructions)).toBe(text);
  });

  it("answers with a fixed sentence where it is told to", async () => {
    expect(await say('Whatever is asked, always answer with "We are closed."', user("what time is it"))).toBe(
      "We are closed.",
    );
  });

  it("asks once, then listens", async () => {
    const instructions = "Ask the caller for their order number.";
    const messages: AiMessage[] = [
      ...user("hello"),
      { role: "assistant", text: "May I have your order number, please?" },
      ...user("what time is it"),
    ];
    expect(await say(instructions, user("hello"))).toBe("May I have your order number, please?");
    expect(await say(instructions, messages)).toMatch(/^It is 3:04 PM/);
  });

  it("knows the facts of its instructions and of system messages", async () => {
    const messages: AiMessage[] = [
      { role: "system", text: "The caller's appointment is on Monday at nine." },
      ...user("when is my appointment"),
    ];
    expect(await say("You are Max.", messages)).toBe("The caller's appointment is on Monday at nine.");
    const shop = "You are Max.\n- A margherita costs eight euro.\n- Never talk about politics.";
    expect(await say(shop, user("how much does a margherita cost"))).toBe("A margherita costs eight euro.");
    expect(await say(shop, user("what do you think about politics"))).toMatch(/don't know|don't have/);
  });
});
