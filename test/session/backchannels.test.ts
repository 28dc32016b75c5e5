import { describe, expect, it } from "vitest";
import {
  asksForFloor,
  isBackchannel,
  isWordless,
  opensWithRequest,
} from "../../gateway/session/turn-taking/backchannels.ts";

describe("a nod", () => {
  it.each([
    ...[
      "",
      "  ",
      "...",
      "Mm-hm.",
      "Mm-hmm.",
      "Mmhmm",
      "Mmm",
      "Hmm.",
      "Uh-huh.",
      "uh huh",
      "Uh-uh",
      "Mhm",
      "Um,",
      "M-H-M",
    ],
    ...[
      "yeah",
      "Yeah, okay!",
      "OK, right, sure",
      "Okay. Okay.",
      "yeah yeah yeah",
      "I see.",
      "Oh, I see.",
      "oh really?",
    ],
    ...[
      "Oh, really",
      "Right.",
      "Got it.",
      "That's right.",
      "Makes sense",
      "Wow",
      "Mm. Mm. Mm.",
      "Oh okay, I see",
    ],
    // What Whisper tiny makes of "oh really", "yeah yeah", "yep" and "oh".
    ...["Over really.", "So really", "You are here", "here here", "yet.", "So", "you", "I'm..."],
    ...["[BLANK_AUDIO]", "(coughs)", "*laughs*", "[noise] yeah"],
  ])("is %j", (words) => {
    expect(isBackchannel(words)).toBe(true);
  });

  it.each([
    ...[
      "stop",
      "Stop.",
      "wait",
      "no",
      "No, no.",
      "hold on",
      "Hold on.",
      "actually",
      "sorry?",
      "Sorry.",
      "what?",
      "What?",
    ],
    ...[
      "one moment",
      "One moment.",
      "1 moment",
      "yeah but",
      "okay stop",
      "Okay, wait",
      "yes yes yes yes",
      "I see a dog",
    ],
    ...["you are wrong", "Berlin", "no way", "excuse me", "hello?", "nein", "да, но", "three", "So what"],
  ])("is not %j", (words) => {
    expect(isBackchannel(words)).toBe(false);
  });
});

describe("a transcript", () => {
  it.each(["", " ", "...", "[BLANK_AUDIO]", "(wind", "♪", "*"])("holds no words in %j", (text) => {
    expect(isWordless(text)).toBe(true);
  });

  it.each(["Hm.", "42", "да"])("holds words in %j", (text) => {
    expect(isWordless(text)).toBe(false);
  });
});

describe("the beginning of speech that goes on", () => {
  it.each([
    "wait",
    "Wait a s",
    "hold",
    "no",
    "Okay, stop",
    "yeah but",
    "what",
    "can you tell",
    "I have another",
  ])("asks for the floor as %j", (words) => {
    expect(asksForFloor(words, 600)).toBe(true);
  });

  it.each([
    "",
    "Yeah, yeah",
    "Oh, r",
    "over real",
    "Shimmer",
    "Got",
    "you are here",
    "and then",
    "I s",
    "That's what",
    "Bye",
    "of",
  ])("may become a nod as %j", (words) => {
    expect(asksForFloor(words, 600)).toBe(false);
  });

  it("is not taken at its word when so many words don't fit into its length, nor for words after nods", () => {
    expect(asksForFloor("I have a", 600)).toBe(true);
    expect(asksForFloor("I have a", 320)).toBe(false);
    expect(asksForFloor("Yeah, yeah, it's", 600)).toBe(false);
    expect(asksForFloor("Okay, stop", 320)).toBe(true);
  });
});

describe("short speech", () => {
  it.each([
    "Stop.",
    "wait",
    "No.",
    "What?",
    "Okay, stop",
    "Sorry?",
    "one moment",
    "2",
    "Step",
    "Yes yes yes yes",
    "hold on",
  ])("opens with a request as %j", (words) => {
    expect(opensWithRequest(words)).toBe(true);
  });

  it.each(["", "Share", "That's what", "Well, how do", "I'm at", "done it.", "Now", "Yeah."])(
    "opens with none as %j",
    (words) => {
      expect(opensWithRequest(words)).toBe(false);
    },
  );
});
