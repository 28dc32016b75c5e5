/** When vendors are well and what befalls them when they are not; some kinds of fault never happen in a given run. */
import type { Clock } from "../../gateway/clock.ts";
import { beginMs } from "../../gateway/resilience/link-run.ts";
import type { Dice } from "./dice.ts";
import { type SimFault, type SimFaultKind, simFaultKinds, type Weather } from "./vendors.ts";

/** A first output that comes later is slow, and may be blamed: less than what anybody is thought to need. */
const promptMs = 0.9 * beginMs;

export interface KeptWeather {
  /** The weather of a stage's vendors. */
  of(stage: "stt" | "ai" | "tts"): Weather;
  /** Told of every call, before its fault is drawn, and of its end. */
  watcher: { called(key: string): void; left(key: string): void } | null;
  /** Whether something has befallen this vendor (like `ai/gemini`) so far; to be slow by chance is enough. */
  wasIll(key: string): boolean;
}

/**
 * Every vendor goes through spells of its own; a storm hits all of them.
 *
 * @param sluggish - vendors that are slow now and then, though in time, and have no other fault
 */
export function createWeather(dice: Dice, clock: Clock, sluggish: boolean): KeptWeather {
  const kinds = sluggish ? (["slowFirst"] as const) : simFaultKinds.filter(() => dice.chance(0.6));
  const faultRatio = sluggish ? dice.pick([0.2, 0.5]) : dice.pick([0, 0.05, 0.2, 0.5, 0.9, 1]);
  const slowMs: readonly [number, number] = sluggish ? [300, 1_100] : [1_000, 12_000];
  const ill = new Set<string>();
  const spells = new Map<string, { untilMs: number; kind: SimFaultKind | null }>();
  const speeds: readonly (readonly [number, number])[] = [
    [50, 100],
    [250, 500],
    [400, 1_500],
  ];
  const [p50Ms, p95Ms] = sluggish ? speeds[0]! : dice.pick(speeds);

  function spellOf(vendor: string): SimFaultKind | null {
    let spell = spells.get(vendor);
    while (spell === undefined || spell.untilMs <= clock.nowMs()) {
      const kind = kinds.length > 0 && dice.chance(faultRatio) ? dice.pick(kinds) : null;
      spell = { untilMs: (spell?.untilMs ?? clock.nowMs()) + dice.whole(500, 30_000), kind };
    }
    spells.set(vendor, spell);
    return spell.kind;
  }

  function draw(vendor: string): SimFault | null {
    // In a bad spell most calls fail; outside of one, some.
    const spell = spellOf(vendor);
    const share = spell !== null ? 0.85 : kinds.length > 0 ? faultRatio / 10 : 0;
    if (!dice.chance(share)) return null;
    ill.add(vendor);
    return makeFault(spell ?? dice.pick(kinds));
  }

  function makeFault(kind: SimFaultKind): SimFault {
    switch (kind) {
      case "slowFirst":
        return { kind, delayMs: dice.whole(...slowMs) };
      case "stall":
      case "cut":
      case "failLate":
        return { kind, afterPieces: dice.whole(0, 20) };
      default:
        return { kind };
    }
  }

  const weather: KeptWeather = {
    watcher: null,
    of: (stage) => ({
      draw: (vendor) => draw(`${stage}/${vendor}`),
      firstMs(vendor) {
        const firstMs = Math.min(10_000, dice.latencyMs(p50Ms, p95Ms));
        if (firstMs > promptMs) ill.add(`${stage}/${vendor}`);
        return firstMs;
      },
      called: (vendor) => weather.watcher?.called(`${stage}/${vendor}`),
      left: (vendor) => weather.watcher?.left(`${stage}/${vendor}`),
    }),
    wasIll: (key) => ill.has(key),
  };
  return weather;
}
