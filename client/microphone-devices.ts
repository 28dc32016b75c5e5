import type { MicrophoneDevice, MicrophoneInUse } from "./voice-call-events.ts";

/** More are not listed. */
const maxDevices = 64;

/**
 * The microphones that there are. Before the user has allowed the microphone once, browsers keep their names (and most
 * of them) to themselves. Browser only; empty where there are none or the browser can't tell.
 */
export async function listMicrophones(): Promise<MicrophoneDevice[]> {
  const devices = (await globalThis.navigator?.mediaDevices?.enumerateDevices?.()) ?? [];
  const inputs = devices.filter(
    ({ kind, deviceId }) => kind === "audioinput" && deviceId !== "communications",
  );
  // Chrome lists the default one twice: by the name "default", and as itself.
  const chosen = inputs.find(({ deviceId }) => deviceId === "default");
  const real = inputs.filter(({ deviceId }) => deviceId !== "default");
  const defaultId = real.find(({ groupId }) => chosen !== undefined && groupId === chosen.groupId)?.deviceId;
  const listed = real.length > 0 ? real : inputs;
  return listed.slice(0, maxDevices).map(({ deviceId, label }, index) => ({
    deviceId,
    label: label === "" ? `Microphone ${index + 1}` : label,
    isDefault: defaultId === undefined ? index === 0 : deviceId === defaultId,
  }));
}

/** What is known of a track that is being recorded. */
export function describeTrack(track: MediaStreamTrack): MicrophoneInUse {
  const { deviceId, echoCancellation, noiseSuppression, autoGainControl } = track.getSettings();
  return {
    deviceId: deviceId || null,
    label: track.label,
    echoCancellation: asFlag(echoCancellation),
    noiseSuppression: asFlag(noiseSuppression),
    autoGainControl: asFlag(autoGainControl),
  };
}

/** Some browsers name a kind of echo cancellation instead of saying yes. */
function asFlag(value: unknown): boolean | null {
  if (typeof value === "boolean") return value;
  return typeof value === "string" ? value !== "" : null;
}

/** How long sound takes from the microphone to the browser, in ms, where it tells. */
export function inputLatencyMsOf(track: MediaStreamTrack): number {
  const { latency } = track.getSettings() as { latency?: unknown };
  const latencyMs = typeof latency === "number" ? latency * 1000 : 0;
  return latencyMs > 0 && latencyMs < 1_000 ? latencyMs : 0;
}
