import { scriptedEngines, startGateway } from "../support/gateway.ts";
import { RealtimeClient } from "../support/realtime-client.ts";
import { sayRecording, type TestVoice } from "../support/speech.ts";
import { transcribe } from "../support/transcribe.ts";
import { countWordErrors } from "../support/word-errors.ts";
import { type Bench, isMet, type Row } from "./report.ts";
import { sentences } from "./sentences.ts";

const voices: readonly TestVoice[] = ["slt", "rms"];
const wrongWordsPercent = 7;
const transcriptWaitMs = 30_000;
const shownWorst = 8;

interface Heard {
  voice: TestVoice;
  said: string;
  heard: string;
  errors: number;
  words: number;
  /** Wrong words when the same recogniser gets the recording itself. */
  plainErrors: number;
}

/** One sentence through the whole gateway: recorded audio in, hands-free, transcript out. */
async function hear(client: RealtimeClient, said: string, voice: TestVoice): Promise<Heard> {
  const recording = await sayRecording(said, { voice, beforeMs: 300, afterMs: 1200 });
  client.append(recording);
  const event = await client.next(
    (one) =>
      one.type.startsWith("conversation.item.input_audio_transcription.") && !one.type.endsWith("delta"),
    transcriptWaitMs,
  );
  const heard = event.type.endsWith("completed") ? (event.transcript as string) : "";
  const plainErrors = countWordErrors(said, transcribe(recording, 24_000)).errors;
  return { voice, said, heard, plainErrors, ...countWordErrors(said, heard) };
}

async function hearAll(wsUrl: string): Promise<Heard[]> {
  const all: Heard[] = [];
  for (const voice of voices) {
    const client = await RealtimeClient.session(wsUrl, {
      audio: {
        input: {
          format: { type: "audio/pcm", rate: 24000 },
          transcription: { model: "default", language: "en" },
          // Longer than any pause inside a sentence: endpointing is measured elsewhere.
          turn_detection: { type: "server_vad", silence_duration_ms: 900, create_response: false },
        },
      },
    });
    for (const said of sentences) all.push(await hear(client, said, voice));
    client.close();
  }
  return all;
}

export const bench: Bench = {
  description: "60 sentences in two voices through the whole gateway: wrong words",
  async run() {
    // Nothing is answered here: only the recogniser is real.
    const gateway = await startGateway({ env: { ...scriptedEngines, PARLEY_STT: "embedded" } });
    try {
      const all = await hearAll(gateway.wsUrl);
      const percentOf = (some: Heard[]) =>
        (100 * some.reduce((sum, one) => sum + one.errors, 0)) /
        some.reduce((sum, one) => sum + one.words, 0);
      const plain = all.map((one) => ({ ...one, errors: one.plainErrors }));
      const rows: Row[] = [
        { name: "wrong words, both voices", measured: percentOf(all), unit: "%", atMost: wrongWordsPercent },
        ...voices.map((voice) => ({
          name: `wrong words, ${voice}`,
          measured: percentOf(all.filter((one) => one.voice === voice)),
          unit: "%",
        })),
        { name: "the same without the gateway", measured: percentOf(plain), unit: "%" },
        {
          name: "sentences without a fault",
          measured: all.filter((one) => one.errors === 0).length,
          unit: `of ${all.length}`,
        },
      ];
      const worst = [...all]
        .sort((a, b) => b.errors - a.errors)
        .slice(0, isMet(rows[0]!) ? shownWorst : all.length);
      const notes = worst
        .filter((one) => one.errors > 0)
        .map((one) => `${one.errors} wrong (${one.voice}): "${one.said}" -> "${one.heard}"`);
      return { rows, notes, veto: null };
    } finally {
      await gateway.stop();
    }
  },
};
