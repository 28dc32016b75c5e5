/** A voice that plays a short tone for each word, at once. */
import type { TtsProvider } from "../provider.ts";
import type { Script } from "../script.ts";

/** Words after which the tone's pitch repeats. */
const pitches = 12;
const amplitude = 8_000;
/** Share of a word that sounds. */
const soundRatio = 0.8;

const bursts = new Map<string, Int16Array>();

/** One word's tone, kept: there are but a few. */
function burst(sampleRateHz: number, wordMs: number, pitch: number): Int16Array {
  const key = `${sampleRateHz}:${wordMs}:${pitch}`;
  const known = bursts.get(key);
  if (known) return known;
  const samples = new Int16Array(Math.round((sampleRateHz * wordMs) / 1_000));
  const sounding = Math.floor(samples.length * soundRatio);
  const hz = 220 * 2 ** (pitch / pitches);
  for (let i = 0; i < sounding; i++) {
    const fade = Math.min(1, i / 80, (sounding - i) / 80);
    samples[i] = Math.round(Math.sin((2 * Math.PI * hz * i) / sampleRateHz) * amplitude * fade);
  }
  bursts.set(key, samples);
  return samples;
}

export function createScriptedTts(script: Script): TtsProvider {
  return {
    name: "scripted",
    async *stream({ text, sampleRateHz, speedRatio }, { signal }) {
      const wordMs = Math.round(script.wordMs / speedRatio);
      const words = text.match(/\S+/g) ?? [];
      const usage = { characters: text.length };
      let fromSample = 0;
      for (const [index, word] of words.entries()) {
        if (signal.aborted) return yield { type: "end", outcome: "cancelled", usage, provider: "scripted" };
        const pcm = burst(sampleRateHz, wordMs, (word.length + index) % pitches);
        yield { type: "word", text: word, fromSample };
        yield { type: "audio", pcm };
        fromSample += pcm.length;
      }
      yield { type: "end", outcome: "completed", usage, provider: "scripted" };
    },
  };
}
