import { describe, expect, it } from "vitest";
import { GatewayError } from "../../gateway/errors.ts";
import { splitWords, stem } from "../../gateway/language/words.ts";
import type { KnowledgeDocument, KnowledgeLimits } from "../../gateway/state/knowledge/holdings.ts";
import { createKnowledge } from "../../gateway/state/knowledge/knowledge.ts";
import type { TextEmbedder } from "../../gateway/state/knowledge/vector-maker.ts";
import { createFakeClock } from "../turn/fake-clock.ts";

/** Vectors by words: texts that share words are alike, and "car" and "automobile" are one word. */
function wordVector(text: string): Float32Array {
  const vector = new Float32Array(64);
  for (const word of splitWords(text)) {
    const term = word === "automobile" ? "car" : stem(word);
    let hash = 7;
    for (const letter of term) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
    vector[hash % 64]! += 1;
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

function makeEmbedder() {
  const calls: { texts: string[]; deadlineMs: number; tenant: string }[] = [];
  const state: {
    mode: "works" | "fails" | "hangs";
    /** A text with this word is refused, with all that came along. */
    refused: string;
    calls: typeof calls;
    questions: () => number;
    release: () => void;
  } = {
    ...{ mode: "works", refused: "\0", calls },
    release: () => {},
    questions: () => calls.filter(({ texts }) => texts.length === 1).length,
  };
  const embedder: TextEmbedder = {
    async embed(texts, { deadlineMs, tenant, signal }) {
      calls.push({ texts, deadlineMs, tenant });
      if (state.mode === "fails") throw new Error("down");
      if (texts.some((text) => text.includes(state.refused))) throw new Error("refused");
      if (state.mode === "hangs") {
        await new Promise<void>((resolve, reject) => {
          state.release = resolve;
          signal.addEventListener("abort", () => reject(new Error("aborted")));
        });
      }
      return texts.map(wordVector);
    },
  };
  return { embedder, state };
}

const pets: KnowledgeDocument = {
  ...{ id: "pets", title: "Pets", tenant: "default" },
  text: "# Pets\n\n## Feeding a hamster\nHamsters eat seeds.\n\n## Washing a car\nUse warm water.\n",
};

function setUp(limits: Partial<KnowledgeLimits> = {}) {
  const clock = createFakeClock();
  const { embedder, state } = makeEmbedder();
  const knowledge = createKnowledge({ embedder, clock, limits });
  const find = (query: string, tenant = "default", k = 3, signal = new AbortController().signal) =>
    knowledge.retrieve(query, { tenant, k, signal });
  return { clock, state, knowledge, find };
}

function codeOf(fn: () => unknown): string {
  try {
    fn();
  } catch (err) {
    if (err instanceof GatewayError) return err.code;
    throw err;
  }
  return "none";
}

const note = (
  id: string,
  tenant = "default",
  text = `The secret of ${id} is a teapot.`,
): KnowledgeDocument => ({ id, title: id, tenant, text });

describe("knowledge", () => {
  it("finds by keywords before any vector was made", async () => {
    const { knowledge, find, state } = setUp();
    state.mode = "hangs";
    knowledge.add(pets);
    expect(knowledge.size.passagesWithVector).toBe(0);
    const abort = new AbortController();
    abort.abort();
    const [best] = await find("what do hamsters eat", "default", 3, abort.signal);
    expect(best).toMatchObject({ source: "Pets: Feeding a hamster", text: "Hamsters eat seeds." });
    expect(best!.score).toBeGreaterThan(0.5);
    knowledge.close();
  });

  it("finds by meaning what shares no word", async () => {
    const { knowledge, find } = setUp();
    knowledge.add(pets);
    await knowledge.settled();
    expect(knowledge.size).toMatchObject({ passages: 2, passagesWithVector: 2 });
    expect((await find("automobile"))[0]?.source).toBe("Pets: Washing a car");
  });

  it("scores what it does not know low and leaves out what has nothing to do with it", async () => {
    const { find, knowledge } = setUp();
    knowledge.add(pets);
    await knowledge.settled();
    for (const { score } of await find("photosynthesis chlorophyll")) expect(score).toBeLessThan(0.3);
    expect(await find("")).toEqual([]);
    expect(await find(" \n ")).toEqual([]);
  });

  it("answers by keywords when the embedder is late, and takes the late vector the next time", async () => {
    const { clock, knowledge, find, state } = setUp({ queryVectorMs: 60 });
    knowledge.add(pets);
    await knowledge.settled();
    state.mode = "hangs";
    const late = find("hamster seeds");
    await clock.advance(59);
    let done = false;
    void late.then(() => {
      done = true;
    });
    await clock.settle();
    expect(done).toBe(false);
    await clock.advance(1);
    const early = (await late)[0]!;
    expect(early.source).toBe("Pets: Feeding a hamster");
    expect(clock.pendingTimers).toBe(0);
    state.release();
    await clock.settle();
    expect((await find("hamster seeds"))[0]!.score).not.toBe(early.score);
    expect(state.questions()).toBe(1);
  });

  it("answers by keywords at once when the embedder has its hands full of questions", async () => {
    const { clock, knowledge, find, state } = setUp();
    knowledge.add(pets);
    await knowledge.settled();
    state.mode = "hangs";
    const answered: number[] = [];
    const ask = async (question: number) => {
      const [best] = await find(`hamster ${question}`);
      expect(best?.source).toBe("Pets: Feeding a hamster");
      answered.push(question);
    };
    const asked = Array.from({ length: 33 }, (_, index) => ask(index + 1));
    await clock.settle();
    expect(answered).toEqual([33]);
    expect(state.questions()).toBe(32);
    state.release();
    await clock.settle();
    expect(answered).toEqual([33, 32]);
    asked.push(ask(34));
    await clock.settle();
    expect(state.questions()).toBe(33);
    await clock.advance(60);
    await Promise.all(asked);
    knowledge.close();
  });

  it("answers by keywords when the embedder fails", async () => {
    const { clock, knowledge, find, state } = setUp();
    state.mode = "fails";
    knowledge.add(pets);
    expect((await find("what do hamsters eat"))[0]?.source).toBe("Pets: Feeding a hamster");
    knowledge.close();
    await clock.settle();
    expect(clock.pendingTimers).toBe(0);
  });

  it("stops waiting for a vector when the turn is cancelled, and leaves no timer", async () => {
    const { clock, knowledge, find, state } = setUp();
    knowledge.add(pets);
    await knowledge.settled();
    state.mode = "hangs";
    const abort = new AbortController();
    const found = find("hamster", "default", 3, abort.signal);
    await clock.settle();
    abort.abort();
    expect((await found)[0]?.source).toBe("Pets: Feeding a hamster");
    expect(clock.pendingTimers).toBe(0);
    knowledge.close();
  });

  it("asks for a question's vector once while it is kept, and keeps a bounded number", async () => {
    const { knowledge, find, state } = setUp({ queryVectors: 2 });
    knowledge.add(pets);
    await knowledge.settled();
    await Promise.all([find("hamster"), find("Hamster?"), find("hamster")]);
    await find("hamster");
    expect(state.questions()).toBe(1);
    await find("seeds");
    await find("water");
    await find("hamster");
    expect(state.questions()).toBe(4);
  });

  it("asks with a deadline on the clock and for the tenant", async () => {
    const { clock, knowledge, state } = setUp();
    knowledge.add({ ...pets, tenant: "acme" });
    await knowledge.settled();
    expect(state.calls[0]).toMatchObject({ tenant: "acme", deadlineMs: clock.nowMs() + 20_000 });
  });

  it("tries failed vectors again, gives up after the limit and goes on when the embedder is back", async () => {
    const { clock, knowledge, find, state } = setUp({ batchAttempts: 3 });
    state.mode = "fails";
    knowledge.add(pets);
    await clock.until(knowledge.settled());
    expect(state.calls).toHaveLength(3);
    expect(clock.pendingTimers).toBe(0);
    state.mode = "works";
    await find("hamster");
    await knowledge.settled();
    expect(knowledge.size.passagesWithVector).toBe(2);
  });

  it("finds everything else by meaning when the embedder refuses one passage for good", async () => {
    const { clock, knowledge, find, state } = setUp({ batchAttempts: 2 });
    state.refused = "parrot";
    knowledge.add(note("bird", "acme", "# Bird\n\n## One\nThe parrot.\n\n## Two\nA car.\n"));
    knowledge.add(pets);
    await clock.until(knowledge.settled());
    expect(knowledge.size.passagesWithVector).toBe(0);
    // Each question says that the embedder works.
    expect(await find("automobile")).toEqual([]);
    await clock.until(knowledge.settled());
    expect((await find("automobile"))[0]?.source).toBe("Pets: Washing a car");
    await clock.until(knowledge.settled());
    expect((await find("automobile", "acme"))[0]?.source).toBe("bird: Two");
    await clock.until(knowledge.settled());
    expect(knowledge.size).toMatchObject({ passages: 4, passagesWithVector: 3 });
    expect(clock.pendingTimers).toBe(0);
  });

  it("shows a tenant its own and the shared documents, and nobody else's", async () => {
    const { knowledge, find } = setUp();
    knowledge.add(pets);
    knowledge.add(note("acme-plan", "acme"));
    await knowledge.settled();
    const sources = async (tenant: string) =>
      (await find("secret teapot hamster", tenant)).map(({ source }) => source);
    expect(await sources("acme")).toContain("acme-plan");
    expect(await sources("acme")).toContain("Pets: Feeding a hamster");
    expect(await sources("other")).not.toContain("acme-plan");
    expect(await sources("default")).not.toContain("acme-plan");
    expect(knowledge.list("other")).toEqual([]);
    expect(knowledge.remove("acme-plan", "other")).toBe(false);
    expect(knowledge.list("acme")).toMatchObject([{ id: "acme-plan", passages: 1 }]);
  });

  it("replaces a document of the same id and forgets a removed one", async () => {
    const { knowledge, find } = setUp();
    knowledge.add(note("a", "default", "The code word is kangaroo."));
    knowledge.add(note("a", "default", "The code word is wombat."));
    await knowledge.settled();
    const found = await find("code word", "default");
    expect(found.map(({ text }) => text)).toEqual(["The code word is wombat."]);
    expect(knowledge.remove("a", "default")).toBe(true);
    expect(knowledge.remove("a", "default")).toBe(false);
    expect(await find("code word")).toEqual([]);
    expect(knowledge.size).toEqual({ documents: 0, passages: 0, passagesWithVector: 0, bytes: 0 });
  });

  it("refuses a document without id, without prose, or too large, with codes", () => {
    const { knowledge } = setUp({ bytesPerDocument: 100 });
    expect(codeOf(() => knowledge.add(note("")))).toBe("invalid_value");
    expect(codeOf(() => knowledge.add(note("x".repeat(129))))).toBe("invalid_value");
    expect(codeOf(() => knowledge.add(note("a", "default", "```\ncode()\n```")))).toBe("invalid_value");
    expect(codeOf(() => knowledge.add(note("a", "default", "ä".repeat(51))))).toBe("body_too_large");
    expect(knowledge.size.documents).toBe(0);
  });

  it.each([
    ["documents of a tenant", { documentsPerTenant: 1 }, note("b")],
    [
      "passages of a tenant",
      { passagesPerTenant: 2 },
      note("b", "default", "# B\n\n## One\nA fact.\n\n## Two\nA fact.\n"),
    ],
    ["bytes of a tenant", { bytesPerTenant: 50 }, note("b")],
    ["tenants", { tenants: 1 }, note("b", "second")],
    ["bytes of all", { bytesTotal: 50 }, note("b", "second")],
  ] as const)("refuses one more when the %s are used up, and changes nothing", (_, limits, document) => {
    const { knowledge } = setUp(limits);
    knowledge.add(note("a"));
    const before = knowledge.size;
    expect(codeOf(() => knowledge.add(document))).toBe("knowledge_full");
    expect(knowledge.size).toEqual(before);
    knowledge.add(note("a"));
    expect(knowledge.size).toEqual(before);
  });

  it("refuses a document of many passages under one endless heading without making them", () => {
    const { knowledge } = setUp();
    const text = `# ${"h".repeat(500_000)}\n${"## a\nb\n".repeat(70_000)}`;
    expect(codeOf(() => knowledge.add({ id: "a", title: "", tenant: "default", text }))).toBe(
      "knowledge_full",
    );
    expect(knowledge.size.passages).toBe(0);
  });

  it("cuts a question that is too long and returns no more than the limit", async () => {
    const { knowledge, find, state } = setUp({ queryChars: 20, passagesFound: 1, queryLines: 1 });
    knowledge.add(pets);
    await knowledge.settled();
    expect(await find(`hamster ${"and more ".repeat(1000)}\nwater`, "default", 50)).toHaveLength(1);
    expect(state.calls.at(-1)?.texts[0]?.length ?? 999).toBeLessThanOrEqual(20);
  });

  it("looks up both lines of a question and keeps the better score", async () => {
    const { knowledge, find } = setUp();
    knowledge.add(pets);
    await knowledge.settled();
    const found = await find("what do hamsters eat\nhow do I wash my car");
    expect(found.map(({ source }) => source).sort()).toEqual([
      "Pets: Feeding a hamster",
      "Pets: Washing a car",
    ]);
    for (const { score } of found) expect(score).toBeGreaterThan(0.5);
  });

  it("takes a word that is one letter off for the one that it knows", async () => {
    const { knowledge, find } = setUp();
    knowledge.add(pets);
    await knowledge.settled();
    // A question of that word alone: no other one may find the passage.
    const [byKeywords] = await find("hemster", "default", 3, AbortSignal.abort());
    expect(byKeywords).toMatchObject({ source: "Pets: Feeding a hamster" });
    const [byMeaning] = await find("hemster");
    expect(byMeaning).toMatchObject({ source: "Pets: Feeding a hamster" });
    expect(byMeaning!.score).toBeGreaterThan(0.5);
  });
});
