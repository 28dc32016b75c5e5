import {
  OpenAIRealtimeWebSocket,
  RealtimeAgent,
  type RealtimeItem,
  RealtimeSession,
  tool,
} from "@openai/agents-realtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { bytesOf, joinSamples, samplesOf } from "../../loadtest/callers/samples.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { sayRecording } from "../support/speech.ts";
import { expectSays, speakLive } from "./ear.ts";
import { longReply, useScriptedGateway } from "./scripted-gateway.ts";

const waitMs = 30_000;

/** The stock session of the SDK with what happened in it. */
class Call {
  readonly session: RealtimeSession;
  readonly errors: unknown[] = [];
  readonly heard: Int16Array[] = [];
  readonly types: string[] = [];
  interruptions = 0;
  #looks = new Set<() => void>();

  private constructor(session: RealtimeSession) {
    this.session = session;
    session.on("error", (error) => this.errors.push(error));
    session.on("audio", (event) => this.heard.push(samplesOf(new Uint8Array(event.data))));
    session.on("audio_interrupted", () => {
      this.interruptions++;
    });
    session.transport.on("*", (event: { type: string }) => {
      this.types.push(event.type);
      // The SDK works on the event after its observers: look when that is done.
      queueMicrotask(() => {
        for (const look of this.#looks) look();
      });
    });
    session.on("history_updated", () => {
      for (const look of this.#looks) look();
    });
  }

  static async connect(gateway: RunningGateway, agent: RealtimeAgent): Promise<Call> {
    const transport = new OpenAIRealtimeWebSocket({ url: `${gateway.wsUrl}?model=parley` });
    const call = new Call(new RealtimeSession(agent, { transport, model: "parley", tracingDisabled: true }));
    await call.session.connect({ apiKey: "none-needed" });
    return call;
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#looks.delete(look);
        resolve();
      };
      const seen = () => this.types.filter((type, index, all) => type !== all[index - 1]).join(", ");
      const timer = setTimeout(
        () =>
          reject(new Error(`${what} never came; seen: ${seen()}; errors: ${JSON.stringify(this.errors)}`)),
        waitMs,
      );
      this.#looks.add(look);
      look();
    });
  }

  count(type: string): number {
    return this.types.filter((one) => one === type).length;
  }

  speak(pcm: Int16Array, until: () => boolean): Promise<void> {
    return speakLive((frame) => this.session.sendAudio(new Uint8Array(bytesOf(frame)).buffer), pcm, until);
  }
}

type Message = Extract<RealtimeItem, { type: "message" }>;

function messages(call: Call, role: Message["role"]): Message[] {
  return call.session.history.filter(
    (item): item is Message => item.type === "message" && item.role === role,
  );
}

function wordsOf(item: Message | undefined): string {
  const part = item?.content[0];
  if (part === undefined) return "";
  return ("transcript" in part ? part.transcript : "text" in part ? part.text : "") ?? "";
}

describe("a stock RealtimeSession with the embedded engines", () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(async () => {
    await gateway?.stop();
  });

  test("has a spoken conversation, and its history holds both sides' words", {
    timeout: 120_000,
  }, async () => {
    const call = await Call.connect(
      gateway,
      new RealtimeAgent({ name: "Parley", instructions: "Answer briefly." }),
    );
    const questions = [
      "What is a barge in?",
      "Where are the models kept?",
      "What does the spectral gate do?",
    ];
    for (const [index, question] of questions.entries()) {
      call.heard.length = 0;
      await call.speak(await sayRecording(question), () => call.count("response.done") > index);
      await call.until(
        () => wordsOf(messages(call, "assistant")[index]) !== "",
        `answer ${index + 1} in the history`,
      );
      expectSays(joinSamples(call.heard), wordsOf(messages(call, "assistant")[index]));
    }
    await call.until(
      () => messages(call, "user").filter((item) => wordsOf(item) !== "").length === questions.length,
      "the user's words",
    );
    expect(call.session.history.map((item) => (item.type === "message" ? item.role : item.type))).toEqual([
      ...["user", "assistant", "user", "assistant", "user", "assistant"],
    ]);
    expect(call.errors).toEqual([]);
    call.session.close();
  });
});

describe("a stock RealtimeSession with scripted engines", () => {
  const gateway = useScriptedGateway();

  test("calls its tool and speaks the answer", async () => {
    const asked: unknown[] = [];
    const weather = tool({
      name: "get_weather",
      description: "The weather in a city.",
      parameters: z.object({ city: z.string() }),
      execute: (input) => {
        asked.push(input);
        return "sunny";
      },
    });
    const call = await Call.connect(
      gateway(),
      new RealtimeAgent({ name: "Parley", instructions: "Answer briefly.", tools: [weather] }),
    );
    call.session.sendMessage("How is the weather?");
    await call.until(
      () => messages(call, "assistant").some((item) => wordsOf(item).includes("sunny")),
      "the answer",
    );
    expect(asked).toEqual([{ city: "Berlin" }]);
    expect(call.session.history.find((item) => item.type === "function_call")).toMatchObject({
      name: "get_weather",
      output: "sunny",
    });
    await call.until(() => call.heard.length > 0, "the answer's sound");
    expect(call.errors).toEqual([]);
    call.session.close();
  });

  test("is interrupted by speech: it truncates what it plays, and its history keeps only what was heard", {
    timeout: 60_000,
  }, async () => {
    const call = await Call.connect(
      gateway(),
      new RealtimeAgent({ name: "Parley", instructions: "Answer briefly." }),
    );
    call.session.sendMessage("Please count.");
    await call.until(() => call.heard.length > 0, "reply audio");
    const interruption = await sayRecording("Stop now please, I have heard enough of this.", {
      beforeMs: 1500,
    });
    await call.speak(interruption, () => call.count("response.done") >= 2);
    expect(call.errors).toEqual([]);
    expect(call.interruptions).toBeGreaterThanOrEqual(1);
    expect(call.count("conversation.item.truncated")).toBe(1);
    // The SDK asks for the item anew and takes over what it is told.
    await call.until(
      () =>
        messages(call, "assistant").some(
          (item) => "status" in item && item.status === "incomplete" && wordsOf(item) !== "",
        ),
      "the cut item",
    );
    const cut = wordsOf(messages(call, "assistant")[0]);
    expect(longReply.startsWith(cut.trim())).toBe(true);
    expect(cut.length).toBeLessThan(longReply.length / 2);
    expect(call.errors).toEqual([]);
    call.session.close();
  });

  test("is interrupted by its application: the response is cancelled and the session lives on", async () => {
    const call = await Call.connect(
      gateway(),
      new RealtimeAgent({ name: "Parley", instructions: "Answer briefly." }),
    );
    call.session.sendMessage("Please count.");
    await call.until(() => call.heard.length > 0, "reply audio");
    call.session.interrupt();
    await call.until(
      () => call.count("response.done") === 1 && call.count("conversation.item.truncated") === 1,
      "the end of the reply",
    );
    call.session.sendMessage("Be short.");
    await call.until(
      () => messages(call, "assistant").some((item) => wordsOf(item) === "Yes."),
      "another answer",
    );
    expect(call.errors).toEqual([]);
    call.session.close();
  });

  test("rewrites its history, and the gateway follows", async () => {
    const call = await Call.connect(
      gateway(),
      new RealtimeAgent({ name: "Parley", instructions: "Answer briefly." }),
    );
    call.session.sendMessage("Be short.");
    await call.until(() => messages(call, "assistant").some((item) => wordsOf(item) === "Yes."), "an answer");
    await call.until(() => call.count("response.done") === 1, "the response's end");
    const kept = call.session.history.slice(0, 1);
    call.session.updateHistory(kept);
    await call.until(() => call.count("conversation.item.deleted") === 1, "the deletion");
    expect(call.session.history.map((item) => item.itemId)).toEqual(kept.map((item) => item.itemId));
    expect(call.errors).toEqual([]);
    call.session.close();
  });
});
