/**
 * The voices' process: flite. Operation `speak`: args `{ text, voice, speedRatio, sampleRateHz }`; events
 * `{ word, fromSample }` before the audio that holds it and `{ audio: true }` with up to 200 ms of mono int16.
 */
import { setImmediate } from "node:timers/promises";
import { type EngineCall, EngineFault, type EngineOperations, runEngineProcess } from "./engine-server.ts";
import { type Flite, type FliteVoice, fliteVoices, loadFlite, MAX_TEXT_CHARACTERS } from "./flite.ts";
import { payloadOf } from "./frames.ts";
import { createUtterance } from "./utterance.ts";

/** Calls that take turns, a piece each: all start to sound soon. */
const CONCURRENCY = 8;
const CHUNK_MS = 200;

interface SpeakArgs {
  text: string;
  voice: FliteVoice;
  speedRatio: number;
  sampleRateHz: number;
}

function readArgs({ text, voice, speedRatio, sampleRateHz }: Record<string, unknown>): SpeakArgs {
  if (typeof text !== "string" || text.length > MAX_TEXT_CHARACTERS) {
    throw new EngineFault(
      "invalid_request",
      `text must be a string of at most ${MAX_TEXT_CHARACTERS} characters`,
    );
  }
  if (!fliteVoices.includes(voice as FliteVoice)) throw new EngineFault("invalid_request", "no such voice");
  if (typeof speedRatio !== "number" || !(speedRatio >= 0.25 && speedRatio <= 4)) {
    throw new EngineFault("invalid_request", "speedRatio must be 0.25 to 4");
  }
  if (![8000, 16000, 24000].includes(sampleRateHz as number)) {
    throw new EngineFault("invalid_request", "sampleRateHz must be 8000, 16000 or 24000");
  }
  return { text, voice: voice as FliteVoice, speedRatio, sampleRateHz: sampleRateHz as number };
}

/** Sends a piece's audio in chunks, each word just before the chunk that it begins in. */
function send(
  emit: EngineCall["emit"],
  piece: { pcm: Int16Array; words: { text: string; fromSample: number }[] },
  fromSample: number,
  chunkSamples: number,
): void {
  let next = 0;
  for (let at = 0; at < piece.pcm.length; at += chunkSamples) {
    const end = Math.min(piece.pcm.length, at + chunkSamples);
    for (; next < piece.words.length; next++) {
      const word = piece.words[next]!;
      if (word.fromSample >= fromSample + end && end < piece.pcm.length) break;
      emit({ word: word.text, fromSample: word.fromSample });
    }
    emit({ audio: true }, payloadOf(piece.pcm.subarray(at, end)));
  }
  for (; next < piece.words.length; next++) {
    const word = piece.words[next]!;
    emit({ word: word.text, fromSample: word.fromSample });
  }
}

function operationsOf(flite: Flite): EngineOperations {
  return {
    async speak({ args, signal, emit }) {
      const { text, voice, speedRatio, sampleRateHz } = readArgs(args);
      const chunkSamples = (CHUNK_MS * sampleRateHz) / 1000;
      let fromSample = 0;
      for (const piece of createUtterance(flite, text, { voice, speedRatio, sampleRateHz })) {
        send(emit, piece, fromSample, chunkSamples);
        fromSample += piece.pcm.length;
        // Synthesis blocks; other calls and cancellations get in between.
        await setImmediate();
        if (signal.aborted) return;
      }
    },
  };
}

async function load(): Promise<EngineOperations> {
  const flite = await loadFlite();
  // The first run of a voice compiles it: three times the usual.
  for (const voice of ["slt", "rms"] as const) flite.speak("Now it is warm.", voice);
  return operationsOf(flite);
}

runEngineProcess("voices", CONCURRENCY, load);
