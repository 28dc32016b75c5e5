/** Forty utterances of three voices under the conditions of a real line; nothing wrong is ever heard, and little missed. */
import { beforeAll, describe, expect, it } from "vitest";
import { makeUtterance } from "../../loadtest/callers/utterance.ts";
import { createChance, drawNormal } from "../../loadtest/standins/chance.ts";
import { Ears, maxUtterances } from "../../loadtest/standins/ears.ts";
import { renderSpeech } from "../../loadtest/standins/voice-speech.ts";
import { decodeMulaw, encodeMulaw } from "../../wire/g711.ts";
import { hopSamples, SpectralGate } from "../../workers/audio/gate.ts";
import { loadFlite } from "../../workers/speech/flite.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { sentences } from "../bench/sentences.ts";

interface Said {
  text: string;
  pcm: Int16Array;
  words: { text: string; fromSample: number }[];
}

const known: Said[] = [];
const unknown: Said[] = [];
const ears = new Ears();
const knownCount = 40;
const gateFloorDb = -18;
/** A word that is not quite finished, or quite begun, where audio is cut. */
const cutWords = 1;

beforeAll(async () => {
  const flite = await loadFlite();
  for (const [index, text] of sentences.entries()) {
    const voice = (["slt", "rms", "elevenlabs"] as const)[index % 3]!;
    const speech = renderSpeech(flite, { text, voice, sampleRateHz: 16_000, speedRatio: 1 });
    (index < knownCount ? known : unknown).push({ text, ...speech });
  }
  for (const utterance of known) ears.register(utterance);
});

function powerOf(pcm: Int16Array): number {
  return pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length;
}

function between(pcm: Int16Array, before: number, after: number): Int16Array {
  const out = new Int16Array(before + pcm.length + after);
  out.set(pcm, before);
  return out;
}

function addNoise(pcm: Int16Array, powerWanted: number, random: () => number): Int16Array {
  const deviation = Math.sqrt(powerWanted);
  return pcm.map((sample) =>
    Math.max(-32_768, Math.min(32_767, Math.round(sample + deviation * drawNormal(random)))),
  );
}

function throughGate(pcm: Int16Array): Int16Array {
  const gate = new SpectralGate(gateFloorDb);
  const out = new Int16Array(Math.floor(pcm.length / hopSamples) * hopSamples);
  for (let at = 0; at < out.length; at += hopSamples) {
    gate.push(pcm, at, { work: "process" }, out, at);
  }
  return out;
}

const conditions: [string, (pcm: Int16Array, index: number) => Int16Array][] = [
  ["as it was registered", (pcm) => pcm],
  ["at a fifth of its loudness", (pcm) => pcm.map((sample) => sample * 0.2)],
  ["with silence around it", (pcm, index) => between(pcm, 5000 + index * 137, 9000)],
  [
    "in noise at 20 dB",
    (pcm, index) =>
      addNoise(between(pcm, 4000 + index * 91, 8000), powerOf(pcm) / 100, createChance("n", index)),
  ],
  [
    "in noise at 10 dB",
    (pcm, index) =>
      addNoise(between(pcm, 4000 + index * 91, 8000), powerOf(pcm) / 10, createChance("m", index)),
  ],
  [
    "through a telephone",
    (pcm, index) =>
      resampleWhole(
        decodeMulaw(encodeMulaw(resampleWhole(between(pcm, index * 77, 3000), 16_000, 8000))),
        8000,
        16_000,
      ),
  ],
  [
    "from 24 kHz, shifted by a fraction of a sample",
    (pcm) => resampleWhole(resampleWhole(pcm, 16_000, 24_000).subarray(37), 24_000, 16_000),
  ],
  ["without the silence around it", (pcm) => makeUtterance("said", pcm, 16_000).pcm],
  ["through the gate", (pcm) => throughGate(between(pcm, 6000, 6000))],
  [
    "in noise at 20 dB through the gate",
    (pcm, index) =>
      throughGate(addNoise(between(pcm, 12_000, 6000), powerOf(pcm) / 100, createChance("g", index))),
  ],
];

describe("Ears", () => {
  it.each(conditions)("recognise every utterance %s", (_, change) => {
    const wrong = known.flatMap(({ text, pcm }, index) => {
      const heard = ears.hear(change(pcm, index)).text;
      return heard === text ? [] : [`${text} -> ${heard}`];
    });
    expect(wrong).toEqual([]);
  });

  it("recognise the words of a beginning as their time comes, and none before", () => {
    for (const { text, pcm, words } of known) {
      const all = text.split(" ");
      for (let until = 8000; until < pcm.length; until += 11_000) {
        const heard = ears.hear(pcm.subarray(0, until)).text.split(" ").filter(Boolean);
        const spoken = words.filter(
          (_, index) => (words[index + 1]?.fromSample ?? pcm.length) <= until,
        ).length;
        expect(all.slice(0, heard.length), `${text} at ${until}`).toEqual(heard);
        expect(heard.length).toBeLessThanOrEqual(spoken + cutWords);
        if (until >= 16_000) expect(heard.length).toBeGreaterThanOrEqual(spoken - cutWords);
      }
    }
  });

  it("recognise the rest of what they hear from the middle on", () => {
    for (const { text, pcm } of known) {
      const rest = ears.hear(pcm.subarray(pcm.length >> 1)).text;
      expect(rest.length).toBeGreaterThan(text.length * 0.25);
      expect(text.endsWith(rest), `${text} -> ${rest}`).toBe(true);
    }
  });

  it("hear several utterances one after another, each word in its place", () => {
    const [a, b, c] = [known[3]!, known[7]!, known[12]!];
    const pcm = new Int16Array(a.pcm.length + b.pcm.length + c.pcm.length + 20_000);
    pcm.set(a.pcm, 1000);
    pcm.set(b.pcm, a.pcm.length + 6000);
    pcm.set(c.pcm, a.pcm.length + b.pcm.length + 9000);
    const { text, words } = ears.hear(pcm);
    expect(text).toBe(`${a.text} ${b.text} ${c.text}`);
    const ends = words.map((word) => word.endSample);
    expect(ends).toEqual([...ends].sort((x, y) => x - y));
    const secondOfB = a.pcm.length + 6000 + b.words[1]!.fromSample;
    expect(Math.abs(ends[a.words.length]! - secondOfB)).toBeLessThan(480);
  });

  it("end the last word where its sound ends, not where the recording does", () => {
    for (const { pcm } of known) {
      const sound = makeUtterance("said", pcm, 16_000).pcm.length;
      const { words } = ears.hear(between(pcm, 0, 16_000));
      const lead = pcm.length - sound;
      expect(words.at(-1)!.endSample).toBeLessThanOrEqual(pcm.length);
      expect(words.at(-1)!.endSample).toBeLessThan(sound + lead / 2 + 2400);
      expect(words.at(-1)!.endSample).toBeGreaterThan(sound - 2400);
    }
  });

  it("hear the same twice when it is said twice", () => {
    const { text, pcm } = known[5]!;
    const twice = new Int16Array(2 * pcm.length + 4000);
    twice.set(pcm);
    twice.set(pcm, pcm.length + 4000);
    expect(ears.hear(twice).text).toBe(`${text} ${text}`);
  });

  it("hear nothing in silence, noise, tones and what nobody registered", () => {
    const random = createChance("nothing");
    expect(ears.hear(new Int16Array(0)).text).toBe("");
    expect(ears.hear(new Int16Array(48_000)).text).toBe("");
    expect(ears.hear(addNoise(new Int16Array(160_000), 1e6, random)).text).toBe("");
    const tone = Int16Array.from({ length: 48_000 }, (_, index) => 8000 * Math.sin(index * 0.2));
    expect(ears.hear(tone).text).toBe("");
    expect(unknown.map(({ pcm }) => ears.hear(pcm).text).filter(Boolean)).toEqual([]);
  });

  it("don't take one voice for another", async () => {
    const flite = await loadFlite();
    const heard = known.map(({ text }) => {
      const { pcm } = renderSpeech(flite, { text, voice: "awb", sampleRateHz: 16_000, speedRatio: 1 });
      return ears.hear(pcm).text;
    });
    expect(heard.filter(Boolean)).toEqual([]);
  });

  it("know nothing any more when they are cleared, and learn the same twice as once", () => {
    const own = new Ears();
    own.register(known[0]!);
    own.register(known[0]!);
    expect(own.size).toBe(1);
    own.clear();
    expect(own.hear(known[0]!.pcm).text).toBe("");
  });

  it("refuse what can't be recognised, and more than they may know", () => {
    const own = new Ears();
    expect(() => own.register({ text: "silence", pcm: new Int16Array(16_000) })).toThrow(RangeError);
    expect(() => own.register({ text: "long", pcm: new Int16Array(31 * 16_000) })).toThrow(RangeError);
    const pcm = known[0]!.pcm.subarray(0, 12_000);
    for (let number = 0; number < maxUtterances; number++) own.register({ text: `number ${number}`, pcm });
    expect(() => own.register({ text: "one more", pcm })).toThrow(RangeError);
  });
});
