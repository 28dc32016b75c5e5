import { make } from "./page-elements.ts";

export interface ShortcutActions {
  /** The main key went down and up: talk, mute, or hold. */
  hold(): void;
  letGo(): void;
  toggleMute(): void;
  interrupt(): void;
  end(): void;
  toggleMode(): void;
  openSettings(): void;
  openList(): void;
}

type SingleKey = "m" | "e" | "p" | "," | "?";

const list: readonly (readonly [key: string, meaning: string])[] = [
  ["Space", "Talk; in a call mute, or hold to talk"],
  ["Esc", "Stop the reply"],
  ["M", "Mute and unmute"],
  ["P", "Hands-free or hold to talk"],
  ["E", "End the conversation"],
  [",", "Settings"],
  ["?", "This list"],
];

/** Where typing means typing, and space presses what has the focus. */
function ownsKeys(target: EventTarget | null, talk: HTMLElement): boolean {
  if (!(target instanceof Element) || target === talk) return false;
  return target.closest("input, textarea, select, button, summary, a, dialog") !== null;
}

/** The page's keys. @param singleKeys - whether keys without Ctrl or Alt mean anything (Escape always does) */
export function listenForShortcuts(
  talk: HTMLElement,
  actions: ShortcutActions,
  singleKeys: () => boolean,
): void {
  const singles: Readonly<Record<SingleKey, () => void>> = {
    m: actions.toggleMute,
    e: actions.end,
    p: actions.toggleMode,
    ",": actions.openSettings,
    "?": actions.openList,
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") !== null) return;
    if (event.key === "Escape") return actions.interrupt();
    if (event.key === " " && (event.target === talk || (singleKeys() && !ownsKeys(event.target, talk)))) {
      event.preventDefault();
      if (!event.repeat) actions.hold();
      return;
    }
    const key = event.key.toLowerCase();
    if (event.repeat || !singleKeys() || !Object.hasOwn(singles, key)) return;
    if (event.target instanceof Element && event.target.matches("input:not([type=radio]), textarea, select"))
      return;
    event.preventDefault();
    singles[key as SingleKey]();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " ") return;
    // Or the browser would click the button a second time.
    if (event.target === talk) event.preventDefault();
    actions.letGo();
  });
}

/** Writes the list of keys. */
export function listShortcuts(element: HTMLElement): void {
  for (const [key, meaning] of list) {
    const row = make("div");
    const term = make("dd");
    term.append(make("kbd", "", key));
    row.append(make("dt", "", meaning), term);
    element.append(row);
  }
}
