import { afterEach, describe, expect, it } from "vitest";
import { isoLanguage } from "../../gateway/providers/stt/iso-language.ts";
import { finalOf, hear, openBench, say, spoken, type VendorBench } from "./vendors.ts";

const words = "The train to the city leaves every twenty minutes.";

let bench: VendorBench;
afterEach(() => bench.close());

/** Says something in `language`; what the vendor was told of it in each call. */
async function told(model: string, language: string): Promise<string[]> {
  bench = await openBench("openai", { openaiModel: model });
  const { pieces } = spoken(await say(bench.world, words));
  for (let turn = 0; turn < 2; turn += 1)
    expect(finalOf(await hear(bench.stt, pieces, { language })).text).toBe(words);
  return bench.world.calls().map(({ detail }) => detail.languages!.join());
}

describe("a transcriber like OpenAI's", () => {
  it.each(["gpt-transcribe", "whisper-1"])("%s is told the session's language", async (model) => {
    expect(new Set(await told(model, "de-CH"))).toEqual(new Set(["de"]));
    await bench.close();
    expect(new Set(await told(model, "nb-NO"))).toEqual(new Set(["no"]));
  });

  it("hears a language that it refuses to be told, and is told it once", async () => {
    const [first, ...others] = await told("gpt-transcribe", "gsw");
    expect(first).toBe("gsw");
    expect(new Set(others)).toEqual(new Set([""]));
  });

  it("is told none where none is named", async () => {
    expect(new Set(await told("gpt-transcribe", ""))).toEqual(new Set([""]));
  });
});

it.each([
  ["en-US", "en"],
  ["nn", "no"],
  ["fil-PH", "tl"],
  ["", ""],
])("the tag %j is the language %j", (tag, language) => expect(isoLanguage(tag)).toBe(language));
