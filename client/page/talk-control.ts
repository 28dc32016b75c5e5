import type { ConversationState } from "../conversation-state.ts";
import type { TalkMode } from "../voice-call-events.ts";
import { setText } from "./page-elements.ts";

export interface TalkActions {
  begin(): void;
  end(): void;
  toggleMute(): void;
  /** The user's turn begins (push-to-talk). */
  press(): void;
  /** And ends. */
  release(): void;
  /** The button stays down by itself: the words beside it change. */
  latched(): void;
}

export interface TalkFacts {
  state: ConversationState;
  mode: TalkMode;
  muted: boolean;
  pressed: boolean;
}

/** A press shorter than that stays down until the next one: nobody has to hold who can't. */
const latchMs = 250;

/** The dial's button: talk, mute, or hold to talk, by pointer, finger, key or screen reader. */
export class TalkControl {
  readonly #button: HTMLButtonElement;
  readonly #label: HTMLElement;
  readonly #actions: TalkActions;
  #facts: TalkFacts = { state: "closed", mode: "hands-free", muted: false, pressed: false };
  #heldSinceMs: number | null = null;
  #latched = false;
  /** A click follows this press; it must not count again. */
  #swallowClick = false;
  /** The click before began the call: a second one right after it is a habit, and means nothing. */
  #clickBegan = false;

  constructor(button: HTMLButtonElement, label: HTMLElement, actions: TalkActions) {
    this.#button = button;
    this.#label = label;
    this.#actions = actions;
    button.addEventListener("pointerdown", (event) => this.#onPointerDown(event));
    button.addEventListener("pointerup", () => this.letGo());
    button.addEventListener("pointercancel", () => this.drop());
    // Follows every pointerup as well, which may have latched.
    button.addEventListener("lostpointercapture", () => this.#heldSinceMs !== null && this.drop());
    button.addEventListener("click", (event) => this.#onClick(event));
    button.addEventListener("contextmenu", (event) => this.#holds && event.preventDefault());
    button.addEventListener("keydown", (event) => {
      // Space is everybody's (see `shortcuts.ts`); Enter holds here as well.
      if (event.key !== "Enter" || !this.#holds) return;
      event.preventDefault();
      if (!event.repeat) this.hold();
    });
    // Wherever the focus has gone meanwhile.
    document.addEventListener("keyup", (event) => {
      if (event.key === "Enter") this.letGo();
    });
    globalThis.addEventListener("blur", () => this.drop());
    document.addEventListener("visibilitychange", () => document.hidden && this.drop());
  }

  /** Push-to-talk, and there is somebody to talk to. */
  get #holds(): boolean {
    const { mode, state } = this.#facts;
    return mode === "push-to-talk" && state !== "closed" && state !== "connecting";
  }

  show(facts: TalkFacts): void {
    this.#facts = facts;
    if (!facts.pressed) this.#latched = false;
    const { state, mode, muted } = facts;
    const held = this.#holds;
    setText(
      this.#label,
      state === "closed"
        ? "Talk"
        : state === "connecting"
          ? "Cancel"
          : mode === "push-to-talk"
            ? facts.pressed
              ? "Talking"
              : "Hold"
            : muted
              ? "Unmute"
              : "Mute",
    );
    if (held) {
      this.#button.setAttribute("aria-pressed", String(facts.pressed));
      this.#button.setAttribute("aria-label", "Hold to talk");
    } else {
      this.#button.removeAttribute("aria-pressed");
      this.#button.removeAttribute("aria-label");
    }
  }

  /** The main key went down. */
  hold(): void {
    if (!this.#holds) {
      this.#activate();
      return;
    }
    if (this.#heldSinceMs !== null) return;
    this.#heldSinceMs = performance.now();
    if (this.#latched) return;
    this.#actions.press();
  }

  /** The main key, or the finger, went up. */
  letGo(): void {
    if (this.#heldSinceMs === null) return;
    const heldMs = performance.now() - this.#heldSinceMs;
    this.#heldSinceMs = null;
    if (!this.#latched && heldMs < latchMs && this.#holds) {
      this.#latched = true;
      this.#actions.latched();
      return;
    }
    this.#latched = false;
    this.#actions.release();
  }

  /** The user is gone, or something took the finger away: nothing stays down, however short it was. */
  drop(): void {
    if (this.#heldSinceMs === null && !this.#latched) return;
    this.#heldSinceMs = null;
    this.#latched = false;
    this.#actions.release();
  }

  /** Whether the button stays down by itself. */
  get latched(): boolean {
    return this.#latched && this.#heldSinceMs === null;
  }

  #onPointerDown(event: PointerEvent): void {
    this.#swallowClick = false;
    if (event.button !== 0 || !this.#holds) return;
    this.#swallowClick = true;
    this.#button.setPointerCapture(event.pointerId);
    this.hold();
  }

  #onClick(event: MouseEvent): void {
    // A finger's click follows its press, which counted already; a key's or a screen reader's comes alone.
    const counted = this.#swallowClick && event.detail !== 0;
    this.#swallowClick = false;
    if (event.detail > 1 && this.#clickBegan) {
      this.drop();
      return;
    }
    this.#clickBegan = this.#facts.state === "closed";
    if (!counted) this.#activate();
  }

  #activate(): void {
    const { state, mode, pressed } = this.#facts;
    if (state === "closed") this.#actions.begin();
    else if (state === "connecting") this.#actions.end();
    else if (mode === "hands-free") this.#actions.toggleMute();
    else if (pressed) this.#actions.release();
    else {
      // From a screen reader or a switch: one press begins, the next one ends.
      this.#latched = true;
      this.#actions.press();
    }
  }
}
