import type { SessionSettings } from "./client-events.ts";
import { Emitter } from "./emitter.ts";
import { Microphone } from "./microphone.ts";
import type { ParleyClient } from "./parley-client.ts";
import { ParleyError } from "./parley-error.ts";
import { Player } from "./player.ts";

export interface VoiceCallOptions {
  client: ParleyClient;
  /** Where the bundled worklets are served. */
  workletUrls: { microphone: string; player: string };
  /** Laid over the settings of a voice call: instructions, voice, turn detection, tools, … */
  session?: SessionSettings;
  /** Keeps what is played, for debugging: see `Player.recording`. */
  record?: boolean;
}

export interface VoiceCallEvents {
  /** How loud the microphone is, 0 to 1, fifty times a second. */
  level: number;
  /** The reply was cut by the user's voice (or `interrupt`) after `playedMs`. */
  interrupted: { itemId: string; playedMs: number };
  error: ParleyError;
  /** The end; `error` is null if it was wanted. */
  ended: { error: ParleyError | null };
}

const inputRateHz = 16_000;
const outputRateHz = 24_000;

/**
 * A spoken conversation: microphone, client and player joined. Barge-in stops the sound and tells the server
 * what was heard. Browser only; the client's own events tell states and words.
 */
export class VoiceCall extends Emitter<VoiceCallEvents> {
  readonly client: ParleyClient;
  readonly player: Player;
  readonly microphone: Microphone;
  readonly #session: SessionSettings;
  #offs: (() => void)[] = [];
  #running = false;

  constructor(options: VoiceCallOptions) {
    super();
    this.client = options.client;
    this.microphone = new Microphone({
      workletUrl: options.workletUrls.microphone,
      sampleRateHz: inputRateHz,
    });
    this.player = new Player({
      workletUrl: options.workletUrls.player,
      sampleRateHz: outputRateHz,
      record: options.record === true,
    });
    this.#session = { ...options.session, audio: voiceSettings(options.session?.audio) };
  }

  /**
   * Asks for the microphone, connects, and listens. Call it from a click or a key press.
   *
   * @throws {ParleyError} what went wrong, in plain words; nothing stays open then
   */
  async start(): Promise<void> {
    if (this.#running) throw new ParleyError("already_connected");
    this.#running = true;
    this.#offs = this.#listen();
    try {
      // Both in the click's own moment; a conversation is opened only once there is a microphone.
      await Promise.all([this.microphone.start(), this.player.start()]);
      await this.client.connect();
      await this.client.configure(this.#session);
      if (!this.#running) throw new ParleyError("closed_by_caller");
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  /** Hangs up. Idempotent. */
  stop(): void {
    if (!this.#running) return;
    this.#stop();
    this.emit("ended", { error: null });
  }

  /** Stops the reply, as if the user had begun to speak. */
  async interrupt(): Promise<void> {
    this.client.cancel();
    await this.#cutReply();
  }

  #stop(): void {
    this.#running = false;
    for (const off of this.#offs) off();
    this.#offs = [];
    this.microphone.stop();
    this.client.close();
    this.player.close();
    this.client.setPlaying(false);
  }

  #listen(): (() => void)[] {
    const { client, player, microphone } = this;
    return [
      microphone.on("frame", ({ pcm, levelRatio }) => {
        // Nothing is sent in another format than was agreed.
        if (this.#configured) client.sendAudio(pcm);
        this.emit("level", levelRatio);
      }),
      microphone.on("ended", (error) => this.#fail(error)),
      client.on("audio", (audio) => player.play(audio)),
      client.on("audioEnd", ({ itemId }) => player.finish(itemId)),
      client.on("userSpeaking", () => void this.#cutReply()),
      client.on("duck", () => player.duck()),
      client.on("unduck", () => player.unduck()),
      client.on("reconnecting", () => void player.flush()),
      client.on("error", (error) => this.emit("error", error)),
      client.on("closed", ({ error }) => error !== null && this.#fail(error)),
      player.on("playing", (playing) => client.setPlaying(playing)),
      player.on("position", ({ itemId, playedMs }) => {
        if (this.#configured) client.acknowledgePlayback(itemId, playedMs);
      }),
      player.on("error", (error) => this.emit("error", error)),
    ];
  }

  /** Whether the server has taken this call's settings (after a reconnect: again). */
  get #configured(): boolean {
    const { session } = this.client;
    const input = session?.audio.input.format;
    return this.client.connected && input?.type === "audio/pcm" && input.rate === inputRateHz;
  }

  async #cutReply(): Promise<void> {
    const flushed = await this.player.flush();
    if (!this.client.connected) return;
    for (const { itemId, contentIndex, playedMs, cut } of flushed) {
      this.client.acknowledgePlayback(itemId, playedMs);
      if (!cut) continue;
      this.client.truncate(itemId, playedMs, contentIndex);
      this.emit("interrupted", { itemId, playedMs });
    }
  }

  #fail(error: ParleyError): void {
    if (!this.#running) return;
    this.#stop();
    this.emit("ended", { error });
  }
}

/** Speech in at 16 kHz and out at 24 kHz, turns found by the server, the user's words written down. */
function voiceSettings(audio: SessionSettings["audio"]): NonNullable<SessionSettings["audio"]> {
  return {
    input: {
      transcription: { model: "whisper-1" },
      turn_detection: { type: "server_vad" },
      ...audio?.input,
      format: { type: "audio/pcm", rate: inputRateHz },
    },
    output: { ...audio?.output, format: { type: "audio/pcm", rate: outputRateHz } },
  };
}
