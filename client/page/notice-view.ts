import { actionNames, type Notice, type NoticeAction, type NoticeEnd } from "./notices.ts";
import { make, setText } from "./page-elements.ts";

export interface NoticeParts {
  box: HTMLElement;
  /** `role="alert"`: spoken at once. */
  alert: HTMLElement;
  steps: HTMLElement;
  keyForm: HTMLFormElement;
  keyInput: HTMLInputElement;
  countdown: HTMLElement;
  actions: HTMLElement;
  close: HTMLButtonElement;
}

/** Long enough to read two sentences twice. */
const readMs = 10_000;

/** The one place where the page tells of trouble. */
export class NoticeView {
  readonly #parts: NoticeParts;
  readonly #onAction: (action: NoticeAction) => void;
  #shown: Notice | null = null;
  #readTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    parts: NoticeParts,
    on: { action: (action: NoticeAction) => void; key: (key: string) => void },
  ) {
    this.#parts = parts;
    this.#onAction = on.action;
    parts.close.addEventListener("click", () => this.clear());
    parts.keyForm.addEventListener("submit", (event) => {
      event.preventDefault();
      on.key(parts.keyInput.value.trim());
    });
  }

  get shown(): Notice | null {
    return this.#shown;
  }

  /** Shows it; the same one again changes nothing. @param dismissible - the call goes on, so it may be put away */
  show(notice: Notice, dismissible = false): void {
    const { box, alert, steps, keyForm, keyInput, actions, close } = this.#parts;
    const again = this.#shown?.title === notice.title;
    this.#shown = notice;
    box.hidden = false;
    box.dataset.tone = notice.tone;
    close.hidden = !dismissible;
    if (!again) {
      const title = make("p", "notice-title", notice.title);
      alert.replaceChildren(title, ...(notice.words === undefined ? [] : [make("p", "", notice.words)]));
      steps.hidden = notice.steps === undefined;
      steps.replaceChildren(...(notice.steps ?? []).map(stepOf));
    }
    actions.replaceChildren(...notice.actions.map((action, at) => this.#button(action, at === 0)));
    keyForm.hidden = notice.asksKey !== true;
    if (notice.asksKey) {
      keyInput.value = "";
      keyInput.focus();
    }
    if (!notice.retries) this.count(null);
    clearTimeout(this.#readTimer);
    if (notice.ends === "read") this.#readTimer = setTimeout(() => this.pass("read"), readMs);
  }

  /** That happened: a notice that waited for it has had its time. */
  pass(end: NoticeEnd): void {
    if (this.#shown?.ends === end) this.clear();
  }

  /** Says when the next try comes; not for ears, or it would be spoken every second. */
  count(words: string | null): void {
    const { countdown } = this.#parts;
    countdown.hidden = words === null;
    setText(countdown, words ?? "");
  }

  clear(): void {
    const { box, alert, countdown } = this.#parts;
    this.#shown = null;
    clearTimeout(this.#readTimer);
    box.hidden = true;
    alert.replaceChildren();
    countdown.hidden = true;
  }

  #button(action: NoticeAction, first: boolean): HTMLButtonElement {
    const button = make("button", first ? "plain strong" : "plain", actionNames[action]);
    button.type = "button";
    button.addEventListener("click", () => this.#onAction(action));
    return button;
  }
}

/** A step; what is meant to be typed stands in `code`. */
function stepOf(step: string): HTMLElement {
  const item = make("li");
  item.append(
    ...step
      .split("`")
      .map((piece, at) => (at % 2 === 1 ? make("code", "", piece) : document.createTextNode(piece))),
  );
  return item;
}
