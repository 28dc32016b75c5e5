/** What the vendors said in a run, found by its words: a crowd's turns are judged one by one, and each could hold any of it. */
import { resampleWhole } from "../../workers/speech/resample.ts";
import type { CallRecord } from "../standins/call-record.ts";
import { finderRateHz, type Source } from "./speech-waveform.ts";
import { wordsOf } from "./word-comparison.ts";

/** Words in a row by which speech is taken for that of a reply; of less, all of it. */
const runWords = 3;
/** Speech that is looked for in one reply; a crowd's answers have small words in common. */
const maxSources = 64;
/** Speech that is kept ready to be compared; about half a megabyte each. */
const maxReady = 800;

export class VendorSpeech {
  /** One call for each different sound, by each run of its words. */
  readonly #byRun = new Map<string, CallRecord[]>();
  readonly #ready = new Map<CallRecord, Source>();

  /** @param calls - of all vendors; those without sound are left out */
  constructor(calls: readonly CallRecord[]) {
    for (const call of differentSpeech(calls)) {
      const { text = "" } = call.detail;
      const count = Math.min(runWords, wordsOf(text).length);
      for (const run of new Set(runsOf(text, count))) {
        const known = this.#byRun.get(run);
        if (known === undefined) this.#byRun.set(run, [call]);
        else known.push(call);
      }
    }
  }

  /** Speech that shares words with one of these texts, in the order in which it was asked for; of too much, what shares most. */
  sourcesFor(texts: readonly string[]): Source[] {
    const counts = Array.from({ length: runWords }, (_, index) => index + 1);
    const runs = new Set(texts.flatMap((text) => counts.flatMap((count) => runsOf(text, count))));
    const shared = new Map<CallRecord, number>();
    for (const run of runs) {
      for (const call of this.#byRun.get(run) ?? []) shared.set(call, (shared.get(call) ?? 0) + 1);
    }
    const shareOf = (call: CallRecord) => shared.get(call)! / wordsOf(call.detail.text ?? "").length;
    return [...shared.keys()]
      .sort((a, b) => shareOf(b) - shareOf(a))
      .slice(0, maxSources)
      .sort((a, b) => a.id - b.id)
      .map((call) => this.#sourceOf(call));
  }

  #sourceOf(call: CallRecord): Source {
    let source = this.#ready.get(call);
    if (source !== undefined) return source;
    source = makeSource(call);
    if (this.#ready.size >= maxReady) this.#ready.delete(this.#ready.keys().next().value!);
    this.#ready.set(call, source);
    return source;
  }
}

/** Of calls that sound the same, the longest: the same text in the same voice, cut off or whole, unless a fault lies in the sound. */
function differentSpeech(calls: readonly CallRecord[]): CallRecord[] {
  const byText = new Map<string, CallRecord[]>();
  for (const call of calls) {
    const { text, pcm, sampleRateHz, askedRateHz } = call.detail;
    if (pcm === undefined || pcm.length === 0) continue;
    const key = `${call.standin} ${sampleRateHz} ${askedRateHz} ${text}`;
    const known = byText.get(key) ?? [];
    byText.set(key, known);
    const same = known.findIndex((other) => startsAlike(other.detail.pcm!, pcm));
    if (same < 0) known.push(call);
    else if (known[same]!.detail.pcm!.length < pcm.length) known[same] = call;
  }
  return [...byText.values()].flat();
}

/** Whether the shorter recording is the beginning of the longer one. */
function startsAlike(one: Int16Array, other: Int16Array): boolean {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return false;
  return true;
}

function makeSource({ standin, detail }: CallRecord): Source {
  // Speech of a wrong rate is heard as what it was taken for.
  const rateHz = detail.askedRateHz ?? detail.sampleRateHz ?? finderRateHz;
  return {
    voice: standin,
    pcm: resampleWhole(detail.pcm!, rateHz, finderRateHz),
    words: (detail.words ?? []).map(({ text, fromSample }) => ({
      text,
      fromSample: Math.round((fromSample * finderRateHz) / rateHz),
    })),
  };
}

/** Each run of so many words. */
function runsOf(text: string, count: number): string[] {
  const words = wordsOf(text);
  if (count === 0) return [];
  return words.slice(count - 1).map((_, index) => words.slice(index, index + count).join(" "));
}
