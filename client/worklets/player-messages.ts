import type { Flushed, Heard, PlaybackEvent, PlaybackQueueOptions, ReplyAudio } from "../playback-queue.ts";

/** From `Player` to its worklet. */
export type PlayerCommand =
  | { type: "play"; audio: ReplyAudio }
  | { type: "finish"; itemId: string }
  | { type: "flush"; id: number };

/** From the worklet to `Player`. */
export type PlayerReport =
  | PlaybackEvent
  /** The buffer is full: a piece of that item was refused. */
  | { type: "refused"; itemId: string }
  /** How far the item in play is and how loud it was since the last report; every `reportIntervalMs` while it moves. */
  | ({ type: "position"; levelRatio: number } & Heard)
  /** The first sample of an item that can be heard, and when it goes out, on the audio context's clock. */
  | { type: "sounded"; itemId: string; atSeconds: number }
  | { type: "flushed"; id: number; flushed: Flushed[] }
  /** What went to the speaker, if recording is on. */
  | { type: "recorded"; pcm: Int16Array<ArrayBuffer> };

export interface PlayerProcessorOptions extends Omit<PlaybackQueueOptions, "sampleRateHz"> {
  reportIntervalMs: number;
  record: boolean;
}
