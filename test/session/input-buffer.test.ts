import { describe, expect, it } from "vitest";
import { maxPending } from "../../gateway/session/user-items.ts";
import { Conversation } from "./conversation.ts";
import { withDetection } from "./session-fixtures.ts";

const committed = ["speechStopped", "inputCommitted", "itemAdded", "itemDone"];
const transcribedSaid = ["transcriptionDelta", "transcriptionCompleted"];

describe("a commit by hand", () => {
  const manual = () => new Conversation(withDetection(null));

  it("makes an item of everything since the last one, and answers only when asked", () => {
    const talk = manual();
    talk.receivedMs = 1_500;
    const said = ["inputCommitted", "itemAdded", "itemDone"];
    expect(talk.command({ type: "commitInput", atSample: 1_500 * 16 }).said).toEqual(said);
    expect(talk.command({ type: "createResponse", params: { outOfBand: false } }).said).toEqual([
      "responseCreated",
    ]);
    expect(talk.effectsOf("startReply")).toEqual([]);
    expect(talk.transcribed("Hello.").effects.at(-1)).toMatchObject({ type: "startReply" });
    expect(talk.effectsOf("startReply")[0]?.request.ledger.kind).toBe("manual");
  });

  it("is refused under 100 ms, with the client's event id", () => {
    const talk = manual();
    talk.receivedMs = 99;
    expect(talk.command({ type: "commitInput", atSample: 99 * 16 }, "mine").outputs).toMatchObject([
      { type: "error", code: "input_audio_buffer_commit_empty", clientEventId: "mine" },
    ]);
    expect(talk.state.items).toEqual([]);
  });

  it("ends the utterance that detection had announced, under its id", () => {
    const talk = new Conversation();
    talk.onset(1_000);
    const { spokenId } = talk;
    expect(talk.command({ type: "commitInput", atSample: 2_000 * 16 }).said).toEqual(committed);
    expect(talk.of("inputCommitted")[0]?.itemId).toBe(spokenId);
    expect(talk.effectsOf("openUtterance")).toHaveLength(1);
    expect(talk.transcribed("Hello.").said).toEqual(transcribedSaid);
  });

  it("is not undone by speech that detection finds in it afterwards", () => {
    const talk = new Conversation();
    talk.receivedMs = 3_000;
    talk.command({ type: "commitInput", atSample: 3_000 * 16 });
    expect([talk.onset(400), talk.pause(2_500)].flatMap(({ said }) => said)).toEqual([]);
    expect(talk.alarmMs("input:forget")).toBe(3_000);
    expect(talk.alarm("input:forget").effects).toEqual([{ type: "resetSpeech" }]);
    expect(talk.onset(3_200).said).toEqual(["speechStarted"]);
  });

  it("is refused while too many wait for their words", () => {
    const talk = manual();
    for (let n = 1; n <= maxPending; n++) talk.command({ type: "commitInput", atSample: n * 1_600 });
    const step = talk.command({ type: "commitInput", atSample: (maxPending + 1) * 1_600 });
    expect(step.outputs).toMatchObject([{ type: "error", code: "rate_limit_exceeded" }]);
    const item = {
      type: "message",
      role: "user",
      parts: [{ type: "input_audio", transcript: null, audio: "AAAA" }],
    } as const;
    const created = talk.command({
      type: "createItem",
      previousItemId: null,
      item: { ...item, parts: [...item.parts] },
    });
    expect(created.outputs).toMatchObject([{ type: "error", code: "rate_limit_exceeded" }]);
    expect(talk.state.input.pending).toHaveLength(maxPending);
  });

  it("is answered once when a response is asked for before the words of a detected turn are there", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.command({ type: "createResponse", params: { outOfBand: false } });
    talk.transcribed("What is it?");
    talk.piece("This.");
    talk.endReply();
    expect(talk.of("responseCreated")).toHaveLength(1);
    expect(talk.state.owedReply).toBeNull();
  });
});

describe("clearing the input", () => {
  it("forgets what was said, and its end makes no turn", () => {
    const talk = new Conversation();
    talk.onset(1_000);
    const step = talk.command({ type: "clearInput", atSample: 1_500 * 16 });
    expect(step.said).toEqual(["inputCleared"]);
    expect(step.effects.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["dropUtterance", "resetSpeech"]),
    );
    expect(talk.pause(2_000).effects).toEqual([]);
    expect(talk.state).toMatchObject({ items: [], alarms: {}, input: { bufferFromSample: 24_000 } });
  });

  it("is no turn either when its last moment is noticed late; who speaks on is heard from there", () => {
    const talk = new Conversation();
    talk.receivedMs = 1_500;
    talk.command({ type: "clearInput", atSample: 1_500 * 16 });
    expect(talk.onset(1_480).said).toEqual([]);
    expect(talk.alarm("input:forget").effects).toEqual([{ type: "resetSpeech" }]);
    expect(talk.onset(1_600).said).toEqual(["speechStarted"]);
  });
});
