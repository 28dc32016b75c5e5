import { type JitterLimits, JitterTarget } from "./jitter-target.ts";

/** Reply audio as it comes from the server. */
export interface ReplyAudio {
  itemId: string;
  contentIndex: number;
  pcm: Int16Array;
  /** Media time of the first sample within its item, if the wire says so; null: it follows what came before. */
  fromMs: number | null;
}

/** How far a reply was played. */
export interface Heard {
  itemId: string;
  contentIndex: number;
  /** Media time of the last sample that was played, ms from the item's start, rounded down. */
  playedMs: number;
}

/** One end of an item that was flushed: `cut` is false if everything there was to hear had been heard. */
export type Flushed = Heard & { cut: boolean };

export type PlaybackEvent =
  /** The item's first sample is being played. */
  | ({ type: "started" } & Heard)
  /** The item was played to its end. */
  | ({ type: "finished" } & Heard)
  /** Nothing was left to play in the middle of an item: silence until the buffer is filled again. */
  | ({ type: "underrun" } & Heard)
  /** Nothing is left to play at all. */
  | { type: "drained" };

export interface PlaybackQueueOptions {
  sampleRateHz: number;
  /** How long an item is held back before it begins, and before it goes on after an underrun. */
  jitter: JitterLimits;
  /** More than that waiting is refused. */
  maxBufferedMs: number;
  /** An item whose audio stays away that long counts as finished. */
  maxStarvedMs: number;
}

interface QueuedItem {
  itemId: string;
  contentIndex: number;
  chunks: { pcm: Int16Array; fromSample: number }[];
  /** Samples played of the first chunk. */
  offset: number;
  /** Samples waiting. */
  buffered: number;
  /** Media time of the next sample expected, in samples. */
  expectedSample: number;
  /** The longest piece that came in one. */
  longestChunk: number;
  /** Media time after the last sample played, in samples. */
  playedSample: number;
  begun: boolean;
  complete: boolean;
}

/** What is played last when playback is cut: the sound fades out over that long instead of clicking. */
const fadeMs = 5;
/** Items that wait at the same time; audio of more is refused. */
const maxItems = 256;
const noEvents: readonly PlaybackEvent[] = [];

/**
 * The jitter buffer and the truth about what was played: samples are counted when they are handed to the sound
 * card, per item, on the item's own clock. Pure: the worklet calls `read` from its audio callback.
 */
export class PlaybackQueue {
  readonly #options: PlaybackQueueOptions;
  readonly #items: QueuedItem[] = [];
  /** Rest of a faded-out reply. */
  #tail: Float32Array = new Float32Array(0);
  readonly #jitter: JitterTarget;
  /** True while the first item is held back. */
  #filling = true;
  /** How long it has been since the first of its audio came. */
  #heldSamples = 0;
  #starvedSamples = 0;
  /** Since the item in play ran dry; null: it didn't. */
  #gapSamples: number | null = null;
  /** All samples ever read: the clock that arrivals are measured on. */
  #readSamples = 0;
  #flushedItemId: string | null = null;
  #bufferedSamples = 0;

  constructor(options: PlaybackQueueOptions) {
    this.#options = options;
    this.#jitter = new JitterTarget(options.jitter);
  }

  /** How long replies are held back at present. */
  get jitterMs(): number {
    return this.#jitter.valueMs;
  }

  get bufferedMs(): number {
    return this.#milliseconds(this.#bufferedSamples);
  }

  /** Whether something is being played or waiting to be, a flushed reply's fading end included. */
  get busy(): boolean {
    return this.#items.length > 0 || this.#tail.length > 0;
  }

  /** The item being played and how far; null if there is none or it hasn't begun. */
  get position(): Heard | null {
    const item = this.#items[0];
    return item?.begun ? this.#heard(item) : null;
  }

  /**
   * Adds audio to its item; another item's audio ends the item before it. What still comes of an item that was
   * flushed is dropped.
   *
   * @returns false if the buffer is full: nothing was kept
   */
  push(audio: ReplyAudio): boolean {
    if (audio.itemId === this.#flushedItemId) return true;
    if (this.#bufferedSamples + audio.pcm.length > this.#samples(this.#options.maxBufferedMs)) return false;
    let item = this.#items.at(-1);
    if (item === undefined || item.itemId !== audio.itemId || item.contentIndex !== audio.contentIndex) {
      if (this.#items.length >= maxItems) return false;
      if (item !== undefined) item.complete = true;
      item = {
        itemId: audio.itemId,
        contentIndex: audio.contentIndex,
        chunks: [],
        offset: 0,
        buffered: 0,
        expectedSample: 0,
        longestChunk: 0,
        playedSample: 0,
        begun: false,
        complete: false,
      };
      this.#items.push(item);
    }
    let fromSample = item.expectedSample;
    // The wire counts whole milliseconds; only a real jump (audio that never came) moves the clock.
    if (audio.fromMs !== null && Math.abs(this.#samples(audio.fromMs) - fromSample) > this.#samples(2)) {
      fromSample = this.#samples(audio.fromMs);
    }
    this.#noteArrival(item, fromSample, audio.pcm.length);
    if (audio.pcm.length > 0) item.chunks.push({ pcm: audio.pcm, fromSample });
    item.buffered += audio.pcm.length;
    this.#bufferedSamples += audio.pcm.length;
    item.expectedSample = fromSample + audio.pcm.length;
    return true;
  }

  /** No more audio will come for the item. */
  finish(itemId: string): void {
    for (const item of this.#items) if (item.itemId === itemId) item.complete = true;
  }

  /** Fills `output` (mono floats) with what is to be heard now, silence included, and says what happened. */
  read(output: Float32Array): readonly PlaybackEvent[] {
    let events: PlaybackEvent[] | null = null;
    const report = (event: PlaybackEvent): void => {
      events ??= [];
      events.push(event);
    };
    this.#readSamples += output.length;
    let written = this.#readTail(output);
    while (written < output.length) {
      const item = this.#items[0];
      if (item === undefined) break;
      if (item.buffered === 0 && item.complete) {
        this.#endItem(item, report);
        continue;
      }
      if (this.#filling && !this.#isFilled(item)) {
        this.#starve(item, output.length - written);
        break;
      }
      this.#filling = false;
      this.#heldSamples = 0;
      this.#starvedSamples = 0;
      if (!item.begun) {
        item.begun = true;
        report({ type: "started", ...this.#heard(item) });
      }
      if (item.buffered === 0) {
        this.#filling = true;
        this.#gapSamples = 0;
        report({ type: "underrun", ...this.#heard(item) });
        continue;
      }
      written += this.#copy(item, output, written);
    }
    output.fill(0, written);
    // An item that ended exactly with this block is over now, not in the next one.
    const first = this.#items[0];
    if (first?.complete && first.buffered === 0) this.#endItem(first, report);
    return events ?? noEvents;
  }

  /**
   * Drops everything that waits; the item in play fades out within 5 ms, which count as heard.
   *
   * @returns one entry for every item dropped, in order; the first holds how far it was heard
   */
  flush(): Flushed[] {
    const flushed: Flushed[] = [];
    for (const item of this.#items) {
      if (item.begun && item.buffered > 0) this.#tail = this.#fadeOut(item);
      flushed.push({ ...this.#heard(item), cut: item.buffered > 0 || !item.complete });
      this.#flushedItemId = item.itemId;
    }
    this.#items.length = 0;
    this.#bufferedSamples = 0;
    this.#hold();
    return flushed;
  }

  #samples(durationMs: number): number {
    return Math.round((durationMs * this.#options.sampleRateHz) / 1000);
  }

  #milliseconds(samples: number): number {
    return (samples * 1000) / this.#options.sampleRateHz;
  }

  #heard(item: QueuedItem): Heard {
    return {
      itemId: item.itemId,
      contentIndex: item.contentIndex,
      playedMs: Math.floor(this.#milliseconds(item.playedSample)),
    };
  }

  /** The next audio is held back again. */
  #hold(): void {
    this.#filling = true;
    this.#heldSamples = 0;
    this.#starvedSamples = 0;
    this.#gapSamples = null;
    this.#jitter.restart();
  }

  #noteArrival(item: QueuedItem, fromSample: number, samples: number): void {
    item.longestChunk = Math.max(item.longestChunk, samples);
    if (samples === 0 || item !== this.#items[0]) return;
    if (this.#gapSamples !== null) this.#jitter.underran(this.#milliseconds(this.#gapSamples));
    this.#gapSamples = null;
    const transitSamples = this.#readSamples - fromSample;
    this.#jitter.arrived(this.#milliseconds(transitSamples), this.#milliseconds(samples));
  }

  /**
   * Held back for the whole delay since its first audio came, the item survives jitter up to that, whatever the size of
   * the server's pieces. So it does, without waiting, once the delay and a piece are there: the server sends ahead.
   */
  #isFilled(item: QueuedItem): boolean {
    if (item.complete) return true;
    if (item.buffered === 0) return false;
    const target = this.#samples(this.#jitter.valueMs);
    return this.#heldSamples >= target || item.buffered >= target + item.longestChunk;
  }

  #starve(item: QueuedItem, samples: number): void {
    if (item.buffered > 0) this.#heldSamples += samples;
    else this.#starvedSamples += samples;
    if (this.#gapSamples !== null) this.#gapSamples += samples;
    if (this.#starvedSamples >= this.#samples(this.#options.maxStarvedMs)) item.complete = true;
  }

  #endItem(item: QueuedItem, report: (event: PlaybackEvent) => void): void {
    this.#items.shift();
    this.#hold();
    if (item.begun) report({ type: "finished", ...this.#heard(item) });
    if (this.#items.length === 0) report({ type: "drained" });
  }

  #readTail(output: Float32Array): number {
    if (this.#tail.length === 0) return 0;
    const taken = Math.min(this.#tail.length, output.length);
    output.set(this.#tail.subarray(0, taken));
    this.#tail = this.#tail.slice(taken);
    return taken;
  }

  /** @returns samples written; at least one, since the item has some */
  #copy(item: QueuedItem, output: Float32Array, at: number): number {
    const chunk = item.chunks[0]!;
    const taken = Math.min(chunk.pcm.length - item.offset, output.length - at);
    for (let i = 0; i < taken; i++) output[at + i] = chunk.pcm[item.offset + i]! / 32768;
    item.offset += taken;
    item.buffered -= taken;
    this.#bufferedSamples -= taken;
    item.playedSample = chunk.fromSample + item.offset;
    if (item.offset === chunk.pcm.length) {
      item.chunks.shift();
      item.offset = 0;
    }
    return taken;
  }

  #fadeOut(item: QueuedItem): Float32Array {
    const fade = new Float32Array(Math.min(this.#samples(fadeMs), item.buffered));
    for (let at = 0; at < fade.length; ) at += this.#copy(item, fade, at);
    for (let i = 0; i < fade.length; i++) fade[i] = fade[i]! * (1 - (i + 1) / fade.length);
    return fade;
  }
}
