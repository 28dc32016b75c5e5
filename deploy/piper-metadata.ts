/**
 * `node deploy/piper-metadata.ts VOICE.onnx FOLDER`: makes of a Piper voice a folder for PARLEY_LOCAL_TTS_DIR. Beside VOICE.onnx lies
 * VOICE.onnx.json, as Piper's voices come. FOLDER gets the model with the metadata that sherpa-onnx wants, tokens.txt, and the
 * description.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { appendFile, copyFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { encodeOnnxMetadata, readOnnxMetadata } from "../workers/speech/onnx-metadata.ts";

/** As much of a Piper voice's description as is needed. */
interface Description {
  audio: { sample_rate: number };
  espeak: { voice: string };
  language?: { name_english?: string };
  num_speakers: number;
  phoneme_type?: string;
  phoneme_id_map: Record<string, number[]>;
}

/** What keeps the folder from being made, in one line. */
export class VoiceError extends Error {}

function readDescription(path: string): Description {
  if (!existsSync(path)) throw new VoiceError(`${path} is missing: Piper's voices come with it`);
  let value: Partial<Description> | null = null;
  try {
    value = JSON.parse(readFileSync(path, "utf8")) as Partial<Description> | null;
  } catch {
    throw new VoiceError(`${path} is no JSON`);
  }
  const isWhole =
    Number.isInteger(value?.audio?.sample_rate) &&
    typeof value?.espeak?.voice === "string" &&
    Number.isInteger(value.num_speakers) &&
    typeof value.phoneme_id_map === "object";
  if (!isWhole) throw new VoiceError(`${path} describes no Piper voice`);
  if ((value?.phoneme_type ?? "espeak") !== "espeak") {
    throw new VoiceError(
      `${path}: the voice reads ${value?.phoneme_type}, only espeak's sounds are understood`,
    );
  }
  return value as Description;
}

/** What sherpa-onnx reads of a Piper voice. */
function metadataFor(description: Description): Record<string, string> {
  return {
    ...{ model_type: "vits", comment: "piper", has_espeak: "1" },
    language: description.language?.name_english ?? description.espeak.voice,
    voice: description.espeak.voice,
    n_speakers: String(description.num_speakers),
    sample_rate: String(description.audio.sample_rate),
  };
}

/** A line for each sound: the sound, a blank, its number. */
function renderTokens(map: Record<string, number[]>): string {
  const pairs = Object.entries(map).filter(
    ([sound, ids]) => !/[\r\n]/.test(sound) && Number.isInteger(ids[0]),
  );
  return pairs.map(([sound, ids]) => `${sound} ${ids[0]}\n`).join("");
}

/**
 * Makes the folder; what is in it already is replaced.
 *
 * @throws VoiceError with what is missing
 */
export async function makeVoiceFolder(model: string, folder: string): Promise<void> {
  const description = readDescription(`${model}.json`);
  const known = await readOnnxMetadata(model).catch(() => null);
  if (known === null) throw new VoiceError(`${model} is no ONNX model, or not all of it`);
  const wanted = Object.entries(metadataFor(description)).filter(([key, value]) => known[key] !== value);
  mkdirSync(folder, { recursive: true });
  const target = join(folder, basename(model));
  const part = `${target}.part`;
  await copyFile(model, part);
  // Entries may stand anywhere in the file; of two with one key the later one counts.
  await appendFile(part, encodeOnnxMetadata(Object.fromEntries(wanted)));
  writeFileSync(join(folder, "tokens.txt"), renderTokens(description.phoneme_id_map));
  if (`${target}.json` !== `${model}.json`) copyFileSync(`${model}.json`, `${target}.json`);
  // The service may run as somebody else than who made this.
  for (const path of [part, `${target}.json`]) chmodSync(path, 0o644);
  renameSync(part, target);
}

if (import.meta.main) {
  const [model, folder] = process.argv.slice(2);
  try {
    if (model === undefined || folder === undefined) {
      throw new VoiceError("node deploy/piper-metadata.ts VOICE.onnx FOLDER");
    }
    await makeVoiceFolder(model, folder);
    console.log(`PARLEY_LOCAL_TTS_DIR=${folder}`);
  } catch (error) {
    if (!(error instanceof VoiceError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
