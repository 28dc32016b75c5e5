/** The command as an operator runs it: the canary must fail, and what can't be run is told in a line. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { repositoryRoot } from "../support/gateway.ts";

const out = await mkdtemp(join(tmpdir(), "parley-drills-"));
afterAll(() => rm(out, { recursive: true, force: true }));

function run(...args: string[]): Promise<{ code: number | null; printed: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["loadtest/drills/main.ts", ...args], { cwd: repositoryRoot });
    let printed = "";
    const collect = (chunk: Buffer) => {
      printed += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("exit", (code) => resolve({ code, printed }));
  });
}

describe("npm run drill", () => {
  it("fails with the canary, and leaves a journal, a page and a recording", {
    timeout: 180_000,
  }, async () => {
    const { code, printed } = await run("canary", "--sessions", "1", "--quick", "--out", out);
    expect(printed).toContain("canary: DEVIATED, as it must");
    expect(printed).toMatch(/✗ turns lost/);
    expect(code).toBe(1);
    const folder = join(out, "canary-1");
    expect(await readdir(folder)).toEqual(
      expect.arrayContaining(["caller-1.wav", "gateway.log", "index.html", "journal.json"]),
    );
    const journal = JSON.parse(await readFile(join(folder, "journal.json"), "utf8"));
    expect(journal).toMatchObject({ deviated: true });
    for (const key of ["chaoslib-version", "experiment", "start", "end", "duration", "run", "rollbacks"]) {
      expect(journal).toHaveProperty(key);
    }
    expect(journal.steady_states.before.steady_state_met).toBe(true);
    expect(await readFile(join(folder, "index.html"), "utf8")).toContain("<svg");
  });

  it("goes on to the next drill when one could not run, and says so at the end", async () => {
    const file = join(out, "a-file");
    await writeFile(file, "");
    const { code, printed } = await run("ai-503", "canary", "--out", join(file, "reports"));
    expect(printed.match(/could not run: /g)).toHaveLength(2);
    expect(printed).toContain("✗ canary (seed 1) (could not run)");
    expect(code).toBe(3);
  });

  it.each([
    ["a drill that there is not", ["boredom"]],
    ["no drill at all", []],
    ["no callers", ["canary", "--sessions", "0"]],
    ["a seed that is no number", ["canary", "--seeds", "1,x"]],
    ["an option that there is not", ["canary", "--loud"]],
  ])("refuses %s", async (_, args) => {
    const { code, printed } = await run(...args);
    expect(code).toBe(2);
    expect(printed).toContain("npm run drill --");
  });

  it("names the drills", async () => {
    const { code, printed } = await run("--list");
    expect(code).toBe(0);
    expect(printed).toContain("everything-down");
  });
});
