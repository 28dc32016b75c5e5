/** The thread that speaks: flite blocks for some 30 ms a sentence, which must not delay the servers' clocks. */
import { parentPort } from "node:worker_threads";
import { type Flite, loadFlite } from "../../workers/speech/flite.ts";
import { renderSpeech, type SpeechRequest } from "./voice-speech.ts";

interface Job {
  id: number;
  request: SpeechRequest;
}

let flite: Promise<Flite> | null = null;

parentPort?.on("message", async ({ id, request }: Job) => {
  try {
    flite ??= loadFlite();
    const { pcm, words } = renderSpeech(await flite, request);
    parentPort?.postMessage({ id, pcm, words }, [pcm.buffer as ArrayBuffer]);
  } catch (error) {
    parentPort?.postMessage({ id, failure: error instanceof Error ? error.message : String(error) });
  }
});
