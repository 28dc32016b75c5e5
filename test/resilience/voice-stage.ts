/** Voices that speak real speech and die where a test says so, behind a chain. */
import type { Attempt, ConversationMemory, TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import { createChain } from "../../gateway/resilience/chain.ts";
import type { ReferenceReader } from "../../gateway/resilience/tts-place.ts";
import type { TtsPolicyOptions } from "../../gateway/resilience/tts-policy.ts";
import { createTtsPolicy } from "../../gateway/resilience/tts-policy.ts";
import type { FliteVoice } from "../../workers/speech/flite.ts";
import { loadFlite } from "../../workers/speech/flite.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { createUtterance } from "../../workers/speech/utterance.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import type { Step } from "./fake-providers.ts";
import { collect, createFakeProvider, openContext, word } from "./fake-providers.ts";

export const rate = 16_000;
export const sentences = [
  "The museum opens at nine in the morning and closes at half past five, except on Mondays.",
  "Well, it costs about five dollars, or so they say, but you can get it cheaper on weekends.",
  "Parley is a realtime voice gateway. It listens to what you say and answers in a spoken voice.",
  "I think that the weather tomorrow will be mostly sunny with a light breeze from the west.",
  "First mix the flour with the sugar, then add two eggs and a little milk, and stir until it is smooth.",
  "She told me that her brother, who lives in Chicago, had bought a new guitar for his birthday.",
  "Photosynthesis is the process by which green plants turn sunlight and water into sugar.",
];

export const flite = await loadFlite();

export const dies: Step<TtsEvent> = { fail: "provider_unavailable" };

/** A voice that says the text in chunks of 100 ms, up to `untilSample`. */
export function saying(name: FliteVoice, options: { marks: boolean; untilSample?: number }) {
  return createFakeProvider<TtsRequest, TtsEvent>(name, ({ text, sampleRateHz }) => {
    const { pcm, words } = flite.speak(text, name);
    const whole = sampleRateHz === rate ? pcm : resampleWhole(pcm, rate, sampleRateHz);
    const ratio = sampleRateHz / rate;
    const until = Math.round(Math.min(pcm.length, options.untilSample ?? pcm.length) * ratio);
    const steps: Step<TtsEvent>[] = [];
    for (let at = 0; at < until; at += sampleRateHz / 10) {
      const end = Math.min(until, at + sampleRateHz / 10);
      const begun = words.filter(({ fromSample }) => fromSample * ratio >= at && fromSample * ratio < end);
      if (options.marks)
        steps.push(...begun.map((mark) => word(mark.text, Math.round(mark.fromSample * ratio))));
      steps.push({ give: { type: "audio", pcm: whole.subarray(at, end) } });
    }
    return options.untilSample === undefined ? steps : [...steps, dies];
  });
}

/** Reads with the robotic voice, as the gateway does. */
export const reader: ReferenceReader = async ({ text, speedRatio }) => {
  const sampleRateHz = 8000;
  const pieces = [...createUtterance(flite, text, { voice: "kal16", speedRatio, sampleRateHz })];
  const pcm = Int16Array.from(pieces.flatMap((piece) => [...piece.pcm]));
  return { pcm, words: pieces.flatMap(({ words }) => words), sampleRateHz };
};

type Voice = ReturnType<typeof saying>;

export async function run(
  links: Voice[],
  request: Partial<TtsRequest> = {},
  options: TtsPolicyOptions = {},
  more: { conversation?: ConversationMemory; unplayedMs?: () => number } = {},
) {
  const clock = createFakeClock();
  const attempts: Attempt[] = [];
  const chain = createChain(links, createTtsPolicy(options), {
    onAttempt: (attempt) => attempts.push(attempt),
  });
  const asked: TtsRequest = {
    text: sentences[0]!,
    voice: "v",
    speedRatio: 1,
    sampleRateHz: rate,
    ...request,
  };
  /** Samples before the second voice was asked. */
  let joint = 0;
  const stream = chain.stream(asked, { ...openContext(clock), ...more });
  const watched = (async function* () {
    for await (const event of stream) {
      if (event.type === "audio" && links[1]?.calls.length === 0) joint += event.pcm.length;
      yield event;
    }
  })();
  const events = await clock.until(collect(watched));
  const chunks = events.flatMap((event) => (event.type === "audio" ? [event.pcm] : []));
  const samples = Int16Array.from(chunks.flatMap((pcm) => [...pcm]));
  const marks = events.flatMap((event) => (event.type === "word" ? [event.text] : []));
  return { attempts, samples, marks, joint, end: events.at(-1) };
}
