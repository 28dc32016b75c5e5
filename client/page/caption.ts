import { make, setText } from "./page-elements.ts";

/** Who said something. */
export type Speaker = "user" | "reply";

/** Why a reply was not heard to its end: the user spoke over it, or the conversation was over. */
export type CutCause = "interrupted" | "cut off";

const cutTitles: Readonly<Record<CutCause, string>> = {
  interrupted: "You interrupted here",
  "cut off": "The conversation ended here",
};
const names: Readonly<Record<Speaker, string>> = { user: "You", reply: "Parley" };
/** So many of the words that nobody heard are shown after the cut. */
const maxUnheardWords = 12;

/** One side's words of one turn, on the page. */
export class Caption {
  readonly element: HTMLElement;
  readonly #words: HTMLElement;
  readonly #aside: HTMLElement;
  #tokens: string[] = [];
  /** The most of it that was ever told: a server cuts its text before it says where the listener stopped. */
  #longest: string[] = [];
  #spans: HTMLElement[] = [];
  /** The word being heard; −1 before the first. */
  #heard = -1;
  #interrupted = false;

  constructor(speaker: Speaker) {
    this.element = make("li", `caption ${speaker}`);
    const who = make("p", "who");
    who.append(make("span", "", names[speaker]));
    this.#aside = make("span", "aside");
    who.append(this.#aside);
    this.#words = make("p", "words");
    this.element.append(who, this.#words);
  }

  /** A reply's words that are being followed: what was heard of them may still change. */
  get following(): boolean {
    return this.#spans.length > 0;
  }

  /** A reply's words up to the one being heard. */
  get heard(): string {
    return this.#tokens.slice(0, this.#heard + 1).join(" ");
  }

  /** The last word that is known is being heard. */
  get heardWhole(): boolean {
    return this.#heard >= this.#tokens.length - 1;
  }

  /** The whole text as far as it is known, without saying what of it was heard. */
  showPlain(text: string): void {
    this.#spans = [];
    this.#words.classList.toggle("waiting", text === "");
    this.#words.replaceChildren(text === "" ? "…" : text);
  }

  /** A reply's text as far as it is known; what was heard keeps its light. */
  showSpoken(text: string): void {
    if (this.#interrupted) return;
    this.#tokens = splitWords(text);
    if (this.#tokens.length > this.#longest.length) this.#longest = this.#tokens;
    if (this.#tokens.length === 0) {
      this.showPlain(text);
      return;
    }
    this.#words.classList.remove("waiting");
    if (this.#spans.length === 0) this.#words.replaceChildren();
    this.#tokens.forEach((token, at) => {
      const span = this.#spans[at] ?? this.#append(at);
      setText(span, token);
    });
    for (const span of this.#spans.splice(this.#tokens.length)) span.remove();
  }

  /** The listener is at that word. */
  light(wordIndex: number): void {
    if (this.#interrupted || wordIndex === this.#heard) return;
    this.element.classList.add("sounding");
    const from = Math.min(wordIndex, this.#heard);
    const until = Math.max(wordIndex, this.#heard);
    this.#heard = wordIndex;
    for (let at = Math.max(0, from); at <= until; at++) this.#paint(at);
  }

  /** It was heard whole: plain text again. */
  settle(): void {
    this.element.classList.remove("sounding");
    if (!this.#interrupted && this.#spans.length > 0) this.showPlain(this.#tokens.join(" "));
  }

  /** The listener heard `heard` of it and no more; what was to follow stands behind the cut, struck through. */
  cut(heard: string, cause: CutCause): void {
    this.#interrupted = true;
    this.element.classList.remove("sounding");
    this.element.classList.add("interrupted");
    const rest = this.#longest.slice(splitWords(heard).length);
    const mark = make("span", "cut");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", `${cause} here`);
    mark.title = cutTitles[cause];
    this.#words.classList.remove("waiting");
    this.#words.replaceChildren(heard, mark);
    if (rest.length > 0) {
      const shown = rest.slice(0, maxUnheardWords).join(" ");
      const unheard = make("s", "unheard", rest.length > maxUnheardWords ? `${shown} …` : shown);
      unheard.setAttribute("aria-hidden", "true");
      this.#words.append(unheard);
    }
    this.#spans = [];
    this.remark(cause);
  }

  /** A few words beside the name: how long it took, that it was interrupted. */
  remark(text: string): void {
    setText(this.#aside, text);
  }

  #append(at: number): HTMLElement {
    const span = make("span", "word");
    this.#spans.push(span);
    if (at > 0) this.#words.append(" ");
    this.#words.append(span);
    this.#paint(at);
    return span;
  }

  #paint(at: number): void {
    const span = this.#spans[at];
    if (span === undefined) return;
    span.className = at === this.#heard ? "word now" : at < this.#heard ? "word heard" : "word";
  }
}

function splitWords(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
