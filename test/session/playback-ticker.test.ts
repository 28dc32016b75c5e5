import { describe, expect, it } from "vitest";
import { PlaybackTicker } from "../../gateway/session/playback-ticker.ts";
import { createFakeClock } from "../turn/fake-clock.ts";

describe("the ticker", () => {
  const counter = () => {
    const playback = {
      active: true,
      pumps: 0,
      pump() {
        playback.pumps += 1;
      },
    };
    return playback;
  };

  it("pumps until nothing is left to send, then rests", async () => {
    const clock = createFakeClock();
    const ticker = new PlaybackTicker(clock);
    const playback = counter();
    ticker.add(playback);
    await clock.advance(100);
    playback.active = false;
    await clock.advance(100);
    expect([playback.pumps, clock.pendingTimers]).toEqual([6, 0]);
    playback.active = true;
    ticker.add(playback);
    await clock.advance(20);
    expect(playback.pumps).toBe(7);
  });

  it("goes on for the others when one playback breaks, and says so", async () => {
    const clock = createFakeClock();
    const faults: unknown[] = [];
    const ticker = new PlaybackTicker(clock, 20, (error) => faults.push(error));
    const fault = new Error("broken");
    ticker.add({
      active: true,
      pump: () => {
        throw fault;
      },
    });
    const playback = counter();
    ticker.add(playback);
    await clock.advance(100);
    expect([playback.pumps, faults]).toEqual([5, [fault]]);
  });
});
