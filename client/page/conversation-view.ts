/** Who said something. */
export type Speaker = "user" | "reply";

/** What the page shows of one turn. */
export interface ShownTurn {
  itemId: string;
  speaker: Speaker;
  text: string;
  final: boolean;
  interrupted: boolean;
}

/** Older turns leave the page. */
const maxTurns = 200;
/** That close to its end, the list follows what is added; further up somebody is reading. */
const followPx = 80;
const names: Readonly<Record<Speaker, string>> = { user: "You", reply: "Parley" };

/** The list of what was said, by item, in the order of the conversation. */
export class ConversationView {
  readonly #list: HTMLElement;
  readonly #hint: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #turns = new Map<string, { shown: ShownTurn; element: HTMLElement }>();

  constructor(parts: { list: HTMLElement; hint: HTMLElement; scroller: HTMLElement }) {
    this.#list = parts.list;
    this.#hint = parts.hint;
    this.#scroller = parts.scroller;
  }

  /** Everything shown, oldest first. */
  get turns(): ShownTurn[] {
    return [...this.#turns.values()].map(({ shown }) => ({ ...shown }));
  }

  /** Keeps a place for words that are on their way. */
  reserve(speaker: Speaker, itemId: string): void {
    if (!this.#turns.has(itemId)) this.show({ itemId, speaker, text: "", final: false, interrupted: false });
  }

  /** Shows a turn, or what is new about it. Final and empty: nothing was said, its place goes. */
  show(turn: ShownTurn): void {
    const following = this.#isAtEnd();
    const known = this.#turns.get(turn.itemId);
    if (turn.final && turn.text === "") {
      known?.element.remove();
      this.#turns.delete(turn.itemId);
      return;
    }
    // What was heard of an interrupted reply stays, whatever is still told about the whole.
    if (known?.shown.interrupted && !turn.interrupted) return;
    const element = known?.element ?? this.#append(turn.speaker);
    this.#turns.set(turn.itemId, { shown: turn, element });
    element.querySelector(".words")!.textContent = turn.text === "" ? "…" : turn.text;
    element.querySelector(".note")!.textContent = turn.interrupted ? "interrupted" : "";
    // Screen readers wait for the whole sentence.
    element.setAttribute("aria-busy", String(!turn.final));
    if (following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** Draws a line: what follows knows nothing of what stands above. */
  divide(words: string): void {
    const element = document.createElement("li");
    element.className = "turn divider";
    element.textContent = words;
    this.#list.append(element);
  }

  #append(speaker: Speaker): HTMLElement {
    this.#hint.hidden = true;
    const element = document.createElement("li");
    element.className = `turn ${speaker}`;
    for (const [tag, name] of [
      ["span", "who"],
      ["p", "words"],
      ["span", "note"],
    ] as const) {
      const part = document.createElement(tag);
      part.className = name;
      element.append(part);
    }
    element.querySelector(".who")!.textContent = names[speaker];
    this.#list.append(element);
    while (this.#list.children.length > maxTurns) this.#list.firstElementChild!.remove();
    if (this.#turns.size >= maxTurns) this.#turns.delete(this.#turns.keys().next().value!);
    return element;
  }

  #isAtEnd(): boolean {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < followPx;
  }
}
