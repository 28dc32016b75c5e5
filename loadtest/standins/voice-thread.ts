/** The thread that speaks: flite blocks for some 30 ms a sentence, which must not delay the servers' clocks. */
import { parentPort } from "node:worker_threads";
import { type Flite, loadFlite } from "../../workers/speech/flite.ts";
import { renderSpeech, type SpeechRequest } from "./voice-speech.ts";

let flite: Promise<Flite> | null = null;

parentPort?.on("message", async (request: SpeechRequest) => {
  try {
    flite ??= loadFlite();
    const { pcm, words } = renderSpeech(await flite, request);
    parentPort?.postMessage({ pcm, words }, [pcm.buffer as ArrayBuffer]);
  } catch (error) {
    parentPort?.postMessage({ failure: error instanceof Error ? error.message : String(error) });
  }
});
