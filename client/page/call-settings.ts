/** What the user has chosen, as a value: kept in the browser, read back with suspicion, told to the server. */
import type { SessionSettings } from "../client-events.ts";
import type { MicrophoneSettings, TalkMode } from "../voice-call-events.ts";

/** "silence": a fixed half second; the others also go by what was said, and differ in how eager they are. */
export type TurnEnd = "low" | "auto" | "high" | "silence";
export type Noise = "near_field" | "far_field" | "off";

export interface CallSettings {
  mode: TalkMode;
  /** Empty: the server's choice. */
  voice: string;
  /** Empty: the server's own. */
  instructions: string;
  /** Empty: the system's choice. */
  microphone: string;
  noise: Noise;
  turnEnd: TurnEnd;
  echoCancellation: boolean;
  /** Captions are spoken by screen readers as well. Off, since they would talk over the voice. */
  announceCaptions: boolean;
  /** Shortcuts of a single key (people who dictate to their browser switch them off). */
  singleKeys: boolean;
}

export const defaultSettings: Readonly<CallSettings> = {
  mode: "hands-free",
  voice: "",
  instructions: "",
  microphone: "",
  noise: "near_field",
  turnEnd: "auto",
  echoCancellation: true,
  announceCaptions: false,
  singleKeys: true,
};

const storageName = "parley.settings";
const maxChars = { voice: 128, instructions: 4000, microphone: 256 } as const;
const choices = {
  mode: ["hands-free", "push-to-talk"],
  noise: ["near_field", "far_field", "off"],
  turnEnd: ["low", "auto", "high", "silence"],
} as const;

/** As much of `localStorage` as is used; browsers may refuse it altogether. */
export type SettingsStore = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** The kept settings; whatever can't be read or isn't known falls back to its default. */
export function loadSettings(store: SettingsStore): CallSettings {
  let kept: unknown;
  try {
    kept = JSON.parse(store.getItem(storageName) ?? "{}");
  } catch {
    kept = {};
  }
  return readSettings(kept);
}

/** Makes settings of anything at all. */
export function readSettings(value: unknown): CallSettings {
  const settings: Record<string, unknown> = { ...defaultSettings };
  if (typeof value !== "object" || value === null) return settings as unknown as CallSettings;
  for (const [name, fallback] of Object.entries(defaultSettings)) {
    const given = (value as Record<string, unknown>)[name];
    if (typeof given !== typeof fallback) continue;
    const allowed = (choices as Record<string, readonly string[]>)[name];
    if (allowed !== undefined && !allowed.includes(given as string)) continue;
    const most = (maxChars as Record<string, number>)[name];
    settings[name] = most === undefined ? given : (given as string).slice(0, most);
  }
  return settings as unknown as CallSettings;
}

/** Keeps what differs from the defaults. @returns whether the browser kept it */
export function saveSettings(store: SettingsStore, settings: CallSettings): boolean {
  const changed = Object.entries(settings).filter(
    ([name, value]) => (defaultSettings as unknown as Record<string, unknown>)[name] !== value,
  );
  try {
    if (changed.length === 0) store.removeItem(storageName);
    else store.setItem(storageName, JSON.stringify(Object.fromEntries(changed)));
    return true;
  } catch {
    return false;
  }
}

/** The settings of a conversation as the server takes them. */
export function sessionOf(settings: CallSettings): SessionSettings {
  const { voice, instructions, noise, turnEnd } = settings;
  return {
    ...(instructions.trim() !== "" && { instructions: instructions.trim() }),
    audio: {
      input: {
        // "none" is Parley's own word: null means "as the server likes" on this wire.
        noise_reduction: { type: noise === "off" ? "none" : noise } as { type: "near_field" | "far_field" },
        turn_detection:
          turnEnd === "silence" ? { type: "server_vad" } : { type: "semantic_vad", eagerness: turnEnd },
      },
      ...(voice !== "" && { output: { voice } }),
    },
  };
}

/** What the microphone and the browser's own sound processing should be. */
export function microphoneOf({ microphone, echoCancellation }: CallSettings): MicrophoneSettings {
  return { deviceId: microphone === "" ? null : microphone, echoCancellation };
}
