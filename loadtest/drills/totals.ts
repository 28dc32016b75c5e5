/** What all drills of a command line come to together, out of their journals. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TurnVerdict } from "./turn-judge.ts";

interface KeptJournal {
  parley: { turns: TurnVerdict[] };
}

/**
 * One line over all turns of some drills. Drills that left no journal are left out.
 *
 * @param folders - of their reports
 * @returns null when there is no turn
 */
export async function describeTotals(folders: readonly string[]): Promise<string | null> {
  const count = { drills: 0, turns: 0, listened: 0, switches: 0 };
  const bad = { silent: 0, lost: 0, missing: 0, repeated: 0, unheard: 0 };
  for (const folder of folders) {
    // One at a time: a crowd's journal has some megabytes.
    const turns = await readTurns(folder);
    if (turns === null) continue;
    count.drills++;
    for (const turn of turns) {
      count.turns++;
      count.listened += Number(turn.isListenedTo);
      count.switches += turn.switches;
      bad.silent += Number(turn.isSilent);
      bad.lost += Number(turn.isLost);
      bad.missing += turn.missing.length + turn.missingOfAnswer.length;
      bad.repeated += turn.repeated.length + turn.repeatedOfAnswer.length;
      bad.unheard += turn.unheard.length;
    }
  }
  if (count.turns === 0) return null;
  return [
    `${count.drills} drills together: ${count.turns} turns, ${count.listened} of them listened to;`,
    `${bad.silent} silent, ${bad.lost} lost, ${bad.missing} words missing, ${bad.unheard} remembered unheard,`,
    `${bad.repeated} repeated over ${count.switches} changes of voice inside a sentence`,
  ].join(" ");
}

async function readTurns(folder: string): Promise<TurnVerdict[] | null> {
  try {
    return (JSON.parse(await readFile(join(folder, "journal.json"), "utf8")) as KeptJournal).parley.turns;
  } catch {
    return null;
  }
}
