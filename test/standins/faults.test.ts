import { describe, expect, it } from "vitest";
import { createChance } from "../../loadtest/standins/chance.ts";
import {
  FaultBoard,
  FaultError,
  failsAfter,
  faultKinds,
  faultLimits,
  parseFault,
  resolveFault,
  streamFaults,
} from "../../loadtest/standins/faults.ts";
import type { FaultKind } from "../../loadtest/standins/standin.ts";

const never = () => 0.999;

describe("parseFault", () => {
  it.each(faultKinds)("reads %s", (kind) => {
    expect(parseFault({ kind })).toEqual({ kind });
  });

  it.each(Object.entries(faultLimits))("holds %s within its bounds", (name, [least, most]) => {
    expect(parseFault({ kind: "stall", [name]: most })).toEqual({ kind: "stall", [name]: most });
    expect(parseFault({ kind: "stall", [name]: least })).toEqual({ kind: "stall", [name]: least });
    expect(() => parseFault({ kind: "stall", [name]: most + 1 })).toThrow(FaultError);
    expect(() => parseFault({ kind: "stall", [name]: least - 1 })).toThrow(FaultError);
    expect(() => parseFault({ kind: "stall", [name]: "1" })).toThrow(FaultError);
  });

  it.each([
    ["nothing", null],
    ["a list", []],
    ["a text", "stall"],
    ["an unknown kind", { kind: "boredom" }],
    ["an unknown number", { kind: "stall", colour: 3 }],
    ["half a piece", { kind: "stall", afterPieces: 0.5 }],
    ["a listener that is closed for half the calls", { kind: "refuse", share: 0.5 }],
  ])("refuses %s", (_, value) => {
    expect(() => parseFault(value)).toThrow(FaultError);
  });
});

describe("resolveFault", () => {
  it("hits the share of the calls that was asked for", () => {
    let hits = 0;
    for (let call = 0; call < 4000; call++) {
      const random = createChance(5, "gemini", call);
      if (resolveFault({ kind: "cut", share: 0.25 }, 0, random).fault !== null) hits++;
    }
    expect(hits).toBeGreaterThan(900);
    expect(hits).toBeLessThan(1100);
  });

  it("takes one draw whether or not a fault is in force", () => {
    const [a, b] = [createChance(1), createChance(1)];
    resolveFault(null, 0, a);
    resolveFault({ kind: "stall", share: 0.5 }, 0, b);
    expect(a()).toBe(b());
  });

  it("makes a brown-out ten times slower, and no fault", () => {
    const resolved = resolveFault({ kind: "brown_out" }, 0, never);
    expect(resolved).toMatchObject({ fault: null, hit: "brown_out", latencyRatio: 10 });
    expect(resolveFault({ kind: "brown_out", latencyRatio: 3 }, 0, never).latencyRatio).toBe(3);
  });

  it("flaps between unavailable and well", () => {
    const fault = { kind: "flapping", periodMs: 1000 } as const;
    expect(resolveFault(fault, 0, never).fault).toEqual({ kind: "unavailable" });
    expect(resolveFault(fault, 499, never)).toMatchObject({ hit: "flapping" });
    expect(resolveFault(fault, 500, never)).toMatchObject({ fault: null, hit: null });
    expect(resolveFault(fault, 1000, never).fault).toEqual({ kind: "unavailable" });
  });

  it("gives slow answers their times", () => {
    expect(resolveFault({ kind: "slow_first", delayMs: 1234 }, 0, never).firstMs).toBe(1234);
    expect(resolveFault({ kind: "slow_drip", delayMs: 321 }, 0, never).pieceMs).toBe(321);
  });
});

describe("failsAfter", () => {
  it("strikes streams from the piece on that was asked for", () => {
    for (const kind of faultKinds) {
      const strikes = streamFaults.has(kind);
      expect(failsAfter({ kind, afterPieces: 3 }, 2)).toBe(false);
      expect(failsAfter({ kind, afterPieces: 3 }, 3)).toBe(strikes);
      expect(failsAfter({ kind }, 1)).toBe(strikes);
      expect(failsAfter({ kind }, 0)).toBe(false);
    }
    expect(failsAfter(null, 99)).toBe(false);
  });
});

describe("FaultBoard", () => {
  it("closes the listener for as long as connections are to be refused", async () => {
    const told: string[] = [];
    const board = new FaultBoard(() => 0);
    board.onListening(async (name, listening) => {
      told.push(`${name} ${listening}`);
    });
    await board.set("gemini", { kind: "refuse" });
    await board.set("gemini", { kind: "refuse" });
    await board.set("gemini", { kind: "stall" });
    await board.set("gemini", { kind: "refuse" });
    await board.set("gemini", null);
    expect(told).toEqual(["gemini false", "gemini true", "gemini false", "gemini true"]);
  });

  it("takes a whole region down and brings it back", async () => {
    const board = new FaultBoard(() => 0);
    const region = ["gemini", "google-tts", "google-stt"] as const;
    await board.setAll(region, { kind: "unavailable" });
    expect(region.map((name) => board.get(name)?.kind)).toEqual(Array(3).fill("unavailable"));
    expect(board.get("claude")).toBeNull();
    await board.setAll(region, null);
    expect(region.map((name) => board.get(name))).toEqual([null, null, null]);
  });

  it("counts a flapping vendor's time from when the fault was put on", async () => {
    let nowMs = 700;
    const board = new FaultBoard(() => nowMs);
    await board.set("claude", { kind: "flapping", periodMs: 1000 });
    const kindNow = (): FaultKind | undefined => board.resolve("claude", never).fault?.kind;
    expect(kindNow()).toBe("unavailable");
    nowMs = 1300;
    expect(kindNow()).toBeUndefined();
  });
});
