/** Runs in the browser: see `call-page.ts`. */
import { ParleyClient } from "../../client/parley-client.ts";
import { VoiceCall } from "../../client/voice-call.ts";
import type { VoiceCallEvents, VoiceCallOptions } from "../../client/voice-call-events.ts";

/** What a test asks of the page. */
export interface CallPage {
  /** Makes the call, without starting it. @param audio - how sound travels; default "binary" */
  make(
    options?: Partial<Omit<VoiceCallOptions, "client" | "workletUrls">>,
    audio?: "binary" | "base64",
  ): void;
}

/** Something that the call told, and when. */
export interface Told {
  event: string;
  payload: unknown;
  atMs: number;
}

declare global {
  interface Window {
    call: VoiceCall;
    told: Told[];
    /** How long the page's own thread was kept from its work, each time. */
    lags: number[];
    callPage: CallPage;
  }
}

const names = [
  "interrupted",
  "words",
  "heard",
  "answered",
  "muted",
  "pressed",
  "mode",
  "microphone",
  "devices",
  "error",
  "ended",
] as const satisfies (keyof VoiceCallEvents)[];

window.told = [];
window.lags = [];
const tickMs = 10;
let tickedAtMs = performance.now();
setInterval(() => {
  const nowMs = performance.now();
  window.lags.push(nowMs - tickedAtMs - tickMs);
  tickedAtMs = nowMs;
}, tickMs);
window.callPage = {
  make(options = {}, audio = "binary") {
    const client = new ParleyClient({ url: location.origin, audio });
    window.call = new VoiceCall({
      client,
      workletUrls: { microphone: "/microphone.js", player: "/player.js" },
      record: true,
      ...options,
    });
    const keep = (event: string, payload: unknown) =>
      window.told.push({ event, payload: structuredCloneOf(payload), atMs: performance.now() });
    for (const name of names) window.call.on(name, (payload) => keep(name, payload));
    client.on("state", ({ state }) => keep("state", state));
    window.call.player.on("underrun", (heard) => keep("underrun", heard));
    window.call.player.on("sounded", (sounded) => keep("sounded", sounded));
  },
};

/** Errors lose their code when they are cloned. */
function structuredCloneOf(payload: unknown): unknown {
  return JSON.parse(
    JSON.stringify(payload ?? null, (_key, value: unknown) =>
      value instanceof Error
        ? { code: (value as Error & { code?: string }).code, message: value.message }
        : value,
    ),
  );
}
