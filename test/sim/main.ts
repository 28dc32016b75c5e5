/**
 * `npm run sim`: a million turns over failing vendors under a virtual clock. `--turns N`, `--from SEED`, `--workers N`; a
 * broken promise is printed with its seed, and `--seed N` replays exactly that one.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runSimulations } from "./run.ts";

const options = {
  turns: { type: "string", default: "1000000" },
  from: { type: "string", default: "1" },
  seed: { type: "string" },
  workers: { type: "string", default: String(availableParallelism()) },
} as const;
const { values } = readArguments();

/** 1 is the code of a broken promise: a command line that can't be has one of its own. */
function readArguments() {
  try {
    return parseArgs({ options });
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}

function wholeNumber(name: "turns" | "from" | "seed" | "workers", max: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  console.error(`--${name} must be a whole number from 1 to ${max}`);
  process.exit(2);
}

const single = values.seed === undefined ? null : wholeNumber("seed", 2 ** 31);
const startedAtMs = performance.now();
const outcome = await runSimulations({
  turns: single === null ? wholeNumber("turns", 100_000_000) : 1,
  fromSeed: single ?? wholeNumber("from", 2 ** 31),
  workers: single === null ? wholeNumber("workers", 64) : 1,
  onProgress: ({ turns, seeds }) =>
    process.stderr.write(
      `\r${turns} turns, ${seeds} seeds, ${Math.round((performance.now() - startedAtMs) / 1000)} s`,
    ),
});
process.stderr.write("\n");
for (const { seed, problems } of outcome.broken) {
  console.log(`seed ${seed} (npm run sim -- --seed ${seed})`);
  for (const problem of problems) console.log(`  ${problem}`);
}
const seconds = (performance.now() - startedAtMs) / 1000;
console.log(
  `${outcome.turns} turns over ${outcome.seeds} seeds, ${Math.round(outcome.turns / seconds)} a second; ` +
    `${outcome.brokenSeeds} seeds with a broken promise`,
);
const { rescued, retries, hedges, hedgesWon, probes, full, late } = outcome.counts;
console.log(
  `${rescued} replies rescued, ${retries} retries, ${hedges} hedges (${hedgesWon} won), ${probes} probes, ` +
    `${full} calls past a full vendor, ${late} past vendors in turns that had waited long enough`,
);
process.exitCode = outcome.brokenSeeds === 0 ? 0 : 1;
