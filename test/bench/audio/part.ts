/** What the parts of the audio suite are given and hand back. */
import type { Row } from "../report.ts";
import type { Voices } from "./voices.ts";

/** What all parts share. */
export interface SuiteContext {
  voices: Voices;
  /** Small sets and wider targets: tells in seconds whether something is broken. */
  isQuick: boolean;
  /** The part that is broken on purpose; null: none. */
  mutant: string | null;
  /** Sentences a voice whose words are counted. */
  sentences: number;
}

/** A picture with its name in `docs/audio/` and what it shows. */
export interface Figure {
  name: string;
  caption: string;
  /** A whole `<svg>`. */
  svg: string;
}

/** A table beside the one with the targets. */
export interface DetailTable {
  title: string;
  header: string[];
  rows: string[][];
}

/** What a part found. */
export interface PartReport {
  rows: Row[];
  notes: string[];
  tables: DetailTable[];
  figures: Figure[];
  /** For the JSON file: everything that was measured. */
  data: unknown;
}

/** One part of the suite. */
export interface Part {
  title: string;
  /** What it does, in a sentence or two, for the page. */
  about: string;
  measure(context: SuiteContext): Promise<PartReport>;
}

/** Mean of numbers; NaN for none. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
