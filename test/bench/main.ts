/** `npm run bench -- NAME…`: measures what is promised. Without a name it lists what there is. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { isReadyFor, runMutated } from "./audio/mutants/mutants.ts";
import { type Bench, type BenchOptions, isMet, renderReport } from "./report.ts";

const benches: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  start: () => import("./start.ts"),
  latency: () => import("./latency.ts"),
  voice: () => import("./voice.ts"),
  words: () => import("./words.ts"),
  memory: () => import("./memory.ts"),
  cpu: () => import("./cpu.ts"),
  weight: () => import("./weight.ts"),
  page: () => import("./page.ts"),
  audio: () => import("./audio/audio.ts"),
  chain: () => import("./chain.ts"),
  "local-voice": () => import("./local-voice.ts"),
};

async function list(): Promise<void> {
  console.log("npm run bench -- NAME… (or all):");
  for (const [name, load] of Object.entries(benches)) {
    console.log(`  ${name.padEnd(8)} ${(await load()).bench.description}`);
  }
}

async function runNamed(names: readonly string[], options: BenchOptions): Promise<boolean> {
  let met = true;
  for (const name of names) {
    const { bench } = await benches[name]!();
    const report = await bench.run(options);
    console.log(`\n${renderReport(name, report)}`);
    met &&= report.veto === null && report.rows.every(isMet);
  }
  return met;
}

/** @throws {TypeError} for an option that isn't, with its name */
function readArguments(): { names: string[]; options: BenchOptions } {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string" },
      quick: { type: "boolean" },
      mutant: { type: "string" },
      out: { type: "string" },
      sentences: { type: "string" },
    },
  });
  const options: BenchOptions = {};
  if (values.only !== undefined) options.only = values.only.split(",");
  if (values.quick !== undefined) options.quick = values.quick;
  if (values.mutant !== undefined) options.mutant = values.mutant;
  if (values.out !== undefined) options.out = resolve(values.out);
  if (values.sentences !== undefined) {
    options.sentences = Number(values.sentences);
    if (!(Number.isInteger(options.sentences) && options.sentences > 0)) {
      throw new TypeError(`--sentences is ${values.sentences}, must be a whole number above 0`);
    }
  }
  return { names: positionals, options };
}

/** @returns the exit code: 0 all promises kept, 1 not, 2 for a wrong call */
async function main(): Promise<number> {
  const { names, options } = readArguments();
  const unknown = names.filter((name) => name !== "all" && !(name in benches));
  if (unknown.length > 0) throw new TypeError(`No such bench: ${unknown.join(", ")}`);
  if (names.length === 0) {
    await list();
    return 0;
  }
  if (options.mutant !== undefined && !isReadyFor(options.mutant)) return runMutated(options.mutant);
  return (await runNamed(names.includes("all") ? Object.keys(benches) : names, options)) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
