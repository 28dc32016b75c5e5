/** The process of the neural voice from the folder that the operator gave: Piper or Kokoro. Operations: `local-speaking.ts`. */
import sherpa from "sherpa-onnx-node";
import { type EngineOperations, type EngineSettings, runEngineProcess } from "./engine-server.ts";
import { refuseDeadly } from "./local-load.ts";
import { createSpeaking, LOCAL_VOICE_CONCURRENCY } from "./local-speaking.ts";
import { findVoice, type VoiceModel } from "./local-voice-folder.ts";

function modelConfig(voice: VoiceModel) {
  const { model, tokens, dataDir, lengthScale } = voice;
  if (voice.kind === "piper") {
    const { noiseScale, noiseScaleW } = voice;
    return { vits: { model, tokens, dataDir, noiseScale, noiseScaleW, lengthScale } };
  }
  return { kokoro: { model, tokens, dataDir, lengthScale, voices: voice.voices!, lexicon: voice.lexicon } };
}

async function load(settings: EngineSettings): Promise<EngineOperations> {
  const voice = await findVoice(settings.modelsDir);
  refuseDeadly(settings);
  const tts = await sherpa.OfflineTts.createAsync({
    model: { ...modelConfig(voice), numThreads: settings.threads, provider: "cpu", debug: 0 },
    maxNumSentences: 1,
  });
  const generate = async (text: string, sid: number, speed: number) =>
    (await tts.generateAsync({ text, sid, speed, enableExternalBuffer: false })).samples;
  // The first run allocates what later ones use.
  await generate("Now it is warm.", 0, 1);
  const { language, speakers } = voice;
  return createSpeaking({
    ...{ sampleRateHz: tts.sampleRate, speakerCount: Math.max(1, tts.numSpeakers) },
    ...{ language, speakers, generate },
  });
}

runEngineProcess("local-voices", LOCAL_VOICE_CONCURRENCY, load);
