import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { AudioPiece, EndEvent, SttEvent } from "../../gateway/providers/provider.ts";
import { createWhisperStt } from "../../gateway/providers/stt/whisper.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { type Flite, type FliteVoice, loadFlite } from "../../workers/speech/flite.ts";
import type { SpeechProcesses } from "../../workers/speech/supervise.ts";
import { callContext, collect, describeProviderContract } from "../contract/providers/provider-contract.ts";
import { countWordErrors } from "../support/word-errors.ts";
import { joinPcm, rangeOf, samplesFrom, silence, startEngines } from "./engines.ts";

const clock = createSystemClock();
const sentence = "The train to the city leaves every twenty minutes.";

describe("the embedded recogniser", () => {
  let flite: Flite;
  let speech: SpeechProcesses;
  let stt: ReturnType<typeof createWhisperStt>;
  beforeAll(async () => {
    [flite, speech] = await Promise.all([loadFlite(), startEngines()]);
    stt = createWhisperStt({ socketPath: speech.sockets.recogniser, clock });
    await stt.warm?.();
  });
  afterAll(async () => {
    await stt.close?.();
    await speech.close();
  });

  const say = (text: string, voice: FliteVoice = "slt") => flite.speak(text, voice).pcm;
  const hear = (pieces: AudioPiece[], timeoutMs?: number) =>
    collect(stt.stream({ audio: rangeOf(pieces) }, callContext(new AbortController().signal, timeoutMs)));
  const whole = (pcm: Int16Array): AudioPiece[] => [
    ...samplesFrom(0, pcm),
    { type: "end", atSample: pcm.length },
  ];
  const finalOf = (events: (SttEvent | EndEvent)[]) => {
    expect(events.at(-1)).toMatchObject({ type: "end", outcome: "completed" });
    const final = events.at(-2);
    if (final?.type !== "final") throw new Error("no final before the end");
    return final;
  };

  it.each(["slt", "rms"] as const)("understands what flite's %s says", async (voice) => {
    const said = [
      sentence,
      "Please turn off the lights in the kitchen.",
      "Where did you put the keys to the car?",
    ];
    let errors = 0;
    let words = 0;
    for (const text of said) {
      const counted = countWordErrors(text, finalOf(await hear(whole(say(text, voice)))).text);
      errors += counted.errors;
      words += counted.words;
    }
    expect(errors / words).toBeLessThanOrEqual(0.15);
  });

  it("says how far its final reaches and how much it heard", async () => {
    const pcm = say(sentence);
    const events = await hear(whole(pcm));
    expect(finalOf(events).untilSample).toBe(pcm.length);
    expect(events.at(-1)).toMatchObject({ usage: { audioMs: Math.round(pcm.length / 16) } });
  });

  it("has the words of a pause ready before the end is declared", async () => {
    const pcm = joinPcm([say(sentence), silence(500)]);
    const lastVoicedSample = pcm.length - 8000;
    let declareEnd = () => {};
    const declared = new Promise<void>((resolve) => {
      declareEnd = resolve;
    });
    const audio = rangeOf([]);
    audio.read = async function* () {
      yield* samplesFrom(0, pcm);
      yield { type: "pause", lastVoicedSample };
      await declared;
      yield { type: "end", atSample: pcm.length };
    };
    const types: string[] = [];
    let text = "";
    for await (const event of stt.stream({ audio }, callContext(new AbortController().signal))) {
      types.push(event.type);
      if (event.type === "partial") {
        text = event.text;
        declareEnd();
      }
      // Nothing is transcribed again.
      if (event.type === "final") expect([event.text, stt.inFlight]).toEqual([text, 0]);
    }
    expect(types).toEqual(["partial", "final", "end"]);
    expect(countWordErrors(sentence, text).errors).toBeLessThanOrEqual(1);
  });

  it("says how far the words reach that it has at a pause", async () => {
    const pcm = joinPcm([say(sentence), silence(500)]);
    const lastVoicedSample = pcm.length - 8000;
    const events = await hear([
      ...samplesFrom(0, pcm),
      { type: "pause", lastVoicedSample },
      { type: "end", atSample: pcm.length },
    ]);
    expect(events.find((event) => event.type === "partial")).toMatchObject({ untilSample: lastVoicedSample });
  });

  it("says at a pause that nothing was said before it", async () => {
    const events = await hear([
      ...samplesFrom(0, silence(800)),
      { type: "pause", lastVoicedSample: 8000 },
      { type: "end", atSample: 12_800 },
    ]);
    expect(events[0]).toEqual({ type: "partial", text: "", untilSample: 8000 });
  });

  it("tells the words so far where it is asked in the middle of speech, and still the whole in the end", async () => {
    const pcm = joinPcm([say("Hold on a moment please, I have another question."), silence(500)]);
    const audio = rangeOf([]);
    const probed = 12_000;
    let goOn = () => {};
    const heard = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    audio.read = async function* () {
      yield* samplesFrom(0, pcm.slice(0, probed));
      yield { type: "probe", atSample: probed };
      await heard;
      yield* samplesFrom(probed, pcm.slice(probed));
      yield { type: "pause", lastVoicedSample: pcm.length - 8000 };
      yield { type: "end", atSample: pcm.length };
    };
    const partials: SttEvent[] = [];
    let final = "";
    for await (const event of stt.stream({ audio }, callContext(new AbortController().signal))) {
      if (event.type === "partial") partials.push(event);
      if (event.type === "final") final = event.text;
      goOn();
    }
    expect(partials[0]).toMatchObject({ untilSample: probed, text: expect.stringMatching(/hold on/i) });
    expect(final).toMatch(/^hold on a moment.* another question/i);
  });

  it("goes on after a pause and gives the whole in the end", async () => {
    const first = joinPcm([say("I would like to book a table"), silence(300)]);
    const second = joinPcm([say("for four people tonight."), silence(500)]);
    const end = first.length + second.length;
    const events = await hear([
      ...samplesFrom(0, first),
      { type: "pause", lastVoicedSample: first.length - 4800 },
      { type: "resumed", atSample: first.length },
      ...samplesFrom(first.length, second),
      { type: "pause", lastVoicedSample: end - 8000 },
      { type: "end", atSample: end },
    ]);
    const { errors } = countWordErrors(
      "I would like to book a table for four people tonight",
      finalOf(events).text,
    );
    expect(errors).toBeLessThanOrEqual(1);
  });

  it("cuts a long manual turn at quiet places and joins the texts", async () => {
    const texts = [
      sentence,
      "She bought three apples and a loaf of bread.",
      "The river is very cold in the winter.",
    ];
    const round = texts.flatMap((text) => [say(text, "rms"), silence(600)]);
    const pcm = joinPcm([...round, ...round, ...round, ...round]);
    expect(pcm.length / 16000).toBeGreaterThan(35);
    const events = await hear(whole(pcm));
    const said = Array.from({ length: 4 }, () => texts.join(" ")).join(" ");
    const { errors, words } = countWordErrors(said, finalOf(events).text);
    expect(events.some((event) => event.type === "partial")).toBe(true);
    expect(errors / words).toBeLessThanOrEqual(0.2);
  });

  it.each([
    ["silence", silence(1500)],
    [
      "a click",
      Int16Array.from({ length: 16000 }, (_, i) => (i > 8000 && i < 8300 ? (i % 2 ? 9000 : -9000) : 0)),
    ],
    ["a soft hum", Int16Array.from({ length: 24000 }, (_, i) => Math.round(20 * Math.sin(i / 20)))],
  ])("hears no words in %s", async (_, pcm) => {
    expect(finalOf(await hear(whole(pcm))).text).toBe("");
  });

  it("refuses a language that its model doesn't know", async () => {
    const events = await collect(
      stt.stream(
        { audio: rangeOf(whole(silence(500))), language: "de" },
        callContext(new AbortController().signal),
      ),
    );
    expect(events).toMatchObject([{ type: "end", outcome: "failed", error: { code: "provider_rejected" } }]);
  });

  it("answers a call over which the recogniser was killed", async () => {
    const pcm = joinPcm([say(sentence), silence(200)]);
    const events = hear(whole(pcm));
    await vi.waitFor(() => expect(stt.inFlight).toBe(1), { interval: 1 });
    process.kill(speech.states().recogniser.pid!, "SIGKILL");
    expect(countWordErrors(sentence, finalOf(await events).text).errors).toBeLessThanOrEqual(1);
    expect(speech.states().recogniser.restarts).toBe(1);
  });
});

describe("a recogniser that is not to be had", () => {
  it("refuses at once what its full queue can't take", async () => {
    const speech = await startEngines({ queueLimit: 1 });
    const stt = createWhisperStt({ socketPath: speech.sockets.recogniser, clock });
    await stt.warm?.();
    const pcm = (await loadFlite()).speak(sentence, "slt").pcm;
    const pieces: AudioPiece[] = [
      { type: "samples", fromSample: 0, pcm },
      { type: "end", atSample: pcm.length },
    ];
    const order: string[] = [];
    const ends = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const events = await collect(
          stt.stream({ audio: rangeOf(pieces) }, callContext(new AbortController().signal)),
        );
        const end = events.at(-1) as EndEvent;
        order.push(end.outcome);
        return end;
      }),
    );
    await stt.close?.();
    await speech.close();
    // One is served, one waits; the others are told before either is done.
    expect(order).toEqual(["failed", "failed", "completed", "completed"]);
    expect(ends.filter((end) => end.outcome === "failed").map((end) => end.error)).toMatchObject([
      { code: "provider_overloaded", retryable: true, blame: "full" },
      { code: "provider_overloaded", retryable: true, blame: "full" },
    ]);
  });

  it("fails as unavailable at the deadline", async () => {
    const stt = createWhisperStt({ socketPath: "/nonexistent/engine.sock", clock });
    const pcm = Int16Array.from({ length: 16000 }, (_, i) => Math.round(8000 * Math.sin(i / 10)));
    const audio = rangeOf([
      { type: "samples", fromSample: 0, pcm },
      { type: "end", atSample: 16000 },
    ]);
    const events = await collect(stt.stream({ audio }, callContext(new AbortController().signal, 100)));
    await stt.close?.();
    expect(events).toMatchObject([
      { outcome: "failed", error: { code: "provider_unavailable", retryable: true } },
    ]);
  });
});

describeProviderContract("embedded recogniser", async () => {
  const [flite, speech] = await Promise.all([loadFlite(), startEngines()]);
  const stt = createWhisperStt({ socketPath: speech.sockets.recogniser, clock });
  const { pcm } = flite.speak(sentence, "slt");
  const pieces = [...samplesFrom(0, pcm)];
  return {
    provider: stt,
    request: { audio: rangeOf([...pieces, { type: "end", atSample: pcm.length }]) },
    openRequest: { audio: rangeOf([...pieces, { type: "pause", lastVoicedSample: pcm.length - 3200 }]) },
    inFlight: () => stt.inFlight,
    close: () => speech.close(),
  };
});
