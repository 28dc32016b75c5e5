import { describe, expect, it } from "vitest";
import { effectsToResume } from "../../gateway/session/reducer.ts";
import type { SessionState } from "../../gateway/session/state.ts";
import { Conversation } from "./conversation.ts";
import { sessionConfig } from "./session-fixtures.ts";

/** Somebody speaks at 5,000 ms over a reply; the client turns it down when told. */
function overReply(): Conversation {
  const talk = new Conversation(sessionConfig({}), {}, { ducks: true });
  talk.begin();
  talk.onset(5_000);
  return talk;
}

const interrupted = ["speechStarted", "responseDone"];

describe("speech over a reply, for a client that ducks", () => {
  it("turns the reply down first, and stops it when it lasts", () => {
    const talk = overReply();
    expect(talk.alarmMs("barge:duck")).toBe(5_220);
    expect(talk.alarm("barge:duck").said).toEqual(["duck"]);
    expect(talk.alarmMs("barge:commit")).toBe(5_700);
    expect(talk.alarm("barge:commit").said).toEqual(expect.arrayContaining(interrupted));
    expect(Object.keys(talk.state.alarms)).toEqual(["turn:max"]);
  });

  it("asks for the words while it goes on, twice at most", () => {
    const talk = overReply();
    expect(talk.alarmMs("barge:probe")).toBe(5_320);
    expect(talk.alarm("barge:probe").effects).toContainEqual(
      expect.objectContaining({ type: "probeUtterance", atSample: 5_320 * 16 }),
    );
    expect(talk.alarmMs("barge:probe")).toBe(5_620);
    talk.alarm("barge:probe");
    expect(talk.alarmMs("barge:probe")).toBeNull();
    expect(talk.effectsOf("probeUtterance")).toHaveLength(2);
  });

  it("stops the reply at words that ask for the floor", () => {
    const talk = overReply();
    talk.alarm("barge:duck");
    talk.alarm("barge:probe");
    expect(talk.words("Hold on", 5_320).said).toEqual(expect.arrayContaining(interrupted));
    expect(talk.of("unduck")).toEqual([]);
  });

  it("does not stop it yet at a word that may be half of a nod", () => {
    const talk = overReply();
    talk.alarm("barge:probe");
    expect(talk.words("Over re", 5_320).said).toEqual([]);
    talk.pause(5_600);
    expect(talk.words("Oh really?", 5_600).said).toEqual([]);
    talk.alarm("turn:end");
    expect(talk.transcribed("Oh, really?").effects).toContainEqual(
      expect.objectContaining({ type: "dropUtterance" }),
    );
  });

  it("gives a nod that is drawn out more time, and turns the reply up again at its end", () => {
    const talk = overReply();
    talk.alarm("barge:duck");
    talk.alarm("barge:probe");
    talk.words("Okay", 5_320);
    expect(talk.alarm("barge:commit").said).toEqual([]);
    expect(talk.alarmMs("barge:commit")).toBe(6_000);
    talk.pause(5_860);
    expect(talk.words("Okay, okay.", 5_860).said).toEqual(["unduck"]);
    talk.alarm("turn:end");
    const step = talk.transcribed("Okay, okay.");
    expect(step.said).toEqual([]);
    expect(step.effects).toContainEqual(expect.objectContaining({ type: "dropUtterance" }));
    expect(talk.of("speechStarted")).toHaveLength(1);
  });

  it("waits a moment where the voice has just fallen silent, for the pause that is about to be told", () => {
    const talk = overReply();
    const stamps = { readAtMs: 0, inBusAtMs: 0, takenAtMs: 0, decidedAtMs: 0 };
    const commitAt = (ms: number, voicedUntilMs: number) =>
      talk.step({
        type: "alarm",
        key: "barge:commit",
        sample: ms * 16,
        voicedUntilSample: voicedUntilMs * 16,
        stamps,
      });
    expect(commitAt(5_700, 5_640).said).toEqual([]);
    expect(talk.alarmMs("barge:commit")).toBe(5_724);
    expect(commitAt(5_724, 5_720).said).toEqual(expect.arrayContaining(interrupted));
  });

  it("does not wait for ever for a pause that is not told", () => {
    const talk = overReply();
    const stamps = { readAtMs: 0, inBusAtMs: 0, takenAtMs: 0, decidedAtMs: 0 };
    let stoppedAtMs = 0;
    for (let ms = talk.alarmMs("barge:commit"); ms !== null; ms = talk.alarmMs("barge:commit")) {
      stoppedAtMs = ms;
      talk.step({
        type: "alarm",
        key: "barge:commit",
        sample: ms * 16,
        voicedUntilSample: 5_600 * 16,
        stamps,
      });
    }
    expect(stoppedAtMs).toBeLessThanOrEqual(5_900);
    expect(talk.of("speechStarted")).toHaveLength(2);
  });

  it("gives speech of which nothing was understood a little more time, and a nod more from there", () => {
    const talk = overReply();
    talk.words("", 5_320);
    talk.alarm("barge:commit");
    expect(talk.alarmMs("barge:commit")).toBe(5_850);
    talk.words("Uh, okay", 5_620);
    expect(talk.alarm("barge:commit").said).toEqual([]);
    expect(talk.alarmMs("barge:commit")).toBe(6_000);
    expect(talk.alarm("barge:commit").said).toEqual(expect.arrayContaining(interrupted));
  });

  it("stops it at once when a drawn-out nod becomes something else, and at last by its length", () => {
    const becomes = overReply();
    becomes.alarm("barge:probe");
    becomes.words("Okay", 5_320);
    becomes.alarm("barge:commit");
    expect(becomes.words("Okay, it's", 5_620).said).toEqual(expect.arrayContaining(interrupted));
    const endless = overReply();
    endless.words("Yeah", 5_320);
    endless.alarm("barge:commit");
    expect(endless.alarm("barge:commit").said).toEqual(expect.arrayContaining(interrupted));
  });

  it("stops it by its length when no word comes in time", () => {
    const talk = overReply();
    talk.alarm("barge:probe");
    expect(talk.alarm("barge:commit").said).toEqual(expect.arrayContaining(interrupted));
  });

  it.each(["Stop.", "Wait.", "No.", "Sorry?", "What?", "One moment.", "Actually", "Hold on."])(
    "stops it at the end of a short %j, without waiting for the turn's end",
    (words) => {
      const talk = overReply();
      talk.pause(5_300);
      expect(talk.words(words, 5_300).said).toEqual(expect.arrayContaining(interrupted));
      expect(talk.alarm("turn:end").said).toContain("inputCommitted");
    },
  );

  it("does not take the words of an earlier pause for those of a later one", () => {
    const talk = overReply();
    talk.pause(5_200);
    talk.resumed(5_400);
    expect(talk.words("Berlin", 5_200).said).toEqual([]);
    talk.pause(5_500);
    expect(talk.state.responses).toHaveLength(1);
    expect(talk.words("Mm-hmm.", 5_500).said).toEqual([]);
  });

  it("takes two nods for two nods, also when the first one's final words are late", () => {
    const talk = overReply();
    talk.pause(5_300);
    talk.words("Yeah.", 5_300);
    talk.alarm("turn:end");
    expect(talk.onset(6_500).said).toEqual([]);
    expect(talk.state.input.utterance).toMatchObject({ announced: false, onsetSample: 6_500 * 16 });
    talk.pause(6_800);
    talk.words("Okay.", 6_800);
    talk.alarm("turn:end");
    talk.transcribed("Okay.");
    expect(talk.state).toMatchObject({ input: { utterance: null, pending: [] }, alarms: {} });
    expect(talk.state.responses).toHaveLength(1);
  });

  it("lets a short word go by that nobody asks for the floor with, and stops at the same word with more speech", () => {
    const short = overReply();
    short.pause(5_400);
    expect(short.words("Share", 5_400).said).toEqual([]);
    short.alarm("turn:end");
    expect(short.transcribed("Share.").effects).toContainEqual(
      expect.objectContaining({ type: "dropUtterance" }),
    );
    const long = overReply();
    long.pause(5_600);
    expect(long.words("Share it", 5_600).said).toEqual(expect.arrayContaining(interrupted));
  });

  it("counts a nod before a pause no more, and ducks again for what follows", () => {
    const talk = overReply();
    talk.alarm("barge:duck");
    talk.pause(5_400);
    expect(talk.words("Yeah.", 5_400).said).toEqual(["unduck"]);
    talk.resumed(5_700);
    expect(talk.alarmMs("barge:duck")).toBe(5_920);
    expect(talk.alarmMs("barge:commit")).toBe(6_400);
    expect(talk.alarm("barge:duck").said).toEqual(["duck"]);
  });

  it("listens early and often into what follows a nod, and stops at the word that leads on", () => {
    const talk = overReply();
    talk.pause(5_400);
    talk.words("Okay.", 5_400);
    talk.resumed(5_700);
    const probesMs: (number | null)[] = [];
    for (let index = 0; index < 5; index++) {
      probesMs.push(talk.alarmMs("barge:probe"));
      if (probesMs[index] !== null) talk.alarm("barge:probe");
    }
    expect(probesMs).toEqual([5_860, 5_960, 6_080, 6_220, null]);
    expect(talk.words("Okay, and", 5_860).said).toEqual(expect.arrayContaining(interrupted));
  });

  it("goes on being judged after a restore", () => {
    const talk = overReply();
    talk.alarm("barge:duck");
    const saved = JSON.parse(JSON.stringify(talk.state)) as SessionState;
    const alarms = effectsToResume(saved).flatMap((effect) => (effect.type === "alarm" ? [effect.key] : []));
    expect(alarms.sort()).toEqual(["barge:commit", "barge:probe", "turn:max"]);
    talk.state = saved;
    talk.pause(5_300);
    expect(talk.words("mm-hm", 5_300).said).toEqual(["unduck"]);
  });
});

describe("speech over a reply, for a client that does not duck", () => {
  it("is never ducked, costs no early words, and stops the reply at the setting's length", () => {
    const talk = new Conversation();
    talk.begin();
    talk.onset(5_000);
    expect(Object.keys(talk.state.alarms).sort()).toEqual(["barge:commit", "turn:max"]);
    talk.words("Yeah", 5_400);
    expect(talk.alarmMs("barge:commit")).toBe(5_500);
    expect(talk.alarm("barge:commit").said).toEqual(expect.arrayContaining(interrupted));
  });
});

describe("a word before a reply sounds", () => {
  it("is a turn of its own: the answer in the making gives way, and both are answered together", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("What is the weather?");
    expect(talk.onset(2_800).said).toEqual(["speechStarted", "responseDone"]);
    talk.pause(3_000);
    talk.alarm("turn:end");
    talk.transcribed("Yeah.");
    expect(talk.effectsOf("startReply").at(-1)?.request.messages).toEqual([
      { role: "user", text: "What is the weather?" },
      { role: "user", text: "Yeah." },
    ]);
  });

  it("is judged as over a reply as soon as any of it was sent", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("What is it?");
    talk.piece("One two.", { heardMs: 0, sentMs: 100 });
    expect(talk.onset(2_800).said).toEqual([]);
    expect(talk.alarmMs("barge:commit")).toBe(3_300);
  });

  it("stops a text that is being written", () => {
    const talk = new Conversation({ ...sessionConfig({}), outputModality: "text" });
    talk.speak(1_000, 2_000);
    talk.transcribed("What is it?");
    talk.step({ type: "replyText", responseId: talk.responseId, delta: "It is" });
    expect(talk.onset(2_800).said).toEqual(expect.arrayContaining(interrupted));
  });
});
