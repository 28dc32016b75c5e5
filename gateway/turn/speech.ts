/**
 * Pieces of text become speech: while one plays the next two are synthesised, and whatever order they are ready
 * in, their audio is handed on in the order of the text.
 */
import type { Clock } from "../clock.ts";
import type { ProviderFault, TtsEvent, TtsProvider, TtsRequest, Usage } from "../providers/provider.ts";
import { addUsage } from "../resilience/chain.ts";
import type { Scope } from "../resilience/scope.ts";
import { openScope } from "../resilience/scope.ts";
import { isAudible } from "../resilience/tts-audio.ts";
import { spokenTokens } from "../resilience/tts-text.ts";
import type { PlaybackControl, ReplyEvent, ReplyRequest } from "./reply.ts";
import type { CallFollower, ReplyLine } from "./reply-line.ts";
import { speakable } from "./speakable.ts";

export interface SpeechLimits {
  /** Pieces synthesised ahead of the one that plays. */
  piecesAhead: number;
  /** For one piece, to its last sample. */
  ttsMs: number;
  /** A piece whose audio grows longer than this is broken off as a fault. */
  pieceAudioMaxMs: number;
}

export interface SpeechOptions {
  tts: TtsProvider;
  clock: Clock;
  limits: SpeechLimits;
  request: ReplyRequest;
  control: PlaybackControl;
  /** Cancels all pieces together. */
  signal: AbortSignal;
  line: ReplyLine;
  usage: Usage;
  firstIndex: number;
  emit(event: ReplyEvent): void;
  /** True when the reply has sounded before. */
  sounded: boolean;
  /** Sound is about to be handed on for the first time in the reply; `provider` is the voice's, null if it was kept. */
  onSound(provider: string | null): void;
  /** A voice failed and no other was left: nothing more need be written. */
  onFault(): void;
}

type SpeechEvent = Exclude<TtsEvent, { type: "brokenOff" }>;

interface Piece {
  index: number;
  text: string;
  /** Waiting for the pieces before. */
  held: SpeechEvent[];
  announced: boolean;
  whole: boolean;
  fault: ProviderFault | null;
  /** What was said of it, when its voice broke off. */
  said: string | null;
  /** Samples that wait for the pieces before. */
  heldSamples: number;
  /** The call that synthesises it; null before and for kept audio. */
  call: { scope: Scope; follower: CallFollower } | null;
}

const unknownFault: ProviderFault = {
  code: "provider_unavailable",
  message: "The voice broke off.",
  retryable: true,
};
const endlessFault: ProviderFault = {
  code: "provider_rejected",
  message: "The voice did not come to an end.",
  retryable: false,
};

/** The speech of one reply (or of what is said after it broke off). */
export class Speech {
  readonly #options: SpeechOptions;
  readonly #scope: Scope;
  readonly #pieces: Piece[] = [];
  readonly #calls = new Set<Promise<void>>();
  /** Pieces before it were handed on as a whole. */
  #head = 0;
  /** Pieces before it are being synthesised, or were. */
  #started = 0;
  /** Index of the last piece that is known to play, and of the one whose playing is waited for. */
  #playing = -1;
  #waitingFor = -1;
  #sounded: boolean;
  /** Silence before the first sound, and words in it. */
  #leading: ReplyEvent[] = [];
  #fault: ProviderFault | null = null;
  #wake: (() => void) | null = null;

  constructor(options: SpeechOptions) {
    this.#options = options;
    this.#scope = openScope(options.signal);
    this.#sounded = options.sounded;
  }

  /** Once finished: the index after the last piece that was handed on. */
  get nextIndex(): number {
    return this.#options.firstIndex + this.#pieces.filter(({ announced }) => announced).length;
  }

  /** Adds a piece; its synthesis starts as soon as the playing allows. */
  say(text: string): void {
    this.#add(text, []);
  }

  /** Adds a piece whose audio is there already. */
  play(text: string, pcm: Int16Array): void {
    this.#add(text, [{ type: "audio", pcm }]);
  }

  /** Waits until everything said was handed on and no call is left; the fault that stopped it, else null. */
  async finish(): Promise<ProviderFault | null> {
    const { signal } = this.#options;
    const onAbort = () => this.#wake?.();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (!this.#isDone()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.#fault !== null) this.#scope.abort();
      await Promise.all(this.#calls);
      return this.#fault;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#scope.close();
    }
  }

  #isDone(): boolean {
    return this.#fault !== null || this.#options.signal.aborted || this.#head === this.#pieces.length;
  }

  // ---- handing on, in order ----

  #deliver(piece: Piece, event: SpeechEvent): void {
    if (this.#scope.signal.aborted || piece.call?.scope.signal.aborted) return;
    if (this.#pieces[this.#head] === piece) this.#hand(piece, event);
    else {
      piece.held.push(event);
      if (event.type === "audio") piece.heldSamples += event.pcm.length;
    }
  }

  /** Audio that the listener has still to hear before a piece falls silent: of it and of those before it, in ms. */
  unplayedMs(until = Number.POSITIVE_INFINITY): number {
    const { control, request } = this.#options;
    let samples = 0;
    for (const { index, heldSamples } of this.#pieces) if (index <= until) samples += heldSamples;
    for (const event of this.#leading) if (event.type === "audio") samples += event.pcm.length;
    return (control.unplayedMs?.() ?? 0) + (samples * 1_000) / request.sampleRateHz;
  }

  #hand(piece: Piece, event: SpeechEvent): void {
    this.#announce(piece);
    const handed: ReplyEvent = { ...event, index: piece.index };
    if (this.#sounded) {
      this.#options.emit(handed);
      return;
    }
    // What is silent before the first sound is sent with it: the listener hears nothing of it any sooner.
    this.#leading.push(handed);
    if (event.type !== "audio" || !isAudible(event.pcm)) return;
    this.#sounded = true;
    this.#options.onSound(piece.call?.follower.provider ?? null);
    this.#handLeading();
  }

  #announce(piece: Piece): void {
    if (piece.announced) return;
    piece.announced = true;
    this.#options.emit({ type: "piece", index: piece.index, text: piece.text });
  }

  #handLeading(): void {
    for (const event of this.#leading) this.#options.emit(event);
    this.#leading = [];
  }

  #moveHead(): void {
    let piece = this.#pieces[this.#head];
    while (piece !== undefined && this.#fault === null) {
      for (const event of piece.held) this.#hand(piece, event);
      piece.held = [];
      piece.heldSamples = 0;
      if (!piece.whole) break;
      this.#close(piece);
      this.#head += 1;
      piece = this.#pieces[this.#head];
    }
    if (this.#isDone()) this.#wake?.();
  }

  #close(piece: Piece): void {
    this.#fault = piece.fault;
    this.#handLeading();
    if (this.#fault === null) this.#announce(piece);
    if (!piece.announced) return;
    const said = piece.said === null ? {} : { said: piece.said };
    this.#options.emit({ type: "pieceEnd", index: piece.index, ...said });
  }

  // ---- synthesising, ahead ----

  #add(text: string, held: SpeechEvent[]): void {
    const pieces = this.#pieces;
    if (this.#fault !== null || pieces.some(({ fault }) => fault !== null)) return;
    const index = this.#options.firstIndex + pieces.length;
    const heldSamples = held.reduce((sum, event) => sum + (event.type === "audio" ? event.pcm.length : 0), 0);
    const state = { announced: false, whole: held.length > 0, fault: null, said: null, call: null };
    pieces.push({ index, text, held, heldSamples, ...state });
    this.#pump();
  }

  #pump(): void {
    const { firstIndex, limits } = this.#options;
    while (this.#started < this.#pieces.length && !this.#scope.signal.aborted && this.#fault === null) {
      const piece = this.#pieces[this.#started]!;
      const after = piece.index - limits.piecesAhead;
      if (after >= firstIndex && after > this.#playing) {
        this.#awaitPlaying(after);
        return;
      }
      this.#started += 1;
      if (piece.whole) {
        this.#moveHead();
        continue;
      }
      const call = this.#synthesise(piece).catch(() => undefined);
      this.#calls.add(call);
      void call.then(() => this.#calls.delete(call));
    }
  }

  #awaitPlaying(index: number): void {
    if (this.#waitingFor >= index) return;
    this.#waitingFor = index;
    const go = () => {
      this.#playing = Math.max(this.#playing, index);
      this.#pump();
    };
    this.#options.control.waitStarted(index, this.#scope.signal).then(go, go);
  }

  async #synthesise(piece: Piece): Promise<void> {
    const { tts, clock, limits, line, request, control } = this.#options;
    const { conversation } = control;
    const knowsPlaying = control.unplayedMs !== undefined;
    const startedAtMs = clock.nowMs();
    const onPath = () => !this.#sounded && piece === this.#pieces[0];
    const call = { scope: openScope(this.#scope.signal), follower: line.observe("tts", tts.name, onPath) };
    piece.call = call;
    const context = {
      signal: call.scope.signal,
      deadlineMs: startedAtMs + limits.ttsMs,
      clock,
      tenant: request.tenant,
      callId: clock.randomId(9),
      observer: call.follower.observer,
      ...(onPath() ? line.patience() : {}),
      ...(conversation === undefined ? {} : { conversation }),
      ...(knowsPlaying ? { unplayedMs: () => this.unplayedMs(piece.index) } : {}),
    };
    const pieceMaxMs = limits.pieceAudioMaxMs / Math.min(1, request.speedRatio);
    const samplesMax = (pieceMaxMs / 1000) * request.sampleRateHz;
    let samples = 0;
    let fault: ProviderFault | null = unknownFault;
    try {
      for await (const event of tts.stream(this.#ask(piece), context)) {
        if (event.type === "end") {
          addUsage(this.#options.usage, event.usage);
          call.follower.ended(event.outcome, event.provider, startedAtMs);
          if (event.outcome === "completed" && fault === unknownFault) fault = null;
          else if (event.outcome === "failed") fault = event.error ?? unknownFault;
          break;
        }
        if (event.type === "brokenOff") {
          piece.said = beginningOf(piece.text, event.saidCharacters);
          continue;
        }
        if (event.type === "audio") samples += event.pcm.length;
        if (samples <= samplesMax) this.#deliver(piece, event);
        else if (fault !== endlessFault) {
          fault = endlessFault;
          call.scope.abort();
        }
      }
    } finally {
      call.scope.close();
      this.#end(piece, fault);
    }
  }

  #ask(piece: Piece): TtsRequest {
    const { voice, speedRatio, sampleRateHz, language } = this.#options.request;
    const asked = { text: speakable(piece.text), voice, speedRatio, sampleRateHz };
    return language === undefined ? asked : { ...asked, language };
  }

  #end(piece: Piece, fault: ProviderFault | null): void {
    piece.whole = true;
    piece.fault = fault;
    if (fault !== null && !this.#scope.signal.aborted && this.#pieces.includes(piece)) {
      this.#dropAfter(piece);
      this.#options.onFault();
    }
    this.#moveHead();
  }

  /** Nothing is said after a piece that failed; those before it are still finished. */
  #dropAfter(piece: Piece): void {
    for (const other of this.#pieces.splice(piece.index - this.#options.firstIndex + 1)) {
      other.held = [];
      other.heldSamples = 0;
      other.call?.scope.abort();
    }
    this.#started = Math.min(this.#started, this.#pieces.length);
  }
}

/** As many words of a text as the first characters of what a voice was given for it hold, up to the word after them. */
function beginningOf(text: string, characters: number): string {
  const words = spokenTokens(speakable(text).slice(0, characters)).length;
  return text.slice(0, spokenTokens(text)[words]?.at);
}
