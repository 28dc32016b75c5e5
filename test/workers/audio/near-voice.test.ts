import { describe, expect, it } from "vitest";
import {
  crowdWindows,
  farBelowDb,
  mostGainDb,
  NearVoice,
  wantedLevelDb,
} from "../../../workers/audio/near-voice.ts";
import { seeded } from "./signals.ts";

/** A pause, then speech of some windows at about a level; how much of it counted. */
function talk(voice: NearVoice, levelDb: number, windows = 60, noiseDb = -75, seed = 1): number {
  const random = seeded(seed);
  let counted = 0;
  for (let i = 0; i < 40; i++) voice.push(0.02, noiseDb + 2 * (random() - 0.5));
  for (let i = 0; i < windows; i++) if (voice.push(0.95, levelDb + 6 * (random() - 0.5)) > 0.5) counted += 1;
  return counted / windows;
}

describe("the talker's level", () => {
  it("is known after half a second of speech, and amplifies nobody who is loud enough", () => {
    const voice = new NearVoice();
    expect(voice.levelDb).toBeNull();
    talk(voice, -25);
    expect(voice.levelDb).toBeGreaterThan(-27);
    expect(voice.levelDb).toBeLessThan(-21);
    expect(voice.gainDb).toBe(0);
  });

  it("brings a quiet talker up, slowly, as far as the limit", () => {
    for (const levelDb of [-45, -52, -75]) {
      const voice = new NearVoice();
      let last = 0;
      let steepest = 0;
      for (let turn = 0; turn < 20; turn++) {
        talk(voice, levelDb, 60, levelDb - 20, turn);
        steepest = Math.max(steepest, voice.gainDb - last);
        last = voice.gainDb;
      }
      const wanted = Math.min(mostGainDb, wantedLevelDb - levelDb);
      expect(Math.abs(voice.gainDb - wanted)).toBeLessThan(4);
      expect(voice.gainDb).toBeLessThanOrEqual(mostGainDb);
      // 100 windows are 3.2 s.
      expect(steepest).toBeLessThan(10);
    }
  });

  it("is not learned from noise, however often the VAD is mistaken in it", () => {
    const voice = new NearVoice();
    const random = seeded(3);
    for (let i = 0; i < 20_000; i++) voice.push(random() < 0.02 ? 0.9 : 0.05, -50 + 3 * (random() - 0.5));
    expect(voice.levelDb).toBeNull();
    expect(voice.gainDb).toBe(0);
  });

  it("comes down when the talker comes near", () => {
    const voice = new NearVoice();
    for (let turn = 0; turn < 20; turn++) talk(voice, -58, 60, -80, turn);
    expect(voice.gainDb).toBeGreaterThan(12);
    talk(voice, -20);
    expect(voice.gainDb).toBe(0);
  });
});

describe("other voices", () => {
  it("don't count when they are far below the talker, but for the moment after", () => {
    const voice = new NearVoice();
    talk(voice, -25);
    expect(talk(voice, -25 - farBelowDb - 8, 40)).toBe(0);
    expect(talk(voice, -30)).toBe(1);
    let counted = 0;
    for (let i = 0; i < 60; i++) voice.push(0.95, -25);
    for (let i = 0; i < 60; i++) counted += voice.push(0.95, -25 - farBelowDb - 8) > 0.5 ? 1 : 0;
    expect(counted).toBeGreaterThan(8);
    expect(counted).toBeLessThan(16);
  });

  it("are the talker's after all when they go on: the talker may have moved", () => {
    const voice = new NearVoice();
    talk(voice, -25);
    let seconds = 0;
    for (; seconds < 60 && talk(voice, -46, 31, -75, seconds) === 0; seconds++);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(6);
  });

  it("of a crowd without a pause don't count; what stands out of it does", () => {
    const voice = new NearVoice();
    const random = seeded(5);
    const crowd = (): number => voice.push(0.9, -40 + 3 * (random() - 0.5));
    for (let i = 0; i < crowdWindows + 20; i++) crowd();
    let counted = 0;
    for (let i = 0; i < 200; i++) counted += crowd() > 0.5 ? 1 : 0;
    expect(counted).toBe(0);
    for (let i = 0; i < 20; i++) expect(voice.push(0.9, -28)).toBe(0.9);
  });

  it("count where nobody has spoken yet", () => {
    expect(talk(new NearVoice(), -50)).toBe(1);
  });
});
