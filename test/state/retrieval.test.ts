/** Retrieval over the project's documents with the real embeddings in their own process. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKnowledge } from "../../gateway/state/knowledge/knowledge.ts";
import { readProjectDocuments } from "../../gateway/state/knowledge/project-documents.ts";
import { buildQuery } from "../../gateway/state/knowledge/query.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { startKnowledge } from "../providers-ai/asking.ts";
import { heldOut, offTopic, offTopicHeldOut, questions } from "./knowledge-questions.ts";

const { signal } = new AbortController();

describe("retrieval over the project's documents by words alone (embeddings late or gone)", () => {
  const knowledge = createKnowledge({ embedder: null, clock: createSystemClock() });
  beforeAll(async () => knowledge.load(readProjectDocuments()));
  const best = async (question: string) => {
    const [found] = await knowledge.retrieve(question, { tenant: "someone", k: 1, signal });
    return found !== undefined && found.score >= 0.5 ? found.source : null;
  };

  it.each([
    ["What is Parley?", "What is Parley?"],
    ["What is a barge in?", "What is a barge-in?"],
    ["What does the spectral gate do?", "How does noise reduction work?"],
    ["What does Parley cost?", "What does Parley cost?"],
  ])("answers %s", async (question, heading) => {
    expect(await best(question)).toBe(`Questions about Parley: ${heading}`);
  });

  it("would rather not know than answer something else", async () => {
    const answers = await Promise.all(
      [...questions, ...heldOut].map(async ([question, heading]) => {
        const source = await best(question);
        return source === null ? "not known" : source.endsWith(`: ${heading}`) ? "right" : "wrong";
      }),
    );
    const share = (kind: string) => answers.filter((answer) => answer === kind).length / answers.length;
    console.log(`right ${share("right")}, wrong ${share("wrong")}, not known ${share("not known")}`);
    expect(share("right")).toBeGreaterThanOrEqual(0.65);
    expect(share("wrong")).toBeLessThanOrEqual(0.08);
    const unknown = [...offTopic, ...offTopicHeldOut];
    expect(await Promise.all(unknown.map(best))).toEqual(unknown.map(() => null));
  });
});

describe("retrieval over the project's documents", () => {
  let started: Awaited<ReturnType<typeof startKnowledge>>;
  beforeAll(async () => {
    started = await startKnowledge();
  });
  afterAll(() => started.close());

  const retrieve = (question: string) => {
    const query = buildQuery([{ role: "user", text: question }]);
    return started.knowledge.retrieve(query, { tenant: "someone", k: 4, signal });
  };

  async function countHits(set: typeof questions, name: string): Promise<number> {
    const missed: string[] = [];
    for (const [question, heading] of set) {
      const [best] = await retrieve(question);
      if (!best?.source.endsWith(`: ${heading}`)) missed.push(`${question} → ${best?.source}`);
    }
    const hits = set.length - missed.length;
    console.log(
      `${name}: top-1 ${hits} of ${set.length}${missed.map((line) => `\n  missed: ${line}`).join("")}`,
    );
    return hits / set.length;
  }

  it("has a vector for every passage", () => {
    const { passages, passagesWithVector } = started.knowledge.size;
    expect(passages).toBeGreaterThan(55);
    expect(passagesWithVector).toBe(passages);
  });

  it("puts the right entry first for at least 90 % of the paraphrased questions", async () => {
    expect(questions.length).toBeGreaterThanOrEqual(40);
    expect(await countHits(questions, "paraphrases")).toBeGreaterThanOrEqual(0.9);
  });

  it("does so for questions that nothing was tuned on, too", async () => {
    expect(await countHits(heldOut, "held-out paraphrases")).toBeGreaterThanOrEqual(0.8);
  });

  it("scores what the documents answer over 0.5 and everything else under it", async () => {
    const low: string[] = [];
    for (const [question] of questions) {
      const [best] = await retrieve(question);
      if ((best?.score ?? 0) < 0.5) low.push(question);
    }
    const high: string[] = [];
    for (const question of [...offTopic, ...offTopicHeldOut]) {
      const [best] = await retrieve(question);
      if ((best?.score ?? 0) >= 0.5) high.push(`${question} → ${best?.source}`);
    }
    console.log(
      `refused though known: ${low.length} of ${questions.length}; answered though unknown: ${high.length} of ${offTopic.length + offTopicHeldOut.length}`,
    );
    expect(low.length).toBeLessThanOrEqual(questions.length * 0.05);
    expect(high).toEqual([]);
  });
});
