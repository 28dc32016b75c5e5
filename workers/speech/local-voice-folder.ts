/** What voice lies in a folder: everything that the native library wants is looked for first, since it ends the process over a miss. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { ModelError } from "./model-files.ts";
import { readOnnxMetadata } from "./onnx-metadata.ts";

/** A voice that can be loaded. */
export interface VoiceModel {
  kind: "piper" | "kokoro";
  model: string;
  tokens: string;
  /** espeak-ng's data. */
  dataDir: string;
  /** Kokoro only: the speakers' styles. */
  voices: string | null;
  /** Kokoro for several languages: pronunciations, paths with commas between; "" for none. */
  lexicon: string;
  /** Piper only: how lively it speaks, as the voice was made. */
  noiseScale: number;
  noiseScaleW: number;
  lengthScale: number;
  /** Language as espeak-ng calls it ("en-us"); null where the folder doesn't say, or there are several. */
  language: string | null;
  /** Number of a speaker by its name, in small letters. */
  speakers: Readonly<Record<string, number>>;
}

/** Where Debian, Fedora and Homebrew put espeak-ng's data. */
const systemDataDirs = [
  "/usr/lib/x86_64-linux-gnu/espeak-ng-data",
  "/usr/lib/aarch64-linux-gnu/espeak-ng-data",
  "/usr/lib/arm-linux-gnueabihf/espeak-ng-data",
  "/usr/lib/espeak-ng-data",
  "/usr/lib64/espeak-ng-data",
  "/usr/share/espeak-ng-data",
  "/usr/local/share/espeak-ng-data",
  "/opt/homebrew/share/espeak-ng-data",
];
const espeakFiles = ["phontab", "phonindex", "phondata", "intonations"];
/** Pronunciations that Kokoro's English and Chinese use, in that order. */
const lexiconNames = ["lexicon-us-en.txt", "lexicon-zh.txt"];
const MAX_SPEAKERS = 10_000;

function broken(message: string): ModelError {
  return new ModelError("model_unavailable", message);
}

/** Names in a folder. @throws ModelError if there is none */
export function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    throw broken("there is no such folder, or it can't be read");
  }
}

function findEspeakData(folder: string): string {
  const places = [join(folder, "espeak-ng-data"), ...systemDataDirs];
  const found = places.find((place) => espeakFiles.every((name) => existsSync(join(place, name))));
  if (found !== undefined) return found;
  throw broken("no espeak-ng-data in it, and none on this system (Debian's package espeak-ng-data has it)");
}

/** The file's metadata. @throws ModelError if it is no model */
export async function metadataOf(path: string): Promise<Record<string, string>> {
  const metadata = await readOnnxMetadata(path).catch(() => null);
  if (metadata === null) throw broken(`${basename(path)} is no ONNX model, or not all of it`);
  return metadata;
}

/** Of several files with such names the quantised one or the other, as wanted; null for none. */
export function pickOnnx(names: readonly string[], form: RegExp, quantised: boolean): string | null {
  const fitting = names.filter((name) => form.test(name) && name.endsWith(".onnx"));
  return fitting.find((name) => /int8/.test(name) === quantised) ?? fitting[0] ?? null;
}

/** What stands in a Piper voice's description; everything may be missing. */
interface PiperDescription {
  inference?: { noise_scale?: unknown; noise_w?: unknown; length_scale?: unknown };
  speaker_id_map?: Record<string, unknown>;
}

function readDescription(path: string): PiperDescription {
  if (!existsSync(path)) return {};
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as PiperDescription | null) ?? {};
  } catch {
    throw broken(`${basename(path)} is no JSON`);
  }
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : fallback;
}

function collectSpeakers(pairs: Iterable<readonly [string, unknown]>): Record<string, number> {
  const speakers: Record<string, number> = Object.create(null);
  let count = 0;
  for (const [name, id] of pairs) {
    if (++count > MAX_SPEAKERS) break;
    if (Number.isInteger(Number(id)) && Number(id) >= 0) speakers[name.trim().toLowerCase()] = Number(id);
  }
  return speakers;
}

function languageOf(metadata: Record<string, string>): string | null {
  return /^[a-z]{2,3}(-[a-z0-9-]+)?$/i.test(metadata.voice ?? "") ? metadata.voice!.toLowerCase() : null;
}

async function readPiper(folder: string, modelName: string): Promise<VoiceModel> {
  const model = join(folder, modelName);
  const metadata = await metadataOf(model);
  const missing = ["sample_rate", "n_speakers", "voice", "has_espeak"].filter((key) => !metadata[key]);
  if (metadata.comment !== "piper" || missing.length > 0) {
    const what = missing.length > 0 ? missing.join(", ") : "comment=piper";
    throw broken(`${modelName} lacks sherpa-onnx's metadata (${what}): deploy/piper-metadata.ts adds it`);
  }
  const { inference = {}, speaker_id_map: speakers = {} } = readDescription(`${model}.json`);
  return {
    ...{ kind: "piper", model, tokens: join(folder, "tokens.txt"), dataDir: findEspeakData(folder) },
    ...{ voices: null, lexicon: "" },
    noiseScale: numberOr(inference.noise_scale, 0.667),
    noiseScaleW: numberOr(inference.noise_w, 0.8),
    lengthScale: numberOr(inference.length_scale, 1) || 1,
    language: languageOf(metadata),
    speakers: collectSpeakers(Object.entries(speakers)),
  };
}

async function readKokoro(folder: string, names: readonly string[], modelName: string): Promise<VoiceModel> {
  const model = join(folder, modelName);
  const metadata = await metadataOf(model);
  const missing = ["sample_rate", "n_speakers", "style_dim"].filter((key) => !metadata[key]);
  if (missing.length > 0) throw broken(`${modelName} lacks sherpa-onnx's metadata (${missing.join(", ")})`);
  const lexicons = lexiconNames.filter((name) => names.includes(name));
  const listed = (metadata.speaker_names ?? "").split(",").filter(Boolean);
  const numbered = (metadata.speaker2id ?? "").split(",").map((pair) => pair.split("->"));
  return {
    ...{ kind: "kokoro", model, tokens: join(folder, "tokens.txt"), dataDir: findEspeakData(folder) },
    voices: join(folder, "voices.bin"),
    lexicon: lexicons.map((name) => join(folder, name)).join(","),
    ...{ noiseScale: 0, noiseScaleW: 0, lengthScale: 1 },
    language: lexicons.length > 1 ? null : languageOf(metadata),
    speakers: collectSpeakers([
      ...listed.map((name, id) => [name, id] as const),
      ...numbered.flatMap(([name, id]) => (name && id ? [[name, id] as const] : [])),
    ]),
  };
}

/**
 * Finds the voice in a folder: Kokoro where there is `voices.bin`, else Piper.
 *
 * @throws ModelError `model_unavailable`, its message one line that names what is missing
 */
export async function findVoice(folder: string): Promise<VoiceModel> {
  const names = listFolder(folder);
  const isKokoro = names.includes("voices.bin");
  const modelName = pickOnnx(names, isKokoro ? /^model/ : /./, false) ?? pickOnnx(names, /./, false);
  if (modelName === null)
    throw broken("no voice in it: a Piper voice (*.onnx) or Kokoro (model.onnx, voices.bin)");
  if (!names.includes("tokens.txt")) {
    const hint = isKokoro ? "" : ": deploy/piper-metadata.ts writes it";
    throw broken(`no tokens.txt beside ${modelName}${hint}`);
  }
  return isKokoro ? readKokoro(folder, names, modelName) : readPiper(folder, modelName);
}
