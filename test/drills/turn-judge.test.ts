/** The judge against replies that are put together here: what is wrong with them is known. */
import { afterAll, describe, expect, it } from "vitest";
import { openTurn, type TurnRecord } from "../../loadtest/callers/turn-record.ts";
import { renderSpare, spareVoice } from "../../loadtest/drills/spare-voice.ts";
import { judgeTurn } from "../../loadtest/drills/turn-judge.ts";
import { wordsOf } from "../../loadtest/drills/word-comparison.ts";
import type { CallRecord } from "../../loadtest/standins/call-record.ts";
import type { StandinName } from "../../loadtest/standins/standin.ts";
import { createWorld } from "../../loadtest/standins/world.ts";
import { loadFlite } from "../../workers/speech/flite.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { createUtterance } from "../../workers/speech/utterance.ts";

const rateHz = 24_000;
const world = createWorld({ seed: 3 });
afterAll(() => world.close());

const first = "The quiet gardener painted some letters yesterday.";
const second = "Nobody reported her hidden diamonds as slowly before.";
const whole = `${first} ${second}`;

async function speak(text: string, voice: StandinName) {
  return world.speak(text, { voice, sampleRateHz: rateHz, speedRatio: 1 });
}

/** A call as a stand-in would have noted it. */
async function callOf(text: string, standin: StandinName): Promise<CallRecord> {
  const { pcm, words } = await speak(text, standin);
  return {
    ...{ id: 1, standin, startedAtMs: 0, firstMs: 0, durationMs: 1, outcome: "completed", fault: null },
    detail: { text, pcm, words, sampleRateHz: rateHz },
  };
}

function turnOf(pieces: Int16Array[], replyText: string): TurnRecord {
  const turn = openTurn(0, "What is new?", 0, 20);
  let atMs = 500;
  for (const piece of pieces) {
    turn.replyPieces.push(piece);
    turn.replyPiecesAtMs.push(atMs);
    atMs += (piece.length * 1000) / rateHz;
  }
  turn.firstSoundAtMs = pieces.length > 0 ? 700 : null;
  turn.status = "completed";
  turn.replyText = replyText;
  return turn;
}

async function judge(pieces: Int16Array[], calls: CallRecord[], more: object = {}) {
  return judgeTurn({
    ...{ turn: turnOf(pieces, whole), rateHz, answer: whole, history: whole, interruptedAtMs: null, calls },
    listens: true,
    ...more,
  });
}

const google = [await callOf(first, "google-tts"), await callOf(second, "google-tts")];
const [a, b] = google.map((call) => call.detail.pcm!) as [Int16Array, Int16Array];
const startOf = (word: number) => google[1]!.detail.words![word]!.fromSample;

describe("judgeTurn", () => {
  it("finds nothing wrong with a reply that is whole", async () => {
    const verdict = await judge([a, b], google);
    expect(verdict).toMatchObject({
      ...{ isSilent: false, isLost: false, missing: [], repeated: [], fragments: [], unheard: [] },
      ...{ missingOfAnswer: [], repeatedOfAnswer: [], gapMs: 0, firstSoundMs: 700, voices: ["google-tts"] },
    });
  });

  it("follows a reply from one voice into the next", async () => {
    const rest = await callOf("hidden diamonds as slowly before.", "elevenlabs");
    const verdict = await judge([a, b.subarray(0, startOf(3)), rest.detail.pcm!], [...google, rest]);
    expect(verdict).toMatchObject({
      missing: [],
      repeated: [],
      unheard: [],
      voices: ["google-tts", "elevenlabs"],
    });
    expect(verdict.gapMs).toBeLessThan(150);
  });

  it("recognises the gateway's own voice", async () => {
    const [spare] = await renderSpare("hidden diamonds as slowly before.", new Set([0]), true);
    const pcm = resampleWhole(spare!.pcm, 16_000, rateHz);
    const verdict = await judge([a, b.subarray(0, startOf(3)), pcm], google);
    expect(verdict).toMatchObject({ missing: [], repeated: [], voices: ["google-tts", "embedded"] });
  });

  it("recognises the gateway's own voice where it speaks a sign of its own", async () => {
    const text = "The gate opens where 35 % is talking: measured 40 %, target 50 %.";
    const options = { voice: spareVoice, speedRatio: 1, sampleRateHz: rateHz } as const;
    const pieces = [...createUtterance(await loadFlite(), text, options)].map(({ pcm }) => pcm);
    const turn = turnOf(pieces, text);
    expect(await judge([], [], { turn, answer: null, history: text })).toMatchObject({
      ...{ missing: [], repeated: [], fragments: [] },
    });
  });

  it("recognises the gateway's own voice in a sentence that was spoken over", async () => {
    const answer = "Several kettles from the palace were rarely copper, as the oldest gardener knew.";
    const options = { voice: spareVoice, speedRatio: 1, sampleRateHz: rateHz } as const;
    const [spoken] = [...createUtterance(await loadFlite(), answer, options)];
    for (const heard of [4, 5, 6, 7]) {
      const untilSample = spoken!.words[heard]!.fromSample;
      const reply = answer.split(" ").slice(0, heard).join(" ");
      const turn = { ...turnOf([spoken!.pcm.subarray(0, untilSample)], reply), status: "cancelled" };
      const interruptedAtMs = (untilSample * 1000) / rateHz;
      expect(await judge([], [], { turn, answer, history: reply, interruptedAtMs })).toMatchObject({
        ...{ heard: wordsOf(reply).join(" "), unheard: [], fragments: [] },
      });
    }
  });

  it("misses the words that were left out, and says that the history holds them", async () => {
    const verdict = await judge([a, b.subarray(0, startOf(2)), b.subarray(startOf(4))], google);
    expect(verdict.missing).toEqual(["her", "hidden"]);
    expect(verdict.unheard).toEqual(["her", "hidden"]);
  });

  it("tells words that were said again", async () => {
    const verdict = await judge([a, b.subarray(0, startOf(5)), b.subarray(startOf(3))], google);
    expect(verdict.repeated).toEqual(["hidden", "diamonds"]);
    expect(verdict.missing).toEqual([]);
  });

  it("hears the words of a voice at the wrong rate, as it was played", async () => {
    const voice = "google-tts";
    const slow = await world.speak(first, { voice, sampleRateHz: 16_000, speedRatio: 1 });
    const call = await callOf(first, voice);
    const wrong = { ...call, detail: { ...call.detail, ...slow, sampleRateHz: 16_000, askedRateHz: rateHz } };
    const turn = turnOf([slow.pcm], first);
    expect(await judge([], [wrong], { turn, answer: first, history: first })).toMatchObject({
      missing: [],
      repeated: [],
      unheard: [],
    });
  });

  it("knows the voice that only had a word left to say", async () => {
    const text = "If it rains";
    const dead = await callOf("If it rains,", "google-tts");
    const rest = await callOf("rains,", "elevenlabs");
    const pieces = [
      dead.detail.pcm!.subarray(0, dead.detail.words![2]!.fromSample),
      new Int16Array(rateHz / 2),
      rest.detail.pcm!,
    ];
    const turn = turnOf(pieces, text);
    expect(await judge(pieces, [dead, rest], { turn, answer: text, history: text })).toMatchObject({
      missing: [],
      repeated: [],
      unheard: [],
    });
  });

  it.each([
    ["A yellow musician guarded windy pencils without help.", 200],
    ["A sleepy station inspected friendly needles without help.", 200],
  ])("hears a first word of 45 ms that waited in its middle: %s", async (answer, cutMs) => {
    const call = await callOf(answer, "google-tts");
    const cut = (cutMs * rateHz) / 1000;
    const waited = new Int16Array(rateHz / 10);
    const pieces = [call.detail.pcm!.subarray(0, cut), waited, call.detail.pcm!.subarray(cut)];
    const verdict = await judge(pieces, [call], { turn: turnOf(pieces, answer), answer, history: answer });
    expect(verdict).toMatchObject({ missing: [], repeated: [], fragments: [], unheard: [] });
  });

  it("finds a short word that stands alone between two silences", async () => {
    const silence = new Int16Array(rateHz * 0.3);
    const answer = "A yellow musician guarded windy pencils without help.";
    const call = await callOf(answer, "elevenlabs");
    const { pcm, words } = call.detail;
    const cut = words![1]!.fromSample;
    const spread = [pcm!.subarray(0, cut), silence, pcm!.subarray(cut)];
    const verdict = await judge(spread, [call], { turn: turnOf(spread, answer), answer, history: answer });
    expect(verdict).toMatchObject({ missing: [], repeated: [], unheard: [] });
    expect(verdict.gapMs).toBeGreaterThan(200);
    const dead = await callOf("Look for early magnets beside any grocer.", "google-tts");
    const look = dead.detail.pcm!.subarray(0, dead.detail.words![1]!.fromSample);
    const rest = await callOf("for early magnets beside any grocer.", "elevenlabs");
    const text = "Look for early magnets beside any grocer.";
    const pieces = [look, silence, rest.detail.pcm!];
    const turn = turnOf(pieces, text);
    expect(await judge(pieces, [dead, rest], { turn, answer: text, history: text })).toMatchObject({
      missing: [],
      repeated: [],
      unheard: [],
    });
  });

  it("hears a word of 16 ms in the middle of a sentence", async () => {
    const text = "The mountain were safely finished by a waiter.";
    const call = await callOf(text, "elevenlabs");
    const pieces = [call.detail.pcm!];
    const verdict = await judge(pieces, [call], { turn: turnOf(pieces, text), answer: text, history: text });
    expect(verdict).toMatchObject({ missing: [], fragments: [], unheard: [] });
  });

  it.each([0, 2, 4, 6, 8])(
    "knows a short word that fades where its voice was cut off, %i ms into a block",
    async (ms) => {
      const text = "The hidden museum painted some kettles. His market keeps napkins under an old canal.";
      const dead = await callOf("The hidden museum painted some kettles.", "elevenlabs");
      const rest = await callOf("hidden museum painted some kettles.", "cartesia");
      const last = await callOf("His market keeps napkins under an old canal.", "cartesia");
      const alike = ["captain", "theatre", "hunter"].map((who) =>
        callOf(`his ${who} keeps helmets under an old canal.`, "elevenlabs"),
      );
      const cut = dead.detail.words![1]!.fromSample;
      const fade = rateHz / 100;
      const word = dead.detail.pcm!.slice(0, cut);
      for (let at = cut - fade; at < cut; at++) word[at] = Math.round((word[at]! * (cut - at)) / fade);
      const pieces = [new Int16Array((rateHz * ms) / 1000), word, rest.detail.pcm!, last.detail.pcm!];
      // Their "his" sounds much like it.
      const calls = [...(await Promise.all(alike)), dead, rest, last];
      const turn = turnOf(pieces, text);
      expect(await judge(pieces, calls, { turn, answer: text, history: text })).toMatchObject({
        ...{ missing: [], repeated: [], fragments: [], unheard: [] },
      });
    },
  );

  it.each([0, 1, 2])("finds hissing sounds whole, also %i samples beside its own rate's", async (samples) => {
    const text = "Six needles cross the surface softly.";
    const call = await callOf(text, "google-tts");
    const pieces = [new Int16Array(rateHz + samples), call.detail.pcm!];
    const verdict = await judge(pieces, [call], { turn: turnOf(pieces, text), answer: text, history: text });
    expect(verdict).toMatchObject({ missing: [], fragments: [] });
    expect(verdict.parts).toHaveLength(1);
  });

  it.each([80, 120, 160, 200])(
    "follows a voice that begins %i ms late, into the fade of another",
    async (lateMs) => {
      const text = "Yesterday she watched towels, the silver beach smiled quickly.";
      const dead = await callOf(text, "google-tts");
      const rest = await callOf("watched towels, the silver beach smiled quickly.", "elevenlabs");
      const fade = rateHz / 50;
      const cut = dead.detail.words![2]!.fromSample;
      const tail = dead.detail.pcm!.subarray(cut, cut + fade);
      const next = rest.detail.pcm!.slice((rateHz * lateMs) / 1000);
      tail.forEach((sample, at) => {
        next[at] = Math.round(next[at]! * (at / fade) + sample * (1 - at / fade));
      });
      const pieces = [dead.detail.pcm!.subarray(0, cut), next];
      const turn = turnOf(pieces, text);
      expect(await judge(pieces, [dead, rest], { turn, answer: text, history: text })).toMatchObject({
        missing: [],
        repeated: [],
        unheard: [],
      });
    },
  );

  it("measures a gap, but not the pauses of speech", async () => {
    const silence = new Int16Array(rateHz * 0.8);
    const inside = await judge([a, b.subarray(0, startOf(3)), silence, b.subarray(startOf(3))], google);
    expect(inside.gapMs).toBeGreaterThan(700);
    expect(inside.gapMs).toBeLessThan(900);
    expect(inside.missing).toEqual([]);
  });

  it("hears a word that waited in its middle, also where others of the voice's answers begin alike", async () => {
    const alike = [await callOf("Nobody reported their news.", "google-tts"), ...google];
    const word = startOf(1) - startOf(0);
    const verdicts = [];
    for (const share of [0.3, 0.4, 0.5, 0.6, 0.7]) {
      const cut = startOf(0) + Math.round(share * word);
      const waited = new Int16Array(0.2 * rateHz);
      const pieces = [a, b.subarray(0, cut), waited, b.subarray(cut)];
      verdicts.push(await judge(pieces, alike));
    }
    for (const verdict of verdicts)
      expect(verdict).toMatchObject({ missing: [], fragments: [], unheard: [] });
  });

  it("counts audio that came late as a gap", async () => {
    const turn = turnOf([a, b], whole);
    turn.replyPiecesAtMs[1]! += 900;
    const verdict = await judge([], google, { turn });
    expect(verdict.gapMs).toBeGreaterThan(800);
  });

  it("calls a turn without sound silent, and one without an answer lost", async () => {
    const silent = turnOf([new Int16Array(rateHz)], whole);
    silent.firstSoundAtMs = null;
    silent.status = "failed";
    const verdict = await judge([], google, { turn: silent });
    expect(verdict).toMatchObject({ isSilent: true, isLost: true });
    expect(verdict.missing.length).toBe(15);
  });

  it("takes words after an interruption for unheard", async () => {
    const turn = turnOf([a, b], whole);
    turn.status = "cancelled";
    const verdict = await judge([], google, { turn, interruptedAtMs: (a.length * 1000) / rateHz });
    expect(verdict.missing).toEqual([]);
    expect(verdict.unheard).toContain("diamonds");
    const honest = await judge([], google, {
      turn,
      history: first,
      interruptedAtMs: (a.length * 1000) / rateHz,
    });
    expect(honest.unheard).toEqual([]);
  });

  it("holds the reply against the answer that the vendors gave", async () => {
    const verdict = await judge([a], google, { turn: turnOf([a], first), history: first });
    expect(verdict.missing).toEqual([]);
    expect(verdict.missingOfAnswer).toHaveLength(8);
  });

  it("holds the transcript against what was said, unless the embedded recogniser wrote it", async () => {
    const heardAs = (transcript: string, provider: string) => {
      const turn = turnOf([a, b], whole);
      const report = { providers: [{ stage: "stt", provider, outcome: "completed" }] };
      return judge([a, b], google, { turn: { ...turn, transcript, report } });
    };
    expect((await heardAs("What is new?", "google")).misunderstood).toEqual([]);
    expect((await heardAs("is new now", "google")).misunderstood).toEqual(["what", "now"]);
    expect((await heardAs("is new", "embedded")).misunderstood).toEqual([]);
  });

  it("misses what the history lacks of a reply, and a history that can't be read", async () => {
    expect(await judge([a, b], google)).toMatchObject({ forgotten: [], isHistoryUnread: false });
    expect((await judge([a, b], google, { history: second })).forgotten).toHaveLength(7);
    expect((await judge([a, b], google, { history: "" })).forgotten).toHaveLength(15);
    // What was left when the caller spoke again was not heard.
    expect((await judge([a, b], google, { history: first, spokenAgainAtMs: 900 })).forgotten).toEqual([]);
    expect(await judge([a, b], google, { history: null })).toMatchObject({ isHistoryUnread: true });
  });

  it("finds words in the reply that belong to no answer", async () => {
    const { foreignOfAnswer } = await judge([a, b], google, { answer: first });
    expect(foreignOfAnswer.length).toBeGreaterThan(5);
  });

  it("does not hear words in noise, nor in the speech of others", async () => {
    const noise = new Int16Array(a.length).map((_, index) => ((index * 7919) % 9001) - 4500);
    const other = await speak("Three rusty records cost less than your river expected.", "cartesia");
    const verdict = await judge([noise, other.pcm], google);
    expect(verdict.heard).toBe("");
    expect(verdict.isSilent).toBe(false);
  });
});
