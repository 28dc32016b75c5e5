/** The process of the streaming recogniser from the folder that the operator gave. Its operation: `local-listening.ts`. */
import sherpa from "sherpa-onnx-node";
import { type EngineOperations, type EngineSettings, runEngineProcess } from "./engine-server.ts";
import { createListening, LOCAL_STREAMS_MAX, type StreamingRecogniser } from "./local-listening.ts";
import { refuseDeadly } from "./local-load.ts";
import { findRecogniser, type RecogniserModel } from "./local-recogniser-folder.ts";
import { fromSherpa } from "./local-sherpa.ts";

function modelConfig(model: RecogniserModel) {
  switch (model.kind) {
    case "transducer":
      return { transducer: { encoder: model.encoder, decoder: model.decoder, joiner: model.joiner } };
    case "paraformer":
      return { paraformer: { encoder: model.encoder, decoder: model.decoder } };
    default:
      return { [model.kind]: { model: model.model } };
  }
}

/** The first run allocates what later ones use. */
function warm<Stream>(recogniser: StreamingRecogniser<Stream>): void {
  const stream = recogniser.createStream();
  recogniser.accept(stream, new Float32Array(2 * 16_000));
  while (recogniser.isReady(stream)) recogniser.decode([stream]);
}

async function load(settings: EngineSettings): Promise<EngineOperations> {
  const model = await findRecogniser(settings.modelsDir);
  refuseDeadly(settings);
  const native = new sherpa.OnlineRecognizer({
    featConfig: { sampleRate: 16_000, featureDim: 80 },
    modelConfig: {
      ...modelConfig(model),
      ...{ tokens: model.tokens, numThreads: settings.threads, provider: "cpu", debug: 0 },
    },
    decodingMethod: "greedy_search",
    enableEndpoint: 0,
  });
  const recogniser = fromSherpa(native, model.tailMs);
  warm(recogniser);
  return createListening(recogniser);
}

runEngineProcess("local-recogniser", LOCAL_STREAMS_MAX, load);
