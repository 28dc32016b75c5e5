/** `npm run bench -- NAME…`: measures what is promised. Without a name it lists what there is. */
import { type Bench, isMet, renderReport } from "./report.ts";

const benches: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  start: () => import("./start.ts"),
  latency: () => import("./latency.ts"),
  voice: () => import("./voice.ts"),
  words: () => import("./words.ts"),
  memory: () => import("./memory.ts"),
  cpu: () => import("./cpu.ts"),
  weight: () => import("./weight.ts"),
};

async function list(): Promise<void> {
  console.log("npm run bench -- NAME… (or all):");
  for (const [name, load] of Object.entries(benches)) {
    console.log(`  ${name.padEnd(8)} ${(await load()).bench.description}`);
  }
}

async function runNamed(names: readonly string[]): Promise<boolean> {
  let met = true;
  for (const name of names) {
    const { bench } = await benches[name]!();
    const report = await bench.run();
    console.log(`\n${renderReport(name, report)}`);
    met &&= report.veto === null && report.rows.every(isMet);
  }
  return met;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => name !== "all" && !(name in benches));
if (unknown.length > 0) {
  console.error(`No such bench: ${unknown.join(", ")}`);
  process.exitCode = 2;
} else if (wanted.length === 0) {
  await list();
} else {
  const met = await runNamed(wanted.includes("all") ? Object.keys(benches) : wanted);
  process.exitCode = met ? 0 : 1;
}
