/** A microphone that says what a test wants, when the test wants it: for pages in a real browser. */
import type { BrowserContext, Page } from "playwright-core";
import { bytesOf } from "../../loadtest/callers/samples.ts";

/** What the page has of it, as `window.fakeMicrophone`. */
export interface FakeMicrophone {
  /**
   * Speaks mono int16 (base64) after what is being said already.
   *
   * @returns when its last sample reaches the page, on `performance.now()`'s clock
   */
  say(base64: string, rateHz: number): Promise<number>;
  /** Falls silent at once. */
  hush(): void;
  /** Unplugs a device: its tracks end, and it isn't listed any more. */
  unplug(deviceId: string): void;
  /** Devices that were asked for, in order; null: the default. */
  readonly asked: (string | null)[];
  /** Whether tracks say that echo is cancelled. */
  echoCancellation: boolean;
}

declare global {
  interface Window {
    fakeMicrophone: FakeMicrophone;
  }
}

/** Takes the place of the browser's microphones in every page of the context. */
export async function installFakeMicrophone(context: BrowserContext): Promise<void> {
  await context.addInitScript(installInPage);
}

/** Speaks in the page; resolves at once, with the moment when the last sample reaches the page. */
export function say(page: Page, pcm: Int16Array, rateHz: number): Promise<number> {
  const base64 = Buffer.from(bytesOf(pcm)).toString("base64");
  return page.evaluate(([sound, rate]) => window.fakeMicrophone.say(sound, rate), [base64, rateHz] as const);
}

/** Runs in the page: must not refer to anything outside. */
function installInPage(): void {
  const { mediaDevices } = navigator;
  if (mediaDevices === undefined) return;
  let context: AudioContext | null = null;
  let destination: MediaStreamAudioDestinationNode | null = null;
  let busyUntil = 0;
  let playing: AudioBufferSourceNode[] = [];
  const tracks: { deviceId: string; track: MediaStreamTrack }[] = [];
  let devices = ["built-in", "headset"];

  async function open(): Promise<{ context: AudioContext; destination: MediaStreamAudioDestinationNode }> {
    context ??= new AudioContext({ sampleRate: 48_000 });
    destination ??= context.createMediaStreamDestination();
    await context.resume();
    return { context, destination };
  }

  window.fakeMicrophone = {
    asked: [],
    echoCancellation: true,
    async say(base64, rateHz) {
      const { context, destination } = await open();
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const pcm = new Int16Array(bytes.buffer);
      const buffer = context.createBuffer(1, pcm.length, rateHz);
      buffer.copyToChannel(
        Float32Array.from(pcm, (sample) => sample / 32768),
        0,
      );
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(destination);
      const at = Math.max(busyUntil, context.currentTime + 0.05);
      source.start(at);
      busyUntil = at + buffer.duration;
      playing.push(source);
      source.onended = () => {
        playing = playing.filter((other) => other !== source);
      };
      return performance.now() + (busyUntil - context.currentTime) * 1000;
    },
    hush() {
      for (const source of playing) source.stop();
      busyUntil = 0;
    },
    unplug(deviceId) {
      devices = devices.filter((other) => other !== deviceId);
      for (const { track } of tracks.filter((other) => other.deviceId === deviceId)) {
        track.stop();
        track.dispatchEvent(new Event("ended"));
      }
      mediaDevices.dispatchEvent(new Event("devicechange"));
    },
  };

  mediaDevices.getUserMedia = async (constraints) => {
    const audio = (constraints?.audio ?? {}) as MediaTrackConstraints;
    const asked = (audio.deviceId as { exact?: string } | undefined)?.exact ?? null;
    window.fakeMicrophone.asked.push(asked);
    const deviceId = asked ?? devices[0];
    if (deviceId === undefined) throw new DOMException("there is none", "NotFoundError");
    if (!devices.includes(deviceId)) throw new DOMException("it is gone", "OverconstrainedError");
    const { destination } = await open();
    const stream = destination.stream.clone();
    const track = stream.getAudioTracks()[0]!;
    const { echoCancellation } = window.fakeMicrophone;
    track.getSettings = () => ({
      deviceId,
      echoCancellation,
      noiseSuppression: false,
      autoGainControl: true,
    });
    Object.defineProperty(track, "label", { value: `the ${deviceId}` });
    tracks.push({ deviceId, track });
    return stream;
  };
  mediaDevices.enumerateDevices = async () =>
    devices.map((deviceId) => ({
      deviceId,
      groupId: deviceId,
      kind: "audioinput" as const,
      label: `the ${deviceId}`,
      toJSON: () => ({}),
    }));
}
