/**
 * One live conversation in the world: keeps the value, hands events to the reducer and carries out what it asks
 * for. Everything that can be decided is decided in the reducer; here are only the hands.
 */

import type { ErrorCode } from "../../wire/codes.ts";
import type { AudioChannel, FrontEndEvent } from "../../workers/audio/messages.ts";
import { errorTable } from "../errors.ts";
import { createConversationMemory } from "../turn/conversation-memory.ts";
import { advance, closeLedger, type Ledger } from "../turn/ledger.ts";
import type { ReplyRequest, ReplyRunner } from "../turn/reply.ts";
import type { AudioFormat, Command } from "./domain.ts";
import { EchoReference } from "./echo-reference.ts";
import type { Effect, Now, SessionEvent } from "./events.ts";
import { frontEndSettings } from "./front-end-settings.ts";
import { createHoldWatch, type HoldWatch } from "./hold-watch.ts";
import { Listener } from "./listener.ts";
import { Playbacks } from "./playbacks.ts";
import { effectsToResume, reduce } from "./reducer.ts";
import { outputRateHz } from "./responding.ts";
import { brokenOff, type EndedReply, type SessionDependencies, type SessionPort } from "./session-parts.ts";
import type { SessionState, SpokenPiece } from "./state.ts";

export class Session {
  #state: SessionState;
  readonly #channel: AudioChannel;
  readonly #port: SessionPort;
  readonly #deps: SessionDependencies;
  readonly #playbacks: Playbacks;
  readonly #listener: Listener;
  readonly #echo: EchoReference | null;
  readonly #holdWatch: HoldWatch | null;
  readonly #replies = new Map<string, AbortController>();
  /** Lines of time that wait for their first byte to be sent. */
  readonly #opening = new Map<string, Ledger>();
  /** Not part of the value: which links served it well is of this process only. */
  readonly #conversation = createConversationMemory();
  readonly #queue: SessionEvent[] = [];
  #dispatching = false;
  #closed = false;

  constructor(state: SessionState, channel: AudioChannel, port: SessionPort, deps: SessionDependencies) {
    this.#state = state;
    this.#channel = channel;
    this.#port = port;
    this.#deps = deps;
    this.#echo = deps.listening.echoGuard === true ? new EchoReference(channel) : null;
    this.#playbacks = new Playbacks({
      clock: deps.clock,
      limits: deps.playbackLimits,
      sink: this.#playbackSink(),
    });
    this.#listener = new Listener({
      channel,
      transcriber: deps.transcriber,
      conversation: this.#conversation,
      signal: deps.listening.sttInput,
      maxBufferMs: deps.maxBufferMs,
      session: () => this.#state,
      dispatch: (event) => this.dispatch(event),
    });
    const overdue = () => this.dispatch({ type: "soundOverdue" });
    this.#holdWatch = deps.hold ? createHoldWatch(deps.clock, deps.hold, () => this.#state, overdue) : null;
    channel.onEvents = (events) => this.#hear(events);
    channel.onReadable = () => this.#listener.onReadable();
  }

  get state(): SessionState {
    return this.#state;
  }

  open(): void {
    this.dispatch({ type: "opened" });
  }

  /** Goes on with a restored value. */
  resume(): void {
    for (const effect of effectsToResume(this.#state)) this.#carryOut(effect);
  }

  command(command: Command, readAtMs: number): void {
    this.dispatch({ type: "command", command, readAtMs });
  }

  refuse(code: ErrorCode, message: string | null, param: string | null, clientEventId: string | null): void {
    const text = message ?? errorTable[code].message;
    this.dispatch({ type: "refused", code, message: text, param, clientEventId });
  }

  /** Input audio in the session's format; copied before it returns. */
  appendAudio(bytes: Uint8Array, readAtMs: number, clientEventId: string | null): void {
    if (this.#channel.write(bytes, readAtMs) === "full") {
      this.refuse("input_audio_backlog_full", null, "audio", clientEventId);
    }
  }

  /** Something that was sent is still to be heard. */
  get sounds(): boolean {
    return this.#playbacks.conversation.position()?.unheard === true;
  }

  get receivedSamples(): number {
    return this.#channel.receivedSamples;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#holdWatch?.close();
    for (const abort of this.#replies.values()) abort.abort();
    this.#playbacks.close();
    this.#listener.close();
    this.#channel.onEvents = null;
    this.#channel.onReadable = null;
    this.#channel.close();
  }

  /** Nested events wait their turn, so that the effects of one step stay together. */
  dispatch(event: SessionEvent): void {
    if (this.#closed) return;
    this.#queue.push(event);
    if (this.#dispatching) return;
    this.#dispatching = true;
    try {
      for (let next = this.#queue.shift(); next && !this.#closed; next = this.#queue.shift())
        this.#step(next);
    } finally {
      this.#dispatching = false;
    }
    this.#keepPlaying();
    if (!this.#closed) this.#holdWatch?.look();
  }

  /** Plays the prepared sentence; after the step, since it opens an item. */
  async #hold(responseId: string, format: AudioFormat): Promise<void> {
    await Promise.resolve();
    const response = this.#response(responseId);
    const rateHz = outputRateHz(format);
    const again = (response?.holds.count ?? 0) > 1;
    const said = this.#deps.hold?.sentence(rateHz, again) ?? null;
    if (this.#closed || !response || response.ended || said === null) return;
    this.#playbacks.open(responseId, format, rateHz, false);
    if (!again) this.#opening.set(responseId, advance(response.ledger, "overhead", this.#deps.clock.nowMs()));
    this.#playbacks.of(responseId).aside(responseId, said.text, said.pcm);
    this.#keepPlaying();
  }

  async #endHold(responseId: string): Promise<void> {
    await Promise.resolve();
    this.#playbacks.of(responseId).finish(responseId);
  }

  #step(event: SessionEvent): void {
    let sound = true;
    try {
      const { state, effects } = reduce(this.#state, event, this.#now());
      this.#state = state;
      for (const effect of effects) {
        // A socket may close within a step: nothing is begun after that.
        if (this.#closed) return;
        // One effect's fault must not take the others with it.
        sound = this.#guard(effect.type, () => this.#carryOut(effect)) && sound;
      }
    } catch (error) {
      this.#deps.observer.failed(error, event.type);
      sound = false;
    }
    if (sound) return;
    const clientEventId = event.type === "command" ? event.command.clientEventId : null;
    const { message } = errorTable.internal_error;
    const output = {
      type: "error",
      kind: "server_error",
      code: "internal_error",
      message,
      param: null,
    } as const;
    this.#guard("send", () => this.#port.send({ ...output, clientEventId }));
  }

  /** @returns false if it threw; the observer knows then */
  #guard(during: string, act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      this.#deps.observer.failed(error, during);
      return false;
    }
  }

  #now(): Now {
    return {
      atMs: this.#deps.clock.nowMs(),
      receivedSamples: this.#channel.receivedSamples,
      readableSamples: this.#channel.readableSamples,
      turnEnds: this.#deps.turnEnds,
      keptFromSample: this.#channel.keptFromSample,
      playback: this.#playbacks.conversation.position(),
    };
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "send":
        if (effect.output.type === "error") this.#deps.observer.refused(effect.output.code);
        return this.#port.send(effect.output);
      case "openUtterance":
        return this.#listener.open(effect.itemId, effect.fromSample);
      case "markPause":
        return this.#listener.get(effect.itemId)?.pause(effect.lastVoicedSample);
      case "markResumed":
        return this.#listener.get(effect.itemId)?.resumed(effect.atSample);
      case "probeUtterance":
        return this.#listener.get(effect.itemId)?.probe(effect.atSample);
      case "endUtterance":
        return this.#listener.get(effect.itemId)?.end(effect.atSample);
      case "dropUtterance":
        return this.#listener.drop(effect.itemId);
      case "transcribeItem":
        return this.#listener.transcribeBytes(
          effect.itemId,
          Buffer.from(effect.audio, "base64"),
          effect.format,
        );
      case "startReply":
        void this.#reply(effect.request, effect.format);
        return;
      case "hold":
        void this.#hold(effect.responseId, effect.format);
        return;
      case "endHold":
        void this.#endHold(effect.responseId);
        return;
      case "cancelReply":
        return this.#cancelReply(effect.responseId);
      case "flushPlayback":
        this.#playbacks.conversation.flush();
        return this.#echo?.flushed();
      case "flushItem":
        return this.#playbacks.conversation.flushItem(effect.itemId);
      case "acknowledge":
        return this.#playbacks.conversation.acknowledge(effect.itemId, effect.playedMs);
      case "alarm":
        return this.#channel.alarm(effect.key, effect.atSample);
      case "cancelAlarm":
        return this.#channel.cancelAlarm(effect.key);
      case "configureAudio":
        return this.#channel.configure(frontEndSettings(this.#state.config, this.#deps.listening));
      case "resetSpeech":
        return this.#channel.resetSpeech();
      case "turnClosed":
        return this.#deps.observer.turnClosed(effect, this.#state.tenant);
    }
  }

  // ---- hearing ----

  #hear(events: FrontEndEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case "alarm":
          this.dispatch(this.#alarmOf(event));
          break;
        case "onset":
        case "resumed": {
          const { type, sample, echoUntilSample } = event;
          this.dispatch({ type, sample, ...(echoUntilSample !== undefined && { echoUntilSample }) });
          break;
        }
        case "pause":
          this.dispatch({ type: "pause", sample: event.sample });
          break;
        case "level":
          this.#guard("level", () => this.#port.send(event));
          break;
      }
    }
  }

  #alarmOf(event: Extract<FrontEndEvent, { type: "alarm" }>): SessionEvent {
    const { type, key, sample, voicedUntilSample } = event;
    const voiced = voicedUntilSample === undefined ? undefined : { voicedUntilSample };
    return { type, key, sample, stamps: this.#stamps(event), ...voiced };
  }

  #stamps(event: { sample: number; takenAtMs: number; decidedAtMs: number }) {
    const { takenAtMs, decidedAtMs } = event;
    const frame = this.#channel.frameTimes(event.sample - 1) ?? { readAtMs: takenAtMs, inBusAtMs: takenAtMs };
    return { ...frame, takenAtMs, decidedAtMs };
  }

  // ---- replying ----

  async #reply(request: ReplyRequest, format: AudioFormat): Promise<void> {
    const { responseId } = request;
    const abort = new AbortController();
    this.#replies.set(responseId, abort);
    const outOfBand = this.#response(responseId)?.outOfBand === true;
    if (request.modality === "audio")
      this.#playbacks.open(responseId, format, outputRateHz(format), outOfBand);
    const playback = this.#playbacks.of(responseId);
    const control = {
      waitStarted: (index: number, signal: AbortSignal) => playback.waitStarted(responseId, index, signal),
      // Of what is written nothing is heard to run out.
      ...(request.modality === "audio" ? { unplayedMs: () => playback.unplayedMs(responseId) } : {}),
      conversation: this.#conversation,
    };
    let ended = false;
    try {
      for await (const event of this.#deps.replies.run(request, control, abort.signal)) {
        if (abort.signal.aborted) continue; // drained to its end; nothing of it counts any more
        ended ||= event.type === "end";
        this.#onReplyEvent(responseId, event);
      }
    } catch (error) {
      this.#deps.observer.failed(error, "reply");
    } finally {
      this.#replies.delete(responseId);
    }
    if (!ended && !abort.signal.aborted) this.#endReply(responseId, brokenOff);
  }

  #onReplyEvent(responseId: string, event: ReplyRunnerEvent): void {
    switch (event.type) {
      case "text":
        this.dispatch({ type: "replyText", responseId, delta: event.delta });
        return this.#firstByteSent(responseId);
      case "piece":
        return this.#playbacks.of(responseId).piece(responseId, event.index, event.text);
      case "word":
        return this.#playbacks.of(responseId).word(responseId, event.index, event.text, event.fromSample);
      case "audio":
        this.#playbacks.of(responseId).samples(responseId, event.index, event.pcm);
        return this.#keepPlaying();
      case "pieceEnd":
        return this.#playbacks.of(responseId).pieceEnd(responseId, event.index, event.said);
      case "answer":
        return this.dispatch({ type: "answerKnown", responseId, text: event.text });
      case "toolCall": {
        const { callId, name } = event;
        return this.dispatch({ type: "toolCall", responseId, callId, name, arguments: event.arguments });
      }
      case "ledger":
        this.#opening.set(responseId, event.ledger);
        return this.dispatch({ type: "ledger", responseId, ledger: event.ledger });
      case "end": {
        const { outcome, reason = null, error = null, usage, attempts } = event;
        return this.#endReply(responseId, { outcome, reason, error, usage, attempts });
      }
    }
  }

  #endReply(responseId: string, ended: EndedReply): void {
    this.dispatch({ type: "replyEnded", responseId, ...ended });
    this.#playbacks.of(responseId).finish(responseId);
    this.#keepPlaying();
  }

  #keepPlaying(): void {
    if (this.#playbacks.active) this.#deps.ticker.add(this.#playbacks);
  }

  #cancelReply(responseId: string): void {
    this.#replies.get(responseId)?.abort();
    this.#playbacks.cancel(responseId);
    this.#opening.delete(responseId);
  }

  /** The first byte of the reply was handed to the socket: its line of time ends here. */
  #firstByteSent(responseId: string): void {
    const ledger = this.#opening.get(responseId);
    if (!ledger) return;
    this.#opening.delete(responseId);
    const closed = closeLedger(advance(ledger, "egress", this.#deps.clock.nowMs()));
    this.dispatch({ type: "firstOutput", responseId, ledger: closed });
  }

  #playbackSink() {
    return {
      pieceStarted: (responseId: string, piece: SpokenPiece, aside: boolean) => {
        this.dispatch({ type: "pieceStarted", responseId, piece, ...(aside ? { aside: true } : {}) });
        return this.#message(responseId)?.itemId ?? null;
      },
      asideSent: (responseId: string) => this.dispatch({ type: "asideSent", responseId }),
      pieceKnown: (responseId: string, piece: SpokenPiece) => {
        this.dispatch({ type: "pieceKnown", responseId, ...piece });
      },
      audio: (responseId: string, itemId: string, bytes: Uint8Array, fromMs: number) => {
        const outputIndex = this.#message(responseId)?.outputIndex ?? 0;
        const audio = { responseId, itemId, outputIndex, contentIndex: 0, bytes, fromMs };
        this.#guard("sendAudio", () => this.#port.sendAudio(audio));
        this.#firstByteSent(responseId);
      },
      words: (responseId: string, itemId: string, words: { text: string; fromMs: number }[]) => {
        const output = { type: "replyWords", responseId, itemId, contentIndex: 0, words } as const;
        this.#guard("replyWords", () => this.#port.send(output));
      },
      sounding: (pcm: Int16Array, rateHz: number, inMs: number) => this.#echo?.sent(pcm, rateHz, inMs),
      drained: (responseId: string) => {
        this.#opening.delete(responseId);
        this.dispatch({ type: "drained", responseId });
      },
    };
  }

  #response(responseId: string) {
    return this.#state.responses.find(({ id }) => id === responseId);
  }

  #message(responseId: string) {
    return this.#response(responseId)?.message ?? null;
  }
}

type ReplyRunnerEvent = ReturnType<ReplyRunner["run"]> extends AsyncIterable<infer Event> ? Event : never;
