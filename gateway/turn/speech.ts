/**
 * Pieces of text become speech: while one plays the next two are synthesised, and whatever order they are ready
 * in, their audio is handed on in the order of the text.
 */
import type { Clock } from "../clock.ts";
import type { ProviderFault, TtsEvent, TtsProvider, Usage } from "../providers/provider.ts";
import { addUsage } from "../resilience/chain.ts";
import type { Scope } from "../resilience/scope.ts";
import { openScope } from "../resilience/scope.ts";
import { isAudible } from "../resilience/tts-policy.ts";
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

export interface Speech {
  /** Once finished: the index after the last piece that was handed on. */
  readonly nextIndex: number;
  /** Adds a piece; its synthesis starts as soon as the playing allows. */
  say(text: string): void;
  /** Adds a piece whose audio is there already. */
  play(text: string, pcm: Int16Array): void;
  /** Waits until everything said was handed on and no call is left; the fault that stopped it, else null. */
  finish(): Promise<ProviderFault | null>;
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

interface Piece {
  index: number;
  text: string;
  /** Waiting for the pieces before. */
  held: TtsEvent[];
  announced: boolean;
  whole: boolean;
  fault: ProviderFault | null;
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
export function createSpeech(options: SpeechOptions): Speech {
  const { tts, clock, limits, request, control, line, usage, firstIndex, emit } = options;
  const scope = openScope(options.signal);
  const pieces: Piece[] = [];
  const calls = new Set<Promise<void>>();
  /** Handed on as a whole: pieces before `head`. Begun to be synthesised: pieces before `started`. */
  let head = 0;
  let started = 0;
  let playing = -1;
  let waitingFor = -1;
  let sounded = options.sounded;
  let leading: ReplyEvent[] = [];
  let fault: ProviderFault | null = null;
  let wake: (() => void) | null = null;

  function hand(piece: Piece, event: TtsEvent): void {
    if (!piece.announced) {
      piece.announced = true;
      emit({ type: "piece", index: piece.index, text: piece.text });
    }
    const handed: ReplyEvent = { ...event, index: piece.index };
    if (sounded) return emit(handed);
    // What is silent before the first sound is sent with it: the listener hears nothing of it any sooner.
    leading.push(handed);
    if (event.type === "audio" && isAudible(event.pcm)) sound(piece.call?.follower.provider ?? null);
  }
  function sound(provider: string | null): void {
    sounded = true;
    options.onSound(provider);
    for (const event of leading) emit(event);
    leading = [];
  }
  function deliver(piece: Piece, event: TtsEvent): void {
    if (scope.signal.aborted || piece.call?.scope.signal.aborted) return;
    if (pieces[head] === piece) hand(piece, event);
    else piece.held.push(event);
  }
  function moveHead(): void {
    let piece = pieces[head];
    while (piece !== undefined && fault === null) {
      for (const event of piece.held) hand(piece, event);
      piece.held = [];
      if (!piece.whole) break;
      close(piece);
      head += 1;
      piece = pieces[head];
    }
    if (isDone()) wake?.();
  }
  function close(piece: Piece): void {
    fault = piece.fault;
    for (const event of leading) emit(event);
    leading = [];
    if (!piece.announced && fault === null) {
      piece.announced = true;
      emit({ type: "piece", index: piece.index, text: piece.text });
    }
    if (piece.announced) emit({ type: "pieceEnd", index: piece.index });
  }
  function isDone(): boolean {
    return fault !== null || options.signal.aborted || head === pieces.length;
  }
  function end(piece: Piece, ended: ProviderFault | null): void {
    piece.whole = true;
    piece.fault = ended;
    if (ended !== null && !options.signal.aborted) {
      dropAfter(piece);
      options.onFault();
    }
    moveHead();
  }
  /** Nothing is said after a piece that failed; those before it are still finished. */
  function dropAfter(piece: Piece): void {
    for (const other of pieces.splice(piece.index - firstIndex + 1)) {
      other.held = [];
      other.call?.scope.abort();
    }
    started = Math.min(started, pieces.length);
  }

  async function synthesise(piece: Piece): Promise<void> {
    const startedAtMs = clock.nowMs();
    const onPath = () => !sounded && piece === pieces[0];
    const follower = line.observe("tts", tts.name, onPath);
    const call = openScope(scope.signal);
    piece.call = { scope: call, follower };
    const context = {
      signal: call.signal,
      deadlineMs: startedAtMs + limits.ttsMs,
      clock,
      tenant: request.tenant,
      callId: clock.randomId(9),
      observer: follower.observer,
    };
    const { voice, speedRatio, sampleRateHz, language } = request;
    const asked = { text: speakable(piece.text), voice, speedRatio, sampleRateHz };
    const samplesMax = (limits.pieceAudioMaxMs / 1000) * sampleRateHz;
    let samples = 0;
    let ended: ProviderFault | null = unknownFault;
    try {
      for await (const event of tts.stream(
        language === undefined ? asked : { ...asked, language },
        context,
      )) {
        if (event.type === "end") {
          addUsage(usage, event.usage);
          follower.ended(event.outcome, event.provider, startedAtMs);
          if (event.outcome === "completed" && ended === unknownFault) ended = null;
          else if (event.outcome === "failed") ended = event.error ?? unknownFault;
          break;
        }
        if (event.type === "audio") samples += event.pcm.length;
        if (samples <= samplesMax) deliver(piece, event);
        else if (!call.signal.aborted) {
          ended = endlessFault;
          call.abort();
        }
      }
    } finally {
      call.close();
      end(piece, ended);
    }
  }

  function pump(): void {
    while (started < pieces.length && !scope.signal.aborted && fault === null) {
      const piece = pieces[started]!;
      const after = piece.index - limits.piecesAhead;
      if (after >= firstIndex && after > playing) return wait(after);
      started += 1;
      if (piece.whole) {
        moveHead();
        continue;
      }
      const call = synthesise(piece).catch(() => undefined);
      calls.add(call);
      void call.then(() => calls.delete(call));
    }
  }
  function wait(index: number): void {
    if (waitingFor >= index) return;
    waitingFor = index;
    const go = () => {
      playing = Math.max(playing, index);
      pump();
    };
    control.waitStarted(index, scope.signal).then(go, go);
  }
  function add(text: string, held: TtsEvent[]): void {
    if (fault !== null || pieces.some((piece) => piece.fault !== null)) return;
    pieces.push({
      index: firstIndex + pieces.length,
      text,
      held,
      announced: false,
      whole: held.length > 0,
      fault: null,
      call: null,
    });
    pump();
  }
  const onAbort = () => wake?.();

  return {
    get nextIndex() {
      return firstIndex + pieces.filter(({ announced }) => announced).length;
    },
    say: (text) => add(text, []),
    play: (text, pcm) => add(text, [{ type: "audio", pcm }]),
    async finish() {
      options.signal.addEventListener("abort", onAbort, { once: true });
      try {
        while (!isDone()) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        if (fault !== null) scope.abort();
        await Promise.all(calls);
        return fault;
      } finally {
        options.signal.removeEventListener("abort", onAbort);
        scope.close();
      }
    },
  };
}
