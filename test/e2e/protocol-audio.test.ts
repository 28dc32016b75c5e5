import { afterEach, describe, expect, test } from "vitest";
import { samplesOf, voicedRange } from "../../loadtest/callers/samples.ts";
import { decodeFrame } from "../../wire/binary-frames.ts";
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from "../../wire/g711.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { sayRecording, sayUtterance, silence } from "../support/speech.ts";
import { Clients, manualSession, useScriptedGateway, voiceSession } from "./scripted-gateway.ts";

const gateway = useScriptedGateway();
const clients = new Clients();
afterEach(() => clients.closeAll());

/** What the scripted voice speaks for "Yes.": one tone of 300 ms. */
const oneWordMs = 300;
const detectorToleranceMs = 130;
const question = "What can you tell me?";
const interruption = "Stop now please, I have heard enough of this.";

function voiceWith(format: object, rest: object = {}) {
  return {
    output_modalities: ["audio"],
    audio: { input: { ...voiceSession.audio.input, format, ...rest }, output: { format } },
  };
}

describe("speech detection", () => {
  test("tells the utterance's start less the padding, and its end with the silence waited for, in the client's time", async () => {
    const { pcm } = await sayUtterance(question);
    const voicedMs = pcm.length / 16;
    const client = await clients.session(
      gateway(),
      voiceWith(
        { type: "audio/pcm", rate: 24000 },
        {
          turn_detection: { type: "server_vad", prefix_padding_ms: 250, silence_duration_ms: 600 },
        },
      ),
    );
    client.append(await sayRecording(question, { beforeMs: 1000, afterMs: 1200 }));
    const { audio_start_ms: startMs } = await client.next("input_audio_buffer.speech_started");
    const { audio_end_ms: endMs } = await client.next("input_audio_buffer.speech_stopped");
    expect(Math.abs(startMs - (1000 - 250))).toBeLessThan(detectorToleranceMs);
    expect(Math.abs(endMs - (1000 + voicedMs + 600))).toBeLessThan(detectorToleranceMs);
  });

  test("works off minutes of audio in one append, in order", async () => {
    const client = await clients.session(gateway(), {
      ...voiceSession,
      audio: {
        input: {
          ...voiceSession.audio.input,
          turn_detection: { type: "server_vad", create_response: false },
        },
      },
    });
    const spoken = await sayRecording(question, { beforeMs: 0, afterMs: 1000 });
    const long = new Int16Array(120 * 24000);
    for (const second of [5, 60, 110]) long.set(spoken, second * 24000);
    client.append(long);
    const starts: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      starts.push((await client.next("input_audio_buffer.speech_started", 25_000)).audio_start_ms);
      await client.next("input_audio_buffer.committed", 25_000);
    }
    for (const [index, second] of [5, 60, 110].entries()) {
      expect(Math.abs(starts[index]! - (second * 1000 - 300))).toBeLessThan(detectorToleranceMs);
    }
  });

  test("answers nothing by itself when create_response is false", async () => {
    const client = await clients.session(gateway(), {
      ...voiceSession,
      audio: {
        input: {
          ...voiceSession.audio.input,
          turn_detection: { type: "server_vad", create_response: false },
        },
      },
    });
    client.append(await sayRecording(question));
    await client.next("conversation.item.input_audio_transcription.completed");
    await client.probe();
    expect(client.all("response.created")).toEqual([]);
  });

  test("asks again after idle_timeout_ms of silence behind a reply", async () => {
    const client = await clients.session(gateway(), {
      ...voiceSession,
      audio: {
        input: { ...voiceSession.audio.input, turn_detection: { type: "server_vad", idle_timeout_ms: 5000 } },
      },
    });
    client.say("short");
    client.send({ type: "response.create" });
    await client.next("response.done");
    client.append(silence(9000, 24000));
    const triggered = await client.next("input_audio_buffer.timeout_triggered", 15_000);
    expect(triggered.audio_end_ms - triggered.audio_start_ms).toBeLessThanOrEqual(5000);
    await client.next("response.created");
  });
});

describe("barge-in", () => {
  test("cancels the reply and says so before the new turn", async () => {
    const client = await clients.session(gateway(), voiceSession);
    client.say("count");
    client.send({ type: "response.create" });
    await client.next("response.output_audio.delta");
    client.append(await sayRecording(interruption));
    const done = await client.next("response.done");
    expect(done.response).toMatchObject({ status: "cancelled", status_details: { reason: "turn_detected" } });
    await client.next("input_audio_buffer.committed");
    expect((await client.next("response.done")).response.status).toBe("completed");
  });

  test("is not made of a nod: no event, no item, and the reply ends as it should", async () => {
    const client = await clients.session(gateway(), { ...voiceSession, output_modalities: ["audio"] });
    client.say("Hello.");
    client.send({ type: "response.create" });
    await client.next("response.output_audio.delta");
    const from = client.events.length;
    client.append(blip(200));
    client.append(silence(1500, 24000));
    const done = await client.next("response.done");
    expect(done.response.status).toBe("completed");
    await client.probe();
    expect(client.typesSince(from).filter((type) => type.startsWith("input_audio_buffer."))).toEqual([]);
  });

  test("leaves the reply alone when interrupt_response is false", async () => {
    const client = await clients.session(gateway(), {
      ...voiceSession,
      audio: {
        input: {
          ...voiceSession.audio.input,
          turn_detection: { type: "server_vad", interrupt_response: false },
        },
      },
    });
    client.say("Hello.");
    client.send({ type: "response.create" });
    await client.next("response.output_audio.delta");
    client.append(await sayRecording(interruption));
    await client.next("input_audio_buffer.speech_started");
    expect((await client.next("response.done")).response.status).toBe("completed");
  });

  test("is preceded by a duck for who asked for it", async () => {
    const client = await clients.session(gateway(), voiceSession, { duck: "1" });
    client.say("count");
    client.send({ type: "response.create" });
    await client.next("response.output_audio.delta");
    client.append(await sayRecording(interruption));
    await client.next("parley.duck");
    await client.next("input_audio_buffer.speech_started");
  });

  test("keeps what a client that acknowledges playback really heard", async () => {
    const client = await clients.session(gateway(), voiceSession);
    client.say("count");
    client.send({ type: "response.create" });
    const { item_id: itemId } = await client.next("response.output_audio.delta");
    await client.until(() => client.audioOf(itemId).length / 48 > 1900, "1.9 s of audio");
    // Five words of 300 ms: "Sentence number 1 of many."
    client.send({ type: "parley.playback", item_id: itemId, played_ms: 1500 });
    client.append(await sayRecording(interruption));
    const done = await client.next("response.done");
    expect(done.response.output[0].content[0].transcript.trim()).toMatch(
      /^Sentence number 1 of many\.( Sentence)?$/,
    );
  });
});

/** A short voiced sound: the beginning of a word. */
function blip(durationMs: number): Int16Array {
  return Int16Array.from(
    { length: durationMs * 24 },
    (_, index) => Math.sin((2 * Math.PI * 180 * index) / 24000) * 9000,
  );
}

describe("a client's control of a reply", () => {
  test("cancels by response.cancel, with the words that were heard", async () => {
    const client = await clients.session(gateway(), manualSession);
    client.say("count");
    client.send({ type: "response.create" });
    await client.next("response.output_audio.delta");
    client.send({ type: "response.cancel" });
    const done = await client.next("response.done");
    expect(done.response).toMatchObject({
      status: "cancelled",
      status_details: { type: "cancelled", reason: "client_cancelled" },
    });
    await client.probe();
    const later = client.events.slice(client.events.indexOf(done) + 1).map(({ type }) => type);
    expect(later.filter((type) => type.startsWith("response."))).toEqual([]);
  });

  test("truncates to the words up to the position given, and the model is told no more", async () => {
    const client = await clients.session(gateway(), manualSession);
    client.say("Hello.");
    client.send({ type: "response.create" });
    const done = await client.next("response.done");
    const itemId = done.response.output[0].id;
    client.send({
      type: "conversation.item.truncate",
      item_id: itemId,
      content_index: 0,
      audio_end_ms: 3 * oneWordMs,
    });
    await client.next("conversation.item.truncated");
    client.send({ type: "conversation.item.retrieve", item_id: itemId });
    const { item } = await client.next("conversation.item.retrieved");
    expect(item.content[0].transcript.trim()).toBe("This is a");
  });

  test("ends as incomplete at max_output_tokens", async () => {
    const client = await clients.session(gateway(), { output_modalities: ["text"] });
    client.say("Hello.");
    client.send({ type: "response.create", response: { max_output_tokens: 3 } });
    const done = await client.next("response.done");
    expect(done.response).toMatchObject({
      status: "incomplete",
      status_details: { reason: "max_output_tokens" },
    });
    expect(done.response.output[0].content[0].text.trim()).toBe("This is a");
  });

  test("gets its audio paced, never more than 2 s ahead of its playing, and done after the last of it", async () => {
    const client = await clients.session(gateway(), manualSession);
    client.say("Hello.");
    const arrivals: { atMs: number; totalMs: number }[] = [];
    let bytes = 0;
    client.socket.on("message", (data: Buffer) => {
      const event = JSON.parse(data.toString());
      if (event.type !== "response.output_audio.delta") return;
      bytes += Buffer.from(event.delta, "base64").length;
      arrivals.push({ atMs: performance.now(), totalMs: bytes / 48 });
    });
    client.send({ type: "response.create" });
    await client.next("response.done");
    const startMs = arrivals[0]!.atMs;
    const aheadMs = Math.max(...arrivals.map(({ atMs, totalMs }) => totalMs - (atMs - startMs)));
    // One delta may reach over the limit by its own length.
    expect(aheadMs).toBeLessThan(2000 + 500);
    expect(client.events.findLastIndex(({ type }) => type === "response.output_audio.delta")).toBeLessThan(
      client.events.findIndex(({ type }) => type === "response.done"),
    );
  });
});

describe("audio formats", () => {
  test.each([
    ["audio/pcmu", encodeMulaw, decodeMulaw],
    ["audio/pcma", encodeAlaw, decodeAlaw],
  ] as const)("%s goes in and comes out", async (type, encode, decode) => {
    const client = await clients.session(gateway(), voiceWith({ type }));
    client.append(encode(await sayRecording(question, { rateHz: 8000 })));
    await client.next("input_audio_buffer.speech_started");
    const done = await client.next("response.done");
    const heard = decode(client.audioOf(done.response.output[0].id));
    const sound = voicedRange(heard, 8000);
    // Ten words of 300 ms: two sentences.
    expect(Math.abs(heard.length / 8 - 10 * oneWordMs)).toBeLessThan(150);
    expect(sound!.last - sound!.first).toBeGreaterThan(9 * oneWordMs * 8);
  });

  test("binary frames carry raw 16 kHz audio both ways, numbered and timed", async () => {
    const client = await clients.session(gateway(), voiceWith({ type: "audio/pcm", rate: 16000 }), {
      audio: "binary",
    });
    const pcm = await sayRecording(question, { rateHz: 16000 });
    for (let from = 0; from < pcm.length; from += 320) {
      client.sendRaw(new Uint8Array(pcm.slice(from, from + 320).buffer));
    }
    await client.next("response.done");
    const frames = client.frames.map(({ bytes }) => decodeFrame(bytes));
    expect(frames.every((frame) => frame.ok)).toBe(true);
    let expectedMs = 0;
    for (const [index, decoded] of frames.entries()) {
      if (!decoded.ok) continue;
      expect(decoded.frame.sequence).toBe(index);
      expect(Math.abs(decoded.frame.mediaTimeMs - expectedMs)).toBeLessThanOrEqual(1);
      expectedMs += decoded.frame.samples.length / 32;
    }
    expect(Math.abs(expectedMs - 10 * oneWordMs)).toBeLessThan(150);
    expect(client.all("response.output_audio.delta")).toEqual([]);
    const part = client.events.findIndex(({ type }) => type === "response.content_part.added");
    expect(client.frames[0]!.afterEvents).toBeGreaterThan(part);
  });

  test("a reply sounds the same at every rate: the tone of a word keeps its pitch", async () => {
    const crossings: number[] = [];
    for (const [format, decode, rateHz] of [
      [{ type: "audio/pcm", rate: 24000 }, samplesOf, 24000],
      [{ type: "audio/pcmu" }, decodeMulaw, 8000],
    ] as const) {
      const client = await clients.session(gateway(), voiceWith(format));
      client.say("short");
      client.send({ type: "response.create" });
      const done = await client.next("response.done");
      const pcm = resampleWhole(decode(client.audioOf(done.response.output[0].id)), rateHz, 8000);
      crossings.push(
        pcm.slice(400, 1600).filter((value, index, all) => index > 0 && value >= 0 !== all[index - 1]! >= 0)
          .length,
      );
    }
    expect(Math.abs(crossings[0]! - crossings[1]!)).toBeLessThanOrEqual(2);
    expect(crossings[0]).toBeGreaterThan(20);
  });

  test("an audio item made by the client is transcribed", async () => {
    const client = await clients.session(gateway(), manualSession);
    const audio = Buffer.from((await sayRecording(question)).buffer).toString("base64");
    client.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_audio", audio }] },
    });
    const completed = await client.next("conversation.item.input_audio_transcription.completed");
    expect(completed).toMatchObject({ transcript: question, content_index: 0 });
  });
});

describe("the debug ledger", () => {
  test("comes after each turn to who asked for it, and its spans add up to the whole", async () => {
    const client = await clients.session(gateway(), voiceSession, { debug: "1" });
    client.append(await sayRecording(question));
    const report = await client.next("parley.turn", 15_000);
    expect(report.kind).toBe("voice");
    expect(report.spans[0]).toMatchObject({ span: "endpoint", owner: "speaker" });
    const sum = report.spans.reduce(
      (total: number, { duration_ms }: { duration_ms: number }) => total + duration_ms,
      0,
    );
    expect(Math.abs(sum - report.totals.turn_ms)).toBeLessThan(0.1 * report.spans.length);
    const { infra_ms, vendor_ms, client_ms, speaker_ms, turn_ms } = report.totals;
    expect(Math.abs(infra_ms + vendor_ms + client_ms + speaker_ms - turn_ms)).toBeLessThan(0.5);
    expect(report.providers.map(({ stage }: { stage: string }) => stage)).toEqual(
      expect.arrayContaining(["stt", "ai", "tts"]),
    );
  });
});
