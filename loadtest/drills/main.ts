/** `npm run drill -- NAME|all`: runs drills, writes journals, pages and recordings; the exit code is the verdict. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Drill } from "./drill.ts";
import { drills } from "./drills.ts";
import { exitOnSignals } from "./exit-signals.ts";
import { writeJournal } from "./journal.ts";
import type { Probe } from "./measures.ts";
import { describeOutcomes, type Ending, endingOf, exitCodeOf, type Outcome, settle } from "./outcome.ts";
import { drawPage } from "./page.ts";
import { recordCall } from "./recording.ts";
import { type DrillLength, type DrillRun, keptRecordings, runDrill } from "./runner.ts";
import { describeTotals } from "./totals.ts";
import { judgeRun, type Verdict } from "./verdict.ts";

const defaultSessions = 5;
const maxSessions = 1000;
const maxSeeds = 20;
const maxJobs = 16;
const usage = `npm run drill -- NAME... | all | all-but-crowds [options]
  --sessions N   callers at once (${defaultSessions}; a drill about a crowd has its own number)
  --seeds A,B    one run for each (1)
  --quick        fewer turns, and shorter answers
  --brief        fewer still: one question while the faults are on
  --jobs N       so many drills at once, each in a process of its own (1); crowds come last, alone, and so does
                 again what deviated beside others
  --no-times     gaps and waits are shown and not judged, for machines that have other things to do
  --out FOLDER   where journals, pages, recordings and the stand-ins' speech go (drill-reports)
  --list         names the drills
`;

/** Options that can't be. */
class UsageError extends Error {}

interface Options {
  drills: Drill[];
  seeds: number[];
  sessions: number;
  length: DrillLength;
  out: string;
  jobs: number;
  times: "judged" | "shown";
}

function readWhole(text: string, name: string, most: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most) {
    throw new UsageError(`--${name} must be a whole number from 1 to ${most}`);
  }
  return number;
}

function readOptions(args: string[]): Options | "list" | "help" {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      sessions: { type: "string" },
      seeds: { type: "string" },
      quick: { type: "boolean" },
      brief: { type: "boolean" },
      out: { type: "string" },
      jobs: { type: "string" },
      "no-times": { type: "boolean" },
      list: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) return "help";
  if (values.list) return "list";
  if (positionals.length === 0) throw new UsageError("name a drill, or all");
  const seeds = (values.seeds ?? "1").split(",").map((seed) => readWhole(seed, "seeds", 2 ** 31));
  if (seeds.length > maxSeeds) throw new UsageError(`at most ${maxSeeds} seeds`);
  return {
    drills: positionals.flatMap(findDrills),
    seeds,
    sessions: readWhole(values.sessions ?? String(defaultSessions), "sessions", maxSessions),
    length: values.brief ? "brief" : values.quick ? "quick" : "usual",
    out: resolve(values.out ?? "drill-reports"),
    jobs: readWhole(values.jobs ?? "1", "jobs", maxJobs),
    times: values["no-times"] ? "shown" : "judged",
  };
}

function findDrills(name: string): Drill[] {
  if (name === "all") return [...drills];
  if (name === "all-but-crowds") return drills.filter(({ sessions }) => sessions === null);
  const drill = drills.find((one) => one.name === name);
  if (drill === undefined) throw new UsageError(`there is no drill ${name.slice(0, 60)}; --list names them`);
  return [drill];
}

function describe(probe: Probe): string {
  const value = probe.value === null ? "none" : Number(probe.value.toFixed(1));
  const bound = probe.isLeast ? "at least" : "at most";
  const wanted = probe.tolerance === null || probe.tolerance > 1e9 ? "" : ` (${bound} ${probe.tolerance})`;
  return `    ${probe.isMet === false ? "✗" : probe.isMet ? "✓" : "·"} ${probe.name}: ${value} ${probe.unit}${wanted}`;
}

function printVerdict(run: DrillRun, verdict: Verdict): void {
  for (const phase of ["before", "during", "after"] as const) {
    process.stdout.write(`  ${phase}\n${verdict[phase].map(describe).join("\n")}\n`);
  }
  if (!run.health.healthy) {
    const late = run.health.latenessP99Ms.toFixed(1);
    process.stdout.write(`  The callers themselves were late (p99 ${late} ms): times are worth less.\n`);
  }
}

async function writeReport(folder: string, run: DrillRun, verdict: Verdict): Promise<void> {
  await mkdir(folder, { recursive: true });
  const recordings: string[] = [];
  const fromMs = run.startedAtMs - performance.timeOrigin;
  for (const [index, caller] of run.callers.slice(0, keptRecordings).entries()) {
    const name = `caller-${index + 1}.wav`;
    await writeFile(join(folder, name), recordCall(caller, fromMs));
    recordings.push(name);
  }
  await writeFile(join(folder, "journal.json"), `${JSON.stringify(writeJournal(run, verdict), null, 1)}\n`);
  await writeFile(join(folder, "index.html"), drawPage(run, verdict, recordings));
  await writeFile(join(folder, "gateway.log"), run.log);
}

/** @returns whether the drill did as it should: held, or failed if it is the canary */
async function runOne({ drill, seed }: Run, options: Options): Promise<Ending> {
  process.stdout.write(`${drill.name} (seed ${seed}): ${drill.title}\n`);
  const onStep = (text: string) => process.stdout.write(`  … ${text}\n`);
  const { sessions, length } = options;
  const voiceFolder = join(options.out, "voices");
  const run = await runDrill(drill, { seed, sessions, length, voiceFolder, onStep });
  const verdict = judgeRun(run, options.times);
  const folder = folderOf({ drill, seed }, options);
  await writeReport(folder, run, verdict);
  printVerdict(run, verdict);
  const held = verdict.isDeviated ? "DEVIATED" : "held";
  if (verdict.isInconclusive) {
    process.stdout.write(
      "  This machine was too busy to tell whose fault it was: run it again when it is not.\n",
    );
  }
  process.stdout.write(
    `  ${drill.isCanary ? `canary: ${held}, as it ${verdict.isDeviated ? "must" : "must not"}` : held}; ${folder}/index.html\n\n`,
  );
  if (verdict.isInconclusive && !drill.isCanary) return "too busy to tell";
  return verdict.isDeviated === drill.isCanary ? "as it should" : "not as it should";
}

/** Runs the drills of `args`. @returns the exit code: 0 when all held, 1 when one did not, 3 when one could not run, 4 when the machine was too busy to tell */
async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === "help") process.stdout.write(usage);
  if (options === "list") {
    for (const { name, title } of drills) process.stdout.write(`${name.padEnd(26)}${title}\n`);
  }
  if (options === "help" || options === "list") return 0;
  const runs = options.drills.flatMap((drill) => options.seeds.map((seed) => ({ drill, seed })));
  const outcomes =
    options.jobs > 1 ? await runSideBySide(runs, options, args) : await runInTurn(runs, options);
  const broken = new Set(outcomes.filter(({ ending }) => ending === "could not run").map(({ name }) => name));
  // A canary's turns are meant to be lost.
  const judged = runs
    .filter((run) => !run.drill.isCanary && !broken.has(nameOf(run)))
    .map((run) => folderOf(run, options));
  const totals = judged.length > 1 ? await describeTotals(judged) : null;
  if (totals !== null) process.stdout.write(`${totals}\n`);
  process.stdout.write(describeOutcomes(outcomes));
  return exitCodeOf(
    outcomes,
    options.drills.every((drill) => drill.isCanary),
  );
}

interface Run {
  drill: Drill;
  seed: number;
}

const folderOf = ({ drill, seed }: Run, { out }: Options) => join(out, `${drill.name}-${seed}`);
const nameOf = ({ drill, seed }: Run) => `${drill.name} (seed ${seed})`;

async function runInTurn(runs: readonly Run[], options: Options): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const print = (text: string) => process.stderr.write(text);
  for (const run of runs) outcomes.push(await settle(nameOf(run), () => runOne(run, options), print));
  return outcomes;
}

/** Each drill in a process of its own. Crowds come after the others, one by one, and so does what deviated in company: alone it decides. */
async function runSideBySide(
  runs: readonly Run[],
  options: Options,
  args: readonly string[],
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const later = runs.filter(({ drill }) => drill.sessions !== null);
  const now = runs.filter(({ drill }) => drill.sessions === null);
  const settings = settingsIn(args);
  const work = async () => {
    for (let run = now.shift(); run !== undefined; run = now.shift()) {
      const ending = await runApart(run, settings);
      if (ending === "as it should") outcomes.push({ name: nameOf(run), ending });
      else later.push(run);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  for (const run of later) {
    const folder = folderOf(run, options);
    // What deviated in company stays to be looked at.
    const besides = run.drill.sessions === null;
    if (besides) {
      await rm(`${folder}-beside`, { recursive: true, force: true });
      await rename(folder, `${folder}-beside`).catch(() => {});
    }
    outcomes.push({ name: nameOf(run), ending: await runApart(run, settings) });
    if (besides) process.stdout.write(`  ${nameOf(run)} deviated beside others: ${folder}-beside\n`);
  }
  return outcomes;
}

/** The options that hold for each drill of a command line. */
function settingsIn(args: readonly string[]): string[] {
  const settings: string[] = [];
  for (const name of ["--quick", "--brief", "--no-times"]) if (args.includes(name)) settings.push(name);
  for (const name of ["--sessions", "--out"]) {
    const at = args.findIndex((one) => one === name || one.startsWith(`${name}=`));
    if (at >= 0) settings.push(...(args[at] === name ? [name, args[at + 1] ?? ""] : [args[at]!]));
  }
  return settings;
}

/** Drills in processes of their own, which end with this one. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill();
});

/** @returns as `runOne` */
async function runApart({ drill, seed }: Run, settings: readonly string[]): Promise<Ending> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(import.meta.url), drill.name, "--seeds", String(seed), ...settings],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
  });
  running.add(child);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  running.delete(child);
  // The last lines are about a command of its own.
  process.stdout.write(printed.replace(/\d+ of \d+ as they should be[\s\S]*$/, ""));
  return endingOf(code, drill.isCanary);
}

exitOnSignals();

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const misused = error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS");
    process.stderr.write(misused ? `${message}\n\n${usage}` : `${message}\n`);
    process.exit(misused ? 2 : 3);
  },
);
