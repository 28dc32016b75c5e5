import { expect, test } from "vitest";
import { fuzzGateway } from "./fuzz.ts";

const count = 3000;

test("answers or refuses thousands of spoilt events without falling silent, dying or disturbing others", {
  timeout: 120_000,
}, async () => {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
  console.log(`fuzz seed ${seed} (the same again: npm run fuzz -- --count ${count} --seed ${seed})`);
  const outcome = await fuzzGateway({ count, seed });
  expect(outcome.faults, `seed ${seed}`).toEqual([]);
  expect(outcome.events).toBeGreaterThanOrEqual(count);
  expect(outcome.bystanderTurns).toBeGreaterThan(0);
});
