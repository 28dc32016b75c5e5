import { describe, expect, it } from "vitest";
import { isBackchannel, judgeBargeIn } from "../../gateway/session/turn-taking/barge-in.ts";

describe("a nod", () => {
  it.each(["", "  ", "Mm-hm.", "yeah", "Yeah, okay!", "uh-huh", "I see.", "OK, right, sure", "...", "Mmm"])(
    "is %j",
    (words) => {
      expect(isBackchannel(words)).toBe(true);
    },
  );

  it.each([
    "stop",
    "no",
    "yeah but",
    "what?",
    "okay stop",
    "yes yes yes yes",
    "I see a dog",
    "wait",
    "nein",
    "да, но",
  ])("is not %j", (words) => {
    expect(isBackchannel(words)).toBe(false);
  });
});

describe("speech over a reply", () => {
  const evidence = { spokenMs: 200, commitMs: 500, words: null, ended: false };

  it.each([
    ["waits while little is known", {}, "wait"],
    ["interrupts by its length", { spokenMs: 500 }, "commit"],
    ["interrupts by its length even as a nod", { spokenMs: 500, words: "yeah", ended: true }, "commit"],
    ["interrupts by its words", { words: "stop" }, "commit"],
    ["waits as a nod that may go on", { words: "yeah" }, "wait"],
    ["waits for words when it ended", { ended: true }, "wait"],
    ["is rejected as a nod that ended", { words: "yeah", ended: true }, "reject"],
    ["is rejected as a noise", { words: "", ended: true }, "reject"],
  ] as const)("%s", (_name, known, verdict) => {
    expect(judgeBargeIn({ ...evidence, ...known })).toBe(verdict);
  });
});
