/** Every parameter of `server_vad`, obeyed to the sample. Times are on the clock of samples received. */
import { describe, expect, it } from "vitest";
import type { TurnDetection } from "../../gateway/session/domain.ts";
import { frontEndSettings } from "../../gateway/session/front-end-settings.ts";
import { Conversation } from "./conversation.ts";
import { withDetection } from "./session-fixtures.ts";

type ServerVad = Extract<TurnDetection, { type: "server_vad" }>;

const vendorDefaults: ServerVad = {
  type: "server_vad",
  thresholdRatio: 0.5,
  prefixPaddingMs: 300,
  silenceDurationMs: 500,
  idleTimeoutMs: null,
  createResponse: true,
  interruptResponse: true,
};

const detecting = (parameters: Partial<ServerVad>) => withDetection({ ...vendorDefaults, ...parameters });
const conversation = (parameters: Partial<ServerVad>) => new Conversation(detecting(parameters));

describe("server_vad", () => {
  it.each([0, 0.3, 0.5, 0.95, 1])("hands threshold %d to the voice detector", (thresholdRatio) => {
    const settings = frontEndSettings(detecting({ thresholdRatio }), {
      vadInput: "raw",
      sttInput: "raw",
      levels: false,
      echoGuard: false,
    });
    expect(settings.vad).toMatchObject({ thresholdRatio });
  });

  it("tells the voice detector of a threshold that changes in the session", () => {
    const talk = conversation({});
    const patch = { input: { turnDetection: { ...vendorDefaults, thresholdRatio: 0.8 } } };
    expect(talk.command({ type: "configure", patch }).effects).toContainEqual({ type: "configureAudio" });
  });

  it.each([0, 120, 300, 1_000])("puts %i ms of prefix_padding_ms before the onset", (prefixPaddingMs) => {
    const talk = conversation({ prefixPaddingMs });
    expect(talk.onset(2_000).outputs).toMatchObject([
      { type: "speechStarted", audioStartMs: 2_000 - prefixPaddingMs },
    ]);
    expect(talk.effectsOf("openUtterance")[0]?.fromSample).toBe((2_000 - prefixPaddingMs) * 16);
  });

  it.each([0, 200, 500, 3_000])(
    "ends a turn after %i ms of silence_duration_ms, not a sample off",
    (silenceMs) => {
      const talk = conversation({ silenceDurationMs: silenceMs });
      talk.onset(1_000);
      talk.pause(2_000);
      expect(talk.state.alarms["turn:end"]).toBe((2_000 + silenceMs) * 16);
      expect(talk.alarm("turn:end").outputs[0]).toMatchObject({ audioEndMs: 2_000 + silenceMs });
    },
  );

  it("ends it by the silence alone, whatever was said", () => {
    for (const words of ["What is it.", "I would like to", ""]) {
      const talk = conversation({});
      talk.turnEnds = { waitMs: () => 3_333 };
      talk.onset(1_000);
      talk.pause(2_000);
      expect(talk.words(words, 2_000).effects.filter(({ type }) => type !== "send")).toEqual([]);
      expect(talk.alarmMs("turn:end")).toBe(2_500);
    }
  });

  it("counts silence_duration_ms anew after each pause, with the setting of that moment", () => {
    const talk = conversation({});
    talk.onset(1_000);
    talk.pause(2_000);
    talk.resumed(2_499);
    const patch = { input: { turnDetection: { ...vendorDefaults, silenceDurationMs: 700 } } };
    talk.command({ type: "configure", patch });
    talk.pause(3_000);
    expect(talk.alarmMs("turn:end")).toBe(3_700);
  });

  it("waits idle_timeout_ms from the end of what is heard of the reply, and then says so and answers", () => {
    const talk = conversation({ idleTimeoutMs: 6_000 });
    talk.speak(1_000, 2_000);
    talk.transcribed("Hello.");
    talk.piece("Hi there.", { durationMs: 1_000, sentMs: 1_000, heardMs: 0 });
    talk.receivedMs = 3_000;
    talk.endReply();
    expect(talk.alarmMs("idle")).toBe(3_000 + 1_000 + 6_000);
    talk.hearAll();
    const step = talk.alarm("idle");
    expect(step.outputs[0]).toMatchObject({ type: "inputTimeout", audioStartMs: 4_000, audioEndMs: 10_000 });
    expect(step.said).toContain("responseCreated");
  });

  it("never times out where idle_timeout_ms is null, nor while somebody speaks", () => {
    const never = conversation({});
    never.begin();
    never.endReply();
    expect(never.alarmMs("idle")).toBeNull();
    const speaking = conversation({ idleTimeoutMs: 6_000 });
    speaking.begin();
    speaking.endReply();
    speaking.hearAll();
    speaking.onset(9_000);
    expect(speaking.alarmMs("idle")).toBeNull();
  });

  it("answers each turn where create_response is true, none where it is false", () => {
    const answers = [true, false].map((createResponse) => {
      const talk = conversation({ createResponse });
      talk.speak(1_000, 2_000);
      talk.transcribed("Hello.");
      return talk.of("responseCreated").length;
    });
    expect(answers).toEqual([1, 0]);
  });

  it("announces speech at once and lets the reply go on where interrupt_response is false", () => {
    const talk = conversation({ interruptResponse: false });
    talk.begin();
    const step = talk.onset(5_000);
    expect(step.said).toEqual(["speechStarted"]);
    expect(step.effects.map(({ type }) => type)).not.toContain("cancelReply");
    expect(talk.state.responses).toHaveLength(1);
    expect(Object.keys(talk.state.alarms)).toEqual(["turn:max"]);
  });
});
