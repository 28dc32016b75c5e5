/** Takes out what a model thinks aloud before its answer: `<think>…</think>`, which many servers leave in the text. */

const open = "<think>";
const close = "</think>";

export interface ThoughtFilter {
  /** What of the text so far can be said. */
  push(delta: string): string;
  /** What was kept back and is no thought. */
  flush(): string;
}

/** For one answer; keeps a few characters back, no more. */
export function createThoughtFilter(): ThoughtFilter {
  let state: "begins" | "thinks" | "speaks" = "begins";
  let held = "";
  const speak = (text: string) => {
    state = "speaks";
    held = "";
    return text;
  };
  return {
    push(delta) {
      if (state === "speaks") return delta;
      held += delta;
      if (state === "begins") {
        const text = held.trimStart();
        if (open.startsWith(text)) return "";
        if (!text.startsWith(open)) return speak(held);
        state = "thinks";
        held = text.slice(open.length);
      }
      const at = held.indexOf(close);
      if (at >= 0) return speak(held.slice(at + close.length).trimStart());
      held = held.slice(1 - close.length);
      return "";
    },
    flush: () => (state === "begins" ? speak(held) : ""),
  };
}
