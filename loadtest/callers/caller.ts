/**
 * A simulated person on a WebSocket: speaks a script in real time, listens, and notes from outside when what was
 * heard. Knows the gateway only by its wire.
 */
import { WebSocket } from "ws";
import type { TurnEvent } from "../../wire/extensions.ts";
import { frameMs, type Pacer } from "./pacer.ts";
import { hasSound } from "./samples.ts";
import type { Line, Script } from "./script.ts";
import { openTurn, type TurnRecord } from "./turn-record.ts";
import {
  type CallerAudio,
  callerAudioRates,
  type Frames,
  framesOf,
  roomFrames,
  silentFrame,
} from "./utterance.ts";
import { decodeReplyAudio, decodeReplyFrame, sessionFor } from "./wire-audio.ts";

const connectTimeoutMs = 20_000;
/** No reply that long after the last voiced sample: the turn is lost, and the script goes on. */
const replyTimeoutMs = 15_000;
const maxKeptErrors = 100;

export interface CallerOptions {
  /** `ws(s)://host:port/v1/realtime`. */
  wsUrl: string;
  apiKey?: string;
  /** Certificate to trust (PEM). */
  ca?: string;
  audio: CallerAudio;
  script: Script;
  pacer: Pacer;
  /** Where the first frame falls within 20 ms, so that callers don't all speak at once. Default 0. */
  phaseMs?: number;
  /** Silence that ends a turn. Default 500. */
  silenceMs?: number;
  /** Asks for `parley.turn`. */
  debug?: boolean;
  keepAudio?: boolean;
  /** What the microphone hears while the caller is silent (mono int16, 16 kHz, in a loop); digital silence by default. */
  room?: Int16Array;
  /** More settings for `session.update`, merged into `session`. */
  session?: Record<string, unknown>;
  /** Every event of the gateway's, once the session is configured; must not throw. */
  onEvent?(event: WireEvent, atMs: number): void;
}

/** What a call came to. */
export interface CallResult {
  turns: TurnRecord[];
  errors: { code: string; message: string }[];
  /** Null while the caller hung up itself. */
  closedEarly: { code: number; reason: string } | null;
  /** From the first frame to the last, seconds. */
  durationSeconds: number;
}

/** Any event of the gateway's. */
export interface WireEvent {
  type: string;
  [key: string]: unknown;
}

export class Caller {
  readonly #options: CallerOptions;
  readonly #socket: WebSocket;
  readonly #turns: TurnRecord[] = [];
  readonly #errors: { code: string; message: string }[] = [];
  #closedEarly: CallResult["closedEarly"] = null;
  #hungUp = false;
  #leave: (() => void) | null = null;
  #finish: ((result: CallResult) => void) | null = null;
  #startMs = 0;
  #quietFrames = 0;
  #script: Script;
  #nextLine = 0;
  #speaking: { frames: Frames; at: number } | null = null;
  /** When the last line's speech ended by the schedule. */
  #lineEndMs = 0;
  #audioTurn: TurnRecord | null = null;
  #turnOfResponse = new Map<string, TurnRecord>();
  /** When everything received so far will have been played. */
  #playedUntilMs = 0;

  private constructor(options: CallerOptions, socket: WebSocket) {
    this.#options = options;
    this.#script = options.script;
    this.#socket = socket;
    socket.on("message", (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    socket.on("close", (code, reason) => this.#onClose(code, reason.toString()));
    socket.on("error", () => {});
  }

  /** Connects and configures the session; rejects when that takes longer than 20 s. */
  static async connect(options: CallerOptions): Promise<Caller> {
    const url = new URL(options.wsUrl);
    url.searchParams.set("model", "parley");
    if (options.audio === "binary-pcm16k") url.searchParams.set("audio", "binary");
    if (options.debug) url.searchParams.set("debug", "1");
    const socket = new WebSocket(url, {
      perMessageDeflate: false,
      headers: options.apiKey ? { Authorization: `Bearer ${options.apiKey}` } : {},
      ...(options.ca ? { ca: options.ca } : {}),
    });
    const caller = new Caller(options, socket);
    await caller.#configure();
    return caller;
  }

  #configure(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => fail("no session within the time limit"), connectTimeoutMs);
      const onMessage = (data: Buffer, isBinary: boolean) => {
        if (isBinary) return;
        const event = JSON.parse(data.toString()) as WireEvent;
        if (event.type === "error") fail(data.toString());
        if (event.type !== "session.updated") return;
        settle();
        resolve();
      };
      const fail = (why: string) => {
        settle();
        this.#socket.terminate();
        reject(new Error(`caller could not start: ${why}`));
      };
      const onClose = (code: number, reason: Buffer) => fail(`closed with ${code} ${reason}`);
      const onError = (error: Error) => fail(error.message);
      const settle = () => {
        clearTimeout(timer);
        this.#socket.off("message", onMessage).off("close", onClose).off("error", onError);
      };
      this.#socket.on("message", onMessage).on("close", onClose).on("error", onError);
      this.#socket.once("open", () => {
        const { audio, silenceMs = 500, session = {} } = this.#options;
        this.#socket.send(
          JSON.stringify({
            type: "session.update",
            session: { ...sessionFor(audio, silenceMs), ...session },
          }),
        );
      });
    });
  }

  /**
   * Speaks the script, or another one, from `startMs` (performance.now) on; resolves after the last reply, or when the
   * line dropped. May be called again when it has resolved; the result holds the turns of all scripts.
   */
  speak(startMs: number, script: Script = this.#options.script): Promise<CallResult> {
    this.#startMs = startMs + (this.#options.phaseMs ?? 0);
    this.#lineEndMs = this.#startMs;
    this.#script = script;
    this.#nextLine = 0;
    return new Promise((resolve) => {
      this.#finish = resolve;
      if (this.#closedEarly) this.#end(performance.now());
      else this.#leave = this.#options.pacer.add(this.#startMs, (_, dueMs) => this.#frame(dueMs));
    });
  }

  /** Sends a client event beside the speech. */
  send(event: Record<string, unknown>): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(event));
  }

  /** Hangs up. */
  close(): void {
    this.#hungUp = true;
    this.#leave?.();
    this.#socket.close(1000);
  }

  #frame(dueMs: number): void {
    if (this.#speaking === null) this.#maybeBegin(dueMs - frameMs);
    const speaking = this.#speaking;
    if (speaking === null) {
      this.#socket.send(this.#quietFrame());
      if (this.#isOver(dueMs)) this.#end(dueMs);
      return;
    }
    this.#socket.send(speaking.frames.messages[speaking.at]!);
    speaking.at++;
    if (speaking.at < speaking.frames.messages.length) return;
    this.#speaking = null;
    this.#lineEndMs = dueMs;
  }

  #quietFrame(): string | Buffer {
    const { audio, room } = this.#options;
    if (room === undefined) return silentFrame(audio);
    const frames = roomFrames(room, audio);
    return frames[this.#quietFrames++ % frames.length]!;
  }

  #maybeBegin(atMs: number): void {
    const line = this.#script[this.#nextLine];
    if (line === undefined || !this.#isCue(line, atMs)) return;
    const frames = framesOf(line.utterance, this.#options.audio);
    const voicedFrameMs = atMs + frames.lastVoicedFrame * frameMs;
    this.#turns.push(
      openTurn(
        this.#turns.length,
        line.utterance.text,
        voicedFrameMs + frames.lastVoicedOffsetMs,
        voicedFrameMs + frameMs,
      ),
    );
    this.#speaking = { frames, at: 0 };
    this.#nextLine++;
  }

  #isCue(line: Line, atMs: number): boolean {
    const { after, delayMs } = line.cue;
    const last = this.#turns.at(-1);
    if (after === "line" || last === undefined) return atMs >= this.#lineEndMs + delayMs;
    if (atMs >= last.lastVoicedAtMs + replyTimeoutMs && last.firstSoundAtMs === null) return true;
    if (after === "reply-start") return last.firstSoundAtMs !== null && atMs >= last.firstSoundAtMs + delayMs;
    if (last.doneAtMs === null)
      return atMs >= Math.max(last.lastVoicedAtMs, this.#playedUntilMs) + replyTimeoutMs;
    return atMs >= Math.max(last.doneAtMs, this.#playedUntilMs) + delayMs;
  }

  #isOver(atMs: number): boolean {
    if (this.#nextLine < this.#script.length) return false;
    const last = this.#turns.at(-1);
    if (last === undefined) return atMs >= this.#startMs;
    const settled = last.doneAtMs !== null && (last.report !== null || !this.#options.debug);
    // Who spoke on while the last words play would interrupt them.
    return (
      (settled && atMs >= this.#playedUntilMs) ||
      atMs >= Math.max(last.lastVoicedAtMs, this.#playedUntilMs) + replyTimeoutMs
    );
  }

  #end(atMs: number): void {
    this.#leave?.();
    const finish = this.#finish;
    this.#finish = null;
    finish?.({
      turns: this.#turns,
      errors: this.#errors,
      closedEarly: this.#closedEarly,
      durationSeconds: Math.max(0, atMs - this.#startMs) / 1000,
    });
  }

  #onClose(code: number, reason: string): void {
    if (!this.#hungUp) this.#closedEarly = { code, reason };
    this.#end(performance.now());
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    const nowMs = performance.now();
    if (isBinary) {
      this.#onAudio(decodeReplyFrame(data, this.#options.audio), nowMs);
      return;
    }
    this.#onEvent(JSON.parse(data.toString()) as WireEvent, nowMs);
  }

  #onEvent(event: WireEvent, nowMs: number): void {
    this.#options.onEvent?.(event, nowMs);
    switch (event.type) {
      case "response.created":
        this.#onResponseCreated((event.response as { id: string }).id, nowMs);
        break;
      case "response.content_part.added":
        this.#audioTurn = this.#turnOfResponse.get(event.response_id as string) ?? null;
        break;
      case "response.output_audio.delta":
        this.#audioTurn = this.#turnOfResponse.get(event.response_id as string) ?? this.#audioTurn;
        this.#onAudio(decodeReplyAudio(event.delta as string, this.#options.audio), nowMs);
        break;
      case "response.output_audio_transcript.done": {
        const turn = this.#turnOfResponse.get(event.response_id as string);
        if (turn) turn.replyText = event.transcript as string;
        break;
      }
      case "response.done": {
        const response = event.response as { id: string; status: string; output?: { type: string }[] };
        const turn = this.#turnOfResponse.get(response.id);
        // After a function's call the answer is still to come.
        const asks = response.output?.some((item) => item.type === "function_call") === true;
        if (turn && turn.responseId === response.id && !asks) {
          turn.doneAtMs = nowMs;
          turn.status = response.status;
        }
        break;
      }
      case "conversation.item.input_audio_transcription.completed": {
        const turn = this.#turns.at(-1);
        if (turn) turn.transcript = `${turn.transcript ?? ""} ${event.transcript as string}`.trim();
        break;
      }
      case "input_audio_buffer.speech_started":
        // As stock SDKs do: what was not played yet is thrown away.
        this.#playedUntilMs = Math.min(this.#playedUntilMs, nowMs);
        break;
      case "parley.turn":
        this.#onReport(event as unknown as TurnEvent);
        break;
      case "error": {
        const error = event.error as { code: string; message: string };
        if (this.#errors.length < maxKeptErrors)
          this.#errors.push({ code: error.code, message: error.message });
        break;
      }
    }
  }

  #onResponseCreated(id: string, nowMs: number): void {
    const turn = this.#turns.at(-1);
    if (turn === undefined) return;
    this.#turnOfResponse.set(id, turn);
    turn.responseId = id;
    turn.doneAtMs = null;
    if (nowMs < turn.lastVoicedAtMs) turn.cutIn = true;
  }

  #onReport(event: TurnEvent): void {
    const turn = this.#turnOfResponse.get(event.response_id);
    if (turn && turn.responseId === event.response_id) turn.report = event;
  }

  #onAudio(pcm: Int16Array, nowMs: number): void {
    const turn = this.#audioTurn;
    const durationMs = (pcm.length * 1000) / callerAudioRates[this.#options.audio];
    const begun = turn !== null && turn.firstAudioAtMs !== null && turn.doneAtMs === null;
    if (begun && nowMs > this.#playedUntilMs) turn.underrunMs += nowMs - this.#playedUntilMs;
    this.#playedUntilMs = Math.max(this.#playedUntilMs, nowMs) + durationMs;
    if (turn === null) return;
    turn.firstAudioAtMs ??= nowMs;
    if (turn.firstSoundAtMs === null && hasSound(pcm)) turn.firstSoundAtMs = nowMs;
    if (!this.#options.keepAudio) return;
    turn.replyPieces.push(pcm);
    turn.replyPiecesAtMs.push(nowMs);
  }
}
