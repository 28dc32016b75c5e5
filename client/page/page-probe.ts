import type { TurnEvent } from "../../wire/extensions.ts";
import type { ConversationState } from "../conversation-state.ts";
import type { ShownTurn } from "./captions-view.ts";

/** A debugging aid: `window.parley` in the console. */
export interface PageProbe {
  readonly state: ConversationState;
  readonly turns: ShownTurn[];
  /** Codes of the errors since the page was opened (the newest 100). */
  readonly errors: readonly string[];
  /** Reports of the latest 100 turns (where their time went). */
  readonly reports: readonly TurnEvent[];
  /** Milliseconds from the end of the user's voice to the first sound heard, of the latest 100 answers. */
  readonly waits: readonly number[];
  /** With `?record=1` in the page's address: what was played so far, int16 mono at 24 kHz. */
  recording(): Int16Array;
}

declare global {
  interface Window {
    parley: PageProbe;
  }
}
