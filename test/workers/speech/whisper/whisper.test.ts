import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { gateUtterance, makeHearing } from "../../../../workers/speech/whisper/hearings.ts";
import { measureSnrDb } from "../../../../workers/speech/whisper/noise.ts";
import { loadWhisper, planDecoding, type Whisper } from "../../../../workers/speech/whisper/whisper.ts";
import { joinPcm, modelsDir, silence } from "../../../providers/engines.ts";
import { SeededRandom } from "../../../support/random.ts";
import { sayUtterance } from "../../../support/speech.ts";
import { countWordErrors } from "../../../support/word-errors.ts";

const sentences = [
  "What time does the train to the city leave tomorrow morning?",
  "How much does it cost to send a package to Canada?",
  "I have forgotten my password and cannot log in.",
];
const folder = join(modelsDir, "whisper-tiny.en");
let whisper: Whisper;
beforeAll(async () => {
  const [encoder, step, tokens] = ["encoder.int8.onnx", "whisper_step.int8.onnx", "tokens.txt"].map((file) =>
    join(folder, file),
  ) as [string, string, string];
  whisper = await loadWhisper({ encoder, step, tokens }, 1);
});

async function say(text: string): Promise<Int16Array> {
  return joinPcm([silence(300), (await sayUtterance(text)).pcm, silence(250)]);
}

/** White noise from a seed, that many dB under the level of the whole. */
function addNoise(pcm: Int16Array, snrDb: number): Int16Array {
  const random = new SeededRandom(7);
  const power = pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length;
  const most = Math.sqrt(3 * power) * 10 ** (-snrDb / 20);
  return pcm.map((sample) => Math.max(-32768, Math.min(32767, sample + (2 * random.next() - 1) * most)));
}

describe("Whisper", () => {
  it.each(sentences)("understands %j", async (said) => {
    const heard = await whisper.transcribe(await say(said));
    expect(countWordErrors(said, heard!).errors).toBe(0);
  });

  it("understands the same from one hearing and from four, together", async () => {
    const pcm = await say(sentences[0]!);
    for (const hearings of [["raw"], ["gated"], ["raw", "gated", "slower", "faster"]] as const) {
      const heard = await whisper.transcribe(pcm, undefined, { hearings, beams: 5 });
      expect(countWordErrors(sentences[0]!, heard!).errors).toBe(0);
    }
  });

  it("is the same from call to call, whatever came between", async () => {
    const pcm = addNoise(await say(sentences[2]!), 6);
    const first = await whisper.transcribe(pcm);
    await whisper.transcribe(await say(sentences[1]!));
    expect(await whisper.transcribe(pcm)).toBe(first);
  });

  it("answers a cancelled call with nothing, and the next one as ever", async () => {
    const pcm = await say(sentences[1]!);
    expect(await whisper.transcribe(pcm, AbortSignal.abort())).toBeNull();
    const abort = new AbortController();
    const half = whisper.transcribe(pcm, abort.signal);
    setImmediate(() => abort.abort());
    expect(await half).toBeNull();
    expect(countWordErrors(sentences[1]!, (await whisper.transcribe(pcm))!).errors).toBe(0);
  });

  it("takes a single sample and half a minute", async () => {
    expect(typeof (await whisper.transcribe(new Int16Array(1)))).toBe("string");
    const pcm = await say(sentences[0]!);
    const long = joinPcm([pcm, silence(1000), pcm, silence(16_000)]).subarray(0, 30 * 16_000);
    expect(await whisper.transcribe(long)).toMatch(/train to the city/i);
  });
});

describe("the noise of an utterance", () => {
  it("is small in plain speech and large in noise, and decides how much is done", async () => {
    const pcm = await say(sentences[0]!);
    expect(measureSnrDb(pcm)).toBeGreaterThan(30);
    const noisy = addNoise(pcm, 5);
    expect(measureSnrDb(noisy)).toBeLessThan(17);
    expect(planDecoding(noisy).hearings).toContain("gated");
    expect(planDecoding(pcm).hearings).not.toContain("gated");
    expect(planDecoding(joinPcm([noisy, noisy, noisy])).hearings).toEqual(["raw"]);
  });

  it("is measured in next to nothing, too", () => {
    expect(measureSnrDb(new Int16Array(0))).toBe(0);
    expect(measureSnrDb(new Int16Array(400))).toBe(0);
    expect(measureSnrDb(new Int16Array(16_000))).toBe(0);
  });
});

describe("a hearing", () => {
  const rmsDb = (pcm: Int16Array) =>
    10 * Math.log10(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length + 1);

  it("that is gated is in step with the raw one, and quieter where nobody speaks", async () => {
    const pcm = await say(sentences[0]!);
    const noisy = addNoise(pcm, 10);
    const gated = gateUtterance(noisy);
    expect(gated).toHaveLength(noisy.length);
    expect(rmsDb(noisy.subarray(0, 4000)) - rmsDb(gated.subarray(0, 4000))).toBeGreaterThan(8);
    let [product, rawPower, gatedPower] = [0, 0, 0];
    for (const [i, sample] of noisy.entries()) {
      product += sample * gated[i]!;
      rawPower += sample ** 2;
      gatedPower += gated[i]! ** 2;
    }
    expect(product / Math.sqrt(rawPower * gatedPower)).toBeGreaterThan(0.9);
  });

  it("that is slower is longer by 6 %", async () => {
    const pcm = await say(sentences[0]!);
    expect((makeHearing("slower", pcm).length - 8000) / pcm.length).toBeCloseTo(100 / 94, 3);
    expect((makeHearing("faster", pcm).length - 1600) / pcm.length).toBeCloseTo(100 / 106, 3);
  });
});
