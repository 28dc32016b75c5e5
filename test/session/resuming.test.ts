import { describe, expect, it } from "vitest";
import { effectsToResume } from "../../gateway/session/reducer.ts";
import type { SessionState } from "../../gateway/session/state.ts";
import { Conversation } from "./conversation.ts";
import { sessionConfig } from "./session-fixtures.ts";

const answer =
  "Parley is a gateway. It carries voices between people and machines. It is small. Ask me more.";
const first = "Parley is a gateway. ";
const second = "It carries voices between people and machines. ";

/** Two sentences of the answer are being spoken (2 s and 4 s long); the listener is at `heardMs`. */
function speaking(
  heardMs: number,
  options: { written?: boolean; config?: ReturnType<typeof sessionConfig> } = {},
) {
  const talk = new Conversation(options.config);
  talk.speak(1_000, 2_000);
  talk.transcribed("What is Parley?");
  talk.piece(first, { durationMs: 2_000 });
  if (options.written !== false)
    talk.step({ type: "answerKnown", responseId: talk.responseId, text: answer });
  talk.piece(second, { fromMs: 2_000, durationMs: 4_000, sentMs: 6_000, heardMs });
  return talk;
}

/** Something interrupts by its length; what was sent is gone then. */
function interrupt(talk: Conversation, onsetMs = 5_000): void {
  talk.onset(onsetMs);
  talk.alarm("barge:commit");
  if (talk.playback) talk.playback = { ...talk.playback, unheard: false };
  talk.pause(onsetMs + 900);
  talk.alarm("turn:end");
}

const lastRequest = (talk: Conversation) => talk.effectsOf("startReply").at(-1)?.request;

describe("an interruption that held no words", () => {
  it.each(["", "[BLANK_AUDIO]", "..."])(
    "%j lets a new response say the rest, without asking the AI",
    (text) => {
      const talk = speaking(4_900);
      interrupt(talk);
      expect(talk.of("responseDone").map(({ response }) => response.status)).toEqual(["cancelled"]);
      const step = talk.transcribed(text);
      expect(step.said.at(-1)).toBe("responseCreated");
      expect(step.said).toContain("transcriptionCompleted");
      expect(lastRequest(talk)).toMatchObject({
        recital: "and machines. It is small. Ask me more.",
        spokenPrefix: "",
      });
    },
  );

  it("has no rest to say where only a picture is left of the reply", () => {
    const talk = new Conversation();
    const text = "Happy to help with that! 🙂";
    talk.speak(1_000, 2_000);
    talk.transcribed("What is Parley?");
    talk.piece(text, { durationMs: 2_000, sentMs: 2_000, heardMs: 1_900 });
    talk.step({ type: "answerKnown", responseId: talk.responseId, text });
    talk.endReply();
    interrupt(talk);
    talk.transcribed("");
    expect(talk.effectsOf("startReply")).toHaveLength(1);
    expect(talk.state.responses).toEqual([]);
  });

  it("that comes again before the rest sounds lets the same rest be said", () => {
    const talk = speaking(4_900);
    interrupt(talk);
    talk.transcribed("");
    const { recital } = lastRequest(talk)!;
    talk.onset(7_000);
    talk.pause(7_300);
    talk.alarm("turn:end");
    talk.transcribed("");
    expect(talk.effectsOf("startReply")).toHaveLength(3);
    expect(lastRequest(talk)!.recital).toBe(recital);
    talk.speak(9_000, 10_000);
    talk.transcribed("Something else, please.");
    expect(lastRequest(talk)!.recital).toBeUndefined();
  });

  it("repeats the broken sentence from its beginning where that was under two seconds ago", () => {
    const talk = speaking(3_400);
    interrupt(talk);
    talk.transcribed("");
    expect(lastRequest(talk)?.recital).toBe(`${second}It is small. Ask me more.`);
  });

  it("is an ordinary response, and what was heard stays in the item before", () => {
    const talk = speaking(4_900);
    interrupt(talk);
    talk.transcribed("");
    talk.piece("and machines. ", { durationMs: 1_000 });
    expect(talk.endReply().said.slice(-2)).toEqual(["outputItemDone", "responseDone"]);
    expect(talk.of("responseDone").at(-1)?.response).toMatchObject({ status: "completed" });
    const texts = talk.state.items.flatMap(({ item }) =>
      item.type === "message"
        ? item.parts.map((part) => ("transcript" in part ? part.transcript : null))
        : [],
    );
    expect(texts).toEqual([
      "What is Parley?",
      "Parley is a gateway. It carries voices between people",
      "",
      "and machines. ",
    ]);
    expect(talk.state.brokenReply).toBeNull();
  });

  it("has the AI go on where it was still writing, in the same conversation as before", () => {
    const talk = speaking(4_900, { written: false });
    const asked = lastRequest(talk);
    interrupt(talk);
    talk.transcribed("");
    expect(lastRequest(talk)).toEqual({
      ...asked,
      responseId: expect.not.stringMatching(`^${asked?.responseId}$`),
      ledger: expect.anything(),
      spokenPrefix: "Parley is a gateway. It carries voices between people",
    });
  });

  it("says what was left to hear of a reply whose response had ended", () => {
    const talk = speaking(4_900);
    talk.endReply();
    expect(talk.of("responseDone")).toHaveLength(1);
    interrupt(talk);
    talk.transcribed("");
    expect(lastRequest(talk)?.recital).toBe("and machines.");
  });

  it("knows by an ack that comes late, or by a truncation, what was heard", () => {
    const acked = speaking(3_400);
    const itemId = acked.playback?.itemId ?? "";
    interrupt(acked);
    acked.command({ type: "playback", itemId, playedMs: 4_900 });
    acked.transcribed("");
    expect(lastRequest(acked)?.recital).toBe("and machines. It is small. Ask me more.");
    const cut = speaking(4_900);
    const cutId = cut.playback?.itemId ?? "";
    interrupt(cut);
    cut.command({ type: "truncateItem", itemId: cutId, contentIndex: 0, audioEndMs: 1_000 });
    cut.command({ type: "playback", itemId: cutId, playedMs: 5_000 });
    cut.transcribed("");
    expect(lastRequest(cut)?.recital).toBe(answer);
  });

  it("speaks in the voice and the format of what it goes on with", () => {
    const talk = new Conversation();
    const params = { outOfBand: false, voice: "rms", outputFormat: { type: "audio/pcmu" as const } };
    talk.command({ type: "createResponse", params });
    talk.piece(first, { durationMs: 2_000, heardMs: 500 });
    talk.step({ type: "answerKnown", responseId: talk.responseId, text: first });
    interrupt(talk);
    talk.transcribed("");
    expect(lastRequest(talk)).toMatchObject({ recital: first.trim(), voice: "rms", sampleRateHz: 8_000 });
    expect(talk.effectsOf("startReply").at(-1)?.format).toEqual({ type: "audio/pcmu" });
  });

  it("is interrupted and resumed again like any other", () => {
    const talk = speaking(4_900);
    interrupt(talk);
    talk.transcribed("");
    talk.piece("and machines. ", { durationMs: 1_000, heardMs: 900, sentMs: 1_000 });
    interrupt(talk, 9_000);
    talk.transcribed("");
    expect(lastRequest(talk)?.recital).toBe("and machines. It is small. Ask me more.");
  });

  it("goes on with a text that was being written", () => {
    const talk = new Conversation({ ...sessionConfig({}), outputModality: "text" });
    talk.speak(1_000, 2_000);
    talk.transcribed("What is it?");
    talk.step({ type: "replyText", responseId: talk.responseId, delta: "It is " });
    talk.onset(2_800);
    talk.pause(3_000);
    talk.alarm("turn:end");
    talk.transcribed("");
    expect(lastRequest(talk)).toMatchObject({ modality: "text", spokenPrefix: "It is " });
  });
});

describe("an interruption that was a nod after all", () => {
  it("lets the rest be said when the reply had more sentences", () => {
    const talk = speaking(3_400);
    interrupt(talk);
    talk.transcribed("Mm-hmm, yeah.");
    expect(lastRequest(talk)?.recital).toContain("It is small.");
  });

  it("is the answer to the reply's last sentence", () => {
    const talk = speaking(3_400);
    talk.step({ type: "answerKnown", responseId: talk.responseId, text: first + second });
    interrupt(talk);
    talk.transcribed("Yeah.");
    expect(lastRequest(talk)?.recital).toBeUndefined();
    expect(lastRequest(talk)?.messages.at(-1)).toEqual({ role: "user", text: "Yeah." });
  });
});

describe("the rest of a reply is not said", () => {
  const restSaid = (talk: Conversation) =>
    talk.effectsOf("startReply").some(({ request }) => request.recital !== undefined);

  it("after an interruption with words", () => {
    const talk = speaking(4_900);
    interrupt(talk);
    talk.transcribed("Tell me about the price.");
    expect(talk.state.brokenReply).toBeNull();
    talk.piece("It is free.");
    talk.endReply();
    talk.hearAll();
    talk.speak(9_000, 10_000);
    talk.transcribed("");
    expect(restSaid(talk)).toBe(false);
  });

  it("while the caller speaks on, and not at all if that holds words", () => {
    const talk = speaking(4_900);
    interrupt(talk);
    const noise = talk.spokenId;
    talk.onset(6_500);
    talk.transcribed("", noise);
    expect(restSaid(talk)).toBe(false);
    talk.pause(7_500);
    talk.alarm("turn:end");
    talk.transcribed("Wait, how much is it?");
    expect(restSaid(talk)).toBe(false);
    expect(talk.state.brokenReply).toBeNull();
  });

  it("until the caller is silent, when what they said next was nothing either", () => {
    const talk = speaking(4_900);
    interrupt(talk);
    const noise = talk.spokenId;
    talk.onset(6_500);
    talk.transcribed("", noise);
    talk.pause(6_600);
    talk.alarm("turn:end");
    talk.transcribed("");
    expect(restSaid(talk)).toBe(true);
  });

  it("where the client makes its own responses", () => {
    const talk = new Conversation(sessionConfig({ createResponse: false }));
    talk.command({ type: "createResponse", params: { outOfBand: false } });
    talk.piece(first, { durationMs: 2_000, heardMs: 500 });
    talk.step({ type: "answerKnown", responseId: talk.responseId, text: first });
    interrupt(talk);
    talk.transcribed("");
    expect(restSaid(talk)).toBe(false);
  });

  it("when the client asks for another response first", () => {
    const talk = speaking(4_900);
    interrupt(talk);
    talk.command({ type: "createResponse", params: { outOfBand: false } });
    talk.transcribed("");
    expect(restSaid(talk)).toBe(false);
    expect(talk.state.responses).toHaveLength(1);
  });

  it("after the words could not be made out: the caller is told so", () => {
    const talk = speaking(4_900);
    interrupt(talk);
    talk.notTranscribed();
    expect(restSaid(talk)).toBe(false);
    expect(lastRequest(talk)?.apology).toBe("provider_unavailable");
  });

  it("of an item that was deleted", () => {
    const talk = speaking(4_900);
    const itemId = talk.playback?.itemId ?? "";
    interrupt(talk);
    talk.command({ type: "deleteItem", itemId });
    talk.transcribed("");
    expect(restSaid(talk)).toBe(false);
  });

  it("by the AI again when the answer had called a function", () => {
    const talk = speaking(4_900, { written: false });
    talk.toolCall();
    const before = talk.effectsOf("startReply").length;
    interrupt(talk);
    talk.transcribed("");
    expect(talk.effectsOf("startReply")).toHaveLength(before);
  });
});

describe("a session that is restored between an interruption and its words", () => {
  it("still says the rest, and a rest that was being said goes on after its last word", () => {
    const talk = speaking(4_900);
    interrupt(talk);
    talk.state = JSON.parse(JSON.stringify(talk.state)) as SessionState;
    talk.transcribed("");
    talk.piece("and machines. ", { durationMs: 1_000 });
    const effects = effectsToResume(JSON.parse(JSON.stringify(talk.state)) as SessionState);
    expect(effects).toContainEqual(
      expect.objectContaining({
        type: "startReply",
        request: expect.objectContaining({
          recital: "and machines. It is small. Ask me more.",
          spokenPrefix: "and machines. ",
        }),
      }),
    );
  });

  it("keeps the words before an answer that the AI goes on with", () => {
    const talk = speaking(4_900, { written: false });
    interrupt(talk);
    talk.transcribed("");
    talk.piece(" and machines. ", { durationMs: 1_000 });
    const effects = effectsToResume(talk.state);
    const reply = effects.find((effect) => effect.type === "startReply");
    expect(reply?.type === "startReply" && reply.request.spokenPrefix).toBe(
      "Parley is a gateway. It carries voices between people and machines. ",
    );
  });
});
