/** A phone whose microphone hears its loudspeaker: the reply comes back 20 dB down and 150 ms late. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { samplesOf } from "../../loadtest/callers/samples.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { SeededRandom } from "../support/random.ts";
import { RealtimeClient } from "../support/realtime-client.ts";
import { sayUtterance } from "../support/speech.ts";
import { type SteppedGateway, startSteppedGateway } from "../support/stepped-gateway.ts";
import { heardWords, voiceSession } from "./scripted-gateway.ts";

const rateHz = 24_000;
const samplesPerMs = rateHz / 1000;
const frameMs = 20;
const frameSamples = frameMs * samplesPerMs;
const echo = { delaySamples: 150 * samplesPerMs, gain: 10 ** (-20 / 20) };
/** Peak of the room's own noise: about -75 dBFS. */
const roomAmplitude = 10;
/** The caller is that much quieter than flite: nothing may clip. */
const callerGain = 0.5;
const longestCallMs = 40_000;
/** The gateway's ears may be that far behind what was sent, ms of audio. */
const hearingLagMs = 300;
/** In that time speech that was heard has ended its turn and has its words. */
const settleMs = 2000;
const paddingMs = 300;
const detectorToleranceMs = 130;

const reply = [
  "The quick brown fox jumps over the lazy dog.",
  "I would like a table for two at eight tonight.",
  "Your order left the house this morning and will be with you on Friday.",
].join(" ");

let gateway: SteppedGateway;
beforeAll(async () => {
  gateway = await startSteppedGateway({ transcripts: [heardWords], reply });
});
afterAll(() => gateway.stop());

/** Plays what comes, at once and without gaps, and sends what its microphone hears, frame by frame of the gateway's time. */
class HandsFree {
  readonly client: RealtimeClient;
  readonly #random = new SeededRandom(7);
  readonly #played = new Int16Array(longestCallMs * samplesPerMs);
  #playedUntil = 0;
  #said: { pcm: Int16Array; fromSample: number } | null = null;
  #sent = 0;
  #seen = 0;

  constructor(client: RealtimeClient) {
    this.client = client;
  }

  static async call(query: Record<string, string>): Promise<HandsFree> {
    const { input } = voiceSession.audio;
    const detection = { ...input.turn_detection, create_response: false };
    const session = { ...voiceSession, audio: { input: { ...input, turn_detection: detection } } };
    const client = await RealtimeClient.session(gateway.wsUrl, session, {
      query: { duck: "1", level: "1", ...query },
    });
    const phone = new HandsFree(client);
    phones.push(phone);
    await phone.pass(500);
    return phone;
  }

  get sentMs(): number {
    return this.#sent / samplesPerMs;
  }

  get isPlaying(): boolean {
    return this.#playedUntil > this.#sent;
  }

  /** Has the gateway speak, until the first of it is here. */
  async ask(): Promise<void> {
    this.client.say("Go on.");
    this.client.send({ type: "response.create" });
    await this.client.next("response.output_audio.delta");
  }

  /** The caller speaks from now on. */
  async speak(text: string): Promise<void> {
    const utterance = await sayUtterance(text, "rms");
    this.#said = { pcm: resampleWhole(utterance.pcm, utterance.rateHz, rateHz), fromSample: this.#sent };
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    for (const untilMs = this.sentMs + ms; this.sentMs < untilMs; ) {
      await gateway.clock.advance(frameMs);
      await this.client.probe();
      this.#play();
      this.client.append(this.#record());
      const heard = () => (this.client.all("parley.level").at(-1)?.sample ?? 0) / 16;
      await this.client.until(() => heard() > this.sentMs - hearingLagMs, "what the gateway hears");
    }
  }

  async passUntil(condition: () => boolean): Promise<void> {
    while (!condition()) {
      expect(this.sentMs).toBeLessThan(longestCallMs - settleMs);
      await this.pass(100);
    }
  }

  #play(): void {
    for (; this.#seen < this.client.events.length; this.#seen++) {
      const event = this.client.events[this.#seen]!;
      if (event.type === "input_audio_buffer.speech_started") {
        // As stock SDKs do: what was not played yet is thrown away.
        this.#played.fill(0, this.#sent);
        this.#playedUntil = this.#sent;
      }
      if (event.type !== "response.output_audio.delta") continue;
      const pcm = samplesOf(Buffer.from(event.delta, "base64"));
      const from = Math.max(this.#playedUntil, this.#sent);
      this.#played.set(pcm, from);
      this.#playedUntil = from + pcm.length;
    }
  }

  #record(): Int16Array {
    const from = this.#sent;
    this.#sent += frameSamples;
    const said = this.#said;
    return Int16Array.from({ length: frameSamples }, (_, index) => {
      const at = from + index;
      const room = (2 * this.#random.next() - 1) * roomAmplitude;
      const back = (this.#played[at - echo.delaySamples] ?? 0) * echo.gain;
      const voice = (said?.pcm[at - said.fromSample] ?? 0) * callerGain;
      return Math.round(room + back + voice);
    });
  }

  get transcripts(): string[] {
    return this.client
      .all("conversation.item.input_audio_transcription.completed")
      .map(({ transcript }) => transcript);
  }

  /** Types of what the gateway said of the caller's speech. */
  get ofSpeech(): string[] {
    return this.client
      .typesSince(0)
      .filter((type) => /^(input_audio_buffer|parley\.(un)?duck|.*input_audio_transcription)/.test(type));
  }
}

const phones: HandsFree[] = [];
afterEach(() => {
  for (const { client } of phones.splice(0)) client.close();
});

describe("the gateway's own voice, coming back", () => {
  test("interrupts it and is transcribed where the client said nothing of its echo", async () => {
    const phone = await HandsFree.call({});
    await phone.ask();
    await phone.passUntil(() => phone.client.all("input_audio_buffer.speech_started").length > 0);
    const { response } = await phone.client.next("response.done");
    expect(response).toMatchObject({ status: "cancelled", status_details: { reason: "turn_detected" } });
    await phone.passUntil(() => phone.transcripts.length > 0);
  });

  test("is nobody's speech with aec=none: it is said to its end, and nothing is transcribed", async () => {
    const phone = await HandsFree.call({ aec: "none" });
    await phone.ask();
    await phone.passUntil(() => phone.client.all("response.done").length > 0 && !phone.isPlaying);
    await phone.pass(settleMs);
    const { response } = await phone.client.next("response.done");
    expect(response.status).toBe("completed");
    expect(response.output[0].content[0].transcript.trim()).toBe(reply);
    expect(phone.ofSpeech).toEqual([]);
  });

  test("does not keep a caller with aec=none from interrupting it", async () => {
    const phone = await HandsFree.call({ aec: "none" });
    await phone.ask();
    await phone.pass(4000);
    expect(phone.ofSpeech).toEqual([]);
    const saidAtMs = phone.sentMs;
    await phone.speak("Stop now please, I have heard enough of this.");
    await phone.passUntil(() => phone.client.all("input_audio_buffer.speech_started").length > 0);
    const { audio_start_ms: startMs } = await phone.client.next("input_audio_buffer.speech_started");
    expect(startMs).toBeGreaterThan(saidAtMs - paddingMs - detectorToleranceMs);
    const { response } = await phone.client.next("response.done");
    expect(response).toMatchObject({ status: "cancelled", status_details: { reason: "turn_detected" } });
    await phone.passUntil(() => phone.transcripts.length > 0);
    expect(phone.transcripts).toEqual([heardWords]);
  });
});
