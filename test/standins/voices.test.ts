import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Voices } from "../../loadtest/standins/voices.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";

const voices = new Voices();
afterAll(() => voices.close());

const text = "The quiet gardener painted some letters yesterday.";
const ask = (over: object = {}) => ({
  text,
  voice: "google-tts",
  sampleRateHz: 24_000,
  speedRatio: 1,
  ...over,
});

describe("Voices", () => {
  it("speaks with each word's place, at any rate", async () => {
    for (const sampleRateHz of [8000, 16_000, 22_050, 24_000, 44_100, 48_000]) {
      const { pcm, words } = await voices.speak(ask({ sampleRateHz }));
      expect(pcm.length / sampleRateHz).toBeGreaterThan(1.5);
      expect(pcm.length / sampleRateHz).toBeLessThan(6);
      expect(words.map((word) => word.text).join(" ")).toBe(text);
      const starts = words.map((word) => word.fromSample);
      expect(starts).toEqual([...starts].sort((a, b) => a - b));
      expect(starts.at(-1)).toBeLessThan(pcm.length);
    }
  });

  it("speaks faster when asked to", async () => {
    const usual = await voices.speak(ask());
    const fast = await voices.speak(ask({ speedRatio: 1.5 }));
    expect(usual.pcm.length / fast.pcm.length).toBeGreaterThan(1.3);
    expect(usual.pcm.length / fast.pcm.length).toBeLessThan(1.7);
  });

  it("gives every vendor a voice of its own", async () => {
    const names = ["google-tts", "elevenlabs", "cartesia", "openai-tts"];
    const spoken = await Promise.all(names.map((voice) => voices.speak(ask({ voice }))));
    const prints = spoken.map(
      ({ pcm }) => `${pcm.length} ${resampleWhole(pcm, 24_000, 8000).subarray(4000, 4040)}`,
    );
    expect(new Set(prints).size).toBe(names.length);
  });

  it("takes what follows a colon for the vendor's own name of its voice", async () => {
    expect(await voices.speak(ask({ voice: "elevenlabs:Rachel" }))).toBe(
      await voices.speak(ask({ voice: "elevenlabs" })),
    );
  });

  it("speaks once for all that say the same at the same time, and keeps it", async () => {
    const all = await Promise.all(
      Array.from({ length: 200 }, () => voices.speak(ask({ text: "Once only." }))),
    );
    expect(new Set(all).size).toBe(1);
    expect(await voices.speak(ask({ text: "Once only." }))).toBe(all[0]);
  });

  it("keeps no more than it may", async () => {
    const small = new Voices({ maxCacheBytes: 200_000 });
    for (let number = 1; number <= 12; number++) {
      await small.speak(ask({ text: `This is sentence number ${number}.` }));
      expect(small.cacheBytes).toBeLessThanOrEqual(200_000);
    }
    expect(small.cacheBytes).toBeGreaterThan(0);
    await small.close();
  });

  it("says nothing for a text without words", async () => {
    expect((await voices.speak(ask({ text: " ... " }))).pcm.length).toBe(0);
  });

  it("speaks texts longer than the synthesiser takes at once", async () => {
    const long = Array.from({ length: 60 }, () => "Several parcels crossed the harbour before noon.").join(
      " ",
    );
    const { words } = await voices.speak(ask({ text: long, voice: "kal16", sampleRateHz: 8000 }));
    expect(words).toHaveLength(long.split(" ").length);
  });

  it("refuses a rate that can't be made, a text too long, and everything after it was closed", async () => {
    await expect(voices.speak(ask({ sampleRateHz: 7 }))).rejects.toThrow(RangeError);
    await expect(voices.speak(ask({ text: "a".repeat(10_001) }))).rejects.toThrow(RangeError);
    const closed = new Voices();
    await closed.close();
    await expect(closed.speak(ask())).rejects.toThrow("closed");
  });

  it("says first what is asked for, whatever is being prepared", async () => {
    const own = new Voices();
    const prepared = ["one", "two", "three", "four"].map((name) => ask({ text: `Prepared ${name}.` }));
    for (const request of prepared) own.prepare(request);
    let keptThen = 0;
    const note = () => {
      keptThen = Math.max(keptThen, own.cacheBytes);
    };
    // Of those being prepared, who is asked for comes first, too.
    await Promise.all([
      own.speak(ask({ text: "Asked for now." })).then(note),
      own.speak(prepared[3]!).then(note),
    ]);
    for (const request of prepared) await own.speak(request);
    expect(keptThen).toBeLessThan(own.cacheBytes * 0.75);
    await own.close();
  });

  it("takes from the folder what another run kept there, and speaks anew what is broken in it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "parley-voices-"));
    const first = new Voices({ folder });
    const spoken = await first.speak(ask());
    await first.close();
    expect(await readdir(folder)).toHaveLength(1);
    const [file] = await readdir(folder);
    const marked = await readFile(join(folder, file!));
    marked.writeInt16LE(4242, marked.length - 2);
    await writeFile(join(folder, file!), marked);
    const second = new Voices({ folder });
    const again = await second.speak(ask());
    expect(again.words).toEqual(spoken.words);
    expect(again.pcm.at(-1)).toBe(4242);
    await second.close();
    await writeFile(join(folder, file!), "rubbish");
    const third = new Voices({ folder });
    expect((await third.speak(ask())).pcm).toEqual(spoken.pcm);
    await third.close();
    await rm(folder, { recursive: true });
  });
});
