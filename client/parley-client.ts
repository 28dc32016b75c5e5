import { decodeFrame } from "../wire/binary-frames.ts";
import type { ClientEvent, SentSession, ServerEvent, ServerEventOf } from "../wire/events.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import type {
  ClientEvents,
  ClientExtensions,
  ParleyClientOptions,
  ResponseSettings,
  ServerEventsByType,
  SessionSettings,
} from "./client-events.ts";
import { Connection, connectionOptions, defaultConnectTimeoutMs } from "./connection.ts";
import {
  applyEvent,
  type ConversationFacts,
  type ConversationState,
  initialFacts,
  stateOf,
} from "./conversation-state.ts";
import { Emitter } from "./emitter.ts";
import { gateLevelOf, spokenWordsOf } from "./extension-events.ts";
import { mergeSettings } from "./merge-settings.ts";
import { errorOfEvent, isRefusal, ParleyError } from "./parley-error.ts";
import { PendingUpdates } from "./pending-updates.ts";
import type { Heard } from "./playback-queue.ts";
import { parseServerEvent } from "./server-event-shapes.ts";
import { realtimeUrl } from "./server-link.ts";
import { Transcripts } from "./transcripts.ts";

/** While more than this waits to be sent, microphone audio is dropped: late sound is worse than none. */
const maxUnsentBytes = 512 * 1024;
/** If no reply begins that long after the user's words, nobody is thinking any more. */
const maxThinkingMs = 20_000;
/** How long a server may take to show that it is still there, when there is doubt. */
const probeTimeoutMs = 3_000;

/** One conversation with a Parley gateway (or, with `audio: "base64"`, any server of the Realtime protocol). */
export class ParleyClient extends Emitter<ClientEvents & ServerEventsByType> {
  /** How sound travels; raw samples may be at 16 kHz, base64 only at the protocol's 24. */
  readonly audio: "binary" | "base64";
  readonly #answerTimeoutMs: number;
  readonly #connection: Connection;
  readonly #transcripts = new Transcripts();
  readonly #updates = new PendingUpdates();
  #facts: ConversationFacts = initialFacts;
  #thinkingTimer: ReturnType<typeof setTimeout> | undefined;
  #session: SentSession | null = null;
  #settings: SessionSettings | null = null;
  #audioPart: { itemId: string; contentIndex: number } | null = null;
  #extensions: ClientExtensions;
  #probing = false;
  #droppingAudio = false;

  constructor(options: ParleyClientOptions) {
    super();
    this.audio = options.audio ?? "binary";
    this.#answerTimeoutMs = options.connectTimeoutMs ?? defaultConnectTimeoutMs;
    this.#extensions = { ...options.extensions };
    const url = () => realtimeUrl(options.url, this.audio === "base64" ? null : { ...this.#extensions });
    // A wrong address is the caller's mistake: told at once, not when the call begins.
    url();
    this.#connection = new Connection(connectionOptions(options, url), {
      onMessage: (data) => {
        this.#receive(data);
        return this.#facts.link === "open";
      },
      onLost: (cause) => {
        this.#session = null;
        this.#updates.failAll(cause);
        this.#setFacts({ ...initialFacts, link: "connecting", playing: this.#facts.playing });
      },
      onReconnecting: (notice) => this.emit("reconnecting", notice),
      restore: async () => {
        if (this.#settings !== null) await this.#update(this.#settings);
      },
      onRestored: () => {
        const message = "Connected again. This is a new conversation: what was said before is forgotten.";
        this.emit("restarted", { message });
      },
      onEnd: (error) => this.#end(error),
    });
  }

  get state(): ConversationState {
    return stateOf(this.#facts);
  }

  /** Whether there is a server to send to right now. */
  get connected(): boolean {
    return this.#facts.link === "open";
  }

  /** The settings that the server last confirmed; null before the first `session.created`. */
  get session(): SentSession | null {
    return this.#session;
  }

  /** Sample rate of the `audio` event. */
  get outputRateHz(): number {
    const format = this.#session?.audio.output.format;
    return format?.type === "audio/pcm" ? format.rate : 24_000;
  }

  /**
   * Opens the conversation; resolves when the server is ready to listen.
   *
   * @throws {ParleyError} with the reason in plain words. The first connection is not tried twice
   */
  async connect(): Promise<void> {
    if (this.#facts.link !== "closed") throw new ParleyError("already_connected");
    this.#setFacts({ ...initialFacts, link: "connecting" });
    await this.#connection.open();
  }

  /** Ends the conversation, also while it is connecting. Idempotent. */
  close(): void {
    this.#connection.close();
  }

  /**
   * Changes settings; they are sent again after a reconnect, unless the server refused them.
   *
   * @returns the settings as the server took them
   * @throws {ParleyError} if it refused them, or `no_answer`
   */
  async configure(settings: SessionSettings): Promise<SentSession> {
    try {
      const session = await this.#update(settings);
      this.remember(settings);
      return session;
    } catch (error) {
      if (!isRefusal(error)) this.remember(settings);
      throw error;
    }
  }

  /** Settings for the next connection, beside those that are sent again; nothing is sent now. */
  remember(settings: SessionSettings): void {
    this.#settings = mergeSettings(this.#settings, settings);
  }

  /**
   * Sends microphone audio, in the session's input format (`audio/pcm`: int16 mono).
   *
   * @returns false if it was dropped: no connection, or the network can't keep up
   */
  sendAudio(pcm: Int16Array | Uint8Array): boolean {
    if (this.#facts.link !== "open") return false;
    if (this.#connection.unsentBytes > maxUnsentBytes) {
      if (!this.#droppingAudio) this.emit("error", new ParleyError("network_too_slow"));
      this.#droppingAudio = true;
      return false;
    }
    this.#droppingAudio = false;
    const bytes = new Uint8Array(pcm.buffer as ArrayBuffer, pcm.byteOffset, pcm.byteLength);
    if (this.audio === "base64") this.send({ type: "input_audio_buffer.append", audio: encodeBase64(bytes) });
    else this.#connection.send(bytes);
    return true;
  }

  /** Says something in writing; `respond: false` doesn't ask for an answer. */
  sendText(text: string, options: { respond?: boolean } = {}): void {
    const item = { type: "message", role: "user", content: [{ type: "input_text", text }] } as const;
    this.send({ type: "conversation.item.create", item: { ...item, content: [...item.content] } });
    if (options.respond !== false) this.createResponse();
  }

  /** Answers a function call; `respond: false` doesn't ask for an answer. */
  sendToolOutput(callId: string, output: string, options: { respond?: boolean } = {}): void {
    this.send({
      type: "conversation.item.create",
      item: { type: "function_call_output", call_id: callId, output },
    });
    if (options.respond !== false) this.createResponse();
  }

  /** Asks for an answer now. */
  createResponse(response?: ResponseSettings): void {
    this.send(response === undefined ? { type: "response.create" } : { type: "response.create", response });
  }

  /** Ends the user's turn by hand (when the session's `turn_detection` is null). */
  commit(): void {
    this.send({ type: "input_audio_buffer.commit" });
  }

  /** Forgets the audio sent since the last turn. */
  clearInput(): void {
    this.send({ type: "input_audio_buffer.clear" });
  }

  /** Stops the response in progress; without one nothing happens. */
  cancel(): void {
    if (this.#facts.responding) this.send({ type: "response.cancel" });
  }

  /** Stops the reply and tells the server how much of it was heard (`Player.flush` knows). */
  interrupt(heard: readonly Heard[] = []): void {
    this.cancel();
    for (const { itemId, playedMs, contentIndex } of heard) {
      this.acknowledgePlayback(itemId, playedMs);
      this.truncate(itemId, playedMs, contentIndex);
    }
  }

  /** Cuts an item of the conversation down to what was heard; `replyTranscript` then tells the words left. */
  truncate(itemId: string, playedMs: number, contentIndex = 0): void {
    this.send({
      type: "conversation.item.truncate",
      item_id: itemId,
      content_index: contentIndex,
      audio_end_ms: Math.floor(playedMs),
    });
  }

  /** Tells the server how far an item was really played (Parley's extension; nothing is sent to other servers). */
  acknowledgePlayback(itemId: string, playedMs: number): void {
    if (this.audio === "base64") return;
    this.send({ type: "parley.playback", item_id: itemId, played_ms: Math.floor(playedMs) });
  }

  /** Whoever plays the audio says when sound begins and ends: the state "speaking" lasts that long. */
  setPlaying(playing: boolean): void {
    if (playing !== this.#facts.playing) this.#setFacts({ ...this.#facts, playing });
  }

  /**
   * Without turn detection the server doesn't tell when the user speaks: whoever holds the button does. The state is
   * "hearing" meanwhile, and "thinking" afterwards if an answer was asked for.
   */
  setTalking(talking: boolean, options: { answerExpected?: boolean } = {}): void {
    const awaitingReply = !talking && options.answerExpected === true;
    this.#setFacts({ ...this.#facts, userSpeaking: talking, awaitingReply });
  }

  /** Asks for other extensions, from the next connection on. */
  extend(extensions: ClientExtensions): void {
    this.#extensions = { ...this.#extensions, ...extensions };
  }

  /** Whether the device has a network, as far as it knows: attempts made without one don't count as used up. */
  setOnline(online: boolean): void {
    this.#connection.setOnline(online);
    if (online) void this.wake();
  }

  /**
   * The device may have slept, or its network changed: a wait for the next attempt ends now, and a connection that
   * seems open is asked whether it is; one that doesn't answer within 3 s is taken up anew.
   */
  async wake(): Promise<void> {
    this.#connection.retryNow();
    if (this.#facts.link !== "open" || this.#probing) return;
    this.#probing = true;
    try {
      // Changes nothing, and every server of the protocol answers it.
      await this.#updates.add(Math.min(probeTimeoutMs, this.#answerTimeoutMs), (eventId) =>
        this.send({ type: "session.update", event_id: eventId, session: { type: "realtime" } }),
      );
    } catch (error) {
      const silent = error instanceof ParleyError && error.code === "no_answer";
      if (silent) this.#connection.lose(new ParleyError("connection_lost"));
    } finally {
      this.#probing = false;
    }
  }

  /** @throws {ParleyError} `not_connected` */
  send(event: ClientEvent): void {
    if (this.#facts.link !== "open") throw new ParleyError("not_connected");
    this.#connection.send(JSON.stringify(event));
  }

  #update(settings: SessionSettings): Promise<SentSession> {
    const session = { type: "realtime", ...settings } as Extract<
      ClientEvent,
      { type: "session.update" }
    >["session"];
    return this.#updates.add(this.#answerTimeoutMs, (eventId) =>
      this.send({ type: "session.update", event_id: eventId, session }),
    );
  }

  #receive(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      this.#receiveAudio(new Uint8Array(data));
      return;
    }
    const parsed = parseServerEvent(String(data));
    if (parsed.ok) this.#apply(parsed.event);
    else this.#misunderstand(parsed.detail);
  }

  #receiveAudio(message: Uint8Array): void {
    const decoded = decodeFrame(message);
    if (!decoded.ok || this.#audioPart === null) {
      this.#misunderstand(decoded.ok ? "audio before any response.content_part.added" : decoded.message);
      return;
    }
    this.#hear(this.#audioPart, decoded.frame.samples, decoded.frame.mediaTimeMs);
  }

  #misunderstand(detail: string): void {
    this.emit("error", new ParleyError("bad_server_message", { detail }));
  }

  #hear(part: { itemId: string; contentIndex: number }, bytes: Uint8Array, fromMs: number | null): void {
    if (!this.#facts.replyAudible) this.#setFacts({ ...this.#facts, replyAudible: true });
    // Copied to its own, aligned buffer: a worklet takes it over whole.
    const pcm = new Int16Array(bytes.slice(0, bytes.length & ~1).buffer);
    this.emit("audio", { ...part, pcm, fromMs });
  }

  #hearBase64({
    item_id: itemId,
    content_index: contentIndex,
    delta,
  }: ServerEventOf<"response.output_audio.delta">): void {
    const bytes = decodeBase64(delta);
    if (bytes === null) this.#misunderstand("response.output_audio.delta.delta is no base64");
    else this.#hear({ itemId, contentIndex }, bytes, null);
  }

  #apply(event: ServerEvent): void {
    this.#setFacts(applyEvent(this.#facts, event));
    this.emit("event", event);
    switch (event.type) {
      case "error":
        this.#onError(event);
        return;
      case "session.created":
      case "session.updated":
        this.#session = event.session;
        if (event.type === "session.updated") this.#updates.confirm(event.session);
        break;
      case "input_audio_buffer.speech_started":
        this.emit("userSpeaking", { itemId: event.item_id });
        break;
      case "response.content_part.added":
        if (event.part.type === "audio")
          this.#audioPart = { itemId: event.item_id, contentIndex: event.content_index };
        break;
      case "response.output_audio.delta":
        this.#hearBase64(event);
        break;
      case "response.output_audio.done":
        this.emit("audioEnd", { itemId: event.item_id });
        break;
      case "response.done":
        this.#onResponseDone(event);
        break;
      case "conversation.item.truncated":
        this.#transcripts.expectHeard(event.item_id);
        if (this.connected) this.send({ type: "conversation.item.retrieve", item_id: event.item_id });
        break;
      case "parley.words":
        this.emit("words", { itemId: event.item_id, words: spokenWordsOf(event) });
        break;
      case "parley.level":
        this.emit("gateLevel", gateLevelOf(event));
        break;
      case "parley.duck":
        this.emit("duck", undefined);
        break;
      case "parley.unduck":
        this.emit("unduck", undefined);
        break;
    }
    this.#tellWords(event);
    this.emit(event.type, event as never);
  }

  #tellWords(event: ServerEvent): void {
    const user = this.#transcripts.userWords(event);
    if (user !== null) this.emit("userTranscript", user);
    const reply = this.#transcripts.replyWords(event);
    if (reply !== null) this.emit("replyTranscript", reply);
  }

  #onResponseDone(event: ServerEventOf<"response.done">): void {
    // A response that was cut short may end without an end of its audio.
    for (const item of event.response.output) this.emit("audioEnd", { itemId: item.id });
    const details = event.response.status_details;
    if (details?.type === "failed") {
      this.emit("error", new ParleyError(details.error.code, { detail: details.error.message }));
    }
  }

  #onError(event: ServerEventOf<"error">): void {
    const error = errorOfEvent(event.error);
    if (!this.#updates.refuse(error.details.eventId, error)) this.emit("error", error);
  }

  #end(error: ParleyError | null): void {
    this.#audioPart = null;
    this.#session = null;
    this.#updates.failAll(error ?? new ParleyError("closed_by_caller"));
    this.#setFacts(initialFacts);
    this.emit("closed", { error });
  }

  #setFacts(facts: ConversationFacts): void {
    const previous = this.state;
    this.#facts = facts;
    if (this.state === previous) return;
    clearTimeout(this.#thinkingTimer);
    if (facts.awaitingReply) {
      this.#thinkingTimer = setTimeout(
        () => this.#setFacts({ ...this.#facts, awaitingReply: false }),
        maxThinkingMs,
      );
    }
    this.emit("state", { state: this.state, previous });
  }
}
