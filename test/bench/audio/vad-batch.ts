/** What one window of voice detection costs alone and in a batch, and whether it hears the same. */
import { fileURLToPath } from "node:url";
import { inputSamples, SileroBatch, stateSize } from "../../../workers/audio/silero.ts";
import { windowSamples } from "../../../workers/audio/speech-detector.ts";
import { addNoise, layOut, speak } from "../../workers/audio/signals.ts";
import { type Bench, percentile } from "../report.ts";

const modelDir = fileURLToPath(new URL("../../../models/silero-vad-v6", import.meta.url));
const batch = 64;
const rounds = 12;
const windowsARound = 8;

/** Channels that listen to the same recording, each from another place on. */
class Listeners {
  readonly ratios: number[] = [];
  private readonly states = Array.from({ length: batch }, () => new Float32Array(stateSize));
  private readonly samples: Float32Array;
  private window = 0;

  constructor(samples: Float32Array) {
    this.samples = samples;
  }

  /** Hears the next window of every channel, `together` in one inference or each in its own. */
  async hear(silero: SileroBatch, together: boolean): Promise<void> {
    for (let channel = 0; channel < batch; channel++) {
      const at = (channel * 7777 + this.window * windowSamples) % (this.samples.length - inputSamples);
      silero.add(this.states[channel]!).set(this.samples.subarray(at, at + inputSamples));
      if (together) continue;
      await silero.run();
      this.ratios.push(silero.ratios[0]!);
    }
    if (together) {
      await silero.run();
      this.ratios.push(...silero.ratios.subarray(0, batch));
    }
    this.window += 1;
  }
}

export const bench: Bench = {
  description: `voice detection of ${batch} sessions in one inference against one by one`,
  async run() {
    const pieces = [
      await speak("The quick brown fox jumps over the lazy dog."),
      await speak("Call me back.", "rms"),
    ];
    const scene = addNoise(layOut(pieces, 1000), "pink", 15, 3);
    const samples = Float32Array.from(scene.pcm, (sample) => sample / 32768);
    const silero = await SileroBatch.load(modelDir);
    try {
      const one = new Listeners(samples);
      const many = new Listeners(samples);
      const aloneUs: number[] = [];
      const togetherUs: number[] = [];
      // In turn, so that a busy machine slows both alike; the first round warms up.
      for (let round = 0; round <= rounds; round++) {
        for (const [listeners, together, found] of [
          [one, false, aloneUs],
          [many, true, togetherUs],
        ] as const) {
          const startedAtMs = performance.now();
          for (let i = 0; i < windowsARound; i++) await listeners.hear(silero, together);
          const tookUs = ((performance.now() - startedAtMs) * 1000) / (windowsARound * batch);
          if (round > 0) found.push(tookUs);
        }
      }
      const furthest = one.ratios.reduce(
        (most, ratio, i) => Math.max(most, Math.abs(ratio - many.ratios[i]!)),
        0,
      );
      const alone = percentile(aloneUs, 0.5);
      const together = percentile(togetherUs, 0.5);
      return {
        rows: [
          { name: "a window alone", measured: alone, unit: "us" },
          { name: `a window in a batch of ${batch}`, measured: together, unit: "us" },
          { name: "times cheaper", measured: alone / together, unit: "x", atLeast: 4 },
          {
            name: "furthest apart (millionths of a probability)",
            measured: furthest * 1e6,
            unit: "ppm",
            atMost: 10,
          },
        ],
        notes: [`${rounds} rounds of ${windowsARound * batch} windows each way, in turn; medians`],
        veto: null,
      };
    } finally {
      await silero.close();
    }
  },
};
