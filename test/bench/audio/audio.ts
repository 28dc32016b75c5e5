/** `npm run bench -- audio`: how well the front end hears, in figures and pictures. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryRoot } from "../../support/gateway.ts";
import { type Bench, type BenchOptions, type BenchReport, describeMachine, type Row } from "../report.ts";
import { sentences } from "../sentences.ts";
import { type PageSection, renderPage } from "./page.ts";
import type { Part, PartReport, SuiteContext } from "./part.ts";
import { loadVoices } from "./voices.ts";

const parts: Readonly<Record<string, () => Promise<Part>>> = {
  gate: async () => (await import("./measure-gate.ts")).gatePart,
  vad: async () => (await import("./measure-vad.ts")).vadPart,
  peers: async () => (await import("./peers-part.ts")).peersPart,
  "gate-cost": async () => wrap("What the gate costs", (await import("./gate-cost.ts")).bench),
  "vad-batch": async () => wrap("What voice detection costs", (await import("./vad-batch.ts")).bench),
  "turn-ends": async () => (await import("./turn-ends-part.ts")).turnEndsPart,
  "barge-in": async () => (await import("./barge-in-part.ts")).bargeInPart,
  words: async () => (await import("./words-part.ts")).wordsPart,
};
/** Only when named: they take long, and their outcome is written down in a decision. */
const rareParts: Readonly<Record<string, () => Promise<Part>>> = {
  feeding: async () => (await import("./feeding-part.ts")).feedingPart,
};
const allParts = { ...parts, ...rareParts };
/** Git doesn't see what lies there. */
const usualFolder = ".cache/audio";

/** A bench of its own as a part of the suite; timings say nothing in a quick run. */
function wrap(title: string, whole: Bench): Part {
  return {
    title,
    about: `${whole.description}.`,
    async measure({ isQuick }) {
      if (isQuick) return { rows: [], notes: [], tables: [], figures: [], data: null };
      const { rows, notes, veto } = await whole.run();
      if (veto !== null) throw new Error(`${title} could not be measured: ${veto}`);
      return { rows, notes, tables: [], figures: [], data: { rows } };
    },
  };
}

/**
 * Runs the parts one after another and writes `audio.json`, `audio.html` and the pictures.
 *
 * @throws {RangeError} for a part that isn't
 */
async function run(options: BenchOptions = {}): Promise<BenchReport> {
  const names = options.only ?? Object.keys(parts);
  const unknown = names.filter((name) => !(name in allParts));
  if (unknown.length > 0) {
    throw new RangeError(
      `no such part: ${unknown.join(", ")}; there are ${Object.keys(allParts).join(", ")}`,
    );
  }
  const context = await makeContext(options);
  const { leftOut } = context.voices;
  const failures: string[] = [];
  const sections: (PageSection & { name: string })[] = [];
  for (const name of names) {
    const part = await allParts[name]!();
    const startedMs = performance.now();
    const report = await measureOr(part, context, (message) => failures.push(`${part.title}: ${message}`));
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
    console.log(`  ${part.title}: ${report.rows.length} figures in ${seconds} s`);
    sections.push({ name, title: part.title, about: part.about, report });
  }
  const folder = options.out ?? join(repositoryRoot, usualFolder);
  await write(folder, sections, options, leftOut);
  const rows: Row[] = sections.flatMap(({ title, report }) => [
    ...report.rows.map((row) => ({ ...row, name: `${title}: ${row.name.trim()}` })),
  ]);
  return {
    rows,
    notes: [
      ...sections.flatMap(({ report }) => report.notes),
      ...leftOut.map((line) => `LEFT OUT: ${line}`),
      `page and figures: ${folder}`,
    ],
    veto: failures.length === 0 ? null : failures.join("; "),
  };
}

/** A part that fails doesn't take along what the others found; the suite fails by it. */
async function measureOr(
  part: Part,
  context: SuiteContext,
  onFailure: (message: string) => void,
): Promise<PartReport> {
  try {
    return await part.measure(context);
  } catch (error) {
    const { message } = error as Error;
    onFailure(message);
    return { rows: [], notes: [`FAILED: ${message}`], tables: [], figures: [], data: null };
  }
}

async function makeContext(options: BenchOptions): Promise<SuiteContext> {
  const isQuick = options.quick === true;
  const voices = await loadVoices(isQuick ? { most: 2, withHuman: false, withBabble: false } : {});
  return {
    voices,
    isQuick,
    mutant: options.mutant ?? null,
    sentences: Math.min(sentences.length, options.sentences ?? sentences.length),
  };
}

async function write(
  folder: string,
  sections: readonly (PageSection & { name: string })[],
  options: BenchOptions,
  leftOut: readonly string[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const machine = describeMachine();
  const date = new Date().toISOString().slice(0, 16).replace("T", " ");
  const command = `npm run bench -- audio${options.quick ? " --quick" : ""}${options.only ? ` --only ${options.only.join(",")}` : ""}`;
  const html = renderPage(sections, { machine, date, command, leftOut, mutant: options.mutant ?? null });
  const figures = sections.flatMap(({ report }) => report.figures);
  const json = {
    machine,
    date,
    command,
    leftOut,
    parts: Object.fromEntries(
      sections.map(({ name, report }) => [
        name,
        { rows: report.rows, notes: report.notes, data: report.data },
      ]),
    ),
  };
  await Promise.all([
    writeFile(join(folder, "audio.html"), html),
    writeFile(join(folder, "audio.json"), `${JSON.stringify(json, null, 1)}\n`),
    ...figures.map(({ name, svg }) => writeFile(join(folder, `${name}.svg`), svg)),
  ]);
}

export const bench: Bench = {
  description: `how well the front end hears: ${Object.keys(parts).join(", ")} (--only, --quick, --out, --mutant)`,
  run,
};
