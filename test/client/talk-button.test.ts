import { describe, expect, it } from "vitest";
import { TalkButton } from "../../client/talk-button.ts";

/** A button, and what it handed over: frames by their number, and how turns ended. */
function makeButton() {
  const told: (number | string)[] = [];
  const button = new TalkButton(16_000, {
    audio: (pcm) => told.push(pcm[0]!),
    ended: (long) => told.push(long ? "turn" : "too short"),
  });
  let count = 0;
  /** `frames` of 20 ms. */
  const hear = (frames: number) => {
    for (let i = 0; i < frames; i++) {
      count++;
      button.frame(new Int16Array(320).fill(count));
    }
  };
  return { button, told, hear };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("TalkButton", () => {
  it("hands over what was said from 240 ms before the press to 160 ms after the release", () => {
    const { button, told, hear } = makeButton();
    hear(50);
    expect(told).toEqual([]);
    expect(button.press()).toBe(true);
    expect(told).toEqual(range(39, 50));
    hear(20);
    expect(button.release()).toBe(true);
    hear(50);
    expect(told).toEqual([...range(39, 78), "turn"]);
    expect(button.active).toBe(false);
  });

  it("takes a touch of less than 250 ms for a mistake", () => {
    const { button, told, hear } = makeButton();
    button.press();
    hear(12);
    button.release();
    hear(8);
    expect(told.at(-1)).toBe("too short");
  });

  it("goes on with the same turn when it is pressed again at once", () => {
    const { button, told, hear } = makeButton();
    button.press();
    hear(20);
    button.release();
    hear(3);
    expect(button.press()).toBe(true);
    expect(button.press()).toBe(false);
    hear(20);
    button.release();
    hear(8);
    expect(told).toEqual([...range(1, 51), "turn"]);
  });

  it("ends at once when no more frames come, and forgets a turn that can't be sent", () => {
    const { button, told, hear } = makeButton();
    button.press();
    hear(20);
    button.release();
    button.finish();
    button.finish();
    expect(told.filter((entry) => entry === "turn")).toHaveLength(1);
    button.press();
    hear(20);
    button.reset();
    expect(button.release()).toBe(false);
    hear(20);
    expect(told.filter((entry) => entry === "turn")).toHaveLength(1);
  });
});
