/** When vendors are well and what befalls them when they are not; some kinds of fault never happen in a given run. */
import type { Clock } from "../../gateway/clock.ts";
import type { Dice } from "./dice.ts";
import { type SimFault, type SimFaultKind, simFaultKinds, type Weather } from "./vendors.ts";

export interface KeptWeather {
  /** The weather of a stage's vendors. */
  of(stage: "stt" | "ai" | "tts"): Weather;
  /** Told of every call, before its fault is drawn. */
  onCall: ((stage: "stt" | "ai" | "tts", vendor: string) => void) | null;
}

/** Every vendor goes through spells of its own; a storm hits all of them. */
export function createWeather(dice: Dice, clock: Clock): KeptWeather {
  const kinds = simFaultKinds.filter(() => dice.chance(0.6));
  const faultRatio = dice.pick([0, 0.05, 0.2, 0.5, 0.9, 1]);
  const spells = new Map<string, { untilMs: number; kind: SimFaultKind | null }>();
  const [p50Ms, p95Ms] = dice.pick<readonly [number, number]>([
    [50, 100],
    [250, 500],
    [400, 1_500],
  ]);

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
    if (spell !== null) return dice.chance(0.85) ? makeFault(spell, dice) : null;
    if (kinds.length > 0 && dice.chance(faultRatio / 10)) return makeFault(dice.pick(kinds), dice);
    return null;
  }

  const weather: KeptWeather = {
    onCall: null,
    of: (stage) => ({
      draw: (vendor) => draw(`${stage}/${vendor}`),
      firstMs: () => Math.min(10_000, dice.latencyMs(p50Ms, p95Ms)),
      called: (vendor) => weather.onCall?.(stage, vendor),
    }),
  };
  return weather;
}

function makeFault(kind: SimFaultKind, dice: Dice): SimFault {
  switch (kind) {
    case "slowFirst":
      return { kind, delayMs: dice.whole(1_000, 12_000) };
    case "stall":
    case "cut":
    case "failLate":
      return { kind, afterPieces: dice.whole(0, 20) };
    default:
      return { kind };
  }
}
