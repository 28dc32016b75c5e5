/** What a drill is: a claim about the gateway, the faults that put it to the test, and what may happen meanwhile. */
import type { Capability, Fault, StandinName } from "../standins/standin.ts";

/** A fault that is put on, or taken off (null), so long after the callers begin to speak under it. */
export interface FaultStep {
  atMs: number;
  standins: readonly StandinName[];
  fault: Fault | null;
}

/**
 * What callers do while the faults are on. `short`: questions of one breath. `long`: questions that are answered at length.
 * `barge-in`: they interrupt a long answer. `tool`: they ask for what needs a function.
 */
export type Talk = "short" | "long" | "barge-in" | "tool";

/** What a drill tolerates over all its sessions, while the faults are on. */
export interface Tolerances {
  /** Turns in which nothing was heard. */
  silentTurns: number;
  /** Turns that ended without an answer (an apology is none). */
  lostTurns: number;
  missingWords: number;
  /** Beside those that `repeatedWordsPerSwitch` allows. */
  repeatedWords: number;
  /** For each change of voice, where vendors don't tell where their words lie. */
  repeatedWordsPerSwitch: number;
  /** Words in the conversation's history that were not heard. */
  unheardWords: number;
  /** Gap inside a reply beyond the pauses of speech, in half of the replies; null: not judged. */
  gapMedianMs: number | null;
  /** The same in 95 % of the replies; of fewer than 20, in all but the worst. Null: not judged. */
  gapMs: number | null;
  /** Last voiced sample to first sound, counted as `gapMs` is; null: not judged. */
  firstSoundMs: number | null;
  /** From the first voiced sample of an interruption to the reply's end, counted as `gapMs` is; null: not judged. */
  interruptedMs: number | null;
  /** Functions called more than once for one question. */
  repeatedTools: number;
  /** Turns that must be answered in each second of the phase, where not all can be; null: not judged. */
  answeredPerSecond: number | null;
}

/**
 * None may be silent, lost, repeated or invented. Stand-ins that are well take 1.2 s for the first sound, endpointing
 * included, and 2.3 s at the very worst.
 */
export const strict: Readonly<Tolerances> = {
  silentTurns: 0,
  lostTurns: 0,
  missingWords: 0,
  repeatedWords: 0,
  repeatedWordsPerSwitch: 0,
  unheardWords: 0,
  gapMedianMs: 0,
  gapMs: 500,
  firstSoundMs: 2500,
  interruptedMs: 1500,
  repeatedTools: 0,
  answeredPerSecond: null,
};

export interface Drill {
  name: string;
  title: string;
  /** What should be true of the gateway, whatever happens. */
  hypothesis: string;
  /** The gateway's chains: names as in PARLEY_STT, PARLEY_AI, PARLEY_TTS. */
  chains: Readonly<Record<Capability, readonly string[]>>;
  /** More settings of the gateway. */
  settings: Readonly<Record<string, string>>;
  talk: Talk;
  steps: readonly FaultStep[];
  tolerances: Tolerances;
  /** Callers, where the drill is about a crowd. */
  sessions: number | null;
  /** It is made to fail: a drill that can't fail proves nothing. */
  isCanary: boolean;
}

const crowdFrom = 100;

/** True of a drill with so many callers that not every turn can be listened to. */
export function isCrowd({ sessions }: Drill): boolean {
  return (sessions ?? 0) >= crowdFrom;
}

/** The stand-in for a chain's link; null for the embedded engine. */
export function standinOf(capability: Capability, link: string): StandinName | null {
  const names: Readonly<Record<Capability, Readonly<Record<string, StandinName>>>> = {
    stt: { google: "google-stt", deepgram: "deepgram", openai: "openai-stt" },
    ai: { gemini: "gemini", claude: "claude", openai: "openai" },
    tts: { google: "google-tts", elevenlabs: "elevenlabs", cartesia: "cartesia", openai: "openai-tts" },
  };
  return names[capability][link] ?? null;
}

/** All stand-ins that a drill's chains call. */
export function standinsOf(drill: Drill): StandinName[] {
  return (["stt", "ai", "tts"] as const).flatMap((capability) =>
    drill.chains[capability].flatMap((link) => standinOf(capability, link) ?? []),
  );
}

/** Vendors that the drill's settings cap, with what each may have in flight. */
export function capsOf({ settings }: Drill): { standin: StandinName; inFlight: number }[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    const [, link, stage] = /^PARLEY_([A-Z]+)_(STT|AI|TTS)_IN_FLIGHT$/.exec(name) ?? [];
    if (link === undefined || stage === undefined) return [];
    const standin = standinOf(stage.toLowerCase() as Capability, link.toLowerCase());
    return standin === null ? [] : [{ standin, inFlight: Number(value) }];
  });
}
