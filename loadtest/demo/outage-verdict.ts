/** Whether the outage was survived: each answer heard whole, while the vendors died as the script has it. */
import type { TurnVerdict } from "../drills/turn-judge.ts";
import type { CallRecord } from "../standins/call-record.ts";
import type { OutageTurn } from "./outage-picture.ts";
import type { PlannedDeath, Scene } from "./outage-scenes.ts";

/** A vendor's first death. */
export interface Death extends PlannedDeath {
  /** Unix time. */
  atMs: number;
}

/** Calls that a scene's own faults broke: a vendor that failed for another reason did not die as planned. */
export function deathsIn({ faults }: Scene, calls: readonly CallRecord[]): Death[] {
  return calls.flatMap(({ standin, fault, outcome, startedAtMs, durationMs }) => {
    const kind = faults[standin]?.kind;
    if (kind === undefined || outcome !== "failed" || fault !== kind) return [];
    return [{ standin, kind, atMs: startedAtMs + (durationMs ?? 0) }];
  });
}

/** Those who should have died and did not: then their scene shows nothing. */
export function survivorsOf(planned: readonly PlannedDeath[], deaths: readonly Death[]): PlannedDeath[] {
  return planned.filter(
    ({ standin, kind }) => !deaths.some((death) => death.standin === standin && death.kind === kind),
  );
}

/** Words that were to be heard and were not, or that nobody said. */
export function missingWords({ missing, missingOfAnswer }: TurnVerdict): string[] {
  return [...missing, ...missingOfAnswer];
}

/** Whether all of it was heard, and nothing twice but for a word at a change of voice. */
export function isWhole({ verdict }: OutageTurn): boolean {
  const { isSilent, isLost, repeated, repeatedOfAnswer, switches } = verdict;
  if (isSilent || isLost || missingWords(verdict).length > 0) return false;
  // Google's voice does not tell where its words lie: one may be said twice where another goes on.
  return repeatedOfAnswer.length === 0 && repeated.length <= switches;
}
