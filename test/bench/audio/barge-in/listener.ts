/**
 * Somebody who listens to a long reply: a microphone that never stops, a loudspeaker that plays what comes, and a
 * note of when each event arrived, all on one clock (`performance.now`).
 */
import { frameMs, type Pacer } from "../../../../loadtest/callers/pacer.ts";
import { bytesOf } from "../../../../loadtest/callers/samples.ts";
import { decodeReplyFrame } from "../../../../loadtest/callers/wire-audio.ts";
import { SeededRandom } from "../../../support/random.ts";
import { RealtimeClient, type ServerEvent } from "../../../support/realtime-client.ts";

const samplesPerMs = 16;
const frameSamples = frameMs * samplesPerMs;
/** A quiet room, dBFS. */
const roomAmplitude = 32768 * 10 ** (-66 / 20) * Math.sqrt(3);
/** What can be played is kept for the echo: more than the gateway ever sends ahead. */
const maxPlayedSamples = 20 * 60_000 * samplesPerMs;

/** How the loudspeaker is heard in the microphone. */
export interface Echo {
  gainDb: number;
  delayMs: number;
}

export interface Stamped {
  atMs: number;
  event: ServerEvent;
}

/** One session. */
export class Listener {
  readonly #client: RealtimeClient;
  readonly events: Stamped[] = [];
  readonly #random: SeededRandom;
  readonly #echo: Echo | null;
  #stopLine: () => void = () => {};
  #startMs = 0;
  #sentFrames = 0;
  #speech: { pcm: Int16Array; fromSample: number } | null = null;
  /** What the loudspeaker plays: by sample of the microphone's clock. */
  #played: { fromSample: number; pcm: Int16Array }[] = [];
  #playedUntil = 0;

  private constructor(client: RealtimeClient, seed: number, echo: Echo | null) {
    this.#client = client;
    this.#random = new SeededRandom(seed);
    this.#echo = echo;
    client.socket.on("message", (data, isBinary) => this.#take(data as Buffer, isBinary));
  }

  /** Connects, and begins to send its room's quiet. */
  static async open(
    wsUrl: string,
    pacer: Pacer,
    options: {
      seed: number;
      echo?: Echo;
      query?: Record<string, string>;
      detection?: Record<string, unknown>;
    },
  ): Promise<Listener> {
    const format = { type: "audio/pcm", rate: 16000 };
    const turnDetection = { type: "server_vad", create_response: false, interrupt_response: true };
    const session = {
      output_modalities: ["audio"],
      audio: {
        input: {
          format,
          transcription: { model: "default" },
          turn_detection: { ...turnDetection, ...options.detection },
        },
        output: { format },
      },
    };
    const query = { audio: "binary", duck: "1", debug: "1", ...options.query };
    const client = await RealtimeClient.session(wsUrl, session, { query });
    const listener = new Listener(client, options.seed, options.echo ?? null);
    listener.#startMs = performance.now();
    listener.#stopLine = pacer.add(listener.#startMs, () => listener.#sendFrame());
    return listener;
  }

  close(): void {
    this.#stopLine();
    this.#client.close();
  }

  /** Asks for the long reply and waits until it sounds. */
  async startReply(): Promise<void> {
    const heard = this.#playedUntil;
    this.#client.say("Go on.");
    this.#client.send({ type: "response.create" });
    await this.#client.until(() => this.#playedUntil > heard, "sound of the reply", 20_000);
  }

  /** Whether the reply will still sound for `ms`. */
  isPlayingFor(ms: number): boolean {
    return this.#playedUntil > this.#nowSample + ms * samplesPerMs;
  }

  /** Ends whatever is being said, and its sound. */
  silence(): void {
    this.#client.send({ type: "response.cancel" });
    this.#client.send({ type: "output_audio_buffer.clear" });
    this.#stopPlaying();
  }

  /**
   * Speaks, or makes a noise.
   *
   * @returns when its first sample sounds
   */
  say(pcm: Int16Array, inMs: number): number {
    const fromSample = (this.#sentFrames + 1) * frameSamples + Math.round(inMs * samplesPerMs);
    this.#speech = { pcm, fromSample };
    return this.#startMs + fromSample / samplesPerMs;
  }

  get #nowSample(): number {
    return Math.round((performance.now() - this.#startMs) * samplesPerMs);
  }

  #sendFrame(): void {
    const from = this.#sentFrames * frameSamples;
    this.#sentFrames += 1;
    const frame = new Int16Array(frameSamples);
    for (let i = 0; i < frameSamples; i++) {
      frame[i] = Math.round((2 * this.#random.next() - 1) * roomAmplitude);
    }
    if (this.#speech) mix(frame, from, this.#speech.pcm, this.#speech.fromSample, 1);
    if (this.#echo) {
      const gain = 10 ** (this.#echo.gainDb / 20);
      const delay = this.#echo.delayMs * samplesPerMs;
      for (const { pcm, fromSample } of this.#played) mix(frame, from, pcm, fromSample + delay, gain);
      // Kept until its echo is over.
      this.#played = this.#played.filter(
        ({ pcm, fromSample }) => fromSample + pcm.length + delay > from - frameSamples,
      );
    }
    this.#client.sendRaw(bytesOf(frame));
  }

  #take(data: Buffer, isBinary: boolean): void {
    const atMs = performance.now();
    if (!isBinary) {
      const event = JSON.parse(data.toString()) as ServerEvent;
      this.events.push({ atMs, event });
      // As stock SDKs do: what was not played yet is thrown away.
      if (event.type === "input_audio_buffer.speech_started") this.#stopPlaying();
      return;
    }
    const pcm = decodeReplyFrame(data, "binary-pcm16k");
    const fromSample = Math.max(this.#playedUntil, this.#nowSample);
    this.#playedUntil = fromSample + pcm.length;
    if (this.#echo && this.#played.length * frameSamples < maxPlayedSamples) {
      this.#played.push({ fromSample, pcm });
    }
  }

  #stopPlaying(): void {
    const now = this.#nowSample;
    this.#played = this.#played
      .filter(({ fromSample }) => fromSample < now)
      .map(({ fromSample, pcm }) => ({ fromSample, pcm: pcm.subarray(0, now - fromSample) }));
    this.#playedUntil = Math.min(this.#playedUntil, now);
  }
}

/** Adds `pcm`, which begins at `atSample`, to a frame that begins at `frameSample`. */
function mix(frame: Int16Array, frameSample: number, pcm: Int16Array, atSample: number, gain: number): void {
  const from = Math.max(0, atSample - frameSample);
  const to = Math.min(frame.length, atSample + pcm.length - frameSample);
  for (let i = from; i < to; i++) {
    const sum = frame[i]! + gain * pcm[frameSample + i - atSample]!;
    frame[i] = Math.max(-32768, Math.min(32767, Math.round(sum)));
  }
}
