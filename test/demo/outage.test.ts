/** The outage that the README shows: played again, judged by what was sent, and heard by an ear of its own. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { repositoryRoot } from "../support/gateway.ts";
import { transcribe } from "../support/transcribe.ts";

const wavHeaderBytes = 44;
/** Whisper tiny on flite's voices, one of which dies in the middle: of these words it understands that share at least. */
const leastUnderstood = 0.7;

const folder = await mkdtemp(join(tmpdir(), "parley-outage-"));
afterAll(() => rm(folder, { recursive: true }));

const wordsOf = (text: string) => text.toLowerCase().match(/[a-z']+/g) ?? [];

/** A conversation in real time: it tells nothing where other tests take the processor away. */
const alone = process.env.TESTS_ALONE === "1";

test.runIf(alone)(
  "the outage demo is heard to its end: by the words sent, and by a recogniser that listens to the recording",
  {
    timeout: 300_000,
  },
  async () => {
    const demo = join(repositoryRoot, "loadtest", "demo", "outage.ts");
    const run = promisify(execFile)(process.execPath, [demo, "--out", folder], { cwd: repositoryRoot });
    // It exits with 1 when a word is missing: what it printed says which.
    const { stdout } = await run.catch((error: { stdout: string }) => error);
    expect(stdout).toContain("4 of 4 answers were heard whole");
    const told = await readFile(join(folder, "outage.md"), "utf8");
    expect(told.match(/missing words: 0;/g)).toHaveLength(4);
    const wav = await readFile(join(folder, "outage.wav"));
    const both = new Int16Array(
      wav.buffer,
      wav.byteOffset + wavHeaderBytes,
      (wav.length - wavHeaderBytes) >> 1,
    );
    const gateway = both.filter((_, index) => index % 2 === 1);
    const understood = new Set(wordsOf(transcribe(gateway, wav.readUInt32LE(24))));
    const said = [...told.matchAll(/^\*\*Parley:\*\* (.*)$/gm)].flatMap(([, reply]) => wordsOf(reply!));
    expect(said.length).toBeGreaterThan(80);
    const share = said.filter((word) => understood.has(word)).length / said.length;
    expect(share).toBeGreaterThan(leastUnderstood);
  },
);
