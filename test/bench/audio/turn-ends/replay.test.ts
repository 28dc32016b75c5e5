import { describe, expect, it } from "vitest";
import type { HeardTurn, NoticedPause } from "./hearing.ts";
import { deadAirAt } from "./measure.ts";
import { replay, summarise } from "./replay.ts";
import { planTurns, silenceCurve } from "./turns.ts";

const ms = (value: number) => value * 16;

/** A turn of two segments with a pause of `pauseMs` between them, noticed 100 ms late, resumed 80 ms late. */
function turnWithPause(pauseMs: number, session = 0): HeardTurn {
  const pause: NoticedPause = {
    voicedTo: ms(2_000),
    noticedAt: ms(2_100),
    resumed: { from: ms(2_000 + pauseMs), noticedAt: ms(2_080 + pauseMs) },
    voicedMs: 1_000,
    audioMs: 1_000,
    words: "half",
  };
  const until = 3_000 + pauseMs;
  const end: NoticedPause = {
    ...{ voicedTo: ms(until), noticedAt: ms(until + 100), resumed: null },
    ...{ voicedMs: 2_000, audioMs: 2_000, words: "whole" },
  };
  return {
    plan: {
      segments: ["half,", "whole."],
      pauses: [{ durationMs: pauseMs, couldEnd: false }],
      ...{ kind: "request", speaker: "slt", session },
    },
    voiced: [
      { from: ms(1_000), to: ms(2_000) },
      { from: ms(2_000 + pauseMs), to: ms(until) },
    ],
    pauses: [pause, end],
  };
}

describe("the replay of heard turns", () => {
  it("tells pauses that were cut off from speech that was not noticed in time", () => {
    const found = [499, 500, 579, 580].map((waitMs) => {
      const { cutPauses, overlookedPauses } = replay([turnWithPause(500)], () => waitMs, { words: false });
      return [cutPauses, overlookedPauses];
    });
    expect(found).toEqual([
      [1, 0],
      [0, 1],
      [0, 1],
      [0, 0],
    ]);
  });

  it("counts dead air from the last voiced sample, and no end before the pause was noticed", () => {
    const dead = (waitMs: number) => replay([turnWithPause(500)], () => waitMs, { words: false }).deadAirMs;
    expect([dead(900), dead(20)]).toEqual([[900], [100]]);
  });

  it("lets no word count before the recogniser can have written it", () => {
    const policy = ({ words }: { words: string | null }) => (words === null ? 5_000 : 200);
    const [deadAirMs] = replay([turnWithPause(300)], policy).deadAirMs;
    // Noticed after 100 ms, when what settles has come; 50 of handing on, 250 for two seconds of audio.
    expect(deadAirMs).toBe(400);
  });

  it("learns the habit of a session, and begins anew with the next", () => {
    const seen: number[] = [];
    const policy = ({ habit }: { habit: { pauses: number } }) => {
      seen.push(habit.pauses);
      return 2_000;
    };
    replay([turnWithPause(400, 0), turnWithPause(400, 0), turnWithPause(400, 1)], policy, { words: false });
    expect(seen).toEqual([0, 1, 1, 2, 0, 1]);
  });

  it("tells pauses and turns apart in its figures", () => {
    const turns = [turnWithPause(300), turnWithPause(900)];
    const point = summarise(
      500,
      replay(turns, () => 500, { words: false }),
    );
    expect(point).toEqual({
      setting: 500,
      cutPausesPercent: 50,
      endedPausesPercent: 50,
      cutTurnsPercent: 50,
      meanDeadAirMs: 500,
      p95DeadAirMs: 500,
    });
  });
});

describe("the endpointing curve", () => {
  it("is read between its points, and not beyond them", () => {
    const point = (cutPausesPercent: number, meanDeadAirMs: number) => ({
      ...{ setting: 0, endedPausesPercent: 0, cutTurnsPercent: 0, p95DeadAirMs: 0 },
      ...{ cutPausesPercent, meanDeadAirMs },
    });
    const curve = [point(20, 400), point(10, 600), point(6, 1_000)];
    expect([deadAirAt(curve, 15), deadAirAt(curve, 8), deadAirAt(curve, 5)]).toEqual([500, 800, null]);
  });

  it("is measured on over 300 turns whose pauses lie on the silence curve", () => {
    const turns = planTurns("measured").filter(({ pauses }) => pauses.length > 0);
    expect(turns.length).toBeGreaterThanOrEqual(300);
    const lengths = turns.flatMap(({ pauses }) => pauses.map(({ durationMs }) => durationMs));
    for (const [longerMs, ratio] of silenceCurve.slice(1)) {
      expect(lengths.filter((length) => length > longerMs).length / lengths.length).toBeCloseTo(ratio, 2);
    }
  });

  it("is measured on no turn that the weights were fitted on", () => {
    const key = ({ segments }: { segments: string[] }) =>
      segments
        .join(" ")
        .toLowerCase()
        .replace(/[^a-z ]/g, "");
    const measured = planTurns("measured").filter(({ kind }) => kind !== "short");
    const fitted = new Set(
      (["training", "more-training", "fragment"] as const).flatMap((set) => planTurns(set)).map(key),
    );
    expect(measured.map(key).filter((turn) => fitted.has(turn))).toEqual([]);
  });
});
