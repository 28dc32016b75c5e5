/** What the page says is going on, in a few words. */
import type { TalkFacts } from "./talk-control.ts";

export interface StatusWords {
  status: string;
  /** A smaller line: what one can do now. */
  hint: string;
}

export interface StatusPlace {
  /** The browser is asking the user for the microphone. */
  asking: boolean;
  /** The button stays down by itself. */
  latched: boolean;
  /** There are keys to speak of. */
  keys: boolean;
}

/** Words for a state of the call. */
export function statusWords(facts: TalkFacts, place: StatusPlace): StatusWords {
  const { state, mode, muted, pressed } = facts;
  const key = (words: string): string => (place.keys ? words : "");
  switch (state) {
    case "closed":
      return { status: "Press Talk and ask something.", hint: key("or press the space bar") };
    case "connecting":
      return place.asking
        ? {
            status: "Asking for the microphone…",
            hint: "Your browser may want to know whether you allow it.",
          }
        : { status: "Connecting…", hint: "" };
  }
  if (pressed)
    return place.latched
      ? { status: "I hear you…", hint: "Press once more when you have finished." }
      : { status: "I hear you…", hint: "Let go when you have finished." };
  if (state === "thinking") return { status: "Thinking…", hint: "" };
  if (muted && mode === "hands-free")
    return { status: "Muted. Parley doesn't hear you.", hint: key("M opens the microphone") };
  if (state === "speaking")
    return mode === "push-to-talk"
      ? { status: "Speaking. Hold to interrupt.", hint: key("Esc stops it") }
      : { status: "Speaking. Talk over it to interrupt.", hint: key("Esc stops it, too") };
  if (mode === "push-to-talk")
    return {
      status: muted ? "Muted. Hold to talk." : "Hold to talk.",
      hint: place.keys
        ? "the button or the space bar; a short press stays down"
        : "A short press stays down.",
    };
  if (state === "hearing") return { status: "I hear you…", hint: "" };
  return { status: "Listening. Say something.", hint: key("M mutes you") };
}
