import { AudioClock } from "./audio-clock.ts";
import { Emitter } from "./emitter.ts";
import type { MicrophoneFrame } from "./frame-cutter.ts";
import { describeTrack, inputLatencyMsOf, listMicrophones } from "./microphone-devices.ts";
import { ParleyError } from "./parley-error.ts";
import type { MicrophoneDevice, MicrophoneInUse, MicrophoneSettings } from "./voice-call-events.ts";
import { loadWorklet } from "./worklet-loader.ts";
import type { MicrophoneProcessorOptions, MicrophoneReport } from "./worklets/microphone-worklet.ts";

export interface MicrophoneOptions {
  /** Where the bundled `worklets/microphone-worklet.ts` is served. */
  workletUrl: string;
  /** Rate of the frames. Default 16,000. */
  sampleRateHz?: number;
  /** Length of a frame. Default 20. */
  frameMs?: number;
  settings?: MicrophoneSettings;
}

export interface MicrophoneEvents {
  frame: MicrophoneFrame;
  /** The last voiced moment so far, on `performance.now()`'s clock; at most once a frame. */
  voiced: { atMs: number };
  /** A microphone is in use; `lost` says why it isn't the one before. */
  using: { inUse: MicrophoneInUse; lost: ParleyError | null };
  devices: readonly MicrophoneDevice[];
  /** It was unplugged, or its permission was taken back, and there is no other. */
  ended: ParleyError;
}

/** One open device. */
interface Capture {
  context: AudioContext;
  stream: MediaStream;
  track: MediaStreamTrack;
  node: AudioWorkletNode;
  clock: AudioClock;
}

/** A device that was asked for. */
interface Opening {
  outcome: Promise<void>;
  /** Asked for after it. */
  next: Opening | null;
}

/** The user's microphone as int16 mono frames; another device can take its place at any time. Browser only. */
export class Microphone extends Emitter<MicrophoneEvents> {
  readonly #options: MicrophoneOptions;
  #settings: MicrophoneSettings;
  #capture: Capture | null = null;
  #latest: Opening | null = null;
  /** Counts `start` and `stop`: what was begun under an older number is thrown away. */
  #run = 0;
  #running = false;
  #muted = false;

  constructor(options: MicrophoneOptions) {
    super();
    this.#options = options;
    this.#settings = { ...options.settings };
  }

  get settings(): MicrophoneSettings {
    return { ...this.#settings };
  }

  get inUse(): MicrophoneInUse | null {
    return this.#capture === null ? null : describeTrack(this.#capture.track);
  }

  /**
   * Asks for the microphone and begins. Call it from a click or a key press, or browsers keep the audio asleep.
   *
   * @throws {ParleyError} `microphone_…`, with what to do about it
   */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const run = ++this.#run;
    try {
      await this.#openFirst();
      navigator.mediaDevices.addEventListener?.("devicechange", this.#onDeviceChange);
    } catch (error) {
      // It may have been stopped and begun again meanwhile.
      if (run === this.#run) this.stop();
      throw error;
    }
  }

  /**
   * Takes another microphone, or the same with other settings; before `start`, the settings for it. What is left out
   * stays as it is. Of several choices in a row the last one counts, for `start` as well.
   *
   * @throws {ParleyError} `microphone_…`; the one in use stays in use then
   */
  async use(settings: MicrophoneSettings): Promise<void> {
    const before = this.#settings;
    const wanted = { ...before, ...settings };
    this.#settings = wanted;
    if (!this.#running) return;
    try {
      await this.#open(wanted, null);
    } catch (error) {
      if (this.#settings === wanted) this.#settings = before;
      throw error;
    }
  }

  /** Silence instead of sound while true; the microphone stays open. */
  setMuted(muted: boolean): void {
    this.#muted = muted;
    if (this.#capture !== null) this.#capture.track.enabled = !muted;
  }

  /** Wakes the audio up after the device slept or a call came in. */
  async wake(): Promise<void> {
    const context = this.#capture?.context;
    if (context !== undefined && context.state !== "running") await context.resume();
  }

  /** Lets go of the microphone. Idempotent. */
  stop(): void {
    this.#running = false;
    this.#run++;
    this.#latest = null;
    globalThis.navigator?.mediaDevices?.removeEventListener?.("devicechange", this.#onDeviceChange);
    if (this.#capture !== null) release(this.#capture);
    this.#capture = null;
  }

  readonly #onDeviceChange = (): void => {
    void listMicrophones().then(
      (devices) => this.#running && this.emit("devices", devices),
      // A browser that can't list them has nothing to tell.
      () => {},
    );
  };

  /** A microphone that was chosen some other day may be gone. */
  async #openFirst(): Promise<void> {
    try {
      await this.#open(this.#settings, null);
    } catch (error) {
      const gone = error instanceof ParleyError && error.code === "microphone_missing";
      if (!gone || typeof this.#settings.deviceId !== "string") throw error;
      await this.#open({ ...this.#settings, deviceId: null }, new ParleyError("microphone_changed"));
    }
  }

  /**
   * Opens a device and, once it works, lets go of the one before. If another is chosen before it is open, that one
   * counts, unless it doesn't work.
   */
  #open(settings: MicrophoneSettings, lost: ParleyError | null): Promise<void> {
    const opening: Opening = { outcome: Promise.resolve(), next: null };
    if (this.#latest !== null) this.#latest.next = opening;
    this.#latest = opening;
    opening.outcome = this.#carryOut(opening, settings, lost);
    return opening.outcome;
  }

  async #carryOut(opening: Opening, settings: MicrophoneSettings, lost: ParleyError | null): Promise<void> {
    const run = this.#run;
    let capture: Capture;
    try {
      capture = await openCapture(settings, this.#options);
    } catch (error) {
      if (run !== this.#run) throw new ParleyError("closed_by_caller");
      if (opening.next === null) throw error;
      return opening.next.outcome;
    }
    const replaced = opening.next !== null && (await works(opening.next));
    if (run !== this.#run || replaced) release(capture);
    if (run !== this.#run) throw new ParleyError("closed_by_caller");
    if (!replaced) this.#take(capture, lost);
  }

  #take(capture: Capture, lost: ParleyError | null): void {
    if (this.#capture !== null) release(this.#capture);
    this.#capture = capture;
    capture.track.enabled = !this.#muted;
    capture.node.port.onmessage = ({ data }: MessageEvent<MicrophoneReport>) => this.#onReport(capture, data);
    capture.track.addEventListener("ended", () => void this.#onLost(capture));
    this.emit("using", { inUse: describeTrack(capture.track), lost });
    // Gone before anybody listened for that.
    if (capture.track.readyState === "ended") void this.#onLost(capture);
  }

  #onReport(capture: Capture, report: MicrophoneReport): void {
    if (this.#capture !== capture) return;
    const { endedAtSeconds, ...frame } = report;
    capture.clock.observe(capture.context.currentTime, performance.now());
    this.emit("frame", frame);
    const endedAtMs = capture.clock.toNowMs(endedAtSeconds);
    if (frame.voicedMsAgo === null || endedAtMs === null) return;
    this.emit("voiced", { atMs: endedAtMs - frame.voicedMsAgo - inputLatencyMsOf(capture.track) });
  }

  /** The device is gone: whatever the system offers instead takes its place. */
  async #onLost(capture: Capture): Promise<void> {
    if (this.#capture !== capture) return;
    release(capture);
    this.#capture = null;
    const run = this.#run;
    // One that was chosen just before is better than any other.
    if (this.#latest !== null) await works(this.#latest);
    if (this.#capture !== null || run !== this.#run) return;
    try {
      await this.#open({ ...this.#settings, deviceId: null }, new ParleyError("microphone_changed"));
    } catch (error) {
      // Somebody else chose a microphone, or stopped, meanwhile.
      if (this.#capture !== null || run !== this.#run) return;
      this.stop();
      this.emit("ended", new ParleyError("microphone_ended", { detail: String(error) }));
    }
  }
}

function works({ outcome }: Opening): Promise<boolean> {
  return outcome.then(
    () => true,
    () => false,
  );
}

function release({ stream, context, node }: Capture): void {
  node.port.onmessage = null;
  for (const track of stream.getTracks()) track.stop();
  if (context.state !== "closed") void context.close();
}

async function openCapture(settings: MicrophoneSettings, options: MicrophoneOptions): Promise<Capture> {
  if (!globalThis.isSecureContext) throw new ParleyError("microphone_insecure");
  if (navigator.mediaDevices?.getUserMedia === undefined || globalThis.AudioWorkletNode === undefined)
    throw new ParleyError("microphone_unsupported");
  // At the device's own rate: Firefox refuses to connect a microphone to a context of another.
  const context = new AudioContext({ latencyHint: "interactive" });
  // Asked for at once, in the click's own moment.
  const asking = navigator.mediaDevices.getUserMedia({ audio: constraintsOf(settings) });
  try {
    const [stream] = await Promise.all([asking, loadWorklet(context, options.workletUrl), context.resume()]);
    const [track] = stream.getAudioTracks();
    if (track === undefined) throw new ParleyError("microphone_missing");
    return { context, stream, track, node: connect(context, stream, options), clock: new AudioClock() };
  } catch (error) {
    void context.close();
    // The microphone may be granted although the rest failed.
    void asking.then(
      (stream) => {
        for (const track of stream.getTracks()) track.stop();
      },
      () => {},
    );
    throw error instanceof ParleyError ? error : explainRefusal(error);
  }
}

function connect(context: AudioContext, stream: MediaStream, options: MicrophoneOptions): AudioWorkletNode {
  const processorOptions: MicrophoneProcessorOptions = {
    outputRateHz: options.sampleRateHz ?? 16_000,
    frameMs: options.frameMs ?? 20,
  };
  const node = new AudioWorkletNode(context, "parley-microphone", {
    numberOfInputs: 1,
    numberOfOutputs: 1,
    processorOptions,
  });
  context.createMediaStreamSource(stream).connect(node);
  // Its output is silence; some browsers run only what leads to the destination.
  node.connect(context.destination);
  return node;
}

function constraintsOf(settings: MicrophoneSettings): MediaTrackConstraints {
  return {
    echoCancellation: settings.echoCancellation ?? true,
    autoGainControl: settings.autoGainControl ?? true,
    noiseSuppression: settings.noiseSuppression ?? false,
    channelCount: 1,
    // Not "ideal": somebody who chose a microphone must not be heard by another one unawares.
    ...(typeof settings.deviceId === "string" && { deviceId: { exact: settings.deviceId } }),
  };
}

/** The browsers' exceptions of `getUserMedia`, in plain words. */
function explainRefusal(error: unknown): ParleyError {
  const name = error instanceof Error ? error.name : "";
  const detail = { detail: String(error) };
  if (name === "NotAllowedError" || name === "SecurityError")
    return new ParleyError("microphone_refused", detail);
  if (name === "NotFoundError" || name === "OverconstrainedError")
    return new ParleyError("microphone_missing", detail);
  if (name === "NotReadableError" || name === "AbortError") return new ParleyError("microphone_busy", detail);
  return new ParleyError("microphone_unsupported", detail);
}
