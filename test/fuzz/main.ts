/** `npm run fuzz -- [--count N] [--seed N]`: 100,000 spoilt events unless told otherwise. */
import { parseArgs } from "node:util";
import { fuzzGateway } from "./fuzz.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "100000" }, seed: { type: "string" } },
});
const count = Number(values.count);
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  console.error("--count and --seed are whole numbers");
  process.exit(2);
}
console.log(
  `fuzz: ${count} events, seed ${seed} (the same again: npm run fuzz -- --count ${count} --seed ${seed})`,
);
const outcome = await fuzzGateway({ count, seed });
const mebibytes = (outcome.heapGrowthBytes / 1024 / 1024).toFixed(1);
console.log(
  `${outcome.events} events in ${outcome.seconds.toFixed(0)} s; a bystander had ${outcome.bystanderTurns} turns; the heap grew by ${mebibytes} MiB`,
);
for (const fault of outcome.faults) console.error(`FAULT ${fault}`);
console.log(
  outcome.faults.length === 0 ? "everything held" : `${outcome.faults.length} faults (at most 20 are kept)`,
);
process.exitCode = outcome.faults.length === 0 ? 0 : 1;
