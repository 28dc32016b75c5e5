import { describe, expect, it } from "vitest";
import {
  type BargeInEvidence,
  interruptingMs,
  judgeBargeIn,
  probeAtMs,
} from "../../gateway/session/turn-taking/barge-in.ts";

describe("speech over a reply", () => {
  const goingOn: BargeInEvidence = {
    words: null,
    heardMs: 900,
    paused: false,
    ended: false,
    held: false,
    short: false,
    afterNod: false,
  };

  it.each([
    ["waits while no word is known", {}, "wait"],
    ["waits for words when it ended", { paused: true, ended: true }, "wait"],
    ["interrupts by words that ask for the floor", { words: "hold on" }, "commit"],
    ["waits as a word that may be half of a nod", { words: "over real" }, "wait"],
    [
      "lets the reply come back as a short word that nobody asks for the floor with",
      { words: "share", paused: true, short: true },
      "resume",
    ],
    [
      "is rejected as such a word in the end",
      { words: "share", paused: true, ended: true, short: true },
      "reject",
    ],
    [
      "interrupts as a short word that asks for the floor",
      { words: "Stop.", paused: true, short: true },
      "commit",
    ],
    ["interrupts as a short number", { words: "2", ended: true, short: true }, "commit"],
    [
      "interrupts as a short objection after a nod",
      { words: "okay, wait", ended: true, short: true },
      "commit",
    ],
    ["interrupts by the same word once it is whole", { words: "over real", paused: true }, "commit"],
    ["waits as a nod that goes on", { words: "yeah" }, "wait"],
    [
      "lets the reply come back as a nod after which the speaker pauses",
      { words: "yeah", paused: true },
      "resume",
    ],
    ["lets the reply come back as a noise", { words: "", paused: true }, "resume"],
    ["is rejected as a nod that ended", { words: "yeah", paused: true, ended: true }, "reject"],
    ["is rejected as a noise that ended", { words: "", ended: true }, "reject"],
    ["interrupts by any other final words", { words: "Berlin", ended: true }, "commit"],
    ["waits as a nod that may lead on", { words: "okay, and" }, "wait"],
    ["interrupts when it leads on after a pause", { words: "okay, and", afterNod: true }, "commit"],
    ["waits as a second nod after a pause", { words: "yeah, yeah", afterNod: true }, "wait"],
    ["waits as a hum after a pause", { words: "and, oh", afterNod: true }, "wait"],
    ["waits on as a drawn-out nod", { words: "okay okay", held: true }, "wait"],
    ["interrupts when a drawn-out nod becomes more", { words: "okay it is", held: true }, "commit"],
  ] as const)("%s", (_name, known, verdict) => {
    expect(judgeBargeIn({ ...goingOn, ...known })).toBe(verdict);
  });

  it.each([
    ["the setting's length, whatever its words are", false, "okay", 500],
    ["200 ms more while the reply plays low", true, null, 700],
    ["the same with words that are no nod", true, "I have", 700],
    ["150 ms more when nothing of it was understood", true, "", 850],
    ["300 ms more as a nod", true, "Okay", 1_000],
    ["as much as a nod whose last word is not whole", true, "Yeah, of", 1_000],
  ] as const)("is judged for %s", (_name, ducked, words, lengthMs) => {
    expect(interruptingMs(500, ducked, words)).toBe(lengthMs);
  });

  it("is listened into early enough for the words to come before it interrupts by its length", () => {
    expect(probeAtMs.every((ms) => ms <= interruptingMs(500, true, null) - 60)).toBe(true);
  });
});
