import { describe, expect, it } from "vitest";
import type { TurnDetection } from "../../gateway/session/domain.ts";
import { effectsToResume, reduce } from "../../gateway/session/reducer.ts";
import type { SessionState } from "../../gateway/session/state.ts";
import { learnPause, noHabit, type TurnEndEvidence } from "../../gateway/session/turn-taking/turn-end.ts";
import { Conversation } from "./conversation.ts";
import { plainTurnEnds, withDetection } from "./session-fixtures.ts";

type Eagerness = Extract<TurnDetection, { type: "semantic_vad" }>["eagerness"];

function conversation(eagerness: Eagerness = "medium"): Conversation {
  return new Conversation(
    withDetection({ type: "semantic_vad", eagerness, createResponse: true, interruptResponse: true }),
  );
}

describe("the end of a turn under semantic VAD", () => {
  it.each([
    ["low", 2_000],
    ["medium", 1_000],
    ["auto", 1_000],
    ["high", 500],
  ] as const)("waits as the detector says for eagerness %s while no words are there", (eagerness, waitMs) => {
    const talk = conversation(eagerness);
    talk.onset(1_000);
    talk.pause(2_000);
    expect(talk.alarmMs("turn:end")).toBe(2_000 + waitMs);
  });

  it("comes earlier when the words say that the turn is whole", () => {
    const talk = conversation();
    talk.onset(1_000);
    talk.pause(2_000);
    talk.receivedMs = 2_150;
    const step = talk.words("What is it.", 2_000);
    expect(step.effects).toContainEqual({ type: "alarm", key: "turn:end", atSample: 2_300 * 16 });
    expect(talk.alarm("turn:end").outputs[0]).toMatchObject({ type: "speechStopped", audioEndMs: 2_300 });
  });

  it("comes later when the words say that more must come", () => {
    const talk = conversation();
    talk.onset(1_000);
    talk.pause(2_000);
    talk.receivedMs = 2_250;
    talk.words("I would like to", 2_000);
    expect(talk.alarmMs("turn:end")).toBe(4_000);
  });

  it("comes at once when the silence was long enough before the words came, and not in the past", () => {
    const talk = conversation();
    talk.onset(1_000);
    talk.pause(2_000);
    talk.receivedMs = 2_700;
    talk.words("What is it.", 2_000);
    expect(talk.alarmMs("turn:end")).toBe(2_700);
    expect(talk.alarm("turn:end").outputs[0]).toMatchObject({ audioEndMs: 2_700 });
  });

  it("is not decided by words of an earlier pause", () => {
    const talk = conversation();
    talk.onset(1_000);
    talk.pause(2_000);
    talk.resumed(2_200);
    talk.words("What is it.", 2_000);
    talk.pause(3_000);
    expect(talk.alarmMs("turn:end")).toBe(4_000);
    talk.words("What is it.", 2_000);
    expect(talk.alarmMs("turn:end")).toBe(4_000);
    talk.words("What is it. Tell me", 3_000);
    expect(talk.alarmMs("turn:end")).toBe(5_000);
  });

  it("is not decided by words of which nobody knows how far they reach", () => {
    const talk = conversation();
    talk.onset(1_000);
    talk.pause(2_000);
    talk.words("What is it.");
    expect(talk.alarmMs("turn:end")).toBe(3_000);
  });

  it("is decided at the pause itself by a recogniser that was faster than the pause", () => {
    const talk = conversation();
    talk.onset(1_000);
    talk.words("What is it.", 2_020);
    talk.pause(2_000);
    expect(talk.alarmMs("turn:end")).toBe(2_300);
  });

  it.each([
    ["low", 8_000],
    ["medium", 4_000],
    ["auto", 4_000],
    ["high", 2_000],
  ] as const)("comes at %s after %i ms at the latest, whatever the detector says", (eagerness, longestMs) => {
    for (const waitMs of [1e9, Number.NaN, Number.POSITIVE_INFINITY]) {
      const talk = conversation(eagerness);
      talk.turnEnds = { waitMs: () => waitMs };
      talk.onset(1_000);
      talk.pause(2_000);
      expect(talk.alarmMs("turn:end")).toBe(2_000 + longestMs);
    }
  });

  it("asks the detector with the speech so far, without its pauses", () => {
    const asked: TurnEndEvidence[] = [];
    const talk = conversation();
    talk.turnEnds = { waitMs: (evidence) => asked.push(evidence) * 1_000 };
    talk.onset(1_000);
    talk.pause(2_000);
    talk.words("One", 2_000);
    talk.resumed(2_500);
    talk.pause(3_000);
    const habit = learnPause(noHabit, 500, true);
    expect(asked).toEqual([
      { words: null, voicedMs: 1_000, habit: noHabit },
      { words: "One", voicedMs: 1_000, habit: noHabit },
      { words: null, voicedMs: 1_500, habit },
    ]);
  });
});

describe("a speaker's habit", () => {
  it("is learned from pauses after which they went on, and kept with the session", () => {
    const talk = conversation();
    talk.onset(1_000);
    talk.pause(2_000);
    talk.resumed(2_700);
    const habit = learnPause(noHabit, 700, true);
    expect(talk.state.input.habit).toEqual(habit);
    expect((JSON.parse(JSON.stringify(talk.state)) as SessionState).input.habit).toEqual(habit);
  });

  it("is learned from a turn that was ended too early: they went on before anything was said to it", () => {
    const talk = conversation();
    talk.speak(1_000, 2_000);
    talk.onset(3_400);
    expect(talk.state.input.habit).toEqual(learnPause(noHabit, 1_400, true));
  });

  it("is not learned from a turn that was answered, or that is long past", () => {
    const answered = conversation();
    answered.begin();
    answered.hearAll();
    answered.onset(4_000);
    const late = conversation();
    late.speak(1_000, 2_000);
    late.onset(6_000);
    expect([answered.state.input.habit, late.state.input.habit]).toEqual([noHabit, noHabit]);
  });
});

describe("a session that is restored while its speaker pauses", () => {
  it("still waits as long, and lets words decide that come then", () => {
    const talk = conversation();
    talk.onset(1_000);
    talk.pause(2_000);
    const saved = JSON.parse(JSON.stringify(talk.state)) as SessionState;
    expect(effectsToResume(saved)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "markPause", lastVoicedSample: 32_000 }),
        { type: "alarm", key: "turn:end", atSample: 48_000 },
      ]),
    );
    const itemId = talk.spokenId;
    const now = { atMs: 0, receivedSamples: 33_000, readableSamples: 33_000, keptFromSample: 0 };
    const words = { type: "words", itemId, text: "What is it.", untilSample: 32_000 } as const;
    const { state } = reduce(saved, words, { ...now, turnEnds: plainTurnEnds, playback: null });
    expect(state.alarms["turn:end"]).toBe(36_800);
  });
});
