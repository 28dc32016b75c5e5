import { describe, expect, it } from "vitest";
import { toMessages } from "../../gateway/session/history.ts";
import { comfortEveryMs, holdAgainMs, soundDueAtMs } from "../../gateway/session/holding.ts";
import { samplesPerMs } from "../../gateway/session/state.ts";
import { Conversation } from "./conversation.ts";
import { withDetection } from "./session-fixtures.ts";

const sentence = "One moment.";

/** Speaks, waits too long, and hears the sentence. */
function holding(): Conversation {
  const talk = new Conversation();
  talk.speak(1_000, 2_000);
  talk.step({ type: "soundOverdue" });
  return talk;
}

function hearSentence(talk: Conversation): void {
  const { responseId } = talk;
  const piece = { text: sentence, fromMs: 0, durationMs: 900, words: null };
  talk.step({ type: "pieceStarted", responseId, piece, aside: true });
  talk.step({ type: "asideSent", responseId });
}

describe("a speaker who hears nothing", () => {
  it("is due a sound after the last voiced sample, as long as nothing was said and nobody speaks", () => {
    const talk = new Conversation();
    expect(soundDueAtMs(talk.state, 1_200)).toBeNull();
    talk.speak(1_000, 2_000);
    const startedAtMs = talk.state.input.pending[0]!.ledger.startedAtMs;
    expect(soundDueAtMs(talk.state, 1_200)).toBe(startedAtMs + 1_200);
    talk.transcribed("What is it?");
    expect(soundDueAtMs(talk.state, 1_200)).toBe(startedAtMs + 1_200);
    talk.piece("It is late.");
    expect(soundDueAtMs(talk.state, 1_200)).toBeNull();
  });

  it("is due none while speaking on, nor where answers are written", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.onset(3_000);
    expect(soundDueAtMs(talk.state, 0)).toBeNull();
    const config = withDetection({ ...talk.state.config.input.turnDetection! });
    const written = new Conversation({ ...config, outputModality: "text" });
    written.speak(1_000, 2_000);
    expect(soundDueAtMs(written.state, 0)).toBeNull();
  });

  it("is held in a response that waits for the words, once", () => {
    const talk = holding();
    expect(talk.effectsOf("hold")).toHaveLength(1);
    expect(talk.of("responseCreated")).toHaveLength(1);
    expect(talk.state.responses[0]).toMatchObject({ held: "waiting", request: null });
    expect(soundDueAtMs(talk.state, 0)).toBeNull();
    expect(talk.step({ type: "soundOverdue" }).effects).toEqual([]);
  });

  it("is due another sentence when still waiting a while after the first, and none once the answer speaks", () => {
    const talk = holding();
    const { lastAtMs } = talk.state.responses[0]!.holds;
    hearSentence(talk);
    expect(soundDueAtMs(talk.state, 0)).toBe(lastAtMs + comfortEveryMs);
    talk.transcribed("What is it?");
    talk.step({ type: "soundOverdue" });
    expect(talk.state.responses[0]).toMatchObject({ held: "answering", holds: { count: 2 } });
    expect(talk.effectsOf("hold")).toHaveLength(2);
    hearSentence(talk);
    expect(soundDueAtMs(talk.state, 0)).not.toBeNull();
    talk.piece("It is late.");
    expect(soundDueAtMs(talk.state, 0)).toBeNull();
    talk.endReply();
    const [done] = talk.of("responseDone");
    expect(done!.response.output.map((item) => item.type === "message" && item.parts[0])).toMatchObject([
      { transcript: sentence },
      { transcript: sentence },
      { transcript: "It is late." },
    ]);
    expect(toMessages(talk.state.items).map(({ role }) => role)).toEqual(["user", "assistant"]);
  });

  it("is not held while an earlier reply still sounds", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.playback = { responseId: "r", itemId: "i", sentMs: 900, heardMs: 100, unheard: true };
    expect(talk.step({ type: "soundOverdue" }).effects).toEqual([]);
    expect(holdAgainMs).toBeGreaterThan(0);
  });

  it("gets the answer in the same response, in an item after that of the sentence", () => {
    const talk = holding();
    hearSentence(talk);
    talk.transcribed("What is it?");
    expect(talk.effectsOf("startReply")).toHaveLength(1);
    talk.piece("It is late.");
    talk.endReply();
    const done = talk.of("responseDone");
    expect(done).toHaveLength(1);
    expect(done[0]!.response.status).toBe("completed");
    const texts = done[0]!.response.output.map((item) => item.type === "message" && item.parts[0]);
    expect(texts).toMatchObject([{ transcript: sentence }, { transcript: "It is late." }]);
    expect(talk.of("outputItemAdded").map(({ outputIndex }) => outputIndex)).toEqual([0, 1]);
    expect(talk.of("outputItemDone").map(({ outputIndex }) => outputIndex)).toEqual([0, 1]);
    expect(talk.of("responseCreated")).toHaveLength(1);
  });

  it("hears the events of each item whole before the next begins", () => {
    const talk = holding();
    hearSentence(talk);
    const said = talk.outputs.map(({ type }) => type);
    expect(said.slice(said.indexOf("responseCreated") + 1)).toEqual([
      ...["outputItemAdded", "itemAdded", "partAdded", "transcriptDelta"],
      ...["audioDone", "transcriptDone", "partDone", "itemDone", "outputItemDone"],
    ]);
  });

  it("is never quoted to the AI as having been told so", () => {
    const talk = holding();
    hearSentence(talk);
    talk.transcribed("What is it?");
    expect(talk.effectsOf("startReply")[0]!.request.messages).toEqual([
      { role: "user", text: "What is it?" },
    ]);
    talk.piece("It is late.");
    talk.endReply();
    expect(toMessages(talk.state.items).map(({ role }) => role)).toEqual(["user", "assistant"]);
  });

  it("is told honestly when there will be no answer", () => {
    const talk = holding();
    hearSentence(talk);
    talk.notTranscribed();
    expect(talk.effectsOf("startReply")[0]!.request.apology).toBe("provider_unavailable");
  });

  it("that said no words at all gets no answer: the response ends with the sentence", () => {
    const talk = holding();
    talk.transcribed("");
    expect(talk.effectsOf("startReply")).toHaveLength(0);
    expect(talk.effectsOf("endHold")).toHaveLength(1);
    hearSentence(talk);
    talk.step({ type: "drained", responseId: talk.responseId });
    expect(talk.of("responseDone")[0]!.response.status).toBe("completed");
    expect(talk.state.responses).toEqual([]);
  });

  it("gets an answer to all when speaking again meanwhile, and none is lost", () => {
    const talk = holding();
    hearSentence(talk);
    const first = talk.state.input.pending[0]!.itemId;
    talk.speak(4_000, 5_000);
    expect(talk.of("responseDone")[0]!.response.status).toBe("cancelled");
    talk.transcribed("What is it?", first);
    talk.transcribed("And why?", talk.state.input.pending[0]!.itemId);
    const starts = talk.effectsOf("startReply");
    expect(starts).toHaveLength(1);
    expect(starts[0]!.request.messages.map(({ role }) => role)).toEqual(["user", "user"]);
  });

  it("that its client asked for is owed an answer once the words are there", () => {
    const talk = new Conversation();
    talk.receivedMs = 1_500;
    talk.command({ type: "commitInput", atSample: 1_500 * samplesPerMs });
    const committed = talk.spokenId;
    talk.command({ type: "createResponse", params: { outOfBand: false } });
    talk.step({ type: "soundOverdue" });
    hearSentence(talk);
    talk.transcribed("What is it?", committed);
    expect(talk.effectsOf("startReply")).toHaveLength(1);
    talk.speak(4_000, 5_000);
    talk.transcribed("");
    expect(talk.effectsOf("startReply")).toHaveLength(2);
  });

  it("is owed the answer still when a noise cut the sentence off", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("What is it?");
    talk.step({ type: "soundOverdue" });
    expect(talk.state.responses[0]!.held).toBe("answering");
    hearSentence(talk);
    talk.speak(4_000, 5_000);
    expect(talk.of("responseDone")[0]!.response.status).toBe("cancelled");
    talk.transcribed("");
    expect(talk.effectsOf("startReply")).toHaveLength(2);
  });

  it("counts the turn as answered with the sentence: its line of time ends there", () => {
    const talk = holding();
    const { responseId } = talk;
    const ledger = { ...talk.state.responses[0]!.ledger, closed: true };
    talk.step({ type: "firstOutput", responseId, ledger });
    talk.transcribed("What is it?");
    expect(talk.state.responses[0]!.ledger).toBe(ledger);
    talk.step({ type: "ledger", responseId, ledger: { ...ledger, closed: false } });
    expect(talk.state.responses[0]!.ledger).toBe(ledger);
  });
});
