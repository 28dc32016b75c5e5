/** How the drills of a command line ended, and the exit code that tells it. */

export type Ending = "as it should" | "not as it should" | "too busy to tell" | "could not run";

export interface Outcome {
  /** Of the drill, with its seed. */
  name: string;
  ending: Ending;
}

/** A drill that did not do as it should says more than one that said nothing. */
const worstFirst: readonly { ending: Ending; code: number; note: string }[] = [
  { ending: "not as it should", code: 1, note: "" },
  { ending: "could not run", code: 3, note: " (could not run)" },
  { ending: "too busy to tell", code: 4, note: " (machine too busy to tell)" },
];

/**
 * Runs one drill to whatever end. One that breaks off takes no other with it: what broke it is printed, and the next one's turn
 * comes.
 */
export async function settle(
  name: string,
  run: () => Promise<Ending>,
  print: (text: string) => void,
): Promise<Outcome> {
  try {
    return { name, ending: await run() };
  } catch (error) {
    print(`  could not run: ${error instanceof Error ? error.message : error}\n\n`);
    return { name, ending: "could not run" };
  }
}

/**
 * The exit code of a command line: 0, or the worst ending's.
 *
 * @param onlyCanaries - a canary alone says what it is for: that it failed, as it should, is told by the code of a failure
 */
export function exitCodeOf(outcomes: readonly Outcome[], onlyCanaries: boolean): number {
  const worst = worstFirst.find(({ ending }) => outcomes.some((one) => one.ending === ending));
  if (!onlyCanaries) return worst?.code ?? 0;
  if (worst === undefined) return 1;
  return worst.ending === "not as it should" ? 0 : worst.code;
}

/** What the exit code of a command line with one drill says. */
export function endingOf(code: number | null, isCanary: boolean): Ending {
  if (code === (isCanary ? 1 : 0)) return "as it should";
  return worstFirst.find((one) => one.code > 1 && one.code === code)?.ending ?? "not as it should";
}

/** The list at the end: those that need a look, and how many did as they should. */
export function describeOutcomes(outcomes: readonly Outcome[]): string {
  const lines = outcomes.flatMap(({ name, ending }) => {
    const other = worstFirst.find((one) => one.ending === ending);
    return other === undefined ? [] : [`  ✗ ${name}${other.note}`];
  });
  const good = outcomes.length - lines.length;
  const counted = `${good} passed, ${lines.length} failed\n`;
  return [`${good} of ${outcomes.length} as they should be`, ...lines, counted].join("\n");
}
