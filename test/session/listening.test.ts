import { describe, expect, it } from "vitest";
import { ledgerTotals } from "../../gateway/turn/ledger.ts";
import { Conversation } from "./conversation.ts";
import { sessionConfig, withDetection } from "./session-fixtures.ts";

const committed = ["speechStopped", "inputCommitted", "itemAdded", "itemDone"];
const transcribedSaid = ["transcriptionDelta", "transcriptionCompleted"];

describe("a spoken turn", () => {
  it("is announced, committed after the silence, transcribed and answered", () => {
    const talk = new Conversation();
    expect(talk.onset(1_000).outputs).toMatchObject([{ type: "speechStarted", audioStartMs: 700 }]);
    expect(talk.pause(2_000).said).toEqual([]);
    expect(talk.alarmMs("turn:end")).toBe(2_500);
    const ended = talk.alarm("turn:end");
    expect(ended.said).toEqual(committed);
    expect(ended.outputs[0]).toMatchObject({ audioEndMs: 2_500 });
    expect(ended.effects.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["endUtterance", "resetSpeech"]),
    );
    expect(talk.transcribed("What is it?").said).toEqual([...transcribedSaid, "responseCreated"]);
    expect(talk.effectsOf("startReply")[0]?.request.messages).toEqual([
      { role: "user", text: "What is it?" },
    ]);
    expect(talk.of("transcriptionCompleted")[0]).toMatchObject({ audioMs: 1_800 });
  });

  it("does not reach back into what was only the reply's echo", () => {
    const talk = new Conversation();
    const began = talk.step({ type: "onset", sample: 16_000, echoUntilSample: 15_000 });
    expect(began.effects).toContainEqual(
      expect.objectContaining({ type: "openUtterance", fromSample: 15_000 }),
    );
  });

  it("keeps one item id from its first event to its transcript", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("Hello.");
    const ids = talk.outputs.flatMap((output) => ("itemId" in output ? [output.itemId] : []));
    expect(new Set(ids).size).toBe(1);
  });

  it("counts the silence as the speaker's and the recogniser's time as the vendor's", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.atMs += 120;
    talk.transcribed("Hello.");
    const ledger = talk.effectsOf("startReply")[0]?.request.ledger;
    expect(ledger && ledgerTotals(ledger)).toMatchObject({ speakerMs: 500, infraMs: 8, vendorMs: 120 });
  });

  it("goes on when speech comes back within the silence", () => {
    const talk = new Conversation();
    talk.onset(1_000);
    talk.pause(2_000);
    expect(talk.resumed(2_300).effects).toContainEqual(expect.objectContaining({ type: "markResumed" }));
    expect(talk.alarmMs("turn:end")).toBeNull();
    talk.pause(3_000);
    expect(talk.alarmMs("turn:end")).toBe(3_500);
    talk.alarm("turn:end");
    expect(talk.of("speechStarted")).toHaveLength(1);
    expect(talk.of("inputCommitted")).toHaveLength(1);
  });

  it("ends at the longest turn's length, and the speaker's next word begins another", () => {
    const talk = new Conversation();
    talk.onset(1_000);
    expect(talk.alarmMs("turn:max")).toBe(60_700);
    expect(talk.alarm("turn:max").said).toEqual(committed);
    expect(talk.of("speechStopped")[0]).toMatchObject({ audioEndMs: 60_700 });
    expect(talk.onset(60_760).outputs).toMatchObject([{ type: "speechStarted" }]);
    // No sample is lost between the two, and none is in both.
    expect(talk.effectsOf("endUtterance")[0]?.atSample).toBe(60_700 * 16);
    expect(talk.effectsOf("openUtterance")[1]?.fromSample).toBe(60_700 * 16);
    expect(talk.alarmMs("turn:max")).toBe(120_700);
  });

  it("begins no earlier than the audio that is left of the turn before", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.onset(2_600);
    expect(talk.effectsOf("openUtterance").map(({ fromSample }) => fromSample / 16)).toEqual([700, 2_500]);
  });

  it("makes no response when nobody said a word", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    expect(talk.transcribed("").said).toEqual(["transcriptionCompleted"]);
    expect(talk.state.responses).toEqual([]);
  });

  it("makes no response where create_response is false", () => {
    const talk = new Conversation(sessionConfig({ createResponse: false }));
    talk.speak(1_000, 2_000);
    expect(talk.transcribed("Hello.").said).toEqual(transcribedSaid);
  });

  it("is answered with an apology when the recogniser failed", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    expect(talk.notTranscribed().said).toEqual(["transcriptionFailed", "responseCreated"]);
    expect(talk.effectsOf("startReply")[0]?.request.apology).toBe("provider_unavailable");
  });

  it("is not heard at all without turn detection", () => {
    const talk = new Conversation(withDetection(null));
    expect(
      [talk.onset(1_000), talk.pause(2_000), talk.resumed(3_000)].flatMap(({ effects }) => effects),
    ).toEqual([]);
  });

  it("leaves its audio to a commit by hand when detection is switched off in its middle", () => {
    const talk = new Conversation();
    talk.onset(1_000);
    talk.receivedMs = 3_000;
    const patch = { input: { turnDetection: null } };
    expect(talk.command({ type: "configure", patch }).said).toEqual(["sessionUpdated"]);
    talk.command({ type: "commitInput", atSample: 3_000 * 16 });
    expect(talk.effectsOf("openUtterance").at(-1)?.fromSample).toBe(700 * 16);
    expect(talk.state.alarms).toEqual({});
  });
});

describe("speech that follows an unanswered turn", () => {
  it("has the word: both turns get one answer", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    const first = talk.spokenId;
    talk.onset(3_000);
    expect(talk.transcribed("What is the weather", first).said).toEqual(transcribedSaid);
    talk.pause(4_000);
    talk.alarm("turn:end");
    expect(talk.transcribed("in Paris?").said).toEqual([...transcribedSaid, "responseCreated"]);
    expect(talk.effectsOf("startReply").map(({ request }) => request.messages)).toEqual([
      [
        { role: "user", text: "What is the weather" },
        { role: "user", text: "in Paris?" },
      ],
    ]);
    talk.piece("Sunny.");
    talk.endReply();
    expect(talk.of("responseCreated")).toHaveLength(1);
  });

  it("gives way to the turn before when it was only a noise", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    const first = talk.spokenId;
    talk.onset(3_000);
    talk.transcribed("What is it?", first);
    talk.pause(3_200);
    talk.alarm("turn:end");
    expect(talk.transcribed("").said).toContain("responseCreated");
  });

  it("does not lose the turn whose answer it stopped before a word of it", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("What is it?");
    expect(talk.onset(3_000).said).toEqual(["speechStarted", "responseDone"]);
    talk.pause(3_700);
    talk.alarm("turn:end");
    expect(talk.transcribed("").said).toEqual(["transcriptionCompleted", "responseCreated"]);
    expect(talk.effectsOf("startReply").at(-1)?.request.messages).toEqual([
      { role: "user", text: "What is it?" },
    ]);
  });
});

describe("speech over a reply", () => {
  it("interrupts it when it lasts: what was heard stays, the rest goes", () => {
    const talk = new Conversation();
    talk.begin();
    expect(talk.onset(5_000).said).toEqual([]);
    expect(talk.alarmMs("barge:commit")).toBe(5_500);
    talk.playback = { ...talk.playback!, heardMs: 2_000 };
    const step = talk.alarm("barge:commit");
    const order = step.effects.map(({ type }) => type).filter((type) => type !== "cancelAlarm");
    expect(order.slice(0, 3)).toEqual(["cancelReply", "flushPlayback", "send"]);
    expect(step.said).toEqual([
      "speechStarted",
      "audioDone",
      "transcriptDone",
      "partDone",
      "itemDone",
      "outputItemDone",
      "responseDone",
    ]);
    expect(step.outputs[0]).toMatchObject({ audioStartMs: 4_700 });
    expect(talk.of("responseDone")[0]?.response).toMatchObject({
      status: "cancelled",
      reason: "turn_detected",
    });
    expect(talk.of("transcriptDone")[0]?.transcript).toBe("One two");
  });

  it("interrupts it as soon as its words are no nod", () => {
    const talk = new Conversation();
    talk.begin();
    talk.onset(5_000);
    expect(talk.words("yeah").said).toEqual([]);
    expect(talk.words("yeah but wait").said[0]).toBe("speechStarted");
    expect(talk.state.responses).toEqual([]);
    expect(talk.alarmMs("barge:commit")).toBeNull();
  });

  it("tells what was said so far from then on, and never what may be a nod", () => {
    const talk = new Conversation();
    talk.begin();
    talk.onset(5_000);
    talk.words("yeah");
    expect(talk.of("callerWords")).toEqual([]);
    talk.words("yeah but wait");
    talk.words("yeah but wait a minute");
    expect(talk.of("callerWords").map(({ text }) => text)).toEqual([
      "yeah but wait",
      "yeah but wait a minute",
    ]);
  });

  it("leaves no event and no item when it was a nod", () => {
    const talk = new Conversation();
    talk.begin();
    const before = { items: talk.state.items.length, outputs: talk.outputs.length };
    talk.onset(5_000);
    talk.pause(5_300);
    talk.alarm("turn:end");
    const step = talk.transcribed("Mm-hm.");
    expect(step.effects.map(({ type }) => type)).toEqual(["dropUtterance", "resetSpeech"]);
    expect({ items: talk.state.items.length, outputs: talk.outputs.length }).toEqual(before);
    expect(talk.state).toMatchObject({ input: { utterance: null, pending: [] }, alarms: {} });
    expect(talk.state.responses).toHaveLength(1);
  });

  it("is not judged a nod by words that may still change", () => {
    const talk = new Conversation();
    talk.begin();
    talk.onset(5_000);
    talk.words("yeah");
    talk.pause(5_400);
    expect(talk.alarm("turn:end").effects.map(({ type }) => type)).not.toContain("dropUtterance");
    expect(talk.transcribed("Yeah, stop it.").said).toEqual(
      expect.arrayContaining([
        "speechStarted",
        "responseDone",
        ...committed,
        "transcriptionCompleted",
        "responseCreated",
      ]),
    );
  });

  it("is a turn when the reply ended under it", () => {
    const talk = new Conversation();
    talk.begin("Shall I go on?");
    talk.onset(5_000);
    talk.endReply();
    talk.pause(5_300);
    talk.hearAll();
    expect(talk.alarm("turn:end").said).toEqual(["speechStarted", ...committed]);
    expect(talk.transcribed("Yes.").said).toContain("responseCreated");
  });

  it("adds up over a pause", () => {
    const talk = new Conversation();
    talk.begin();
    talk.onset(5_000);
    talk.pause(5_300);
    talk.resumed(5_500);
    expect(talk.alarmMs("barge:commit")).toBe(5_700);
    expect(talk.alarm("barge:commit").said[0]).toBe("speechStarted");
  });

  it("takes the word when it comes twice, and the second is announced at once", () => {
    const talk = new Conversation();
    talk.begin();
    talk.onset(5_000);
    talk.pause(5_300);
    talk.alarm("turn:end");
    const first = talk.spokenId;
    const step = talk.resumed(6_500);
    expect(step.said.filter((type) => type === "speechStarted")).toHaveLength(2);
    expect(step.said).toContain("inputCommitted");
    expect(talk.state.input.utterance).toMatchObject({ announced: true, onsetSample: 6_500 * 16 });
    expect(talk.state.alarms["barge:commit"]).toBeUndefined();
    talk.transcribed("Hey,", first);
    talk.pause(6_800);
    talk.alarm("turn:end");
    expect(talk.transcribed("yes").said).toContain("responseCreated");
    expect(talk.state.items).toHaveLength(4);
  });

  it("keeps the recogniser's time when its final words decide", () => {
    const talk = new Conversation();
    talk.begin();
    talk.onset(5_000);
    talk.pause(5_300);
    talk.alarm("turn:end");
    talk.atMs += 200;
    talk.transcribed("Stop.");
    const ledger = talk.effectsOf("startReply").at(-1)?.request.ledger;
    expect(ledger?.entries.at(-1)).toEqual({ span: "stt", durationMs: 200, provider: "ears" });
  });

  it("apologises when it interrupted and could not be understood", () => {
    const talk = new Conversation();
    talk.begin();
    talk.onset(5_000);
    talk.alarm("barge:commit");
    talk.pause(5_800);
    talk.alarm("turn:end");
    expect(talk.notTranscribed().said).toEqual(["transcriptionFailed", "responseCreated"]);
  });

  it("lets the reply go on where interrupt_response is false, and is answered after it", () => {
    const talk = new Conversation(sessionConfig({ interruptResponse: false }));
    talk.begin();
    expect(talk.onset(5_000).said).toEqual(["speechStarted"]);
    talk.pause(6_000);
    talk.alarm("turn:end");
    expect(talk.transcribed("And then?").said).toEqual(transcribedSaid);
    const step = talk.endReply();
    expect(step.said.slice(-2)).toEqual(["responseDone", "responseCreated"]);
    const ledger = talk.effectsOf("startReply").at(-1)?.request.ledger;
    expect(ledger && ledgerTotals(ledger).infraMs).toBe(8);
  });
});
