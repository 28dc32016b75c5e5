/** What drills check of vendors' records: that faults struck, and that breakers did what they are for. */
import { describe, expect, it } from "vitest";
import { callsBeforeRetryAfter, callsPastVotes } from "../../loadtest/drills/breaker-probe.ts";
import { drills } from "../../loadtest/drills/drills.ts";
import type { DrillRun } from "../../loadtest/drills/runner.ts";
import { probeStrikes } from "../../loadtest/drills/strike-probe.ts";
import type { CallRecord } from "../../loadtest/standins/call-record.ts";
import type { FaultKind, StandinName } from "../../loadtest/standins/standin.ts";

const startMs = Date.UTC(2026, 0, 1);

function callAt(
  standin: StandinName,
  atMs: number,
  fault: FaultKind | null,
  outcome: CallRecord["outcome"] = fault === null ? "completed" : "failed",
): CallRecord {
  return {
    ...{ id: atMs, standin, startedAtMs: startMs + atMs, firstMs: null, durationMs: 20, outcome, fault },
    detail: {},
  };
}

function runOf(
  name: string,
  calls: CallRecord[],
  faults: [atMs: number, standin: StandinName, fault: Record<string, unknown> | null][],
  providers: { stage: string; provider: string; outcome: string }[] = [],
): DrillRun {
  const drill = drills.find((one) => one.name === name)!;
  const turns = [{ phase: "during", providers }];
  const changes = faults.map(([atMs, standin, fault]) => ({ atMs: startMs + atMs, standin, fault }));
  return {
    drill,
    calls,
    turns,
    faults: changes,
    log: "",
    health: { latenessP99Ms: 5 },
  } as unknown as DrillRun;
}

const unmet = (run: DrillRun) =>
  probeStrikes(run)
    .filter(({ isMet }) => isMet === false)
    .map(({ name }) => name);

describe("faults that were put on", () => {
  const cut = { kind: "cut", afterPieces: 4 };

  it("must have struck a call while they were on", () => {
    const faults: Parameters<typeof runOf>[2] = [
      [1000, "gemini", cut],
      [9000, "gemini", null],
    ];
    expect(unmet(runOf("ai-cut", [callAt("gemini", 2000, "cut")], faults))).toEqual([]);
    expect(unmet(runOf("ai-cut", [callAt("gemini", 2000, null)], faults))).toHaveLength(1);
    expect(unmet(runOf("ai-cut", [callAt("gemini", 9500, "cut")], faults))).toHaveLength(1);
  });

  it("must have struck each time that they were put on", () => {
    const run = (second: FaultKind | null) =>
      runOf(
        "half-open-under-load",
        [callAt("gemini", 2000, "unavailable"), callAt("gemini", 13_000, second)],
        [
          [0, "gemini", { kind: "unavailable" }],
          [7000, "gemini", null],
          [12_000, "gemini", { kind: "hang" }],
        ],
      );
    expect(unmet(run("hang"))).toEqual([]);
    expect(unmet(run(null))).toEqual(["calls that hang struck at gemini"]);
  });

  it("must have struck the second in line, too, where the first can't answer", () => {
    const faults: Parameters<typeof runOf>[2] = [
      [0, "gemini", cut],
      [0, "claude", cut],
    ];
    const calls = [callAt("gemini", 100, "cut")];
    expect(unmet(runOf("second-falls-too", calls, faults))).toEqual(["calls that cut struck at claude"]);
    expect(unmet(runOf("second-falls-too", [...calls, callAt("claude", 200, "cut")], faults))).toEqual([]);
  });

  it("need not have struck the second in line where the turn had waited before: the spare comes first", () => {
    const hang = { kind: "hang" };
    const names = ["google-stt", "deepgram", "gemini", "claude"] as const;
    const faults = names.map((name): [number, StandinName, typeof hang] => [0, name, hang]);
    const calls = [callAt("google-stt", 100, "hang"), callAt("gemini", 3000, "hang")];
    expect(unmet(runOf("everything-hangs", calls, faults))).toEqual(["calls that hang struck at deepgram"]);
  });

  it("must have refused connections, and let none through", () => {
    const faults: Parameters<typeof runOf>[2] = [[0, "gemini", { kind: "refuse" }]];
    const refused = [{ stage: "ai", provider: "gemini", outcome: "failed" }];
    expect(unmet(runOf("ai-refuse", [], faults, refused))).toEqual([]);
    expect(unmet(runOf("ai-refuse", [], faults))).toEqual(["calls refused by gemini"]);
    expect(unmet(runOf("ai-refuse", [callAt("gemini", 900, null)], faults, refused))).toEqual([
      "calls that got through to gemini",
    ]);
  });
});

describe("a breaker", () => {
  const ill = [0, 100, 200, 300, 400].map((atMs) => callAt("gemini", atMs, "unavailable"));
  const opened = (atMs: number, state: string) =>
    JSON.stringify({ time: new Date(startMs + atMs).toISOString(), stage: "ai", provider: "gemini", state });

  it("that stays closed while its vendor fails on and on is seen", () => {
    const run = runOf("ai-503", [...ill, callAt("gemini", 4000, "unavailable")], []);
    expect(callsPastVotes(run)).toBe(1);
    expect(callsPastVotes({ ...run, log: opened(500, "open") })).toBe(0);
    expect(callsPastVotes({ ...run, log: `${opened(500, "open")}\n${opened(3500, "closed")}` })).toBe(0);
  });

  it("that stays closed after a refused key is seen", () => {
    const calls = [callAt("gemini", 0, "unauthorized"), callAt("gemini", 4000, "unauthorized")];
    expect(callsPastVotes(runOf("ai-wrong-key", calls, []))).toBe(1);
  });

  it("may stay closed while the vendor is mostly well", () => {
    const well = [-800, -700, -600, -500].map((atMs) => callAt("gemini", atMs, null));
    expect(callsPastVotes(runOf("ai-500", [...well, ...ill, callAt("gemini", 4000, null)], []))).toBe(0);
    // Nor does it open by itself, when the good ones were long ago.
    expect(callsPastVotes(runOf("ai-500", [...well, ...ill, callAt("gemini", 29_900, null)], []))).toBe(0);
  });

  it("that does not wait for Retry-After is seen", () => {
    const faults: Parameters<typeof runOf>[2] = [
      [0, "gemini", { kind: "rate_limited", retryAfterSeconds: 2 }],
    ];
    const told = callAt("gemini", 0, "rate_limited");
    const earlyAt = (atMs: number) =>
      callsBeforeRetryAfter(runOf("ai-quota", [told, callAt("gemini", atMs, "rate_limited")], faults));
    expect([earlyAt(20), earlyAt(1000), earlyAt(2100)]).toEqual([0, 1, 0]);
  });
});
