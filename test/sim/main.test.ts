/** The command line: its exit code 1 means a broken promise, so what can't be run has one of its own. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { Supervised } from "../supervisor/supervised.ts";
import { repositoryRoot } from "../support/gateway.ts";

it.each(["--loud", "--turns=many"])("npm run sim refuses %s in one line", async (option) => {
  const one = new Supervised(join(repositoryRoot, "test", "sim", "main.ts"), [option], { env: {} });
  expect(await one.exited).toBe(2);
  expect(one.stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(one.stderr).toContain(option.split("=")[0]);
});
