import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../../support/gateway.ts";
import { mutantNames } from "./mutants/mutants.ts";

const runTimeoutMs = 240_000;
const partOfMutant: Readonly<Record<string, string>> = {
  "silero-without-context": "vad",
  "gate-that-subtracts-nothing": "gate",
  "endpointing-on-the-wall-clock": "turn-ends",
};
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-audio-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function runQuick(...args: string[]): Promise<{ code: number | null; printed: string }> {
  const child = spawn(
    process.execPath,
    ["test/bench/main.ts", "audio", "--quick", "--out", folder, ...args],
    {
      cwd: repositoryRoot,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: runTimeoutMs,
    },
  );
  let printed = "";
  const collect = (chunk: Buffer) => {
    printed += chunk.toString();
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, printed }));
  });
}

describe("the audio suite, quick", () => {
  it(
    "is green, and writes its page, its figures and nothing of this machine's paths into the page",
    async () => {
      const { code, printed } = await runQuick();
      expect(printed).not.toContain("MISSED");
      expect(code, printed).toBe(0);
      const figures = JSON.parse(await readFile(join(folder, "audio.json"), "utf8"));
      expect(Object.keys(figures.parts)).toEqual(expect.arrayContaining(["gate", "vad", "turn-ends"]));
      const page = await readFile(join(folder, "audio.html"), "utf8");
      expect(page).toContain("How well Parley hears");
      expect(page).not.toMatch(/(?:src|href)="(?!data:)/);
      expect(page).not.toContain(repositoryRoot);
    },
    runTimeoutMs,
  );

  it("knows which part each mutant must turn red", () => {
    expect(Object.keys(partOfMutant).sort()).toEqual([...mutantNames].sort());
  });

  it.each(Object.entries(partOfMutant))(
    "turns red with %s",
    async (name, part) => {
      const { code, printed } = await runQuick("--only", part, "--mutant", name);
      expect(printed).toContain("MISSED");
      expect(code, printed).toBe(1);
    },
    runTimeoutMs,
  );

  it(
    "refuses a mutant and a part that it doesn't have, by name",
    async () => {
      const mutant = await runQuick("--mutant", "vad-that-guesses");
      expect(mutant).toEqual({
        code: 2,
        printed: expect.stringContaining("no such mutant: vad-that-guesses"),
      });
      const part = await runQuick("--only", "gate,taste");
      expect(part).toEqual({ code: 2, printed: expect.stringContaining("no such part: taste") });
    },
    runTimeoutMs,
  );
});
