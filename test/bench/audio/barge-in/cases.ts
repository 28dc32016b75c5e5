/** What is said, or merely heard, while the gateway speaks. */
import type { Speaker } from "../turn-ends/speakers.ts";

export type CaseKind = "backchannel" | "interruption" | "noise";

export interface BargeInCase {
  kind: CaseKind;
  /** What is said, or the name of a noise. */
  text: string;
  speaker: Speaker | "sox";
}

/** A listener's nods. */
const nods = [
  "Uh-huh.",
  "Yeah.",
  "Okay.",
  "Right.",
  "I see.",
  "Oh.",
  "Sure.",
  "Yes.",
  "Ah, okay.",
  "Wow.",
  "Yeah, yeah.",
  "Got it.",
  "Great.",
] as const;
/** Hums: espeak hums them, flite's voices would read the letters out, so these nod in words instead. */
const hums = ["Mm-hmm.", "Hmm."] as const;
const insteadOfHums = ["Yep.", "Of course."] as const;

const shortInterruptions = [
  "Stop.",
  "Wait.",
  "No.",
  "Hold on.",
  "Excuse me.",
  "Hang on a second.",
  "Sorry?",
  "What?",
  "Not that one.",
  "Say that again.",
  "Who?",
] as const;

const longInterruptions = [
  "Wait, that is not what I asked.",
  "Can I just ask about the price?",
  "No, I meant the other account.",
  "Actually, I would rather talk to a person.",
  "Let me stop you there, I already know that.",
  "How long will that take?",
  "Could you say that more slowly?",
  "Yes, but what does it cost?",
  "Okay, and can I change it later?",
  "I need to know the address.",
  "My number has changed since then.",
] as const;

/** Sounds that are no speech, as sox makes them. */
export const noiseNames = [
  "cough",
  "double cough",
  "door",
  "knock",
  "clatter",
  "breath",
  "chair",
  "tap",
] as const;
export type NoiseName = (typeof noiseNames)[number];

const voices: readonly Speaker[] = ["slt", "rms", "espeak"];

function inVoices(kind: CaseKind, texts: readonly string[]): BargeInCase[] {
  return voices.flatMap((speaker) => texts.map((text) => ({ kind, text, speaker })));
}

/** All cases: 45 nods, 66 interruptions, 16 noises; `quick`: every ninth of each. */
export function listCases(quick: boolean): BargeInCase[] {
  const noise = noiseNames.map((text) => ({ kind: "noise" as const, text, speaker: "sox" as const }));
  const groups = [
    [
      ...inVoices("backchannel", nods),
      ...inVoices("backchannel", insteadOfHums).filter(({ speaker }) => speaker !== "espeak"),
      ...inVoices("backchannel", hums).filter(({ speaker }) => speaker === "espeak"),
    ],
    inVoices("interruption", [...shortInterruptions, ...longInterruptions]),
    [...noise, ...noise],
  ];
  return groups.flatMap((group) => (quick ? group.filter((_, index) => index % 9 === 0) : group));
}
