/** What a bench found, beside what was promised. */
import { cpus, loadavg, release, totalmem } from "node:os";

export interface Row {
  name: string;
  measured: number;
  unit: string;
  /** Absent: shown for information. */
  atMost?: number;
  atLeast?: number;
  /** Its target is an aim: shown with its verdict, but nothing fails by it. */
  isAim?: true;
}

export interface BenchReport {
  rows: Row[];
  /** Lines for people: how it was measured, what was left out. */
  notes: string[];
  /** Why nothing that was measured counts (the generator was late, replies were lost); null when it does. */
  veto: string | null;
}

/** What was asked for on the command line, beside the bench's name. */
export interface BenchOptions {
  /** `--only a,b`: parts of the bench; all by default. */
  only?: string[];
  /** `--quick`: a small run that tells whether something is broken, in seconds. */
  quick?: boolean;
  /** `--mutant NAME`: with a part broken on purpose, so that the bench must fail. */
  mutant?: string;
  /** `--out FOLDER`: where JSON and pictures go. */
  out?: string;
  /** `--sentences N`: of how many sentences words are counted. */
  sentences?: number;
}

/** One bench: a file of this folder exports it as `bench`. */
export interface Bench {
  description: string;
  run(options?: BenchOptions): Promise<BenchReport>;
}

/** @returns whether a row keeps its promise; true where there is none, or only an aim. NaN keeps none */
export function isMet(row: Row): boolean {
  return row.isAim === true || reachesTarget(row);
}

/** Whether a row's target is reached, aims included; true where there is none. */
export function reachesTarget(row: Row): boolean {
  if (row.atMost !== undefined && !(row.measured <= row.atMost)) return false;
  if (row.atLeast !== undefined && !(row.measured >= row.atLeast)) return false;
  return true;
}

/** The machine that the numbers belong to, one line. */
export function describeMachine(): string {
  const all = cpus();
  const gibibytes = (totalmem() / 1024 ** 3).toFixed(0);
  const load = loadavg()[0]!.toFixed(2);
  return `${all.length} x ${all[0]?.model ?? "unknown"}, ${gibibytes} GiB, Linux ${release()}, Node ${process.versions.node}, load ${load}`;
}

/** The report as a table. */
export function renderReport(name: string, report: BenchReport): string {
  const cells = report.rows.map((row) => [
    row.name,
    `${formatNumber(row.measured)} ${row.unit}`,
    describeTarget(row),
    describeVerdict(row),
  ]);
  const table = [["what", "measured", "target", ""], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((line) => line[column]!.length)));
  const lines = table.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => "-".repeat(width)).join("  "));
  const veto = report.veto === null ? [] : [`  VETO: ${report.veto}`];
  return [
    `${name}: ${describeMachine()}`,
    ...lines,
    ...report.notes.map((note) => `  ${note}`),
    ...veto,
  ].join("\n");
}

/** "<= 5 ms", or nothing. */
export function describeTarget({ atMost, atLeast, unit }: Row): string {
  if (atMost !== undefined) return `<= ${formatNumber(atMost)} ${unit}`;
  if (atLeast !== undefined) return `>= ${formatNumber(atLeast)} ${unit}`;
  return "";
}

/** "met", "MISSED", or nothing where there is no target. */
export function describeVerdict(row: Row): string {
  if (row.atMost === undefined && row.atLeast === undefined) return "";
  if (reachesTarget(row)) return "met";
  return row.isAim === true ? "missed (an aim)" : "MISSED";
}

/** As many digits as tell something: ratios close to 1 and differences close to 0 have more. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size < 0.1 || (size > 0.99 && size < 1))
    return size < 0.0005 ? value.toExponential(1) : value.toFixed(4);
  return value.toFixed(size < 10 ? 2 : 1);
}

/**
 * The value that `ratio` of the values don't exceed (nearest rank, no interpolation).
 *
 * @returns NaN for no values, so that no target is met by accident
 */
export function percentile(values: readonly number[], ratio: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * ratio) - 1)]!;
}

/** p50, p95 and p99 as rows, each with its target where one is named. */
export function percentileRows(
  name: string,
  values: readonly number[],
  targets: { p50?: number; p95?: number; p99?: number } = {},
): Row[] {
  return (["p50", "p95", "p99"] as const).map((which) => {
    const row: Row = {
      name: `${name} ${which}`,
      measured: percentile(values, Number(which.slice(1)) / 100),
      unit: "ms",
    };
    const atMost = targets[which];
    if (atMost !== undefined) row.atMost = atMost;
    return row;
  });
}
