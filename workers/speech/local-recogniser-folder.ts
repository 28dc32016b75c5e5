/** What streaming recogniser lies in a folder; as with voices, everything is looked for before the native library does. */
import { join } from "node:path";
import { listFolder, metadataOf, pickOnnx } from "./local-voice-folder.ts";
import { ModelError } from "./model-files.ts";

/** A recogniser that can be loaded. */
export type RecogniserModel = {
  tokens: string;
  /** Audio that the model must get after a word before it tells it, in ms. */
  tailMs: number;
} & (
  | { kind: "transducer"; encoder: string; decoder: string; joiner: string }
  | { kind: "paraformer"; encoder: string; decoder: string }
  | { kind: "zipformer2Ctc"; model: string }
  | { kind: "nemoCtc"; model: string }
);

const FRAME_MS = 10;
/** Where the model doesn't say how much it takes at once: as sherpa-onnx's own examples. */
const USUAL_TAIL_MS = 660;
/** Beyond what it takes at once: a word comes out some frames after its sound. */
const EMISSION_MS = 200;
const MAX_TAIL_MS = 4000;

function broken(message: string): ModelError {
  return new ModelError("model_unavailable", message);
}

/** Streaming models say how many frames they take at once. */
function tailMsOf(metadata: Record<string, string>): number {
  const frames = Number(metadata.T ?? metadata.window_size);
  if (!(frames > 0)) return USUAL_TAIL_MS;
  return Math.min(MAX_TAIL_MS, frames * FRAME_MS + EMISSION_MS);
}

function refuseOthers(name: string, metadata: Record<string, string>): void {
  const { comment = "", model_type: type = "" } = metadata;
  if (/^whisper/i.test(type) || /^non-streaming|^offline/i.test(comment)) {
    throw broken(`${name} takes whole recordings (${type || comment}); a streaming model is wanted`);
  }
  if (Object.keys(metadata).length === 0) {
    throw broken(`${name} has no metadata: it was not exported for sherpa-onnx`);
  }
}

async function readSingle(folder: string, name: string, tokens: string): Promise<RecogniserModel> {
  const model = join(folder, name);
  const metadata = await metadataOf(model);
  refuseOthers(name, metadata);
  const shared = { tokens, tailMs: tailMsOf(metadata), model };
  if (metadata.cache_last_channel_dim1) return { kind: "nemoCtc", ...shared };
  if (metadata.model_type === "zipformer2") return { kind: "zipformer2Ctc", ...shared };
  throw broken(
    `${name} is no streaming zipformer-CTC model (model_type is ${metadata.model_type || "missing"})`,
  );
}

/**
 * Finds the recogniser in a folder: a transducer (`encoder*`, `decoder*`, `joiner*`), a paraformer (`encoder*`, `decoder*`), or a CTC
 * model in one file; `tokens.txt` with each.
 *
 * @throws ModelError `model_unavailable`, its message one line that names what is missing
 */
export async function findRecogniser(folder: string): Promise<RecogniserModel> {
  const names = listFolder(folder);
  const encoder = pickOnnx(names, /^encoder|encoder[.-]/, true);
  // Decoders are small, and lose more than they gain by being quantised.
  const decoder = pickOnnx(names, /^decoder|decoder[.-]/, false);
  const joiner = pickOnnx(names, /^joiner|joiner[.-]/, true);
  const single = pickOnnx(names, /ctc|^model/, true) ?? pickOnnx(names, /./, true);
  if (single === null)
    throw broken("no streaming recogniser in it: encoder, decoder and joiner (*.onnx), or one CTC model");
  if (!names.includes("tokens.txt")) throw broken("no tokens.txt in it");
  const tokens = join(folder, "tokens.txt");
  if (encoder === null && decoder === null && joiner === null) return readSingle(folder, single, tokens);
  if (encoder === null) throw broken("no encoder*.onnx in it");
  if (decoder === null) throw broken("no decoder*.onnx in it");
  const path = join(folder, encoder);
  const metadata = await metadataOf(path);
  refuseOthers(encoder, metadata);
  const shared = { tokens, tailMs: tailMsOf(metadata), encoder: path, decoder: join(folder, decoder) };
  await metadataOf(shared.decoder);
  if (joiner === null) {
    if (!metadata.lfr_window_size) throw broken("no joiner*.onnx in it (and its encoder is no paraformer's)");
    return { kind: "paraformer", ...shared };
  }
  await metadataOf(join(folder, joiner));
  return { kind: "transducer", joiner: join(folder, joiner), ...shared };
}
