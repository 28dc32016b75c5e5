/** What travels between the bus and its thread beside the shared memory. */
import type { AudioMemoryBuffers } from "./layout.ts";
import type { FrontEndEvent, FrontEndSettings } from "./messages.ts";

/** Settings that hold from a byte of the channel's stream on. */
export interface SettingsFence {
  /** Bytes of the stream before it. */
  atByte: number;
  settings: FrontEndSettings;
  /** Where the format of these settings began: byte and sample (older than the fence if the format stayed). */
  formatByte: number;
  formatSample: number;
}

/** A channel as it stands; a new one is empty. */
export interface ChannelSnapshot {
  slot: number;
  /** The settings in force, then those to come. */
  fences: SettingsFence[];
  /** Bytes of the stream that the thread has taken. */
  takenBytes: number;
  /** The chain's first block still kept, -1 if there is none yet. */
  headNumber: number;
  headIndex: number;
  keptFromSample: number;
  epoch: number;
  seenSeq: number;
  alarms: { key: string; generation: number; atSample: number }[];
  /** What the echo guard was told; null where it is off. */
  reference: { fromFrame: number; framesDb: Float32Array } | null;
}

export type ToThread =
  | { type: "open"; channel: ChannelSnapshot }
  | { type: "configure"; slot: number; fence: SettingsFence }
  | { type: "alarm"; slot: number; key: string; generation: number; atSample: number }
  | { type: "cancelAlarm"; slot: number; key: string }
  | { type: "resetSpeech"; slot: number; epoch: number; seenSeq: number }
  | { type: "reference"; slot: number; fromSample: number; framesDb: Float32Array }
  | { type: "close"; slot: number }
  | { type: "stop" };

/** An event on its way. `epoch` counts `resetSpeech` calls, `generation` uses of an alarm's key. */
export interface ThreadEvent {
  slot: number;
  /** Counts a channel's events but levels; the thread decides nothing more until the socket thread has seen it. */
  seq: number;
  epoch: number;
  generation: number;
  event: FrontEndEvent;
}

export type FromThread =
  | { type: "ready" }
  | { type: "failed"; code: string; message: string }
  | {
      type: "tick";
      events: ThreadEvent[];
      /** Slots with new samples whose channel watches. */
      readable: number[];
      /** Slots whose ring has room for their backlog. */
      room: number[];
      closed: number[];
    };

/** What the thread is started with. */
export interface ThreadOptions {
  buffers: AudioMemoryBuffers;
  /** Folder of the VAD model. */
  modelDir: string;
  tickMs: number;
  /** Most VAD windows a channel a tick; also caps what is taken from its ring. */
  maxWindowsPerTick: number;
  /** Most blocks of raw samples a channel. */
  maxKeptBlocks: number;
  /** Added to `process.hrtime` to get the gateway's clock. */
  clockOffsetMs: number;
  channels: ChannelSnapshot[];
}
