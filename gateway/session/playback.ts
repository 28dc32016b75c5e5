/**
 * Paced playback of one session: reply audio goes out at most a little ahead of its playing, without gaps inside an
 * item, one response at a time. Knows the two positions: *sent* (the client has it) and *heard* (it was played).
 */
import type { Clock } from "../clock.ts";
import type { AudioFormat } from "./domain.ts";
import type { Now } from "./events.ts";
import type { Piece } from "./playback-pieces.ts";
import {
  addGap,
  asideIndex,
  newPiece,
  placedWords,
  placeWord,
  silencesIn,
  takeSamples,
} from "./playback-pieces.ts";
import { encodeSamples } from "./samples.ts";
import type { SpokenPiece } from "./state.ts";

export interface PlaybackLimits {
  /** How far sending may run ahead of playing. */
  aheadMs: number;
  /** Audio in one delta. */
  chunkMs: number;
  /** Without acks, the listener is thought to be that far behind our clock. */
  heardLagMs: number;
}

export const defaultPlaybackLimits: PlaybackLimits = { aheadMs: 2_000, chunkMs: 100, heardLagMs: 200 };

/** An underrun is filled when less than this is left to play. */
const underrunMs = 60;

/** Items whose positions are remembered for late acks. */
const maxRemembered = 8;

/** A client that acks no more, this long after the sound must have ended, is taken to have heard what it was sent. */
const ackPatienceMs = 3_000;

interface Stream {
  readonly responseId: string;
  readonly format: AudioFormat;
  readonly rateHz: number;
  pieces: Piece[];
  /** Pieces announced so far. */
  announced: number;
  finished: boolean;
  itemId: string | null;
  sentSamples: number;
}

/** Where an item lies on the playback clock. */
interface Track {
  readonly responseId: string;
  readonly itemId: string;
  startedAtMs: number;
  sentMs: number;
  /** Set when the client dropped the rest. */
  stoppedAtMs: number | null;
  acknowledgedMs: number | null;
  acknowledgedAtMs: number;
}

export interface PlaybackSink {
  /** A piece is about to sound: opens the item if need be. @returns the item's id, null if the response is gone */
  pieceStarted(responseId: string, piece: SpokenPiece, aside: boolean): string | null;
  /** All of a sentence before the answer was sent. */
  asideSent(responseId: string): void;
  pieceKnown(responseId: string, piece: SpokenPiece): void;
  /** Bytes in the client's format. */
  audio(responseId: string, itemId: string, bytes: Uint8Array, fromMs: number): void;
  /** When words of the item sound, in its media time; they come with their piece, or as the voice tells them. */
  words(responseId: string, itemId: string, words: { text: string; fromMs: number }[]): void;
  /** What `audio` carried, and in how long it sounds if the client plays at once. */
  sounding(pcm: Int16Array, rateHz: number, inMs: number): void;
  /** All of the response's audio was sent; once, and not after a cancel. */
  drained(responseId: string): void;
}

export class Playback {
  readonly #clock: Clock;
  readonly #limits: PlaybackLimits;
  readonly #sink: PlaybackSink;
  #streams: Stream[] = [];
  #tracks: Track[] = [];
  /** When everything sent will have been played. */
  #endsAtMs = 0;
  /** The same without the silence of a gap that may go on. */
  #soundEndsAtMs = 0;
  readonly #waiters = new Map<string, Set<() => void>>();

  constructor(options: { clock: Clock; limits: PlaybackLimits; sink: PlaybackSink }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#sink = options.sink;
  }

  /** True while something is to be sent: `pump` must be called every few milliseconds. */
  get active(): boolean {
    return this.#streams.length > 0;
  }

  /** Opens a response's audio; once, if it is opened already. */
  open(responseId: string, format: AudioFormat, rateHz: number): void {
    if (this.#stream(responseId)) return;
    this.#streams.push({
      responseId,
      format,
      rateHz,
      pieces: [],
      announced: 0,
      finished: false,
      itemId: null,
      sentSamples: 0,
    });
  }

  piece(responseId: string, index: number, text: string): void {
    const stream = this.#stream(responseId);
    if (!stream) return;
    stream.announced = index + 1;
    stream.pieces.push(newPiece(index, text, null));
  }

  /** Audio before the answer, in an item of its own; none once the answer has begun. */
  aside(responseId: string, text: string, pcm: Int16Array): void {
    const stream = this.#stream(responseId);
    if (!stream || stream.announced > 0 || stream.itemId !== null || stream.pieces.length > 0) return;
    stream.pieces.push(newPiece(asideIndex, text, pcm));
    this.pump();
  }

  word(responseId: string, index: number, text: string, fromSample: number): void {
    const stream = this.#stream(responseId);
    const piece = stream?.pieces.find((other) => other.index === index);
    if (!stream || !piece) return;
    piece.words.push({ text, fromSample });
    if (piece.fromMs === null) return;
    this.#tellWords(stream, piece, piece.words.slice(-1));
    this.#tell(stream, piece);
  }

  samples(responseId: string, index: number, pcm: Int16Array): void {
    const piece = this.#stream(responseId)?.pieces.find((other) => other.index === index);
    if (!piece || pcm.length === 0) return;
    piece.chunks.push(pcm);
    piece.samples += pcm.length;
    this.pump();
  }

  /** @param said - what of its text was said, where its voice broke off */
  pieceEnd(responseId: string, index: number, said?: string): void {
    const stream = this.#stream(responseId);
    const piece = stream?.pieces.find((other) => other.index === index);
    if (!stream || !piece) return;
    piece.whole = true;
    if (said !== undefined) piece.text = said;
    if (piece.fromMs !== null) this.#tell(stream, piece);
    this.pump();
  }

  /** The reply has ended: `drained` follows as soon as everything is sent. */
  finish(responseId: string): void {
    const stream = this.#stream(responseId);
    if (!stream) return this.#sink.drained(responseId);
    stream.finished = true;
    for (const piece of stream.pieces) piece.whole = true;
    this.pump();
  }

  /** Drops what was not sent; what was sent plays on. The next response's audio waits for `pump`. */
  cancel(responseId: string): void {
    this.#streams = this.#streams.filter((stream) => stream.responseId !== responseId);
    for (const key of [...this.#waiters.keys()]) if (key.startsWith(`${responseId}:`)) this.#wake(key);
  }

  /** Drops everything; nothing is sent any more. */
  close(): void {
    for (const { responseId } of this.#streams) this.cancel(responseId);
  }

  /** The client drops what it has not played: *heard* stands still from now on. */
  flush(): void {
    const atMs = this.#clock.nowMs();
    for (const track of this.#tracks) if (this.#isUnheard(track, atMs)) track.stoppedAtMs = atMs;
    this.#endsAtMs = Math.min(this.#endsAtMs, atMs);
    this.#soundEndsAtMs = Math.min(this.#soundEndsAtMs, atMs);
  }

  /** The client drops what it has not played of one item: what comes after it plays on, sooner. */
  flushItem(itemId: string): void {
    const atMs = this.#clock.nowMs();
    const index = this.#tracks.findIndex((other) => other.itemId === itemId);
    const track = this.#tracks[index];
    if (!track || !this.#isUnheard(track, atMs)) return;
    track.stoppedAtMs = atMs;
    const droppedMs = Math.max(0, track.startedAtMs + track.sentMs - Math.max(atMs, track.startedAtMs));
    for (const later of this.#tracks.slice(index + 1)) later.startedAtMs -= droppedMs;
    this.#endsAtMs -= droppedMs;
    this.#soundEndsAtMs -= droppedMs;
  }

  acknowledge(itemId: string, playedMs: number): void {
    const index = this.#tracks.findIndex((other) => other.itemId === itemId);
    const track = this.#tracks[index];
    if (!track) return;
    // What came before it is over, whether its last acknowledgement came or not.
    if (playedMs > 0)
      for (const before of this.#tracks.slice(0, index))
        if (before.stoppedAtMs === null) before.acknowledgedMs = before.sentMs;
    track.acknowledgedMs = Math.min(track.sentMs, Math.max(track.acknowledgedMs ?? 0, playedMs));
    track.acknowledgedAtMs = this.#clock.nowMs();
  }

  /** Resolves when a piece has begun to be sent, or when its response is gone. */
  waitStarted(responseId: string, index: number, signal: AbortSignal): Promise<void> {
    const stream = this.#stream(responseId);
    const pending = stream?.pieces.find((piece) => piece.index === index);
    const begun = !stream || (pending ? pending.fromMs !== null : index < stream.announced);
    if (begun || signal.aborted) return Promise.resolve();
    const key = `${responseId}:${index}`;
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(key) ?? new Set();
      this.#waiters.set(key, waiters);
      const done = () => {
        signal.removeEventListener("abort", done);
        waiters.delete(done);
        resolve();
      };
      waiters.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  /** Audio of a response that was handed over and is not played yet, with what plays before it, in ms. */
  unplayedMs(responseId: string): number {
    let ms = Math.max(0, this.#soundEndsAtMs - this.#clock.nowMs());
    for (const stream of this.#streams) {
      const samples = stream.pieces.reduce((sum, piece) => sum + piece.samples, 0);
      ms += (samples * 1_000) / stream.rateHz;
      if (stream.responseId === responseId) break;
    }
    return ms;
  }

  /** Where the listener is, in the newest item that has begun to play. */
  position(): Now["playback"] {
    const atMs = this.#clock.nowMs();
    const track = this.#tracks.findLast((other) => other.startedAtMs <= atMs) ?? this.#tracks[0];
    if (!track) return null;
    const streaming = this.#streams.some((stream) => stream.itemId !== null);
    const last = this.#tracks.at(-1) ?? track;
    const unheard = last.stoppedAtMs === null && (streaming || this.#isUnheard(last, atMs));
    const others = this.#tracks.filter((other) => other !== track).map((other) => this.#placeOf(other, atMs));
    return { ...this.#placeOf(track, atMs), unheard, others };
  }

  #placeOf(track: Track, atMs: number) {
    // The whole of what was sent, also after a flush: the client knows better how much of it was played.
    const { responseId, itemId, sentMs } = track;
    return {
      responseId,
      itemId,
      sentMs,
      heardMs: this.#heardMs(track, atMs),
      unheard: this.#isUnheard(track, atMs),
    };
  }

  #isUnheard(track: Track, atMs: number): boolean {
    if (track.stoppedAtMs !== null || this.#heardMs(track, atMs) >= track.sentMs - 1) return false;
    const lastSignMs = Math.max(track.startedAtMs + track.sentMs, track.acknowledgedAtMs);
    return atMs < lastSignMs + ackPatienceMs;
  }

  /** With acks, heard is what the client says; without, the playback clock less a lag. */
  #heardMs(track: Track, atMs: number): number {
    const clockMs = Math.min(track.stoppedAtMs ?? atMs, atMs) - track.startedAtMs;
    const next = this.#tracks[this.#tracks.indexOf(track) + 1];
    const isOver = track.stoppedAtMs === null && next !== undefined && next.startedAtMs <= atMs;
    const playedMs = isOver
      ? track.sentMs
      : Math.max(0, Math.min(track.sentMs, clockMs - this.#limits.heardLagMs));
    return track.acknowledgedMs ?? playedMs;
  }

  /** Sends what is due. Cheap when nothing is. */
  pump(): void {
    for (let stream = this.#streams[0]; stream; stream = this.#streams[0]) {
      this.#send(stream);
      const left = stream.pieces.length > 0 || !stream.finished;
      if (left || this.#streams[0] !== stream) return;
      this.#streams.shift();
      this.#sink.drained(stream.responseId);
    }
  }

  #send(stream: Stream): void {
    while (this.#streams[0] === stream) {
      const aheadMs = this.#endsAtMs - this.#clock.nowMs();
      if (aheadMs > Math.max(underrunMs, this.#limits.aheadMs - this.#limits.chunkMs)) return;
      const piece = stream.pieces[0];
      if (piece && piece.samples > 0) this.#sendChunk(stream, piece);
      else if (piece?.whole) this.#closePiece(stream, piece);
      else if (stream.itemId !== null && !stream.finished && aheadMs < underrunMs)
        this.#sendSilence(stream, piece);
      else return;
    }
  }

  #closePiece(stream: Stream, piece: Piece): void {
    stream.pieces.shift();
    if (piece.aside) {
      stream.itemId = null;
      stream.sentSamples = 0;
      this.#sink.asideSent(stream.responseId);
    }
    this.#wake(`${stream.responseId}:${piece.index}`);
  }

  #sendChunk(stream: Stream, piece: Piece): void {
    if (piece.fromMs === null && !this.#begin(stream, piece)) return;
    const wanted = Math.round((this.#limits.chunkMs * stream.rateHz) / 1_000);
    const pcm = takeSamples(piece.chunks, wanted);
    piece.samples -= pcm.length;
    piece.sentSamples += pcm.length;
    this.#emit(stream, pcm);
    this.#soundEndsAtMs = this.#endsAtMs;
  }

  /** @returns false if the response was gone */
  #begin(stream: Stream, piece: Piece): boolean {
    const fromMs = (stream.sentSamples * 1_000) / stream.rateHz;
    const { text } = piece;
    const started = { text, fromMs, durationMs: null, words: placedWords(piece, stream.rateHz) };
    const itemId = this.#sink.pieceStarted(stream.responseId, started, piece.aside);
    if (itemId === null || this.#streams[0] !== stream) {
      this.#streams = this.#streams.filter((other) => other !== stream);
      return false;
    }
    stream.itemId = itemId;
    piece.fromMs = fromMs;
    this.#tellWords(stream, piece, piece.words);
    if (piece.whole) this.#tell(stream, piece);
    this.#wake(`${stream.responseId}:${piece.index}`);
    return true;
  }

  #tellWords(stream: Stream, piece: Piece, words: Piece["words"]): void {
    if (stream.itemId === null || words.length === 0) return;
    const pieceFromMs = piece.fromMs ?? 0;
    const placed = words.map((word) => {
      const { text, fromMs } = placeWord(word, piece, stream.rateHz);
      return { text, fromMs: pieceFromMs + fromMs };
    });
    this.#sink.words(stream.responseId, stream.itemId, placed);
  }

  /** Says where a piece's words begin, and how long it is once its audio is whole. */
  #tell(stream: Stream, piece: Piece): void {
    if (piece.fromMs === null) return;
    const sentMs = (stream.sentSamples * 1_000) / stream.rateHz - piece.fromMs;
    const durationMs = piece.whole ? sentMs + (piece.samples * 1_000) / stream.rateHz : null;
    const { text, fromMs } = piece;
    const words = placedWords(piece, stream.rateHz);
    const silences = silencesIn(piece, stream.rateHz);
    this.#sink.pieceKnown(stream.responseId, { text, fromMs, durationMs, words, ...silences });
  }

  #sendSilence(stream: Stream, piece: Piece | undefined): void {
    const { chunkMs } = this.#limits;
    const inside = piece !== undefined && piece.sentSamples > 0;
    if (inside) addGap(piece, chunkMs);
    this.#emit(stream, new Int16Array(Math.round((chunkMs * stream.rateHz) / 1_000)));
    if (inside) this.#tell(stream, piece);
  }

  #emit(stream: Stream, pcm: Int16Array): void {
    const { responseId, itemId, rateHz } = stream;
    if (itemId === null) return;
    const atMs = this.#clock.nowMs();
    const fromMs = (stream.sentSamples * 1_000) / rateHz;
    stream.sentSamples += pcm.length;
    let track = this.#tracks.find((other) => other.itemId === itemId);
    if (!track) {
      const startedAtMs = Math.max(atMs, this.#endsAtMs);
      track = {
        responseId,
        itemId,
        startedAtMs,
        sentMs: 0,
        stoppedAtMs: null,
        acknowledgedMs: null,
        acknowledgedAtMs: 0,
      };
      this.#tracks = [...this.#tracks.slice(1 - maxRemembered), track];
    }
    // Nothing was sent for longer than there was to play: the listener's position stood still meanwhile.
    track.startedAtMs += Math.max(0, atMs - (track.startedAtMs + track.sentMs));
    track.sentMs = (stream.sentSamples * 1_000) / rateHz;
    this.#endsAtMs = Math.max(this.#endsAtMs, track.startedAtMs + track.sentMs);
    this.#sink.audio(responseId, itemId, encodeSamples(pcm, stream.format), fromMs);
    this.#sink.sounding(pcm, rateHz, track.startedAtMs + fromMs - atMs);
  }

  #stream(responseId: string): Stream | undefined {
    return this.#streams.find((stream) => stream.responseId === responseId);
  }

  #wake(key: string): void {
    const waiters = this.#waiters.get(key);
    this.#waiters.delete(key);
    for (const done of [...(waiters ?? [])]) done();
  }
}
