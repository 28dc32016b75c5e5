/** How a drill is written down: what it changes of the usual one. */
import { registry } from "../standins/registry.ts";
import type { Fault, FaultKind, StandinName } from "../standins/standin.ts";
import { type Drill, type FaultStep, strict, type Talk, type Tolerances } from "./drill.ts";

export const usualChains: Drill["chains"] = {
  stt: ["google", "deepgram", "embedded"],
  ai: ["gemini", "claude", "embedded"],
  tts: ["google", "elevenlabs", "embedded"],
};

/** The deadline of a stage whose vendor hangs is waited out once. */
export const deadlineMs = { stt: 1500, ai: 2000, tts: 1200 } as const;
/** A shorter silence is no stall to the gateway. */
export const stallLeastMs = 500;

/** Voices that don't tell where their words lie: who goes on may say one again. */
const voicesWithoutWordTimes: ReadonlySet<string> = new Set(["google"]);

export interface Spec {
  name: string;
  title: string;
  hypothesis?: string;
  talk?: Talk;
  steps: readonly FaultStep[];
  chains?: Partial<Drill["chains"]>;
  settings?: Record<string, string>;
  tolerances?: Partial<Tolerances>;
  sessions?: number;
  isCanary?: boolean;
}

const usualHypothesis =
  "Every question is answered in full: no silent turn, no turn lost, no word missing, repeated or remembered unheard; then the first vendor is back.";

/** One deadline, the longest of the harmed stages, and what the link behind is given; a function's output is a second question. */
function firstSoundMost({ steps, talk }: Spec): number {
  const stages = steps.flatMap(({ fault, standins }) =>
    fault === null ? [] : standins.map((name) => registry[name].capability),
  );
  const deadline = Math.max(0, ...stages.map((stage) => deadlineMs[stage]));
  return (deadline === 0 ? 2500 : 1500 + deadline + 500) + (talk === "tool" ? 1000 : 0);
}

export function makeDrill(spec: Spec): Drill {
  const chains = { ...usualChains, ...spec.chains };
  const repeatedWordsPerSwitch = voicesWithoutWordTimes.has(chains.tts[0] ?? "") ? 1 : 0;
  return {
    name: spec.name,
    title: spec.title,
    hypothesis: spec.hypothesis ?? usualHypothesis,
    chains,
    settings: spec.settings ?? {},
    talk: spec.talk ?? "short",
    steps: spec.steps,
    tolerances: {
      ...strict,
      repeatedWordsPerSwitch,
      firstSoundMs: firstSoundMost(spec),
      ...spec.tolerances,
    },
    sessions: spec.sessions ?? null,
    isCanary: spec.isCanary === true,
  };
}

/** A fault from the beginning of the phase to its end. */
export function on(
  standins: readonly StandinName[],
  kind: FaultKind,
  more: Omit<Fault, "kind"> = {},
): FaultStep {
  return { atMs: 0, standins, fault: { kind, ...more } };
}
