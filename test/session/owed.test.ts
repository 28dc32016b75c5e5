import { describe, expect, it } from "vitest";
import { Conversation } from "./conversation.ts";

/** A sound that is no word, over nothing. */
function cough(talk: Conversation, fromMs: number): void {
  talk.onset(fromMs);
  talk.pause(fromMs + 300);
  talk.alarm("turn:end");
  talk.transcribed("");
}

const requests = (talk: Conversation) => talk.effectsOf("startReply").map(({ request }) => request);

describe("an answer that is still owed", () => {
  it("is given after a cough, with a function's output that it was asked for", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("What is the weather?");
    talk.toolCall();
    talk.endReply();
    const item = { type: "function_call_output", callId: "call_1", output: "sunny" } as const;
    talk.command({ type: "createItem", item, previousItemId: null });
    talk.command({ type: "createResponse", params: { outOfBand: false, instructions: "Be brief." } });
    cough(talk, 3_000);
    const [, asked, again] = requests(talk);
    expect(talk.of("responseDone").at(-1)!.response.status).toBe("cancelled");
    expect([again!.instructions, again!.messages]).toEqual(["Be brief.", asked!.messages]);
    talk.piece("It is sunny.");
    talk.endReply();
    expect(requests(talk)).toHaveLength(3);
  });

  it("is the client's to give, where the client answers turns itself", () => {
    const talk = new Conversation();
    const turnDetection = { ...talk.state.config.input.turnDetection!, createResponse: false };
    talk.command({ type: "configure", patch: { input: { turnDetection } } });
    talk.command({ type: "createResponse", params: { outOfBand: false } });
    cough(talk, 3_000);
    expect(requests(talk)).toHaveLength(1);
  });

  it("is given after a sentence for a crowd that came in between", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("What is it?");
    talk.onset(3_000);
    talk.pause(3_300);
    talk.alarm("turn:end");
    talk.step({ type: "soundOverdue" });
    const { responseId } = talk;
    const piece = { text: "One moment.", fromMs: 0, durationMs: 900, words: null };
    talk.step({ type: "pieceStarted", responseId, piece, aside: true });
    talk.step({ type: "asideSent", responseId });
    talk.transcribed("");
    talk.step({ type: "drained", responseId });
    expect(requests(talk)).toHaveLength(2);
    expect(requests(talk)[1]!.messages).toEqual([{ role: "user", text: "What is it?" }]);
  });

  it("is in the answer to what the caller said meanwhile, and not given twice", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("What is it?");
    talk.speak(3_000, 4_000);
    talk.step({ type: "soundOverdue" });
    talk.transcribed("And why?");
    talk.piece("It is late.");
    talk.endReply();
    expect(requests(talk)).toHaveLength(2);
    expect(talk.state.owedReply).toBeNull();
  });

  it("goes before an apology for an earlier turn that nobody understood", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    const first = talk.spokenId;
    talk.speak(3_000, 4_000);
    talk.transcribed("What is the weather in Paris?", talk.spokenId);
    talk.notTranscribed(first);
    expect(requests(talk)).toHaveLength(1);
    expect(requests(talk)[0]).toMatchObject({
      messages: [{ role: "user", text: "What is the weather in Paris?" }],
    });
    expect(requests(talk)[0]!.apology).toBeUndefined();
  });

  it("gives way to an apology for what was said after it", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("What is the weather?");
    talk.speak(3_000, 4_000);
    talk.notTranscribed(talk.spokenId);
    expect(requests(talk).at(-1)!.apology).toBe("provider_unavailable");
  });
});
