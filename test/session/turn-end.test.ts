import { describe, expect, it } from "vitest";
import type { TurnDetection } from "../../gateway/session/domain.ts";
import { pauseOfDensityMs } from "../../gateway/session/turn-taking/pause-density.ts";
import {
  detectionThresholdRatio,
  learnPause,
  noHabit,
  type PauseHabit,
  prefixPaddingMs,
} from "../../gateway/session/turn-taking/turn-end.ts";

const server: TurnDetection = {
  type: "server_vad",
  thresholdRatio: 0.7,
  prefixPaddingMs: 120,
  silenceDurationMs: 250,
  idleTimeoutMs: null,
  createResponse: true,
  interruptResponse: true,
};

describe("settings of turn detection", () => {
  it("are server VAD's own", () => {
    expect([prefixPaddingMs(server), detectionThresholdRatio(server)]).toEqual([120, 0.7]);
  });

  it("have defaults under semantic VAD", () => {
    const semantic: TurnDetection = {
      type: "semantic_vad",
      eagerness: "auto",
      createResponse: true,
      interruptResponse: true,
    };
    expect([prefixPaddingMs(semantic), detectionThresholdRatio(semantic)]).toEqual([300, 0.5]);
  });
});

function learnAll(pauses: readonly number[], habit: PauseHabit = noHabit): PauseHabit {
  return pauses.reduce((known, pauseMs) => learnPause(known, pauseMs, true), habit);
}

describe("a speaker's habit of pausing", () => {
  it("is the mean of the pauses on a logarithmic scale", () => {
    expect(learnAll([200, 800])).toEqual({ pauses: 2, typicalMs: 400 });
  });

  it("learns nothing from a pause that ended the turn", () => {
    const habit = learnAll([500]);
    expect(learnPause(habit, 2_000, false)).toBe(habit);
  });

  it("takes no gap between words, and nothing that is no number, for a pause", () => {
    for (const pauseMs of [0, 99, Number.NaN, -5]) expect(learnPause(noHabit, pauseMs, true)).toBe(noHabit);
  });

  it("counts one endless pause as three seconds", () => {
    expect(learnPause(noHabit, 60_000, true)).toEqual({ pauses: 1, typicalMs: 3_000 });
  });

  it("forgets old pauses: after forty long ones the short ones of before hardly count", () => {
    const habit = learnAll(new Array(40).fill(1_200), learnAll(new Array(40).fill(200)));
    expect(habit.typicalMs).toBeGreaterThan(1_000);
    expect(habit.pauses).toBe(12);
  });

  it("survives being saved as JSON", () => {
    const habit = learnAll([300, 450, 900]);
    expect(learnPause(JSON.parse(JSON.stringify(habit)), 500, true)).toEqual(learnPause(habit, 500, true));
  });
});

describe("the density of pauses", () => {
  it("falls with their length, and never leaves its bounds", () => {
    let last = 0;
    for (let log = 2; log >= -30; log -= 0.05) {
      const ms = pauseOfDensityMs(log);
      expect(ms).toBeGreaterThanOrEqual(last);
      expect(ms).toBeLessThanOrEqual(9_000);
      last = ms;
    }
    expect(last).toBe(9_000);
  });

  it("fits the silence curve: a pause is longer than 600 ms a fifth of the time", () => {
    // Numeric integration of the density that the function inverts.
    const density = (ms: number) => {
      let [low, high] = [-30, 5];
      for (let step = 0; step < 60; step++) {
        const middle = (low + high) / 2;
        if (pauseOfDensityMs(middle) > ms) low = middle;
        else high = middle;
      }
      return Math.exp((low + high) / 2);
    };
    let [over, all] = [0, 0];
    for (let ms = 100; ms < 6_000; ms += 10) {
      all += density(ms) * 10;
      if (ms >= 600) over += density(ms) * 10;
    }
    expect(over / all).toBeGreaterThan(0.17);
    expect(over / all).toBeLessThan(0.26);
  });
});
