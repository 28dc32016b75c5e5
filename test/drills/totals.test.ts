/** What many drills come to together. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeTotals } from "../../loadtest/drills/totals.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-totals-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const good = {
  ...{ isListenedTo: true, isSilent: false, isLost: false, switches: 0 },
  ...{ missing: [], repeated: [], unheard: [], missingOfAnswer: [], repeatedOfAnswer: [] },
};

async function keep(name: string, turns: object[]): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, "journal.json"), JSON.stringify({ parley: { turns } }));
  return path;
}

it("adds up the turns of all drills that left a journal", async () => {
  const first = await keep("first", [good, { ...good, switches: 2, repeated: ["a"], isListenedTo: false }]);
  const bad = {
    ...good,
    isSilent: true,
    isLost: true,
    missing: ["b"],
    missingOfAnswer: ["c"],
    unheard: ["d"],
  };
  const second = await keep("second", [bad]);
  expect(await describeTotals([first, join(folder, "none"), second])).toBe(
    "2 drills together: 3 turns, 2 of them listened to; 1 silent, 1 lost, 2 words missing, 1 remembered unheard, " +
      "1 repeated over 2 changes of voice inside a sentence",
  );
  expect(await describeTotals([join(folder, "none")])).toBeNull();
});
