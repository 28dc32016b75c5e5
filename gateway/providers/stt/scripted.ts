/** A recogniser that always hears the same, the moment that the utterance ends. */
import type { SttProvider } from "../provider.ts";
import type { Script } from "../script.ts";

export function createScriptedStt(script: Script): SttProvider {
  let heard = 0;
  return {
    name: "scripted",
    async *stream({ audio }, { signal }) {
      let untilSample = audio.fromSample;
      let whole = false;
      for await (const piece of audio.read(audio.fromSample, signal)) {
        if (piece.type === "samples") untilSample = piece.fromSample + piece.pcm.length;
        whole ||= piece.type === "end";
      }
      const usage = { audioMs: (untilSample - audio.fromSample) / 16 };
      if (!whole || signal.aborted)
        return yield { type: "end", outcome: "cancelled", usage, provider: "scripted" };
      const { transcripts } = script;
      const text = transcripts[Math.min(heard, transcripts.length - 1)] ?? "";
      heard += 1;
      yield { type: "final", text, untilSample };
      yield { type: "end", outcome: "completed", usage, provider: "scripted" };
    },
  };
}
