import { describe, expect, it } from "vitest";
import type { ResponseParams, SessionPatch, Tool } from "../../gateway/session/domain.ts";
import { effectsToResume } from "../../gateway/session/reducer.ts";
import { samplesPerMs } from "../../gateway/session/state.ts";
import { asked, Conversation, tail, textOf } from "./conversation.ts";
import { sessionConfig, withDetection } from "./session-fixtures.ts";

const head = ["outputItemAdded", "itemAdded", "partAdded", "transcriptDelta"];
const ask = { type: "createResponse", params: { outOfBand: false } } as const;

describe("a response", () => {
  it("says its events in the vendor's order and ends after its last audio", () => {
    const talk = asked();
    expect(talk.piece("Hello. ").said).toEqual(head);
    expect(talk.piece("How are you?", { fromMs: 1_000 }).said).toEqual(["transcriptDelta"]);
    const { responseId } = talk;
    const ended = { outcome: "completed", reason: null, error: null, usage: {}, attempts: [] } as const;
    expect(talk.step({ type: "replyEnded", responseId, ...ended, attempts: [] }).said).toEqual([]);
    expect(talk.step({ type: "drained", responseId }).said).toEqual(tail);
    expect(textOf(talk.of("responseDone")[0]?.response.output[0])).toBe("Hello. How are you?");
  });

  it.each([
    ["de", { language: "de" }],
    ["", {}],
    [undefined, {}],
  ])("is asked for in the session's language (%j)", (language, asked) => {
    const config = sessionConfig({});
    const transcription = language === undefined ? null : { language };
    const talk = new Conversation({ ...config, input: { ...config.input, transcription } });
    talk.command(ask);
    const { request } = talk.effectsOf("startReply")[0]!;
    expect("language" in request ? { language: request.language } : {}).toEqual(asked);
  });

  it("in text says text events", () => {
    const talk = asked({ outputModality: "text" });
    const { responseId } = talk;
    const step = talk.step({ type: "replyText", responseId, delta: "Hi." });
    expect(step.said).toEqual(["outputItemAdded", "itemAdded", "partAdded", "textDelta"]);
    expect(talk.endReply().said).toEqual([
      "textDone",
      "partDone",
      "itemDone",
      "outputItemDone",
      "responseDone",
    ]);
  });

  it.each([
    ["incomplete", { status: "incomplete", reason: "max_output_tokens" }],
    ["failed", { status: "failed", error: { code: "provider_unavailable", message: "gone" } }],
  ] as const)("that ends %s says so, its item is incomplete", (outcome, view) => {
    const talk = asked();
    talk.piece("Half a");
    talk.endReply(outcome);
    expect(talk.of("responseDone")[0]?.response).toMatchObject(view);
    expect(talk.of("outputItemDone")[0]?.item).toMatchObject({ status: "incomplete" });
    // Nobody interrupted it, and the AI is not told so.
    talk.command(ask);
    expect(talk.effectsOf("startReply").at(-1)?.request.messages).toEqual([
      { role: "assistant", text: "Half a" },
    ]);
  });

  it.each([false, true])(
    "remembers and says in the end only what its voice had said when it broke off (out of band: %s)",
    (outOfBand) => {
      const talk = asked({ outOfBand });
      talk.piece("Hello. ");
      talk.piece("How are you today? ", { fromMs: 1_000 });
      const { responseId } = talk;
      const known = { fromMs: 1_000, durationMs: 400, words: null, text: "How are " };
      talk.step({ type: "pieceKnown", responseId, ...known });
      talk.piece("I'm sorry.", { fromMs: 1_400 });
      const itemId = talk.state.responses[0]?.message?.itemId ?? "";
      talk.endReply("failed");
      const said = "Hello. How are I'm sorry.";
      expect(textOf(talk.of("responseDone")[0]?.response.output[0])).toBe(said);
      expect(talk.of("transcriptDone")[0]).toMatchObject({ transcript: said });
      const stored = talk.state.items.find(({ item }) => item.id === itemId);
      if (!outOfBand) expect(textOf(stored?.item)).toBe(said);
    },
  );

  it("takes no second one beside it, and says which one it is", () => {
    const talk = asked();
    const { responseId } = talk;
    const [error] = talk.command(ask, "mine").outputs;
    expect(error).toMatchObject({ code: "conversation_already_has_active_response", clientEventId: "mine" });
    expect(error).toMatchObject({ message: expect.stringContaining(responseId) });
  });

  it("is refused beyond the limits of its number and its rate", () => {
    const talk = new Conversation(sessionConfig({}), { responsesPerMinute: 6, maxResponses: 4 });
    const aside = { type: "createResponse", params: { outOfBand: true } } as const;
    for (let n = 0; n < 4; n++) talk.command(aside);
    expect(talk.command(aside).outputs).toMatchObject([{ code: "too_many_responses" }]);
    for (let n = 0; n < 2; n++) {
      talk.endReply();
      talk.command(aside);
    }
    talk.endReply();
    expect(talk.command(aside).outputs).toMatchObject([{ code: "rate_limit_exceeded" }]);
    talk.atMs += 10_000;
    expect(talk.command(aside).said).toEqual(["responseCreated"]);
  });

  it("out of band keeps its items to itself and its own context", () => {
    const talk = new Conversation();
    const input: ResponseParams["input"] = [
      { type: "message", role: "user", parts: [{ type: "input_text", text: "Sum it up." }] },
    ];
    talk.command({ type: "createResponse", params: { outOfBand: true, outputModality: "text", input } });
    expect(talk.effectsOf("startReply")[0]?.request.messages).toEqual([{ role: "user", text: "Sum it up." }]);
    const { responseId } = talk;
    talk.step({ type: "replyText", responseId, delta: "Short." });
    expect(talk.command(ask).said).toEqual(["responseCreated"]);
    talk.toolCall();
    talk.endReply();
    expect(talk.of("itemAdded")).toEqual([]);
    expect(talk.of("itemDone")).toEqual([]);
    expect(talk.state.items).toEqual([]);
  });

  it("hears audio in its own context before it answers, whoever asks for it", () => {
    for (const outOfBand of [true, false]) {
      const talk = new Conversation();
      const input: ResponseParams["input"] = [
        { type: "message", role: "user", parts: [{ type: "input_audio", transcript: null, audio: "AAAA" }] },
      ];
      const { effects } = talk.command({ type: "createResponse", params: { outOfBand, input } });
      expect(effects.filter(({ type }) => type === "transcribeItem")).toHaveLength(1);
      expect(talk.effectsOf("startReply")).toEqual([]);
      talk.transcribed("Which day is it?");
      expect(talk.effectsOf("startReply")[0]?.request.messages).toEqual([
        { role: "user", text: "Which day is it?" },
      ]);
      expect(talk.state.items).toEqual([]);
      expect(talk.of("transcriptionCompleted")).toEqual([]);
    }
  });

  it("waits for the words of the item that it names, and for no others", () => {
    const talk = new Conversation(withDetection(null));
    talk.receivedMs = 1_500;
    talk.command({ type: "commitInput", atSample: 1_500 * samplesPerMs });
    const named = talk.spokenId;
    const reference = (id: string) => ({ outOfBand: true, input: [{ type: "reference" as const, id }] });
    talk.command({ type: "createResponse", params: reference(named) });
    const parts = [{ type: "input_text" as const, text: "Hello." }];
    talk.command({
      type: "createItem",
      item: { type: "message", role: "user", parts, id: "item_typed" },
      previousItemId: null,
    });
    talk.command({ type: "createResponse", params: reference("item_typed") });
    expect(talk.effectsOf("startReply").map(({ request }) => request.messages)).toEqual([
      [{ role: "user", text: "Hello." }],
    ]);
    talk.transcribed("Which day is it?", named);
    expect(talk.effectsOf("startReply").at(-1)?.request.messages).toEqual([
      { role: "user", text: "Which day is it?" },
    ]);
  });

  it("must choose among its tools", () => {
    const talk = new Conversation();
    const tools = [{ name: "get_weather" }];
    const choosing = (name: string) =>
      talk.command({ type: "createResponse", params: { outOfBand: true, tools, toolChoice: { name } } });
    expect(choosing("get_time").outputs).toMatchObject([
      { code: "invalid_value", param: "response.tool_choice" },
    ]);
    expect(choosing("get_weather").said).toEqual(["responseCreated"]);
  });

  it("chooses as its session does, whose choice must be among the session's tools", () => {
    const talk = new Conversation();
    const choice = { name: "get_weather" };
    const configure = (patch: SessionPatch) => talk.command({ type: "configure", patch }).outputs;
    expect(configure({ toolChoice: choice })).toMatchObject([
      { code: "invalid_value", param: "session.tool_choice" },
    ]);
    expect(talk.state.config.toolChoice).toBe("auto");
    configure({ tools: [choice], toolChoice: choice });
    const chosen = (tools?: Tool[]) => {
      const params = { outOfBand: true, ...(tools && { tools }) };
      talk.command({ type: "createResponse", params });
      return talk.effectsOf("startReply").at(-1)?.request.toolChoice;
    };
    expect(chosen()).toEqual(choice);
    expect(chosen([{ name: "get_time" }])).toBe("auto");
    expect(configure({ tools: [] })).toMatchObject([{ config: { toolChoice: "auto" } }]);
  });

  it("refers to items that exist, or is refused", () => {
    const talk = new Conversation();
    const params = { outOfBand: true, input: [{ type: "reference" as const, id: "item_gone" }] };
    expect(talk.command({ type: "createResponse", params }).outputs).toMatchObject([
      { code: "item_retrieve_invalid_item_id", param: "response.input" },
    ]);
  });

  it("is started again from a saved session with the words that were said", () => {
    const talk = asked();
    talk.piece("Hello. ");
    const saved = JSON.parse(JSON.stringify(talk.state)) as typeof talk.state;
    expect(effectsToResume(saved)).toContainEqual(
      expect.objectContaining({
        type: "startReply",
        request: expect.objectContaining({ spokenPrefix: "Hello. " }),
      }),
    );
  });
});

describe("a saved session in whose middle somebody spoke", () => {
  it("listens on, and still waits for the words that decide", () => {
    const talk = new Conversation();
    talk.begin();
    talk.onset(5_000);
    talk.pause(5_300);
    talk.alarm("turn:end");
    const types = effectsToResume(talk.state).map(({ type }) => type);
    expect(types.slice(0, 4)).toEqual(["configureAudio", "openUtterance", "markPause", "endUtterance"]);
  });
});

describe("a function call", () => {
  it("goes out at once, whole, beside the speech", () => {
    const talk = asked();
    talk.piece("Let me look.");
    expect(talk.toolCall().said).toEqual([
      "outputItemAdded",
      "itemAdded",
      "functionArgumentsDelta",
      "functionArgumentsDone",
      "itemDone",
      "outputItemDone",
    ]);
    talk.endReply();
    const output = talk.of("responseDone")[0]?.response.output;
    expect(output?.map(({ type }) => type)).toEqual(["message", "function_call"]);
    expect(talk.of("functionArgumentsDone")[0]).toMatchObject({
      outputIndex: 1,
      name: "look",
      callId: "call_1",
    });
  });

  it("keeps the turn's line of time: the client's work is the client's", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("How is the weather?");
    talk.toolCall();
    talk.endReply();
    talk.atMs += 700;
    const item = { type: "function_call_output", callId: "call_1", output: "sunny" } as const;
    talk.command({ type: "createItem", item, previousItemId: null });
    talk.command(ask);
    const request = talk.effectsOf("startReply").at(-1)?.request;
    expect(request?.ledger.kind).toBe("voice");
    expect(request?.ledger.entries.at(-1)).toMatchObject({ span: "tool", durationMs: 700 });
    expect(request?.messages.map(({ role }) => role)).toEqual(["user", "toolCall", "toolOutput"]);
    expect(talk.state.toolLedger).toBeNull();
  });

  it("that was interrupted leaves no line of time to a later turn", () => {
    const talk = new Conversation();
    talk.speak(1_000, 2_000);
    talk.transcribed("How is the weather?");
    talk.toolCall();
    talk.endReply();
    talk.onset(4_000);
    expect(talk.state.toolLedger).toBeNull();
  });
});

describe("cancelling", () => {
  it("ends the response, and its words end where the sending did", () => {
    const talk = asked();
    talk.piece("One two three four.", { durationMs: 4_000, sentMs: 2_000 });
    const step = talk.command({ type: "cancelResponse", responseId: null });
    expect(step.effects[0]).toMatchObject({ type: "cancelReply" });
    expect(step.effects.map(({ type }) => type)).not.toContain("flushPlayback");
    expect(step.said).toEqual(tail);
    expect(talk.of("responseDone")[0]?.response).toMatchObject({
      status: "cancelled",
      reason: "client_cancelled",
    });
    expect(textOf(talk.state.items[0]?.item)).toBe("One two");
  });

  it("keeps all words of a reply that was sent as a whole", () => {
    const talk = asked();
    talk.piece("One two. ", { durationMs: 1_000.0625 });
    talk.command({ type: "cancelResponse", responseId: null });
    expect(textOf(talk.state.items[0]?.item)).toBe("One two. ");
  });

  it("of nothing is refused in the words that clients know", () => {
    const talk = new Conversation();
    expect(talk.command({ type: "cancelResponse", responseId: null }).outputs).toMatchObject([
      { code: "response_cancel_not_active", message: expect.stringMatching(/^Cancellation failed/) },
    ]);
  });

  it("is for good: what still comes of the response is not heard of", () => {
    const talk = asked();
    talk.piece("One.");
    const { responseId } = talk;
    talk.command({ type: "cancelResponse", responseId });
    const late = [
      talk.step({ type: "replyText", responseId, delta: "x" }),
      talk.step({ type: "toolCall", responseId, callId: "c", name: "n", arguments: "{}" }),
      talk.step({ type: "drained", responseId }),
    ];
    expect(late.flatMap(({ effects }) => effects)).toEqual([]);
  });

  it("by clearing the output stops the sound, too", () => {
    const talk = asked();
    talk.piece("One two three four.", { durationMs: 4_000, sentMs: 2_000, heardMs: 1_100 });
    const step = talk.command({ type: "clearOutput" });
    expect(step.effects.map(({ type }) => type)).toContain("flushPlayback");
    expect(step.said).toEqual(["outputCleared", ...tail]);
    expect(textOf(talk.state.items[0]?.item)).toBe("One");
  });
});

describe("a reply that waits behind another's sound", () => {
  it("counts as unheard when the caller interrupts", () => {
    const talk = new Conversation();
    talk.begin("First reply.");
    talk.endReply();
    const playing = talk.playback!;
    talk.command(ask);
    talk.piece("Second reply.");
    const queued = { ...talk.playback!, heardMs: 0 };
    talk.playback = { ...playing, heardMs: 4_000, sentMs: 4_000, others: [queued] };
    talk.onset(9_000);
    talk.words("no stop");
    expect(talk.state.items.map(({ item }) => textOf(item))).toEqual(["What is it?", "First reply.", ""]);
    talk.pause(9_500);
    talk.alarm("turn:end");
    talk.transcribed("No, stop.");
    expect(
      talk
        .effectsOf("startReply")
        .at(-1)
        ?.request.messages.map((message) => "text" in message && message.text),
    ).toEqual(["What is it?", "First reply.", "No, stop."]);
  });
});
