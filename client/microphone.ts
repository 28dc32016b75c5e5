import { Emitter } from "./emitter.ts";
import type { MicrophoneFrame } from "./frame-cutter.ts";
import { ParleyError } from "./parley-error.ts";
import { loadWorklet } from "./worklet-loader.ts";
import type { MicrophoneProcessorOptions } from "./worklets/microphone-worklet.ts";

export interface MicrophoneOptions {
  /** Where the bundled `worklets/microphone-worklet.ts` is served. */
  workletUrl: string;
  /** Rate of the frames. Default 16,000. */
  sampleRateHz?: number;
  /** Length of a frame. Default 20. */
  frameMs?: number;
  /** Beside echo cancellation, gain control and mono. The gateway suppresses noise itself, so the browser doesn't. */
  constraints?: MediaTrackConstraints;
}

export interface MicrophoneEvents {
  frame: MicrophoneFrame;
  /** It was unplugged, or its permission was taken back. */
  ended: ParleyError;
}

/** The user's microphone as int16 mono frames. Browser only. */
export class Microphone extends Emitter<MicrophoneEvents> {
  readonly #options: MicrophoneOptions;
  #context: AudioContext | null = null;
  #stream: MediaStream | null = null;

  constructor(options: MicrophoneOptions) {
    super();
    this.#options = options;
  }

  /**
   * Asks for the microphone and begins. Call it from a click or a key press, or browsers keep the audio asleep.
   *
   * @throws {ParleyError} `microphone_…`, with what to do about it
   */
  async start(): Promise<void> {
    if (this.#context !== null) return;
    if (!globalThis.isSecureContext) throw new ParleyError("microphone_insecure");
    if (navigator.mediaDevices?.getUserMedia === undefined || globalThis.AudioWorkletNode === undefined) {
      throw new ParleyError("microphone_unsupported");
    }
    // At the device's own rate: Firefox refuses to connect a microphone to a context of another.
    const context = new AudioContext({ latencyHint: "interactive" });
    this.#context = context;
    try {
      const [stream] = await Promise.all([
        navigator.mediaDevices.getUserMedia({
          audio: {
            echoCancellation: true,
            autoGainControl: true,
            noiseSuppression: false,
            channelCount: 1,
            ...this.#options.constraints,
          },
        }),
        loadWorklet(context, this.#options.workletUrl),
        context.resume(),
      ]);
      // Stopped while the browser was asking.
      if (this.#context !== context) {
        for (const track of stream.getTracks()) track.stop();
        throw new ParleyError("closed_by_caller");
      }
      this.#connect(context, stream);
    } catch (error) {
      this.stop();
      throw error instanceof ParleyError ? error : explainRefusal(error);
    }
  }

  /** Silence instead of sound while true; the microphone stays open. */
  setMuted(muted: boolean): void {
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  /** Wakes the audio up after the device slept or a call came in. */
  async wake(): Promise<void> {
    if (this.#context !== null && this.#context.state !== "running") await this.#context.resume();
  }

  /** Lets go of the microphone. Idempotent. */
  stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    if (this.#context !== null && this.#context.state !== "closed") void this.#context.close();
    this.#context = null;
  }

  #connect(context: AudioContext, stream: MediaStream): void {
    this.#stream = stream;
    const processorOptions: MicrophoneProcessorOptions = {
      outputRateHz: this.#options.sampleRateHz ?? 16_000,
      frameMs: this.#options.frameMs ?? 20,
    };
    const node = new AudioWorkletNode(context, "parley-microphone", {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      processorOptions,
    });
    node.port.onmessage = ({ data }: MessageEvent<MicrophoneFrame>) => {
      if (this.#context === context) this.emit("frame", data);
    };
    context.createMediaStreamSource(stream).connect(node);
    // Its output is silence; some browsers run only what leads to the destination.
    node.connect(context.destination);
    stream.getAudioTracks()[0]?.addEventListener("ended", () => {
      if (this.#context !== context) return;
      this.stop();
      this.emit("ended", new ParleyError("microphone_ended"));
    });
  }
}

/** The browsers' exceptions of `getUserMedia`, in plain words. */
function explainRefusal(error: unknown): ParleyError {
  const name = error instanceof Error ? error.name : "";
  const detail = { detail: String(error) };
  if (name === "NotAllowedError" || name === "SecurityError")
    return new ParleyError("microphone_refused", detail);
  if (name === "NotFoundError" || name === "OverconstrainedError")
    return new ParleyError("microphone_missing", detail);
  if (name === "NotReadableError") return new ParleyError("microphone_busy", detail);
  return new ParleyError("microphone_unsupported", detail);
}
