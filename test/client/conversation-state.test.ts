import { describe, expect, it } from "vitest";
import { applyEvent, initialFacts, type StateEvent, stateOf } from "../../client/conversation-state.ts";

/** The states that a run of events goes through. */
function statesOf(...events: (string | StateEvent)[]): string[] {
  let facts = applyEvent(initialFacts, { type: "session.created" });
  return events.map((event) => {
    facts = applyEvent(facts, typeof event === "string" ? { type: event } : event);
    return stateOf(facts);
  });
}

const words = (transcript: string) => ({
  type: "conversation.item.input_audio_transcription.completed",
  transcript,
});

describe("the conversation's state", () => {
  it("follows a spoken turn", () => {
    expect(
      statesOf(
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        words("hello"),
        "response.created",
        "response.output_audio.delta",
        "response.done",
      ),
    ).toEqual(["hearing", "thinking", "thinking", "thinking", "thinking", "speaking", "listening"]);
  });

  it("listens again when nothing was said after all", () => {
    expect(
      statesOf("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", words("")),
    ).toEqual(["hearing", "thinking", "listening"]);
    expect(
      statesOf("input_audio_buffer.speech_stopped", "conversation.item.input_audio_transcription.failed").at(
        -1,
      ),
    ).toBe("listening");
  });

  it("speaks as long as something is played, also after the response's end", () => {
    const facts = { ...initialFacts, link: "open" as const, playing: true };
    expect(stateOf(applyEvent(facts, { type: "response.done" }))).toBe("speaking");
    expect(stateOf({ ...facts, playing: false })).toBe("listening");
  });

  it("hears the user over its own voice", () => {
    const facts = { ...initialFacts, link: "open" as const, playing: true };
    expect(stateOf(applyEvent(facts, { type: "input_audio_buffer.speech_started" }))).toBe("hearing");
  });

  it("says nothing of a conversation while there is no connection", () => {
    expect(stateOf({ ...initialFacts, playing: true })).toBe("closed");
    expect(stateOf({ ...initialFacts, link: "connecting", responding: true })).toBe("connecting");
  });
});
