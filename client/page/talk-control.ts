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

  constructor(button: HTMLButtonElement, label: HTMLElement, actions: TalkActions) {
    this.#button = button;
    this.#label = label;
    this.#actions = actions;
    button.addEventListener("pointerdown", (event) => this.#onPointerDown(event));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"] as const)
      button.addEventListener(type, () => this.letGo());
    button.addEventListener("click", (event) => {
      // A finger's click follows its press, which counted already; a key's or a screen reader's comes alone.
      const counted = this.#swallowClick && event.detail !== 0;
      this.#swallowClick = false;
      if (!counted) this.#activate();
    });
    button.addEventListener("contextmenu", (event) => this.#holds && event.preventDefault());
    button.addEventListener("keydown", (event) => {
      // Space is everybody's (see `shortcuts.ts`); Enter holds here as well.
      if (event.key !== "Enter" || !this.#holds) return;
      event.preventDefault();
      if (!event.repeat) this.hold();
    });
    button.addEventListener("keyup", (event) => {
      if (event.key === "Enter") this.letGo();
    });
    globalThis.addEventListener("blur", () => this.letGo());
    document.addEventListener("visibilitychange", () => document.hidden && this.letGo());
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
