/** Entry point, bundled on its own: runs in the audio thread of `Player`. */
import { rootMeanSquare } from "../frame-cutter.ts";
import { PlaybackQueue } from "../playback-queue.ts";
import { toInt16 } from "../resampler.ts";
import type { PlayerCommand, PlayerProcessorOptions, PlayerReport } from "./player-messages.ts";

declare const sampleRate: number;
declare const currentTime: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new (options: never) => AudioWorkletProcessor,
): void;

/** Quieter samples (−46 dBFS) are no sound yet: replies begin with a breath of silence. */
const audibleLevel = 0.005;

class PlayerProcessor extends AudioWorkletProcessor {
  readonly #queue: PlaybackQueue;
  readonly #record: boolean;
  readonly #reportSamples: number;
  #sinceReport = 0;
  #reportedMs = -1;
  #square = 0;
  /** The item whose first sound is still to come. */
  #unsounded: string | null = null;

  constructor(options: { processorOptions: PlayerProcessorOptions }) {
    super();
    const { reportIntervalMs, record, ...queue } = options.processorOptions;
    this.#queue = new PlaybackQueue({ ...queue, sampleRateHz: sampleRate });
    this.#record = record;
    this.#reportSamples = (reportIntervalMs * sampleRate) / 1000;
    this.port.onmessage = ({ data }: MessageEvent<PlayerCommand>) => this.#obey(data);
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const channels = outputs[0] ?? [];
    const first = channels[0];
    if (first === undefined) return true;
    const recording = this.#record && this.#queue.busy;
    for (const event of this.#queue.read(first)) {
      if (event.type === "started") this.#unsounded = event.itemId;
      this.#report(event);
    }
    this.#listen(first);
    for (const channel of channels.slice(1)) channel.set(first);
    if (recording) this.#report({ type: "recorded", pcm: toInt16(first) });
    this.#sinceReport += first.length;
    if (this.#sinceReport >= this.#reportSamples) this.#reportPosition();
    return true;
  }

  #obey(command: PlayerCommand): void {
    switch (command.type) {
      case "play":
        if (!this.#queue.push(command.audio)) this.#report({ type: "refused", itemId: command.audio.itemId });
        break;
      case "finish":
        this.#queue.finish(command.itemId);
        break;
      case "flush": {
        const flushed = this.#queue.flush();
        this.#report({ type: "flushed", id: command.id, flushed });
        if (flushed.length > 0) this.#report({ type: "drained" });
        break;
      }
    }
  }

  /** Measures what goes out. */
  #listen(samples: Float32Array): void {
    this.#square += rootMeanSquare(samples) ** 2 * samples.length;
    if (this.#unsounded === null) return;
    const at = samples.findIndex((sample) => Math.abs(sample) >= audibleLevel);
    if (at < 0) return;
    this.#report({ type: "sounded", itemId: this.#unsounded, atSeconds: currentTime + at / sampleRate });
    this.#unsounded = null;
  }

  #reportPosition(): void {
    const levelRatio = Math.sqrt(this.#square / this.#sinceReport);
    this.#sinceReport = 0;
    this.#square = 0;
    const position = this.#queue.position;
    if (position === null || position.playedMs === this.#reportedMs) return;
    this.#reportedMs = position.playedMs;
    this.#report({ type: "position", ...position, levelRatio });
  }

  #report(report: PlayerReport): void {
    this.port.postMessage(report);
  }
}

registerProcessor("parley-player", PlayerProcessor);
