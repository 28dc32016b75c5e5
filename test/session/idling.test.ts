import { describe, expect, it } from "vitest";
import type { SessionConfig } from "../../gateway/session/domain.ts";
import { Conversation } from "./conversation.ts";
import { sessionConfig, withDetection } from "./session-fixtures.ts";

function withIdle(idleTimeoutMs: number | null): SessionConfig {
  const { turnDetection } = sessionConfig({}).input;
  if (turnDetection?.type !== "server_vad") throw new Error("the fixture has server VAD");
  return withDetection({ ...turnDetection, idleTimeoutMs });
}

describe("the idle timeout", () => {
  const answered = (): Conversation => {
    const talk = new Conversation(withIdle(6_000));
    talk.begin();
    talk.endReply();
    return talk;
  };

  it("runs from the end of the reply's playing and asks for another word", () => {
    const talk = answered();
    expect(talk.alarmMs("idle")).toBe(2_500 + 1_500 + 6_000);
    const step = talk.alarm("idle");
    expect(step.said).toEqual(["inputTimeout", "inputCommitted", "itemAdded", "itemDone", "responseCreated"]);
    expect(step.outputs[0]).toMatchObject({ audioStartMs: 4_000, audioEndMs: 10_000 });
    expect(talk.alarmMs("idle")).toBeNull();
  });

  it("begins again when its length is changed", () => {
    const talk = answered();
    const { turnDetection } = withIdle(30_000).input;
    talk.command({ type: "configure", patch: { input: { turnDetection } } });
    expect(talk.alarmMs("idle")).toBe(2_500 + 1_500 + 30_000);
    expect(talk.alarm("idle").outputs[0]).toMatchObject({ audioStartMs: 4_000, audioEndMs: 34_000 });
  });

  it("stops while somebody speaks, and runs again after a nod and after a noise", () => {
    const talk = answered();
    talk.onset(3_000);
    expect(talk.alarmMs("idle")).toBeNull();
    talk.pause(3_200);
    talk.alarm("turn:end");
    talk.transcribed("mhm");
    expect(talk.alarmMs("idle")).not.toBeNull();
    talk.hearAll();
    talk.speak(5_000, 5_200);
    expect(talk.alarmMs("idle")).toBeNull();
    talk.transcribed("");
    expect(talk.alarmMs("idle")).toBe(5_700 + 6_000);
  });

  it("is over when the client switches it off", () => {
    const talk = answered();
    talk.command({
      type: "configure",
      patch: { input: { turnDetection: withIdle(null).input.turnDetection } },
    });
    expect(talk.alarmMs("idle")).toBeNull();
  });

  it("does not run before the first reply", () => {
    const talk = new Conversation(withIdle(6_000));
    talk.step({ type: "opened" });
    expect(talk.alarmMs("idle")).toBeNull();
  });
});
