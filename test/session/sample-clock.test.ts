/** Turn ends are counted in samples: how fast they come, and in what bursts, changes nothing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Output, TurnDetection } from "../../gateway/session/domain.ts";
import { Conversation } from "./conversation.ts";
import { withDetection } from "./session-fixtures.ts";

/** Stretches of speech in ms: how long each lasts and the silence after it. */
type Speech = { spokenMs: number; silentMs: number }[];

/** How a client's audio arrives: when its sample at `ms` is there, and how much has come by then. */
interface Arrival {
  name: string;
  atMs(ms: number): number;
  receivedMs(ms: number): number;
}

const exactly = (ms: number) => ms;

const arrivals: Arrival[] = [
  { name: "in time", atMs: exactly, receivedMs: exactly },
  { name: "at twice real time", atMs: (ms) => ms / 2, receivedMs: exactly },
  { name: "at half of it", atMs: (ms) => ms * 2, receivedMs: exactly },
  {
    // Nothing for two seconds, then two seconds at once.
    name: "in bursts after stalls of two seconds",
    atMs: (ms) => Math.ceil(ms / 2_000) * 2_000,
    receivedMs: (ms) => Math.ceil(ms / 2_000) * 2_000,
  },
  { name: "all at once", atMs: () => 0, receivedMs: () => 600_000 },
  { name: "after a stall of an hour", atMs: (ms) => ms + 3_600_000, receivedMs: exactly },
];

function detection(semantic: boolean): TurnDetection {
  const both = { createResponse: true, interruptResponse: true };
  return semantic
    ? ({ type: "semantic_vad", eagerness: "medium", ...both } as const)
    : ({
        ...{ type: "server_vad", thresholdRatio: 0.5, prefixPaddingMs: 300, silenceDurationMs: 500 },
        ...{ idleTimeoutMs: null, ...both },
      } as const);
}

/** The front end and a recogniser that obey the session; all events in the order of samples. */
function converse(speech: Speech, arrival: Arrival, semantic: boolean): Output[] {
  const talk = new Conversation(withDetection(detection(semantic)));
  let ms = 1_000;
  const moveTo = (toMs: number) => {
    for (;;) {
      const next = Object.keys(talk.state.alarms)
        .map((key) => ({ key, ms: talk.alarmMs(key) ?? 0 }))
        .sort((a, b) => a.ms - b.ms)[0];
      if (!next || next.ms > toMs) break;
      wallClock(next.ms);
      talk.alarm(next.key);
      for (const { itemId } of talk.state.input.pending) talk.transcribed("Yes please.", itemId);
    }
    wallClock(toMs);
    ms = toMs;
  };
  const wallClock = (atMs: number) => {
    talk.atMs = 10_000 + arrival.atMs(atMs);
    talk.receivedMs = arrival.receivedMs(atMs);
  };
  let speaking = false;
  for (const { spokenMs, silentMs } of speech) {
    moveTo(ms);
    if (speaking && talk.state.input.utterance) talk.resumed(ms);
    else talk.onset(ms);
    speaking = true;
    moveTo(ms + spokenMs);
    talk.pause(ms);
    moveTo(ms + silentMs);
  }
  moveTo(ms + 10_000);
  return talk.outputs;
}

/** What does not hang on the wall clock. */
const timeless = (outputs: Output[]) =>
  outputs.filter(({ type }) => !["rateLimits", "turnReport"].includes(type)).map((output) => output);

const speechArbitrary: fc.Arbitrary<Speech> = fc.array(
  fc.record({
    spokenMs: fc.integer({ min: 200, max: 4_000 }),
    silentMs: fc.integer({ min: 70, max: 3_000 }),
  }),
  { minLength: 1, maxLength: 8 },
);

describe.each([
  ["server_vad", false],
  ["semantic_vad", true],
] as const)("turn ends of %s", (_name, semantic) => {
  it("are the same however the audio arrives, and as many as there are silences long enough", () => {
    fc.assert(
      fc.property(speechArbitrary, (speech) => {
        const expected = timeless(converse(speech, arrivals[0]!, semantic));
        const waitMs = semantic ? 1_000 : 500;
        const ends = speech.filter(
          ({ silentMs }, index) => index === speech.length - 1 || silentMs >= waitMs,
        );
        expect(expected.filter(({ type }) => type === "speechStopped")).toHaveLength(ends.length);
        for (const arrival of arrivals.slice(1)) {
          expect(timeless(converse(speech, arrival, semantic)), arrival.name).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("a stall in the middle of a pause", () => {
  it("ends no turn, however long it lasts and whatever comes of the recogniser meanwhile", () => {
    const talk = new Conversation(withDetection(detection(true)));
    talk.onset(1_000);
    talk.pause(2_000);
    talk.receivedMs = 2_100;
    talk.atMs += 2_000;
    talk.words("What is it.", 2_000);
    expect(talk.alarmMs("turn:end")).toBe(2_300);
    talk.receivedMs = 4_100;
    talk.resumed(2_250);
    expect(talk.alarmMs("turn:end")).toBeNull();
    expect(talk.of("speechStopped")).toEqual([]);
  });
});

describe("audio that never pauses", () => {
  it("is committed at the longest turn's length, again and again, without a gap", () => {
    const talk = new Conversation(withDetection(detection(false)), { maxTurnMs: 10_000 });
    talk.onset(1_000);
    for (let turn = 1; turn <= 4; turn++) {
      const step = talk.alarm("turn:max");
      expect(step.said).toContain("inputCommitted");
      // The front end reports what goes on as a new onset, a little later.
      talk.onset(talk.receivedMs + 40);
    }
    const opened = talk.effectsOf("openUtterance").map(({ fromSample }) => fromSample / 16);
    const ended = talk.effectsOf("endUtterance").map(({ atSample }) => atSample / 16);
    expect(opened).toEqual([700, ...ended]);
    expect(ended).toEqual([10_700, 20_700, 30_700, 40_700]);
  });
});
