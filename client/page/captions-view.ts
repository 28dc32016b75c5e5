import { Caption, type Speaker } from "./caption.ts";
import { make } from "./page-elements.ts";

/** What the page shows of one turn. */
export interface ShownTurn {
  itemId: string;
  speaker: Speaker;
  /** Of an interrupted reply: what was heard. */
  text: string;
  final: boolean;
  interrupted: boolean;
  /** It was the end of the conversation that interrupted it, not the user. */
  cutOff?: true;
}

/** A line between two conversations, or a turn with the wall clock at which it appeared. */
export type CaptionRecord = { atMs: number } & ({ turn: ShownTurn } | { divider: string });

interface Entry {
  shown: ShownTurn;
  caption: Caption;
  record: CaptionRecord;
  /** Its conversation is over: nothing more is heard of it. */
  over: boolean;
}

/** Older turns leave the page (and what can be saved). */
const maxCaptions = 400;
/** That close to its end, the list follows what is added; further up somebody is reading. */
const followPx = 96;

/** The list of what was said, by item, in the order of the conversation. */
export class CaptionsView {
  readonly #list: HTMLElement;
  readonly #intro: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #entries = new Map<string, Entry>();
  readonly #records: CaptionRecord[] = [];

  constructor(parts: { list: HTMLElement; intro: HTMLElement; scroller: HTMLElement }) {
    this.#list = parts.list;
    this.#intro = parts.intro;
    this.#scroller = parts.scroller;
  }

  /** Everything shown, oldest first. */
  get turns(): ShownTurn[] {
    return [...this.#entries.values()].map(({ shown }) => ({ ...shown }));
  }

  /** The same with its wall-clock times and with the lines between conversations. */
  get records(): readonly CaptionRecord[] {
    return this.#records;
  }

  /** Keeps a place for words that are on their way. */
  reserve(speaker: Speaker, itemId: string): void {
    if (!this.#entries.has(itemId))
      this.show({ itemId, speaker, text: "", final: false, interrupted: false });
  }

  /** Shows a turn, or what is new about it. Final and empty: nothing was said, its place goes. */
  show(turn: ShownTurn): void {
    const following = this.#isAtEnd();
    const known = this.#entries.get(turn.itemId);
    if (turn.final && turn.text === "" && (!turn.interrupted || !known?.shown.text)) {
      this.#remove(turn.itemId);
      return;
    }
    // What was heard of an interrupted reply stays, whatever is still told about the whole.
    if (known?.shown.interrupted && !turn.interrupted) return;
    const entry = known ?? this.#append(turn);
    keepShown(entry, turn);
    if (turn.interrupted) entry.caption.cut(turn.text, "interrupted");
    else if (turn.speaker === "reply") entry.caption.showSpoken(turn.text);
    else entry.caption.showPlain(turn.text);
    if (following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** The listener is at that word of a reply. */
  light(itemId: string, wordIndex: number): void {
    const entry = this.#entries.get(itemId);
    if (entry?.over === false) entry.caption.light(wordIndex);
  }

  /** No reply sounds any more: all that was not interrupted was heard. */
  settle(): void {
    for (const { caption, shown } of this.#entries.values())
      if (shown.speaker === "reply" && shown.final) caption.settle();
  }

  /**
   * The conversation is over: what was on its way won't come any more.
   *
   * @returns the replies that were cut where the listener was
   */
  abandon(): string[] {
    const cut: string[] = [];
    for (const [itemId, entry] of this.#entries) {
      if (entry.over) continue;
      entry.over = true;
      if (entry.shown.final && !entry.caption.following) continue;
      if (entry.shown.text === "") this.#remove(itemId);
      else if (close(entry)) cut.push(itemId);
    }
    return cut;
  }

  /** A few words beside who said it. */
  remark(itemId: string, words: string): void {
    const entry = this.#entries.get(itemId);
    if (entry !== undefined && !entry.shown.interrupted) entry.caption.remark(words);
  }

  /** Draws a line: what follows knows nothing of what stands above. */
  divide(words: string): void {
    const last = this.#records.at(-1);
    // Of two lines with nothing between them one says it all.
    if (last !== undefined && "divider" in last) return;
    this.#keep({ atMs: Date.now(), divider: words });
    this.#list.append(make("li", "caption divider", words));
    this.#trim();
  }

  #append(turn: ShownTurn): Entry {
    this.#intro.hidden = true;
    const caption = new Caption(turn.speaker);
    const record: CaptionRecord = { atMs: Date.now(), turn };
    const entry = { shown: turn, caption, record, over: false };
    this.#entries.set(turn.itemId, entry);
    this.#keep(record);
    this.#list.append(caption.element);
    this.#trim();
    return entry;
  }

  #remove(itemId: string): void {
    const known = this.#entries.get(itemId);
    if (known === undefined) return;
    known.caption.element.remove();
    this.#entries.delete(itemId);
    this.#records.splice(this.#records.indexOf(known.record), 1);
  }

  #keep(record: CaptionRecord): void {
    this.#records.push(record);
    if (this.#records.length > maxCaptions) this.#records.shift();
  }

  #trim(): void {
    while (this.#list.children.length > maxCaptions) this.#list.firstElementChild!.remove();
    if (this.#entries.size > maxCaptions) this.#entries.delete(this.#entries.keys().next().value!);
  }

  #isAtEnd(): boolean {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < followPx;
  }
}

function keepShown(entry: Entry, turn: ShownTurn): void {
  entry.shown = turn;
  if ("turn" in entry.record) entry.record.turn = turn;
  // Screen readers that are asked to read captions wait for the whole sentence.
  entry.caption.element.setAttribute("aria-busy", String(!turn.final));
}

/** What is there of a turn is all there will be. @returns whether that cut a reply */
function close(entry: Entry): boolean {
  const { shown, caption } = entry;
  if (shown.speaker === "user" || (shown.final && caption.heardWhole)) {
    keepShown(entry, { ...shown, final: true });
    caption.settle();
    return false;
  }
  const { heard } = caption;
  keepShown(entry, { ...shown, text: heard, final: true, interrupted: true, cutOff: true });
  caption.cut(heard, "cut off");
  return true;
}
