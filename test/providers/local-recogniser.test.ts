/**
 * Three depths: a fake of the native functions behind the process's own server; the process with the native library and a model of a
 * kilobyte that knows one word (`../workers/speech/tone-recogniser/`); and with the folder of a model that understands speech in
 * LOCAL_RECOGNISER_DIR, that one.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AudioPiece, EndEvent, SttEvent } from "../../gateway/providers/provider.ts";
import { createLocalStt } from "../../gateway/providers/stt/local.ts";
import { tidyTranscript } from "../../gateway/providers/stt/local-transcript.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { serveEngine } from "../../workers/speech/engine-server.ts";
import { loadFlite } from "../../workers/speech/flite.ts";
import { createListening } from "../../workers/speech/local-listening.ts";
import { fromSherpa } from "../../workers/speech/local-sherpa.ts";
import type { SpeechProcesses } from "../../workers/speech/supervise.ts";
import { callContext, collect, describeProviderContract } from "../contract/providers/provider-contract.ts";
import { countWordErrors } from "../support/word-errors.ts";
import { FakeRecogniser, fakeTailMs, sayPlateaus } from "../workers/speech/fake-recogniser.ts";
import { joinPcm, rangeOf, samplesFrom, silence, startEngines } from "./engines.ts";

const clock = createSystemClock();
const folder = process.env.LOCAL_RECOGNISER_DIR ?? "";
const directory = mkdtempSync(join(tmpdir(), "parley-local-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let sockets = 0;
/** The process's server in this process, a fake behind it; it ends with the tests. */
async function serveFake(native = new FakeRecogniser()): Promise<string> {
  const socketPath = join(directory, `${sockets++}.sock`);
  await serveEngine({
    ...{ name: "local-recogniser", socketPath, queueLimit: 4, concurrency: 32 },
    load: async () => createListening(fromSherpa(native, fakeTailMs)),
    report() {},
  });
  return socketPath;
}

function finalOf(events: readonly (SttEvent | EndEvent)[]) {
  expect(events.at(-1)).toMatchObject({ type: "end", outcome: "completed", provider: "local" });
  const final = events.at(-2);
  if (final?.type !== "final") throw new Error("no final before the end");
  return final;
}

const whole = (pcm: Int16Array): AudioPiece[] => [
  ...samplesFrom(0, pcm),
  { type: "end", atSample: pcm.length },
];

describe("a local recogniser (its model a fake)", () => {
  const native = new FakeRecogniser();
  let stt: ReturnType<typeof createLocalStt>;
  beforeAll(async () => {
    stt = createLocalStt({ socketPath: await serveFake(native), clock });
    await stt.warm?.();
  });
  afterAll(() => stt.close?.());
  const hear = (pieces: AudioPiece[]) =>
    collect(stt.stream({ audio: rangeOf(pieces) }, callContext(new AbortController().signal)));

  it("tells words while somebody speaks, and all of them at the end", async () => {
    const pcm = sayPlateaus("hold on a moment I have another question");
    const events = await hear(whole(pcm));
    expect(finalOf(events)).toEqual({
      ...{ type: "final", text: "Hold on a moment I have another question", untilSample: pcm.length },
    });
    const partials = events.filter((event) => event.type === "partial");
    expect(partials.length).toBeGreaterThan(2);
    expect(partials[0]).toEqual({ type: "partial", text: "Hold" });
    expect(events.at(-1)).toMatchObject({ usage: { audioMs: Math.round(pcm.length / 16) } });
  });

  it("has at a pause the words of everything voiced, and nothing to wait for at the end", async () => {
    const pcm = joinPcm([sayPlateaus("hold on"), silence(100)]);
    const lastVoicedSample = pcm.length - 3_200;
    const declared = Promise.withResolvers<void>();
    const audio = rangeOf([]);
    audio.read = async function* () {
      yield* samplesFrom(0, pcm);
      yield { type: "pause", lastVoicedSample };
      await declared.promise;
      yield { type: "end", atSample: pcm.length };
    };
    const events: SttEvent[] = [];
    let decodedAtPause = 0;
    for await (const event of stt.stream({ audio }, callContext(new AbortController().signal))) {
      if (event.type === "end") continue;
      events.push(event);
      if (event.type !== "partial" || event.untilSample === undefined) continue;
      decodedAtPause = native.batches.length;
      declared.resolve();
    }
    expect(events.slice(-2)).toEqual([
      { type: "partial", text: "Hold on", untilSample: lastVoicedSample },
      { type: "final", text: "Hold on", untilSample: pcm.length },
    ]);
    expect(native.batches.length).toBe(decodedAtPause);
  });

  it("goes on after a pause and gives the whole in the end", async () => {
    const first = joinPcm([sayPlateaus("hold on a moment"), silence(200)]);
    const second = sayPlateaus("I have another question");
    const end = first.length + second.length;
    const events = await hear([
      ...samplesFrom(0, first),
      { type: "pause", lastVoicedSample: first.length - 4_800 },
      { type: "resumed", atSample: first.length },
      ...samplesFrom(first.length, second),
      { type: "end", atSample: end },
    ]);
    expect(finalOf(events).text).toBe("Hold on a moment I have another question");
    expect(events).toContainEqual({
      ...{ type: "partial", text: "Hold on a moment", untilSample: first.length - 4_800 },
    });
  });

  it("says of silence that there are no words", async () => {
    const events = await hear([
      ...samplesFrom(0, silence(800)),
      { type: "pause", lastVoicedSample: 8_000 },
      { type: "end", atSample: 12_800 },
    ]);
    expect(events[0]).toEqual({ type: "partial", text: "", untilSample: 8_000 });
    expect(finalOf(events).text).toBe("");
  });

  it("takes a recording of a minute that comes at once, and fills small holes with silence", async () => {
    const round = sayPlateaus("hold on a moment I have another question");
    const many = joinPcm(Array.from({ length: 20 }, () => round));
    expect(finalOf(await hear(whole(many))).text.split(" ")).toHaveLength(20 * 8);
    const second = sayPlateaus("a moment");
    const at = round.length + 16_000;
    const pieces: AudioPiece[] = [
      ...[...samplesFrom(0, round), ...samplesFrom(at, second)],
      { type: "end", atSample: at + second.length },
    ];
    expect(finalOf(await hear(pieces)).text).toMatch(/another question a moment$/i);
  });

  it("fails as unavailable when the model fails, and serves the next call", async () => {
    native.fault = new Error("inference broke");
    const pcm = sayPlateaus("hold on a moment");
    expect(await hear(whole(pcm))).toMatchObject([
      { outcome: "failed", error: { code: "provider_unavailable", retryable: true } },
    ]);
    expect(finalOf(await hear(whole(pcm))).text).toBe("Hold on a moment");
  });
});

describeProviderContract("local recogniser (its model a fake)", async () => {
  const stt = createLocalStt({ socketPath: await serveFake(), clock });
  const pcm = sayPlateaus("hold on a moment");
  return {
    provider: stt,
    request: { audio: rangeOf(whole(pcm)) },
    openRequest: { audio: rangeOf([...samplesFrom(0, pcm)]) },
    inFlight: () => stt.inFlight,
    close: async () => {},
  };
});

describe("the text of a local recogniser", () => {
  it.each([
    ["HELLO THERE I AM HERE", "Hello there I am here"],
    [" I'M  FINE", "I'm fine"],
    ["Already written.", "Already written."],
    ["你好", "你好"],
    ["", ""],
  ])("%j reads %j", (text, tidy) => expect(tidyTranscript(text)).toBe(tidy));
});

describe("a folder that holds no recogniser", () => {
  it("is named at the check, in one line, and its calls fail at once", async () => {
    const speech = await startEngines({ local: { "local-recogniser": directory } });
    const stt = createLocalStt({ socketPath: speech.sockets["local-recogniser"]!, clock });
    await stt.warm?.();
    expect(await stt.check?.(new AbortController().signal)).toMatchObject({
      blame: "key",
      message:
        "PARLEY_LOCAL_STT_DIR: no streaming recogniser in it: encoder, decoder and joiner (*.onnx), or one CTC model",
    });
    const pcm = sayPlateaus("hold on");
    const events = await collect(
      stt.stream({ audio: rangeOf(whole(pcm)) }, callContext(new AbortController().signal)),
    );
    expect(events).toMatchObject([{ outcome: "failed", error: { code: "provider_unavailable" } }]);
    await stt.close?.();
    await speech.close();
  });
});

describe("a local recogniser (the native library, a model that hears tones)", () => {
  const model = fileURLToPath(new URL("../workers/speech/tone-recogniser", import.meta.url));
  const tone = Int16Array.from({ length: 16_000 }, (_, i) => (Math.floor(i / 20) % 2 === 0 ? 6_000 : -6_000));
  let speech: SpeechProcesses;
  let stt: ReturnType<typeof createLocalStt>;
  beforeAll(async () => {
    speech = await startEngines({ local: { "local-recogniser": model } });
    stt = createLocalStt({ socketPath: speech.sockets["local-recogniser"]!, clock });
    await stt.warm?.();
  }, 30_000);
  afterAll(async () => {
    await stt.close?.();
    await speech.close();
  });
  const hear = (pieces: AudioPiece[]) =>
    collect(stt.stream({ audio: rangeOf(pieces) }, callContext(new AbortController().signal)));

  it("tells words while they come, at a pause, and at the end", async () => {
    const first = joinPcm([silence(500), tone, silence(500)]);
    const end = first.length + tone.length + 8_000;
    const events = await hear([
      ...samplesFrom(0, first),
      { type: "pause", lastVoicedSample: first.length - 8_000 },
      { type: "resumed", atSample: first.length },
      ...samplesFrom(first.length, joinPcm([tone, silence(500)])),
      { type: "end", atSample: end },
    ]);
    expect(events[0]).toEqual({ type: "partial", text: "Tone" });
    expect(events).toContainEqual({ type: "partial", text: "Tone", untilSample: first.length - 8_000 });
    expect(finalOf(events)).toEqual({ type: "final", text: "Tone tone", untilSample: end });
  });

  it("keeps what is said side by side apart", async () => {
    const texts = await Promise.all(
      [0, 1, 2, 3].map(async (tones) => {
        const pcm = joinPcm(Array.from({ length: tones * 2 + 1 }, (_, i) => (i % 2 ? tone : silence(500))));
        return finalOf(await hear(whole(pcm))).text;
      }),
    );
    expect(texts).toEqual(["", "Tone", "Tone tone", "Tone tone tone"]);
  });

  it("fails the call under way when its process is killed, and is well again after a restart", async () => {
    const abort = new AbortController();
    const events: (SttEvent | EndEvent)[] = [];
    const open = rangeOf([...samplesFrom(0, joinPcm([silence(500), tone]))]);
    for await (const event of stt.stream({ audio: open }, callContext(abort.signal))) {
      if (events.length === 0) process.kill(speech.states()["local-recogniser"]!.pid!, "SIGKILL");
      events.push(event);
    }
    expect(events.at(-1)).toMatchObject({ outcome: "failed", error: { code: "provider_unavailable" } });
    await stt.warm?.();
    expect(finalOf(await hear(whole(joinPcm([silence(500), tone, silence(500)])))).text).toBe("Tone");
    expect(speech.states()["local-recogniser"]!.restarts).toBe(1);
  }, 30_000);
});

const why = folder === "" ? "LOCAL_RECOGNISER_DIR names no folder of a model" : "from LOCAL_RECOGNISER_DIR";
describe.skipIf(folder === "")(`a local recogniser (${why})`, () => {
  it("understands what flite says", async () => {
    const speech = await startEngines({ local: { "local-recogniser": folder } });
    const stt = createLocalStt({ socketPath: speech.sockets["local-recogniser"]!, clock });
    const flite = await loadFlite();
    await stt.warm?.();
    const said = "The train to the city leaves every twenty minutes.";
    const { pcm } = flite.speak(said, "slt");
    const events = await collect(
      stt.stream({ audio: rangeOf(whole(pcm)) }, callContext(new AbortController().signal)),
    );
    const { errors, words } = countWordErrors(said, finalOf(events).text);
    expect(errors / words).toBeLessThanOrEqual(0.3);
    await stt.close?.();
    await speech.close();
  }, 60_000);
});
