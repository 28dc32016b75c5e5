import * as tls from "node:tls";
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import type { RealtimeServerEvent } from "openai/resources/realtime/realtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesOf, samplesOf } from "../../loadtest/callers/samples.ts";
import { type Certificate, makeCertificate } from "../support/certificate.ts";
import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import { sayRecording } from "../support/speech.ts";
import { normaliseWords } from "../support/word-errors.ts";
import { expectSays, speakLive } from "./ear.ts";

const apiKey = "test-key-0123456789abcdef";
const turnWaitMs = 30_000;
let certificate: Certificate;
let gateway: RunningGateway;

beforeAll(async () => {
  certificate = await makeCertificate();
  gateway = await startGateway({ tls: certificate, env: { PARLEY_API_KEYS: `alice:${apiKey}` } });
});

afterAll(async () => {
  await gateway?.stop();
  await certificate?.remove();
});

type Of<Type extends RealtimeServerEvent["type"]> = Extract<RealtimeServerEvent, { type: Type }>;

/** The stock client with what it said and heard. */
class Call {
  readonly client: OpenAIRealtimeWS | OpenAIRealtimeWebSocket;
  readonly events: RealtimeServerEvent[] = [];
  readonly errors: unknown[] = [];
  #playedUntilMs = 0;
  #looks = new Set<() => void>();

  constructor(client: OpenAIRealtimeWS | OpenAIRealtimeWebSocket) {
    this.client = client;
    client.on("event", (event) => {
      this.events.push(event);
      if (event.type === "response.output_audio.delta") {
        const durationMs = Buffer.byteLength(event.delta, "base64") / 48;
        this.#playedUntilMs = Math.max(this.#playedUntilMs, performance.now()) + durationMs;
      }
      for (const look of this.#looks) look();
    });
    client.on("error", (error) => this.errors.push(error));
  }

  all<Type extends RealtimeServerEvent["type"]>(type: Type): Of<Type>[] {
    return this.events.filter((event): event is Of<Type> => event.type === type);
  }

  /** The `count`-th event of a type since the call began. */
  until<Type extends RealtimeServerEvent["type"]>(type: Type, count: number): Promise<Of<Type>> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.all(type)[count - 1];
        if (!found) return;
        clearTimeout(timer);
        this.#looks.delete(look);
        resolve(found);
      };
      const seen = () =>
        this.events.map((event) => event.type).filter((one, index, all) => one !== all[index - 1]);
      const timer = setTimeout(
        () =>
          reject(
            new Error(
              `no ${type} number ${count}; seen: ${seen().join(", ")}; errors: ${this.errors.join(", ")}`,
            ),
          ),
        turnWaitMs,
      );
      this.#looks.add(look);
      look();
    });
  }

  speak(pcm: Int16Array, until: () => boolean): Promise<void> {
    const send = (frame: Int16Array) =>
      this.client.send({ type: "input_audio_buffer.append", audio: bytesOf(frame).toString("base64") });
    return speakLive(send, pcm, until);
  }

  /** Whether `count` responses are done and their sound was played to its end, as a speaker would play it. */
  playedOut(count: number): boolean {
    return this.all("response.done").length >= count && performance.now() >= this.#playedUntilMs;
  }

  heard(responseId: string): Int16Array {
    const deltas = this.all("response.output_audio.delta").filter(
      (event) => event.response_id === responseId,
    );
    return samplesOf(Buffer.concat(deltas.map((event) => Buffer.from(event.delta, "base64"))));
  }

  said(responseId: string): string {
    return (
      this.all("response.output_audio_transcript.done").find((event) => event.response_id === responseId)
        ?.transcript ?? ""
    );
  }
}

function connect(): Call {
  const openai = new OpenAI({ apiKey, baseURL: `https://localhost:${gateway.port}/v1` });
  return new Call(new OpenAIRealtimeWS({ model: "parley", options: { ca: certificate.cert } }, openai));
}

async function handsFree(call: Call): Promise<void> {
  await call.until("session.created", 1);
  call.client.send({
    type: "session.update",
    session: {
      type: "realtime",
      audio: {
        input: {
          transcription: { model: "whisper-1" },
          turn_detection: { type: "server_vad", silence_duration_ms: 500, interrupt_response: true },
        },
      },
    },
  });
  await call.until("session.updated", 1);
}

describe("the stock openai client over TLS", () => {
  test("has a spoken conversation of three turns, and what it hears is what was answered", {
    timeout: 120_000,
  }, async () => {
    const call = connect();
    await handsFree(call);
    const questions = [
      "What is a barge in?",
      "How does the gateway know that I have finished speaking?",
      "What does the spectral gate do?",
    ];
    for (const [index, question] of questions.entries()) {
      await call.speak(await sayRecording(question), () => call.playedOut(index + 1));
      const heardQuestion = call.all("conversation.item.input_audio_transcription.completed")[index]!
        .transcript;
      expect(normaliseWords(heardQuestion).length).toBeGreaterThan(3);
      const { response } = await call.until("response.done", index + 1);
      expect(response.status).toBe("completed");
      expectSays(call.heard(response.id!), call.said(response.id!));
    }
    const answers = call.all("response.done").map(({ response }) => call.said(response.id!));
    expect(new Set(answers).size).toBe(questions.length);
    expect(call.errors).toEqual([]);
    call.client.close();
  });

  test("interrupts a reply by speaking, and is answered anew", { timeout: 90_000 }, async () => {
    const call = connect();
    await handsFree(call);
    await call.speak(
      await sayRecording("Tell me everything about how the gateway replaces a dead vendor."),
      () => call.all("response.output_audio.delta").length > 0,
    );
    await call.speak(
      await sayRecording("Wait, stop. What is the spectral gate?"),
      () => call.all("response.done").length > 1,
    );
    const [first, second] = call.all("response.done").map(({ response }) => response);
    expect(first).toMatchObject({ status: "cancelled", status_details: { reason: "turn_detected" } });
    expect(second!.status).toBe("completed");
    const cutOff = first!.output![0]!;
    const kept =
      cutOff.type === "message" && cutOff.role === "assistant" ? cutOff.content[0]?.transcript : null;
    const sent = call
      .all("response.output_audio_transcript.delta")
      .filter((event) => event.response_id === first!.id)
      .map((event) => event.delta)
      .join("");
    expect(kept).toEqual(expect.any(String));
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.startsWith(kept!.trim()), `kept "${kept}" of "${sent}"`).toBe(true);
    expectSays(call.heard(second!.id!), call.said(second!.id!));
    expect(call.errors).toEqual([]);
    call.client.close();
  });

  test("in its browser form is let in by subprotocols with a client secret", {
    timeout: 60_000,
  }, async () => {
    const before = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...before, certificate.cert]);
    try {
      const openai = new OpenAI({ apiKey, baseURL: `https://localhost:${gateway.port}/v1` });
      const secret = await openai.realtime.clientSecrets.create({
        session: { type: "realtime", output_modalities: ["text"] },
      });
      const guest = new OpenAI({
        apiKey: secret.value,
        baseURL: `https://localhost:${gateway.port}/v1`,
        dangerouslyAllowBrowser: true,
      });
      const call = new Call(
        new OpenAIRealtimeWebSocket({ model: "parley", dangerouslyAllowBrowser: true }, guest),
      );
      const created = await call.until("session.created", 1);
      expect(created.session).toMatchObject({ output_modalities: ["text"] });
      const content = [{ type: "input_text" as const, text: "What is endpointing?" }];
      call.client.send({
        type: "conversation.item.create",
        item: { type: "message", role: "user", content },
      });
      call.client.send({ type: "response.create" });
      const { response } = await call.until("response.done", 1);
      expect(response.status).toBe("completed");
      expect(call.all("response.output_text.done")[0]!.text.length).toBeGreaterThan(10);
      expect(call.errors).toEqual([]);
      call.client.close();
    } finally {
      tls.setDefaultCACertificates(before);
    }
  });

  test("calls a function with what the AI asked, and hears the answer made of its output", async () => {
    const rules = [
      { match: "weather", toolCall: { name: "get_weather", arguments: '{"city":"Berlin"}' } },
      { match: "sunny", reply: "It is sunny in Berlin." },
    ];
    const env = { ...scriptedEngines, PARLEY_API_KEYS: `alice:${apiKey}` };
    const scripted = await startGateway({ tls: certificate, env, script: { rules } });
    try {
      const openai = new OpenAI({ apiKey, baseURL: `https://localhost:${scripted.port}/v1` });
      const options = { ca: certificate.cert };
      const call = new Call(new OpenAIRealtimeWS({ model: "parley", options }, openai));
      await call.until("session.created", 1);
      call.client.send({
        type: "session.update",
        session: {
          type: "realtime",
          tools: [{ type: "function", name: "get_weather", parameters: { type: "object" } }],
        },
      });
      call.client.send({
        type: "conversation.item.create",
        item: {
          type: "message",
          role: "user",
          content: [{ type: "input_text", text: "How is the weather?" }],
        },
      });
      call.client.send({ type: "response.create" });
      const asked = await call.until("response.function_call_arguments.done", 1);
      expect(asked).toMatchObject({ name: "get_weather", arguments: '{"city":"Berlin"}' });
      await call.until("response.done", 1);
      call.client.send({
        type: "conversation.item.create",
        item: { type: "function_call_output", call_id: asked.call_id, output: "sunny" },
      });
      call.client.send({ type: "response.create" });
      const answer = await call.until("response.done", 2);
      expect(call.said(answer.response.id ?? "")).toBe("It is sunny in Berlin.");
      expect(call.all("response.output_audio.delta").length).toBeGreaterThan(0);
      expect(call.errors).toEqual([]);
      call.client.close();
    } finally {
      await scripted.stop();
    }
  });

  test("is told of a wrong key as an error, not left waiting", async () => {
    const openai = new OpenAI({
      apiKey: "wrong-key-000000000000",
      baseURL: `https://localhost:${gateway.port}/v1`,
    });
    const client = new OpenAIRealtimeWS({ model: "parley", options: { ca: certificate.cert } }, openai);
    const error = await new Promise<Error>((resolve) => client.on("error", resolve));
    expect(error.message).toContain("401");
  });
});
