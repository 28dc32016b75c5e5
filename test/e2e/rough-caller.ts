/** A caller whose audio is not what it should be, and what a person expects of the gateway nevertheless. */
import { expect } from "vitest";
import { joinSamples } from "../../loadtest/callers/samples.ts";
import { encodeAlaw, encodeMulaw } from "../../wire/g711.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import type { RunningGateway } from "../support/gateway.ts";
import { RealtimeClient, type ServerEvent } from "../support/realtime-client.ts";
import { sayUtterance, silence } from "../support/speech.ts";

/** A format as a session names it. */
export type WireFormat =
  | { type: "audio/pcm"; rate: 24000 | 16000 }
  | { type: "audio/pcmu" }
  | { type: "audio/pcma" };

export const pcm24: WireFormat = { type: "audio/pcm", rate: 24000 };
export const pcm16: WireFormat = { type: "audio/pcm", rate: 16000 };
export const mulaw: WireFormat = { type: "audio/pcmu" };
export const alaw: WireFormat = { type: "audio/pcma" };

export const question = "What can you tell me?";
/** How far the start of speech may lie from where it is; the same as in tests with good audio. */
export const startToleranceMs = 130;
export const paddingMs = 300;
export const silenceMs = 500;
/** Silence behind speech that surely ends the turn. */
const surelyEndedMs = silenceMs + 700;
const turnWaitMs = 25_000;
/** Between tries when the backlog is full: the gateway works off some minutes of silence in it. */
const retryMs = 50;
const maxRetries = 2000;

export interface RoughOptions {
  format?: WireFormat;
  query?: Record<string, string>;
  /** Whether the gateway answers by itself; default false, so that turns can be counted in peace. */
  answers?: boolean;
}

/** A user's turn, in ms of the audio received. */
export interface Turn {
  itemId: string;
  startMs: number;
  endMs: number;
}

export function rateOf(format: WireFormat): 8000 | 16000 | 24000 {
  return format.type === "audio/pcm" ? format.rate : 8000;
}

/** Encodes samples that have the format's rate already. */
export function encodeAs(pcm: Int16Array, format: WireFormat): Uint8Array {
  if (format.type === "audio/pcmu") return encodeMulaw(pcm);
  if (format.type === "audio/pcma") return encodeAlaw(pcm);
  return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

/** Clean speech without silence around it, at the format's rate. */
export async function speechFor(format: WireFormat, text = question): Promise<Int16Array> {
  const { pcm, rateHz } = await sayUtterance(text);
  return resampleWhole(pcm, rateHz, rateOf(format));
}

export class RoughCaller {
  readonly client: RealtimeClient;
  #format: WireFormat;
  #answers: boolean;
  #sentMs = 0;

  private constructor(client: RealtimeClient, format: WireFormat, answers: boolean) {
    this.client = client;
    this.#format = format;
    this.#answers = answers;
  }

  /** Replies are text, so that they are done when they are made. */
  static async call(gateway: RunningGateway, options: RoughOptions = {}): Promise<RoughCaller> {
    const { format = pcm24, answers = false, query = {} } = options;
    const client = await RealtimeClient.session(
      gateway.wsUrl,
      {
        output_modalities: ["text"],
        audio: {
          input: {
            format,
            transcription: { model: "whisper-1" },
            turn_detection: {
              type: "server_vad",
              prefix_padding_ms: paddingMs,
              silence_duration_ms: silenceMs,
              create_response: answers,
            },
          },
        },
      },
      { query },
    );
    return new RoughCaller(client, format, answers);
  }

  /** Length of all audio sent so far, by the formats declared. */
  get sentMs(): number {
    return this.#sentMs;
  }

  get rateHz(): number {
    return rateOf(this.#format);
  }

  /** Sends bytes as the audio that they are declared to be. */
  sendBytes(bytes: Uint8Array): void {
    this.client.append(bytes);
    this.#count(bytes.length);
  }

  /** The same as a binary message; the session must have asked for `audio=binary`. */
  sendBinary(bytes: Uint8Array): void {
    this.client.sendRaw(bytes);
    this.#count(bytes.length);
  }

  /** Sends samples of the session's rate in the session's format. */
  send(pcm: Int16Array): void {
    this.sendBytes(encodeAs(pcm, this.#format));
  }

  /** Audio that was refused does not count. */
  uncount(bytes: number): void {
    this.#count(-bytes);
  }

  /** Sends bytes, and does so again while the gateway has too much to work off. */
  async appendWhenTaken(bytes: Uint8Array): Promise<void> {
    for (let retry = 0; retry < maxRetries; retry++) {
      const refusals = this.errors().length;
      this.sendBytes(bytes);
      await this.client.probe(turnWaitMs);
      if (this.errors().length === refusals) return;
      this.uncount(bytes.length);
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    throw new Error("the backlog stays full");
  }

  pause(durationMs: number): void {
    this.send(silence(durationMs, this.rateHz));
  }

  /** Declares another format from here on. */
  async declare(format: WireFormat): Promise<void> {
    this.client.send({ type: "session.update", session: { type: "realtime", audio: { input: { format } } } });
    const answer = await this.client.next(({ type }) => type === "session.updated" || type === "error");
    expect(answer.error ?? null).toBeNull();
    expect(answer.session.audio.input.format).toMatchObject(format);
    this.#format = format;
  }

  /**
   * Says a sentence with silence around it and expects what everybody expects: one turn, begun where the speech
   * begins, its words, and an answer.
   *
   * @returns the words heard
   */
  async isHeardAndAnswered(text = question): Promise<string> {
    const speech = await speechFor(this.#format, text);
    return this.expectHeard(joinSamples([silence(1000, this.rateHz), speech]), 1000);
  }

  /** Sends `pcm`, whose speech begins after `beforeMs` and lasts to its end, and expects as above. */
  async expectHeard(pcm: Int16Array, beforeMs: number, toleranceMs = startToleranceMs): Promise<string> {
    const beganMs = this.#sentMs + beforeMs;
    await this.appendWhenTaken(encodeAs(pcm, this.#format));
    const endedMs = this.#sentMs;
    await this.appendWhenTaken(encodeAs(silence(surelyEndedMs, this.rateHz), this.#format));
    const turn = await this.nextTurn((startMs) => Math.abs(startMs + paddingMs - beganMs) < toleranceMs);
    expect(Math.abs(turn.endMs - (endedMs + silenceMs)), "the turn's end").toBeLessThan(toleranceMs);
    return this.expectAnswer(turn);
  }

  /** The next turn that begins where `begins` says. */
  async nextTurn(begins: (startMs: number) => boolean = () => true): Promise<Turn> {
    const { client } = this;
    const started = await client.next(
      (event) => event.type === "input_audio_buffer.speech_started" && begins(event.audio_start_ms),
      turnWaitMs,
    );
    const itemId = started.item_id as string;
    const ofItem = (type: string) => (event: ServerEvent) => event.type === type && event.item_id === itemId;
    const stopped = await client.next(ofItem("input_audio_buffer.speech_stopped"), turnWaitMs);
    await client.next(ofItem("input_audio_buffer.committed"), turnWaitMs);
    return { itemId, startMs: started.audio_start_ms, endMs: stopped.audio_end_ms };
  }

  /** The words of a turn, and an answer to them. @returns the words */
  async expectAnswer(turn: Turn): Promise<string> {
    const { client } = this;
    const ofTurn = /^conversation\.item\.input_audio_transcription\.(completed|failed)$/;
    const { transcript, error } = await client.next(
      ({ type, item_id }) => item_id === turn.itemId && ofTurn.test(type),
      turnWaitMs,
    );
    expect(error, "the recogniser's failure").toBeUndefined();
    if (!this.#answers) client.send({ type: "response.create" });
    const { response } = await client.next("response.done", turnWaitMs);
    expect(response.status).toBe("completed");
    return transcript as string;
  }

  /** All turns so far; fails where one began that has no end. */
  turns(): Turn[] {
    const ends = new Map(
      this.client
        .all("input_audio_buffer.speech_stopped")
        .map(({ item_id, audio_end_ms }) => [item_id, audio_end_ms]),
    );
    const committed = new Set(this.client.all("input_audio_buffer.committed").map(({ item_id }) => item_id));
    return this.client.all("input_audio_buffer.speech_started").map(({ item_id, audio_start_ms }) => {
      expect(committed, "turns that were committed").toContain(item_id);
      return { itemId: item_id, startMs: audio_start_ms, endMs: ends.get(item_id) };
    });
  }

  /** Refusals, apart from those that a probe asked for. */
  errors(): ServerEvent["error"][] {
    return this.client
      .all("error")
      .map(({ error }) => error)
      .filter(({ event_id }) => !String(event_id).startsWith("probe_"));
  }

  hangUp(): void {
    this.client.close();
  }

  #count(bytes: number): void {
    const bytesPerSample = this.#format.type === "audio/pcm" ? 2 : 1;
    this.#sentMs += (bytes / bytesPerSample / this.rateHz) * 1000;
  }
}

/** Calls of one test, hung up together. */
export class RoughCallers {
  readonly #calls: RoughCaller[] = [];

  async call(gateway: RunningGateway, options: RoughOptions = {}): Promise<RoughCaller> {
    const caller = await RoughCaller.call(gateway, options);
    this.#calls.push(caller);
    return caller;
  }

  hangUpAll(): void {
    for (const caller of this.#calls.splice(0)) caller.hangUp();
  }
}

// ---- audio that is not what it should be ------------------------------------------------------------------

/** Adds gain and lets it clip, as a preamplifier does that is turned up too far. */
export function overdrive(pcm: Int16Array, gainDb: number): Int16Array {
  const gain = 10 ** (gainDb / 20);
  return pcm.map((sample) => Math.max(-32768, Math.min(32767, Math.round(sample * gain))));
}

/** Shifts all samples, clipping where that goes too far. */
export function offset(pcm: Int16Array, by: number): Int16Array {
  return pcm.map((sample) => Math.max(-32768, Math.min(32767, sample + by)));
}

/** Brings clean speech so that its loudest sample is full scale. */
export function atFullScale(pcm: Int16Array): Int16Array {
  const peak = pcm.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1);
  return overdrive(pcm, 20 * Math.log10(32767 / peak));
}

/** Brings clean speech to an active level (that of its voiced frames of 20 ms), dB under full scale. */
export function atLevel(pcm: Int16Array, rateHz: number, levelDb: number): Int16Array {
  const size = rateHz / 50;
  const powers: number[] = [];
  for (let from = 0; from + size <= pcm.length; from += size) {
    let sum = 0;
    for (let index = from; index < from + size; index++) sum += (pcm[index]! / 32768) ** 2;
    powers.push(sum / size);
  }
  const loudest = Math.max(...powers);
  const active = powers.filter((power) => power > loudest / 1000);
  const meanDb = 10 * Math.log10(active.reduce((sum, power) => sum + power, 0) / active.length);
  return overdrive(pcm, levelDb - meanDb);
}
