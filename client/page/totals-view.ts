import { millisecondsOf, minutesOf, secondsOf } from "./figures.ts";
import { make, setText } from "./page-elements.ts";
import type { SessionTotals } from "./turn-book.ts";

export interface TotalsParts {
  totals: HTMLElement;
  headline: HTMLElement;
  headlineNote: HTMLElement;
  /** One line under the controls, where the measures are out of sight. */
  latest: HTMLElement;
}

const rows = [
  ["turns", "Turns"],
  ["interruptions", "Interrupted by you"],
  ["wait", "Answer heard after, median"],
  ["waitP95", "and 95 of 100 within"],
  ["infra", "Parley's own share, median"],
  ["infraP95", "and 95 of 100 within"],
  ["spoken", "Minutes sent"],
  ["heard", "Minutes heard"],
  ["engines", "Engines"],
] as const;

/** The session in figures, and the newest answer's time as a headline. */
export class TotalsView {
  readonly #parts: TotalsParts;
  readonly #values = new Map<string, HTMLElement>();

  constructor(parts: TotalsParts) {
    this.#parts = parts;
    for (const [name, label] of rows) {
      const value = make("dd", "", "–");
      const row = make("div", name === "engines" ? "wide" : "");
      row.append(make("dt", "", label), value);
      parts.totals.append(row);
      this.#values.set(name, value);
    }
  }

  show(totals: SessionTotals): void {
    const values: Record<(typeof rows)[number][0], string> = {
      turns: String(totals.turns),
      interruptions: String(totals.interruptions),
      wait: withUnit(totals.medianWaitMs),
      waitP95: withUnit(totals.p95WaitMs),
      infra: millisecondsOf(totals.medianInfraMs),
      infraP95: millisecondsOf(totals.p95InfraMs),
      spoken: minutesOf(totals.spokenMs),
      heard: minutesOf(totals.heardMs),
      engines:
        totals.engines
          .map(({ name, failed }) => (failed === 0 ? name : `${name} (failed ${timesOf(failed)})`))
          .join(", ") || "–",
    };
    for (const [name, value] of Object.entries(values)) setText(this.#values.get(name)!, value);
  }

  /** The newest answer. @param infraMs - null until the server reported it */
  showLatest(waitMs: number, infraMs: number | null): void {
    const { headline, headlineNote, latest } = this.#parts;
    headline.replaceChildren(make("span", "", secondsOf(waitMs)), make("small", "", "s"));
    const share = infraMs === null ? "" : `, ${millisecondsOf(infraMs)} of it Parley's own`;
    setText(headlineNote, `From the end of your voice to the first sound from your loudspeaker${share}.`);
    setText(latest, `heard after ${secondsOf(waitMs)} s`);
  }
}

function timesOf(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function withUnit(ms: number | null): string {
  return ms === null ? "–" : `${secondsOf(ms)} s`;
}
