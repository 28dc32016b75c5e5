/** What the outage demo calls whole: held against what there was to say, and against the deaths that it promises. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { plannedDeaths, scenes, wholeAnswerTo } from "../../loadtest/demo/outage-scenes.ts";
import { deathsIn, isWhole, missingWords, survivorsOf } from "../../loadtest/demo/outage-verdict.ts";
import { compareAnswer, type TurnVerdict } from "../../loadtest/drills/turn-judge.ts";
import { answerTo } from "../../loadtest/standins/answers.ts";
import type { CallRecord } from "../../loadtest/standins/call-record.ts";
import { repositoryRoot } from "../support/gateway.ts";

const seed = 1;
const [, midway, , last] = scenes as [(typeof scenes)[number], ...typeof scenes];

/** A turn whose sound is all that the gateway says that it said. */
function turnOf(answer: string, reply: string, more: Partial<TurnVerdict> = {}) {
  const verdict: TurnVerdict = {
    ...{ question: "", transcript: "", reply, heard: reply, status: "completed", providers: [], voices: [] },
    ...{
      parts: [],
      startedAtMs: 0,
      isSilent: false,
      isLost: false,
      missing: [],
      repeated: [],
      fragments: [],
    },
    ...{ foreignOfAnswer: [], misunderstood: [], isHistoryUnread: false, forgotten: [] },
    ...{ unheard: [], gapMs: 0, firstSoundMs: 500, switches: 0, isListenedTo: true },
    ...compareAnswer(answer, reply),
    ...more,
  };
  return { title: "", verdict, askedUntilMs: 0 };
}

describe("an answer of the outage demo", () => {
  const answer = wholeAnswerTo(midway!, seed, null);

  it("is what the stand-ins say to what was understood", () => {
    const messages = [{ role: "user", text: midway!.question }];
    expect(answer).toBe(answerTo(seed, { system: "", messages, tools: [] }).text);
    expect(wholeAnswerTo(midway!, seed, "please tell me a long story about the harbour")).toBe(answer);
  });

  it("is whole as it stands, also behind a sentence of the spare's", () => {
    expect(isWhole(turnOf(answer, answer))).toBe(true);
    expect(isWhole(turnOf(last!.bySpare!, `I answer as the spare. ${last!.bySpare}`))).toBe(true);
  });

  it.each([
    ["a vendor's", answer],
    ["the spare's count", last!.bySpare!],
  ])("is not whole when %s word was dropped before the voice: neither heard nor transcribed", (_, whole) => {
    const words = whole.split(" ");
    const dropped = turnOf(whole, words.toSpliced(20, 1).join(" "));
    expect(missingWords(dropped.verdict)).toHaveLength(1);
    expect(isWhole(dropped)).toBe(false);
    expect(isWhole(turnOf(whole, words.toSpliced(20, 0, words[19]!).join(" ")))).toBe(false);
  });

  it("may have a word said twice at a change of voice only", () => {
    expect(isWhole(turnOf(answer, answer, { repeated: ["old"], switches: 1 }))).toBe(true);
    expect(isWhole(turnOf(answer, answer, { repeated: ["old"] }))).toBe(false);
  });

  it("comes from the page that the embedded answerer reads", async () => {
    const faq = await readFile(join(repositoryRoot, "docs", "faq.md"), "utf8");
    expect(faq).toContain(scenes[2]!.bySpare);
    expect(last!.bySpare).toMatch(/^1, 2, .*, 39, 40$/);
  });
});

describe("the deaths of the outage demo", () => {
  const call = (
    standin: CallRecord["standin"],
    fault: CallRecord["fault"],
    more: object = {},
  ): CallRecord => ({
    ...{ id: 1, standin, startedAtMs: 100, firstMs: 1, durationMs: 50, outcome: "failed", fault, detail: {} },
    ...more,
  });
  const planned = plannedDeaths(scenes);

  it("are three, one of each vendor that the scenes name", () => {
    expect(planned).toEqual([
      { standin: "gemini", kind: "cut" },
      { standin: "claude", kind: "unavailable" },
      { standin: "google-tts", kind: "cut" },
    ]);
  });

  it("are calls that the scene's own fault broke", () => {
    const calls = [
      call("gemini", "cut"),
      call("claude", null),
      call("gemini", "cut", { outcome: "completed" }),
    ];
    expect(deathsIn(midway!, calls)).toEqual([{ standin: "gemini", kind: "cut", atMs: 150 }]);
  });

  it("are missed by name when a vendor lived, or died another death", () => {
    const others = [call("claude", "unavailable"), call("google-tts", "cut")];
    const deaths = deathsIn(last!, [call("gemini", "unavailable"), ...others]);
    expect(survivorsOf(planned, deaths)).toEqual([{ standin: "gemini", kind: "cut" }]);
    expect(survivorsOf(planned, [...deathsIn(midway!, [call("gemini", "cut")]), ...deaths])).toEqual([]);
  });
});
