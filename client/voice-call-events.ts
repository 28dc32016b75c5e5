import type { SessionSettings } from "./client-events.ts";
import type { ParleyClient } from "./parley-client.ts";
import type { ParleyError } from "./parley-error.ts";
import type { SpokenWord } from "./spoken-words.ts";

/**
 * Who says when it is the other's turn. "hands-free": the gateway hears when the user has finished and answers by
 * itself. "push-to-talk": what is said between `press()` and `release()` is one turn, and nothing else is sent.
 */
export type TalkMode = "hands-free" | "push-to-talk";

/** Which microphone, and what the browser does to its sound before anybody else sees it. */
export interface MicrophoneSettings {
  /** `MicrophoneDevice.deviceId`; null or left out: the system's default. */
  deviceId?: string | null;
  /** Takes the reply out of what the microphone hears. Default true; without it, use headphones. */
  echoCancellation?: boolean;
  /** The browser's own noise suppression. Default false: the gateway has its own, and two in a row cost words. */
  noiseSuppression?: boolean;
  /** The browser's own gain control. Default true: it turns the device itself down before it clips. */
  autoGainControl?: boolean;
}

/** A microphone that can be chosen. */
export interface MicrophoneDevice {
  deviceId: string;
  /** Its name; "Microphone 2" and the like until the user has allowed the microphone once. */
  label: string;
  /** What the system takes when nobody chooses. */
  isDefault: boolean;
}

/** The microphone in use and what the browser really does to its sound; null where it doesn't tell. */
export interface MicrophoneInUse {
  deviceId: string | null;
  label: string;
  echoCancellation: boolean | null;
  noiseSuppression: boolean | null;
  autoGainControl: boolean | null;
}

export interface VoiceCallOptions {
  client: ParleyClient;
  /** Where the bundled worklets are served. */
  workletUrls: { microphone: string; player: string };
  /** Laid over the settings of a voice call: instructions, voice, turn detection, tools, … */
  session?: SessionSettings;
  /** Default "hands-free". */
  mode?: TalkMode;
  microphone?: MicrophoneSettings;
  /** Jitter buffer, in ms of audio that must be there before a reply begins: see `Player`. */
  jitter?: { startMs?: number; minMs?: number; maxMs?: number };
  /** Keeps what is played, for debugging: see `Player.recording`. */
  record?: boolean;
}

export interface VoiceCallEvents {
  /** How loud the microphone is, root mean square, 0 to 1, fifty times a second. */
  level: number;
  /** How loud the reply is that is being played, as `level`; 0 once when it ends. About twelve times a second. */
  playerLevel: number;
  /** The reply was cut by the user's voice (or `press`, or `interrupt`) after `playedMs`. */
  interrupted: { itemId: string; playedMs: number };
  /**
   * The words of a spoken reply as far as they are known, all of them each time; joined by blanks they are the
   * reply's text. `exact`: the times are the synthesiser's (`parley.words`), else estimated from the words' lengths.
   */
  words: { itemId: string; words: readonly SpokenWord[]; exact: boolean };
  /**
   * Where the listener is, 10 to 15 times a second while a reply sounds: `wordIndex` is the word of `words` that is
   * being heard (all before it were), −1 before the first. What leaves the loudspeaker counts, not what was handed to it.
   */
  heard: { itemId: string; playedMs: number; wordIndex: number };
  /**
   * The first sound of the answer left the loudspeaker `waitMs` after the user's last voiced sound, both on this
   * machine's clock, the sound hardware's delays included as far as the browser tells them.
   */
  answered: { itemId: string; waitMs: number };
  /** The microphone was muted or opened. */
  muted: boolean;
  /** Push-to-talk: the user's turn began (true) or ended. */
  pressed: boolean;
  mode: TalkMode;
  /**
   * A microphone is in use: at the start, after `setMicrophone`, and (with `lost`, in plain words) when the one in use
   * disappeared and another took its place.
   */
  microphone: { inUse: MicrophoneInUse; lost: ParleyError | null };
  /** The microphones that there are have changed. */
  devices: readonly MicrophoneDevice[];
  /** Something went wrong and the call goes on. */
  error: ParleyError;
  /** The end; `error` is null if it was wanted. */
  ended: { error: ParleyError | null };
}

/** What a page does with a call; `VoiceCall` is the one that there is. */
export interface VoiceCallControls {
  readonly mode: TalkMode;
  readonly muted: boolean;
  /** Push-to-talk: between `press` and `release`. */
  readonly pressed: boolean;
  /** Null before the first `microphone` event. */
  readonly microphoneInUse: MicrophoneInUse | null;
  start(): Promise<void>;
  stop(): void;
  interrupt(): Promise<void>;
  press(): boolean;
  release(): boolean;
  setMode(mode: TalkMode): Promise<void>;
  configure(settings: SessionSettings): Promise<void>;
  setMuted(muted: boolean): void;
  setMicrophone(settings: MicrophoneSettings): Promise<void>;
  listMicrophones(): Promise<MicrophoneDevice[]>;
  wake(): Promise<void>;
}
