/** Entry point, bundled on its own: runs in the audio thread of `Player`. */
import { PlaybackQueue } from "../playback-queue.ts";
import { toInt16 } from "../resampler.ts";
import type { PlayerCommand, PlayerProcessorOptions, PlayerReport } from "./player-messages.ts";

declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new (options: never) => AudioWorkletProcessor,
): void;

class PlayerProcessor extends AudioWorkletProcessor {
  readonly #queue: PlaybackQueue;
  readonly #record: boolean;
  readonly #reportSamples: number;
  #sinceReport = 0;
  #reportedMs = -1;

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
    for (const event of this.#queue.read(first)) this.#report(event);
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

  #reportPosition(): void {
    this.#sinceReport = 0;
    const position = this.#queue.position;
    if (position === null || position.playedMs === this.#reportedMs) return;
    this.#reportedMs = position.playedMs;
    this.#report({ type: "position", ...position });
  }

  #report(report: PlayerReport): void {
    this.port.postMessage(report);
  }
}

registerProcessor("parley-player", PlayerProcessor);
