/** Folders of models: what is found in them, and how what is missing is named. The files are as small as a file may be. */
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { makeVoiceFolder } from "../../../deploy/piper-metadata.ts";
import { MAX_LOAD_DEATHS, refuseDeadly } from "../../../workers/speech/local-load.ts";
import { findRecogniser } from "../../../workers/speech/local-recogniser-folder.ts";
import { findVoice } from "../../../workers/speech/local-voice-folder.ts";
import { encodeOnnxMetadata, readOnnxMetadata } from "../../../workers/speech/onnx-metadata.ts";
import { startEngines } from "../../providers/engines.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Each file with this metadata, or, as a text, with this content. */
function makeFolder(files: Record<string, Record<string, string> | string>): string {
  const folder = mkdtempSync(join(tmpdir(), "parley-folder-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === "string" ? content : onnxOf(content));
  }
  return folder;
}

/** `ir_version` 8, a graph of some bytes, the entries: in the order in which exporters write them. */
function onnxOf(metadata: Record<string, string>): Buffer {
  const graph = Buffer.alloc(300, 7);
  return Buffer.concat([Buffer.from([0x08, 8, 0x3a, 0xac, 0x02]), graph, encodeOnnxMetadata(metadata)]);
}

function addEspeak(folder: string): void {
  mkdirSync(join(folder, "espeak-ng-data"));
  for (const name of ["phontab", "phonindex", "phondata", "intonations"]) {
    writeFileSync(join(folder, "espeak-ng-data", name), "");
  }
}

const piper = { comment: "piper", sample_rate: "22050", n_speakers: "2", voice: "en-us", has_espeak: "1" };
const kokoro = { sample_rate: "24000", n_speakers: "2", style_dim: "510,1,256", speaker_names: "af,am_Adam" };

describe("the metadata of an ONNX file", () => {
  it("reads as it was added, the later of two entries with one key", async () => {
    const folder = makeFolder({ "model.onnx": { a: "1", long: "ü".repeat(300) } });
    const path = join(folder, "model.onnx");
    appendFileSync(path, encodeOnnxMetadata({ a: "2", __proto__x: "3" }));
    expect({ ...(await readOnnxMetadata(path)) }).toEqual({ a: "2", long: "ü".repeat(300), __proto__x: "3" });
  });

  it.each([
    ["nothing", ""],
    ["a page", "<html>404: not found</html>"],
    ["a pointer to a large file", "version https://example/spec/v1\noid sha256:00\nsize 63201294\n"],
  ])("is not read out of %s", async (_, content) => {
    expect(await readOnnxMetadata(join(makeFolder({ "model.onnx": content }), "model.onnx"))).toBeNull();
  });

  it("is not read out of a file that was cut off, wherever that was", async () => {
    const bytes = onnxOf({ key: "value" });
    const folder = makeFolder({});
    // In front of a field's start the file is whole, as far as one can tell.
    const wholeAt = new Set([2, 305, bytes.length]);
    for (let length = 1; length < bytes.length; length++) {
      if (wholeAt.has(length)) continue;
      writeFileSync(join(folder, "cut.onnx"), bytes.subarray(0, length));
      expect(await readOnnxMetadata(join(folder, "cut.onnx")), String(length)).toBeNull();
    }
  });
});

describe("a voice's folder", () => {
  it("is Piper's, with its own espeak-ng-data and the speakers of its description", async () => {
    const description = { inference: { noise_scale: 0.3 }, speaker_id_map: { Anna: 0, "p 226": 1 } };
    const folder = makeFolder({
      ...{ "v.onnx": piper, "tokens.txt": "_ 0\n", "v.onnx.json": JSON.stringify(description) },
    });
    addEspeak(folder);
    expect(await findVoice(folder)).toMatchObject({
      ...{ kind: "piper", model: join(folder, "v.onnx"), dataDir: join(folder, "espeak-ng-data") },
      ...{ noiseScale: 0.3, noiseScaleW: 0.8, lengthScale: 1, language: "en-us" },
      speakers: { anna: 0, "p 226": 1 },
    });
  });

  it("is Kokoro's where voices.bin lies in it, with the lexicons of English and Chinese", async () => {
    const several = { "lexicon-us-en.txt": "", "lexicon-zh.txt": "", "lexicon-gb-en.txt": "" };
    const files = { "model.onnx": kokoro, "voices.bin": "", "tokens.txt": "" };
    const folder = makeFolder({ ...files, ...several });
    addEspeak(folder);
    expect(await findVoice(folder)).toMatchObject({
      ...{ kind: "kokoro", voices: join(folder, "voices.bin"), language: null },
      lexicon: `${join(folder, "lexicon-us-en.txt")},${join(folder, "lexicon-zh.txt")}`,
      speakers: { af: 0, am_adam: 1 },
    });
  });

  it.each([
    [{}, /^no voice in it/],
    [{ "v.onnx": piper }, /^no tokens.txt beside v.onnx.*piper-metadata/],
    [
      { "v.onnx": {}, "tokens.txt": "" },
      /^v.onnx lacks.*sample_rate, n_speakers, voice, has_espeak.*adds it$/,
    ],
    [{ "v.onnx": "rubbish", "tokens.txt": "" }, /^v.onnx is no ONNX model/],
    [{ "v.onnx": piper, "tokens.txt": "", "v.onnx.json": "{" }, /^v.onnx.json is no JSON/],
    [{ "model.onnx": {}, "voices.bin": "", "tokens.txt": "" }, /^model.onnx lacks.*style_dim/],
  ])("that lacks something is told what: %j", async (files, message) => {
    const folder = makeFolder(files as Record<string, Record<string, string> | string>);
    await expect(findVoice(folder)).rejects.toMatchObject({
      ...{ code: "model_unavailable", message: expect.stringMatching(message) },
    });
  });
});

const encoder = { model_type: "zipformer2", comment: "streaming zipformer2", T: "45" };

describe("a recogniser's folder", () => {
  it("is a transducer's: quantised encoder and joiner, whole decoder", async () => {
    const part = (name: string) => `${name}-epoch-99-avg-1-chunk-16`;
    const folder = makeFolder({
      ...{ [`${part("encoder")}.int8.onnx`]: encoder, [`${part("encoder")}.onnx`]: encoder },
      ...{ [`${part("decoder")}.int8.onnx`]: { a: "1" }, [`${part("decoder")}.onnx`]: { a: "1" } },
      ...{ [`${part("joiner")}.int8.onnx`]: { a: "1" }, [`${part("joiner")}.onnx`]: { a: "1" } },
      "tokens.txt": "",
    });
    expect(await findRecogniser(folder)).toEqual({
      ...{ kind: "transducer", tokens: join(folder, "tokens.txt"), tailMs: 650 },
      encoder: join(folder, `${part("encoder")}.int8.onnx`),
      decoder: join(folder, `${part("decoder")}.onnx`),
      joiner: join(folder, `${part("joiner")}.int8.onnx`),
    });
  });

  it("is a paraformer's, or one of CTC", async () => {
    const paraformer = { "encoder.onnx": { lfr_window_size: "7" }, "decoder.onnx": {}, "tokens.txt": "" };
    expect(await findRecogniser(makeFolder(paraformer))).toMatchObject({ kind: "paraformer", tailMs: 660 });
    const ctc = (metadata: Record<string, string>) =>
      findRecogniser(makeFolder({ "ctc-epoch-20.int8.onnx": metadata, "tokens.txt": "" }));
    expect(await ctc(encoder)).toMatchObject({ kind: "zipformer2Ctc", tailMs: 650 });
    expect(await ctc({ cache_last_channel_dim1: "1", window_size: "105" })).toMatchObject({
      kind: "nemoCtc",
    });
  });

  it.each([
    [{ "encoder.onnx": encoder, "decoder.onnx": {}, "joiner.onnx": {} }, /^no tokens.txt in it$/],
    [{ "encoder.onnx": encoder, "joiner.onnx": {}, "tokens.txt": "" }, /^no decoder\*.onnx in it$/],
    [{ "encoder.onnx": encoder, "decoder.onnx": {}, "tokens.txt": "" }, /^no joiner\*.onnx in it/],
    [
      { "encoder.onnx": { model_type: "whisper-tiny.en" }, "decoder.onnx": {}, "tokens.txt": "" },
      /^encoder.onnx takes whole recordings \(whisper-tiny.en\)/,
    ],
    [
      { "encoder.onnx": { comment: "non-streaming zipformer" }, "decoder.onnx": {}, "tokens.txt": "" },
      /^encoder.onnx takes whole recordings/,
    ],
    [
      { "encoder.onnx": {}, "decoder.onnx": {}, "joiner.onnx": {}, "tokens.txt": "" },
      /^encoder.onnx has no metadata/,
    ],
    [
      { "model.onnx": { model_type: "vits" }, "tokens.txt": "" },
      /^model.onnx is no streaming zipformer-CTC.*vits/,
    ],
  ])("that lacks something is told what: %j", async (files, message) => {
    const folder = makeFolder(files as Record<string, Record<string, string> | string>);
    await expect(findRecogniser(folder)).rejects.toMatchObject({
      ...{ code: "model_unavailable", message: expect.stringMatching(message) },
    });
  });
});

describe("a folder made of a Piper voice", () => {
  const description = {
    ...{ audio: { sample_rate: 22050 }, espeak: { voice: "de" }, num_speakers: 1, phoneme_type: "espeak" },
    ...{ language: { name_english: "German" }, phoneme_id_map: { _: [0], " ": [3], "\n": [9], ɐ: [50] } },
  };

  it("holds what a voice must have, twice made too", async () => {
    const from = makeFolder({ "de.onnx": {}, "de.onnx.json": JSON.stringify(description) });
    const folder = makeFolder({});
    for (let round = 0; round < 2; round++) await makeVoiceFolder(join(from, "de.onnx"), folder);
    addEspeak(folder);
    expect(await findVoice(folder)).toMatchObject({ kind: "piper", language: "de" });
    expect(readFileSync(join(folder, "tokens.txt"), "utf8")).toBe("_ 0\n  3\nɐ 50\n");
    expect({ ...(await readOnnxMetadata(join(folder, "de.onnx"))) }).toEqual({
      ...{ model_type: "vits", comment: "piper", has_espeak: "1", language: "German" },
      ...{ voice: "de", n_speakers: "1", sample_rate: "22050" },
    });
  });

  it.each([
    [{ "de.onnx": {} }, /de.onnx.json is missing/],
    [{ "de.onnx": {}, "de.onnx.json": "[]" }, /describes no Piper voice/],
    [
      { "de.onnx": {}, "de.onnx.json": JSON.stringify({ ...description, phoneme_type: "text" }) },
      /the voice reads text/,
    ],
    [{ "de.onnx": "rubbish", "de.onnx.json": JSON.stringify(description) }, /de.onnx is no ONNX model/],
  ])("is not made of %j", async (files, message) => {
    const from = makeFolder(files as Record<string, Record<string, string> | string>);
    await expect(makeVoiceFolder(join(from, "de.onnx"), join(from, "to"))).rejects.toThrow(message);
  });
});

describe("a model over which the process dies", () => {
  it("is given up after a few deaths, and named", () => {
    refuseDeadly({});
    refuseDeadly({ loadDeaths: MAX_LOAD_DEATHS - 1 });
    expect(() => refuseDeadly({ loadDeaths: MAX_LOAD_DEATHS })).toThrow(/died over it 3 times/);
  });

  it("leaves the other engines alone", async () => {
    // It looks right from outside; the native library finds no graph in it and ends the process.
    const folder = makeFolder({ "v.onnx": piper, "tokens.txt": "_ 0\n" });
    addEspeak(folder);
    const speech = await startEngines({ local: { "local-voices": folder } });
    await vi.waitFor(() => expect(speech.states()["local-voices"]!.state).toBe("refused"), {
      ...{ timeout: 30_000, interval: 50 },
    });
    expect(speech.states()["local-voices"]).toMatchObject({ code: "model_unavailable", restarts: 3 });
    expect(speech.states().voices.restarts).toBe(0);
    await speech.close();
  }, 60_000);
});
