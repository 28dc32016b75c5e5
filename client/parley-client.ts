import { decodeFrame } from "../wire/binary-frames.ts";
import type { ClientEvent, SentSession, ServerEvent, ServerEventOf } from "../wire/events.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import type {
  ClientEvents,
  ParleyClientOptions,
  ResponseSettings,
  ServerEventsByType,
  SessionSettings,
} from "./client-events.ts";
import { Connection } from "./connection.ts";
import {
  applyEvent,
  type ConversationFacts,
  type ConversationState,
  initialFacts,
  stateOf,
} from "./conversation-state.ts";
import { Emitter } from "./emitter.ts";
import { ParleyError } from "./parley-error.ts";
import type { Heard } from "./playback-queue.ts";
import { defaultReconnectPolicy } from "./reconnect-policy.ts";
import { realtimeUrl, type WebSocketConstructor } from "./server-link.ts";
import { Transcripts } from "./transcripts.ts";

/** While more than this waits to be sent, microphone audio is dropped: late sound is worse than none. */
const maxUnsentBytes = 512 * 1024;
/** If no reply begins that long after the user's words, nobody is thinking any more. */
const maxThinkingMs = 20_000;
/** Settings on their way to the server. */
const maxPendingUpdates = 16;

interface PendingUpdate {
  eventId: string;
  resolve: (session: SentSession) => void;
  reject: (error: ParleyError) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** One conversation with a Parley gateway (or, with `audio: "base64"`, any server of the Realtime protocol). */
export class ParleyClient extends Emitter<ClientEvents & ServerEventsByType> {
  readonly #base64: boolean;
  readonly #answerTimeoutMs: number;
  readonly #connection: Connection;
  readonly #transcripts = new Transcripts();
  readonly #pendingUpdates: PendingUpdate[] = [];
  #facts: ConversationFacts = initialFacts;
  #thinkingTimer: ReturnType<typeof setTimeout> | undefined;
  #session: SentSession | null = null;
  #settings: SessionSettings | null = null;
  #audioPart: { itemId: string; contentIndex: number } | null = null;
  #eventCount = 0;
  #droppingAudio = false;

  constructor(options: ParleyClientOptions) {
    super();
    this.#base64 = options.audio === "base64";
    this.#answerTimeoutMs = options.connectTimeoutMs ?? 10_000;
    const url = realtimeUrl(options.url, {
      binaryAudio: !this.#base64,
      duck: options.extensions?.duck === true,
      debug: options.extensions?.debug === true,
    });
    this.#connection = new Connection(
      {
        url,
        apiKey: async () =>
          typeof options.apiKey === "function" ? options.apiKey() : (options.apiKey ?? ""),
        connectTimeoutMs: this.#answerTimeoutMs,
        policy: options.reconnect === false ? null : { ...defaultReconnectPolicy, ...options.reconnect },
        webSocket: options.webSocket ?? (globalThis.WebSocket as unknown as WebSocketConstructor),
        random: options.random ?? Math.random,
      },
      {
        onMessage: (data) => {
          this.#receive(data);
          return this.#facts.link === "open";
        },
        onLost: (cause) => {
          this.#session = null;
          this.#failUpdates(cause);
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
      },
    );
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
   * Changes settings; they are sent again after a reconnect.
   *
   * @returns the settings as the server took them
   * @throws {ParleyError} if it refused them, or `no_answer`
   */
  configure(settings: SessionSettings): Promise<SentSession> {
    const audio = { ...this.#settings?.audio, ...settings.audio };
    this.#settings = { ...this.#settings, ...settings, ...(Object.keys(audio).length > 0 && { audio }) };
    return this.#update(settings);
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
    if (this.#base64) this.send({ type: "input_audio_buffer.append", audio: encodeBase64(bytes) });
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
    if (this.#base64) return;
    this.send({ type: "parley.playback", item_id: itemId, played_ms: Math.floor(playedMs) });
  }

  /** Whoever plays the audio says when sound begins and ends: the state "speaking" lasts that long. */
  setPlaying(playing: boolean): void {
    if (playing !== this.#facts.playing) this.#setFacts({ ...this.#facts, playing });
  }

  /** @throws {ParleyError} `not_connected` */
  send(event: ClientEvent): void {
    if (this.#facts.link !== "open") throw new ParleyError("not_connected");
    this.#connection.send(JSON.stringify(event));
  }

  #update(settings: SessionSettings): Promise<SentSession> {
    if (this.#pendingUpdates.length >= maxPendingUpdates) return Promise.reject(new ParleyError("no_answer"));
    return new Promise((resolve, reject) => {
      this.#eventCount++;
      const eventId = `client_update_${this.#eventCount}`;
      const session = { type: "realtime", ...settings } as Extract<
        ClientEvent,
        { type: "session.update" }
      >["session"];
      this.send({ type: "session.update", event_id: eventId, session });
      const timer = setTimeout(() => {
        this.#takeUpdate(eventId);
        reject(new ParleyError("no_answer"));
      }, this.#answerTimeoutMs);
      this.#pendingUpdates.push({ eventId, resolve, reject, timer });
    });
  }

  /** @param eventId - undefined: the oldest, since the server answers in order */
  #takeUpdate(eventId?: string): PendingUpdate | undefined {
    const index =
      eventId === undefined ? 0 : this.#pendingUpdates.findIndex((update) => update.eventId === eventId);
    const update = index < 0 ? undefined : this.#pendingUpdates.splice(index, 1)[0];
    clearTimeout(update?.timer);
    return update;
  }

  #failUpdates(error: ParleyError): void {
    for (let update = this.#takeUpdate(); update !== undefined; update = this.#takeUpdate())
      update.reject(error);
  }

  #receive(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      this.#receiveAudio(new Uint8Array(data));
      return;
    }
    let event: ServerEvent;
    try {
      event = JSON.parse(String(data)) as ServerEvent;
      if (typeof event?.type !== "string") throw new TypeError("an event needs a type");
    } catch (error) {
      this.emit("error", new ParleyError("bad_server_message", { detail: String(error) }));
      return;
    }
    this.#apply(event);
  }

  #receiveAudio(message: Uint8Array): void {
    const decoded = decodeFrame(message);
    if (!decoded.ok || this.#audioPart === null) {
      const detail = decoded.ok ? "audio before any response.content_part.added" : decoded.message;
      this.emit("error", new ParleyError("bad_server_message", { detail }));
      return;
    }
    this.#hear(this.#audioPart, decoded.frame.samples, decoded.frame.mediaTimeMs);
  }

  #hear(part: { itemId: string; contentIndex: number }, bytes: Uint8Array, fromMs: number | null): void {
    if (!this.#facts.replyAudible) this.#setFacts({ ...this.#facts, replyAudible: true });
    // Copied to its own, aligned buffer: a worklet takes it over whole.
    const pcm = new Int16Array(bytes.slice(0, bytes.length & ~1).buffer);
    this.emit("audio", { ...part, pcm, fromMs });
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
        if (event.type === "session.updated") this.#takeUpdate()?.resolve(event.session);
        break;
      case "input_audio_buffer.speech_started":
        this.emit("userSpeaking", { itemId: event.item_id });
        break;
      case "response.content_part.added":
        if (event.part.type === "audio")
          this.#audioPart = { itemId: event.item_id, contentIndex: event.content_index };
        break;
      case "response.output_audio.delta":
        this.#hear(
          { itemId: event.item_id, contentIndex: event.content_index },
          decodeBase64(event.delta),
          null,
        );
        break;
      case "response.output_audio.done":
        this.emit("audioEnd", { itemId: event.item_id });
        break;
      case "response.done":
        this.#onResponseDone(event);
        break;
      case "conversation.item.truncated":
        this.#transcripts.expectHeard(event.item_id);
        this.send({ type: "conversation.item.retrieve", item_id: event.item_id });
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
    const { code, message, param, event_id: eventId } = event.error;
    const error = new ParleyError(code ?? event.error.type, {
      detail: message,
      ...(param && { param }),
      ...(eventId && { eventId }),
    });
    const update = eventId ? this.#takeUpdate(eventId) : undefined;
    if (update === undefined) this.emit("error", error);
    else update.reject(error);
  }

  #end(error: ParleyError | null): void {
    this.#audioPart = null;
    this.#session = null;
    this.#failUpdates(error ?? new ParleyError("closed_by_caller"));
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
