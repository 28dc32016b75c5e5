import type { TurnEvent, TurnSpan } from "../../wire/extensions.ts";
import { millisecondsOf, secondsOf } from "./figures.ts";
import { make, setText } from "./page-elements.ts";
import type { TurnRecord } from "./turn-book.ts";

/** Each owner's name; hue and pattern come from the style sheet's class of that name. */
export const owners: Readonly<Record<TurnSpan["owner"], string>> = {
  speaker: "your pause",
  gateway: "Parley",
  vendor: "engines",
  client: "this device",
};

/** What each span is, in plain words. */
const spanWords: Readonly<Record<string, string>> = {
  endpoint: "had you finished?",
  ingress: "off the network",
  gate: "noise gate",
  vad: "hearing the pause",
  stt: "writing it down",
  retrieve: "looking it up",
  ai: "thinking",
  tool: "your function",
  sentence: "first sentence",
  tts: "first sound",
  egress: "onto the network",
  overhead: "in between",
};

/** Older turns leave the list. */
const maxShown = 60;

interface Row {
  element: HTMLElement;
  asked: HTMLElement;
  wait: HTMLElement;
  bar: HTMLElement;
  detail: HTMLElement;
  note: HTMLElement;
  reported: boolean;
}

/** The list of turns, newest first: each a bar of its ledger that opens to a waterfall. */
export class WaterfallView {
  readonly #list: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #rows = new Map<string, Row>();

  constructor(parts: { list: HTMLElement; empty: HTMLElement; legend: HTMLElement }) {
    this.#list = parts.list;
    this.#empty = parts.empty;
    for (const [owner, name] of Object.entries(owners)) {
      const item = make("li");
      item.append(make("i", `swatch ${owner}`), name);
      parts.legend.append(item);
    }
  }

  /** Shows a turn, or what is new about it. */
  show(turn: TurnRecord): void {
    const row = this.#rows.get(turn.responseId) ?? this.#prepend(turn);
    write(row, turn);
    if (turn.report === null || row.reported) return;
    row.reported = true;
    row.bar.replaceChildren(...segments(turn.report.spans, turn.report.totals.turn_ms));
    row.detail.prepend(waterfall(turn.report.spans, turn.report.totals.turn_ms));
    row.note.classList.add("sums");
  }

  /** Shows what is new about turns that are in the list already. */
  refresh(turns: readonly TurnRecord[]): void {
    for (const turn of turns) {
      const row = this.#rows.get(turn.responseId);
      if (row !== undefined) write(row, turn);
    }
  }

  #prepend(turn: TurnRecord): Row {
    this.#empty.hidden = true;
    const element = make("li", "turn");
    const details = make("details");
    const summary = make("summary");
    const detail = make("div");
    const row: Row = {
      element,
      asked: make("span", "asked"),
      wait: make("span", "wait"),
      bar: make("span", "bar"),
      detail,
      note: make("p", "note"),
      reported: false,
    };
    row.bar.setAttribute("aria-hidden", "true");
    summary.append(row.asked, row.wait, row.bar);
    detail.append(row.note);
    details.append(summary, detail);
    element.append(details);
    this.#list.prepend(element);
    this.#rows.set(turn.responseId, row);
    if (this.#rows.size > maxShown) {
      const [oldest, { element: gone }] = this.#rows.entries().next().value!;
      gone.remove();
      this.#rows.delete(oldest);
    }
    return row;
  }
}

function write(row: Row, turn: TurnRecord): void {
  setText(row.asked, turn.asked === "" ? `Answer ${turn.number}` : turn.asked);
  setText(row.wait, waitOf(turn));
  setText(row.note, noteOf(turn));
}

/** By this device's own clock: what the server did for an answer that nobody heard is no wait. */
export function waitOf({ waitMs, sound }: TurnRecord): string {
  if (waitMs !== null) return `${secondsOf(waitMs)} s`;
  return { awaited: "…", heard: "–", missed: "not heard" }[sound];
}

function noteOf(turn: TurnRecord): string {
  if (turn.report !== null) return sums(turn, turn.report);
  return turn.over
    ? "The conversation ended before the server's report of this turn came."
    : "The server's report of this turn has not come yet.";
}

function percent(part: number, whole: number): string {
  return `${whole > 0 ? ((100 * part) / whole).toFixed(2) : 0}%`;
}

function segments(spans: readonly TurnSpan[], turnMs: number): HTMLElement[] {
  return spans.map(({ owner, duration_ms: durationMs }) => {
    const segment = make("i", owner);
    segment.style.width = percent(durationMs, turnMs);
    // The gaps between many short ones must not push the last one out.
    segment.style.flexShrink = "1";
    return segment;
  });
}

function waterfall(spans: readonly TurnSpan[], turnMs: number): HTMLTableElement {
  const table = make("table", "spans");
  table.setAttribute("aria-label", "Where this turn's time went, in order");
  const body = make("tbody");
  let beforeMs = 0;
  for (const { span, owner, duration_ms: durationMs, provider } of spans) {
    const row = make("tr");
    const name = make("th", "", spanWords[span] ?? span);
    name.scope = "row";
    name.append(
      " ",
      make("small", "owner", provider === undefined ? owners[owner] : `${owners[owner]}: ${provider}`),
    );
    const laneCell = make("td", "lane-cell");
    laneCell.setAttribute("aria-hidden", "true");
    const lane = make("span", "lane");
    const block = make("i", owner);
    block.style.marginLeft = percent(beforeMs, turnMs);
    block.style.width = percent(durationMs, turnMs);
    lane.append(block);
    laneCell.append(lane);
    row.append(name, laneCell, make("td", "ms", millisecondsOf(durationMs)));
    body.append(row);
    beforeMs += durationMs;
  }
  table.append(body);
  return table;
}

function sums({ waitMs, interrupted, cutOff }: TurnRecord, { totals, providers }: TurnEvent): string {
  const failed = providers.filter(({ outcome }) => outcome === "failed");
  return [
    `${millisecondsOf(totals.turn_ms)} on the server, of which ${millisecondsOf(totals.infra_ms)} were Parley's own.`,
    ...(waitMs === null
      ? []
      : [`You heard it after ${millisecondsOf(waitMs)}, the network and your loudspeaker included.`]),
    ...failed.map(({ stage, provider }) => `${provider} (${stage}) failed and another engine took over.`),
    ...(interrupted ? ["You interrupted it."] : []),
    ...(cutOff ? ["The conversation ended in the middle of it."] : []),
  ].join(" ");
}
