import { AnswerTimer } from "./answer-timer.ts";
import { defaultSettings, inputRateOf, outputRateHz } from "./call-defaults.ts";
import type { SessionSettings } from "./client-events.ts";
import { Emitter } from "./emitter.ts";
import type { MicrophoneFrame } from "./frame-cutter.ts";
import { mergeSettings } from "./merge-settings.ts";
import { Microphone } from "./microphone.ts";
import { listMicrophones } from "./microphone-devices.ts";
import type { ParleyClient } from "./parley-client.ts";
import { isRefusal, ParleyError } from "./parley-error.ts";
import type { Heard, ReplyAudio } from "./playback-queue.ts";
import { Player } from "./player.ts";
import { ReplyWords } from "./reply-words.ts";
import { TalkButton } from "./talk-button.ts";
import type {
  MicrophoneDevice,
  MicrophoneInUse,
  MicrophoneSettings,
  TalkMode,
  VoiceCallControls,
  VoiceCallEvents,
  VoiceCallOptions,
} from "./voice-call-events.ts";
import { WakeWatch } from "./wake-watch.ts";

/** The server is told that often how far a reply was heard. */
const ackIntervalMs = 250;
/** Frames that should follow a released button are waited for that long. */
const maxTailMs = 600;

/**
 * A spoken conversation: microphone, client and player joined, hands-free or push-to-talk. An interruption stops the
 * sound and tells the server what was heard. Browser only; the client's own events tell states and both sides' words.
 */
export class VoiceCall extends Emitter<VoiceCallEvents> implements VoiceCallControls {
  readonly client: ParleyClient;
  readonly player: Player;
  readonly microphone: Microphone;
  readonly #words = new ReplyWords();
  readonly #answer = new AnswerTimer();
  readonly #button: TalkButton;
  readonly #watch: WakeWatch;
  readonly #inputRateHz: 16_000 | 24_000;
  #session: SessionSettings;
  #mode: TalkMode;
  /** The server has not confirmed the mode yet. */
  #switching = false;
  #muted = false;
  #offs: (() => void)[] = [];
  #running = false;
  /** Counts starts and stops: a start that was given up must not end the next. */
  #starts = 0;
  #acknowledgedAtMs = 0;

  constructor(options: VoiceCallOptions) {
    super();
    const { microphone: microphoneUrl, player: playerUrl } = options.workletUrls;
    const { startMs, minMs, maxMs } = options.jitter ?? {};
    this.client = options.client;
    this.#inputRateHz = inputRateOf(options.client);
    this.microphone = new Microphone({
      workletUrl: microphoneUrl,
      sampleRateHz: this.#inputRateHz,
      settings: options.microphone ?? {},
    });
    this.player = new Player({
      workletUrl: playerUrl,
      sampleRateHz: outputRateHz,
      record: options.record === true,
      jitter: {
        ...(startMs !== undefined && { startMs }),
        ...(minMs !== undefined && { minMs }),
        ...(maxMs !== undefined && { maxMs }),
      },
    });
    this.#mode = options.mode ?? "hands-free";
    this.#session = mergeSettings(defaultSettings, options.session ?? {});
    this.#button = new TalkButton(this.#inputRateHz, {
      audio: (pcm) => this.client.sendAudio(pcm),
      ended: (long) => this.#endPress(long),
    });
    this.#watch = new WakeWatch({
      onWake: () => void this.wake(),
      onOnline: (online) => this.client.setOnline(online),
    });
  }

  get mode(): TalkMode {
    return this.#mode;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** Push-to-talk: between `press` and `release`. */
  get pressed(): boolean {
    return this.#button.down;
  }

  /** The microphone that is open, and what the browser does to its sound; null without one. */
  get microphoneInUse(): MicrophoneInUse | null {
    return this.microphone.inUse;
  }

  /**
   * Asks for the microphone, connects, and listens. Call it from a click or a key press.
   *
   * @throws {ParleyError} what went wrong, in plain words; nothing stays open then
   */
  async start(): Promise<void> {
    if (this.#running) throw new ParleyError("already_connected");
    this.#running = true;
    const start = ++this.#starts;
    this.#offs = this.#listen();
    this.#watch.start();
    this.client.extend({ words: true });
    try {
      // Both in the click's own moment; a conversation is opened only once there is a microphone.
      await Promise.all([this.microphone.start(), this.player.start()]);
      await this.client.connect();
      await this.client.configure(this.#wanted());
      if (!this.#running || this.#starts !== start) throw new ParleyError("closed_by_caller");
    } catch (error) {
      // Stopped by the caller meanwhile, and perhaps begun again: whatever broke then is no fault.
      const stopped = this.#starts !== start;
      if (!stopped || !this.#running) this.#stop();
      throw stopped ? new ParleyError("closed_by_caller") : error;
    }
  }

  /** Hangs up. Idempotent. */
  stop(): void {
    if (!this.#running) return;
    this.#starts++;
    this.#stop();
    this.emit("ended", { error: null });
  }

  /** Stops the reply, as if the user had begun to speak. */
  async interrupt(): Promise<void> {
    this.client.cancel();
    await this.#cutReply();
  }

  /**
   * Push-to-talk: the user speaks from now on; a reply that sounds is interrupted. What was said in the quarter second
   * before counts, too.
   *
   * @returns false where that means nothing: hands-free, muted, not connected, or pressed already
   */
  press(): boolean {
    if (this.#mode !== "push-to-talk" || this.#muted || !this.#configured || !this.#button.press())
      return false;
    this.client.setTalking(true);
    this.emit("pressed", true);
    void this.interrupt();
    return true;
  }

  /**
   * Push-to-talk: the user has spoken, and an answer is asked for. After less than a quarter second `error` says
   * `press_too_short` instead.
   *
   * @returns false if the button wasn't down
   */
  release(): boolean {
    if (!this.#button.release()) return false;
    this.emit("pressed", false);
    // A microphone that was unplugged meanwhile sends no more frames.
    setTimeout(() => !this.#button.down && this.#button.finish(), maxTailMs);
    return true;
  }

  /**
   * Changes between hands-free and push-to-talk, also in the middle of a call.
   *
   * @throws {ParleyError} if the server refused it; the mode is as it was then
   */
  async setMode(mode: TalkMode): Promise<void> {
    if (mode === this.#mode) return;
    const before = this.#mode;
    if (this.#button.down) this.emit("pressed", false);
    this.#button.finish();
    this.#enterMode(mode);
    if (!this.client.connected) return this.client.remember(this.#wanted());
    this.#switching = true;
    try {
      await this.client.configure(this.#wanted());
      // What was heard of an unfinished turn belongs to nobody now.
      if (mode === "push-to-talk" && this.client.connected) this.client.clearInput();
    } catch (error) {
      this.#enterMode(before);
      this.client.remember(this.#wanted());
      throw error;
    } finally {
      this.#switching = false;
    }
  }

  /**
   * Changes the conversation's settings, before or during the call; what is left out stays. Audio formats are the call's
   * own, and `turn_detection` is what hands-free uses.
   *
   * @throws {ParleyError} if the server refused them
   */
  async configure(settings: SessionSettings): Promise<void> {
    const before = this.#session;
    const merged = mergeSettings(before, settings);
    this.#session = merged;
    if (!this.client.connected) return this.client.remember(this.#wanted());
    try {
      await this.client.configure(this.#wanted());
    } catch (error) {
      // What the server refused is not asked for again.
      if (isRefusal(error) && this.#session === merged) this.#session = before;
      throw error;
    }
  }

  /** Silence instead of the user's voice while true; the microphone stays open, and turns end as usual. */
  setMuted(muted: boolean): void {
    if (muted === this.#muted) return;
    this.#muted = muted;
    if (muted && this.#button.active) this.release();
    this.microphone.setMuted(muted);
    this.emit("muted", muted);
  }

  /**
   * Takes another microphone, or the same with other settings, before or during the call; what is left out stays.
   *
   * @throws {ParleyError} `microphone_…`; the one in use stays in use
   */
  setMicrophone(settings: MicrophoneSettings): Promise<void> {
    return this.microphone.use(settings);
  }

  /** The microphones that there are; their names are known once the user has allowed the microphone. */
  listMicrophones(): Promise<MicrophoneDevice[]> {
    return listMicrophones();
  }

  /** Wakes everything up after the device slept. The call does that by itself; for odd platforms. */
  async wake(): Promise<void> {
    await Promise.allSettled([this.microphone.wake(), this.player.wake(), this.client.wake()]);
  }

  #stop(): void {
    this.#running = false;
    this.#watch.stop();
    this.#leaveButton();
    this.#words.clear();
    this.#answer.reset();
    this.microphone.stop();
    this.client.close();
    this.player.close();
    this.client.setPlaying(false);
    for (const off of this.#offs) off();
    this.#offs = [];
  }

  #listen(): (() => void)[] {
    const { client, player, microphone } = this;
    return [
      microphone.on("frame", (frame) => this.#onFrame(frame)),
      microphone.on("voiced", ({ atMs }) => this.#answer.voiced(atMs)),
      microphone.on("using", (using) => this.#onMicrophone(using)),
      microphone.on("devices", (devices) => this.emit("devices", devices)),
      microphone.on("ended", (error) => this.#fail(error)),
      client.on("audio", (audio) => this.#onAudio(audio)),
      client.on("audioEnd", ({ itemId }) => {
        player.finish(itemId);
        if (this.#words.endAudio(itemId)) this.#tellWords(itemId);
      }),
      client.on("replyTranscript", ({ itemId, text, interrupted }) => {
        if (this.#words.setText(itemId, text, interrupted)) this.#tellWords(itemId);
      }),
      client.on("words", ({ itemId, words }) => {
        this.#words.addTimes(itemId, words);
        this.#tellWords(itemId);
      }),
      client.on("input_audio_buffer.committed", () => {
        if (this.#mode === "hands-free") this.#answer.turnEnded();
      }),
      // Asked for just before the button was pressed.
      client.on("response.created", () => this.#button.active && client.cancel()),
      client.on("userSpeaking", () => void this.#cutReply()),
      client.on("duck", () => player.duck()),
      client.on("unduck", () => player.unduck()),
      client.on("reconnecting", () => this.#onLost()),
      client.on("error", (error) => this.emit("error", error)),
      client.on("closed", ({ error }) => error !== null && this.#fail(error)),
      player.on("playing", (playing) => client.setPlaying(playing)),
      player.on("level", (levelRatio) => this.emit("playerLevel", levelRatio)),
      player.on("sounded", ({ itemId, atMs }) => {
        const waitMs = this.#answer.sounded(atMs);
        if (waitMs !== null) this.emit("answered", { itemId, waitMs });
      }),
      player.on("position", (heard) => this.#onHeard(heard)),
      player.on("error", (error) => this.emit("error", error)),
    ];
  }

  /** Whether the server has taken this call's settings (after a reconnect: again). */
  get #configured(): boolean {
    const { session } = this.client;
    const input = session?.audio.input.format;
    return this.client.connected && input?.type === "audio/pcm" && input.rate === this.#inputRateHz;
  }

  /** The settings that the server should have now. */
  #wanted(): SessionSettings {
    const manual = this.#mode === "push-to-talk";
    return mergeSettings(this.#session, {
      audio: {
        input: {
          format: { type: "audio/pcm", rate: this.#inputRateHz },
          ...(manual && { turn_detection: null }),
        },
        output: { format: { type: "audio/pcm", rate: outputRateHz } },
      },
    });
  }

  #enterMode(mode: TalkMode): void {
    this.#mode = mode;
    this.#button.reset();
    this.emit("mode", mode);
  }

  #onFrame({ pcm, levelRatio }: MicrophoneFrame): void {
    this.player.observeClock();
    // Nothing is sent in another format than was agreed, nor under another mode.
    if (this.#configured && !this.#switching) {
      if (this.#mode === "hands-free") this.client.sendAudio(pcm);
      else this.#button.frame(pcm);
    }
    this.emit("level", levelRatio);
  }

  #onMicrophone(using: VoiceCallEvents["microphone"]): void {
    this.client.extend({ echoGuard: using.inUse.echoCancellation === false });
    this.emit("microphone", using);
  }

  #onAudio(audio: ReplyAudio): void {
    const { itemId, fromMs, pcm } = audio;
    this.#words.addAudio(itemId, fromMs, (pcm.length * 1000) / outputRateHz);
    // A reply that was on its way when the button was pressed is not heard.
    if (!this.#button.active) this.player.play(audio);
  }

  #onHeard({ itemId, playedMs, finished }: Heard & { finished: boolean }): void {
    this.emit("heard", { itemId, playedMs, wordIndex: this.#words.indexAt(itemId, playedMs) });
    const due = performance.now() - this.#acknowledgedAtMs >= ackIntervalMs;
    if (due || finished) this.#acknowledge(itemId, playedMs);
  }

  #acknowledge(itemId: string, playedMs: number): void {
    if (!this.#configured) return;
    this.#acknowledgedAtMs = performance.now();
    this.client.acknowledgePlayback(itemId, playedMs);
  }

  #tellWords(itemId: string): void {
    const timed = this.#words.wordsOf(itemId);
    if (timed !== null) this.emit("words", { itemId, ...timed });
  }

  async #cutReply(): Promise<void> {
    const flushed = await this.player.flush();
    for (const { itemId, contentIndex, playedMs, cut } of flushed) {
      this.emit("heard", { itemId, playedMs, wordIndex: this.#words.indexAt(itemId, playedMs) });
      if (!this.client.connected) continue;
      this.#acknowledge(itemId, playedMs);
      if (!cut) continue;
      this.client.truncate(itemId, playedMs, contentIndex);
      this.emit("interrupted", { itemId, playedMs });
    }
  }

  #endPress(long: boolean): void {
    if (!this.client.connected) return;
    this.client.setTalking(false, { answerExpected: long });
    if (long) {
      this.#answer.turnEnded();
      this.client.commit();
      this.client.createResponse();
    } else {
      this.client.clearInput();
      this.emit("error", new ParleyError("press_too_short"));
    }
  }

  #leaveButton(): void {
    const { down } = this.#button;
    this.#button.reset();
    if (down) this.emit("pressed", false);
  }

  #onLost(): void {
    this.#leaveButton();
    this.#answer.reset();
    void this.player.flush();
  }

  #fail(error: ParleyError): void {
    if (!this.#running) return;
    this.#stop();
    this.emit("ended", { error });
  }
}
