/** Whisper's encoder and its step graph: audio in, probabilities of the next piece out. */
import ort from "onnxruntime-node";
import type { Continuations, Decoder, Wanted } from "./beam-search.ts";
import { logMel, type MelFeatures, melBands } from "./log-mel.ts";

const layers = 4;
const heads = 6;
const headSize = 64;
const state = heads * headSize;

/** A cache is made that much larger than it must be, since the next step wants a little more. */
const cacheGrowth = 1.5;
/** 32 MB: what a long text of many beams needed is given back at the next shorter one. */
const maxKeptNumbers = 8 * 1024 * 1024;

/** What the encoder says of one hearing: keys `[4, T, 384]` and values of the same shape. */
interface Encoding {
  keys: Float32Array;
  values: Float32Array;
  places: number;
}

/** Both graphs, loaded. */
export interface WhisperGraphs {
  /**
   * Hears the same audio in several versions; what the decoder says is the average over them.
   *
   * @param hearings - mono at 16 kHz, full scale 1; at least one
   * @param paddingFrames - features of nothing after each
   * @returns null when the signal was aborted
   */
  hear(
    hearings: readonly Float32Array[],
    paddingFrames: number,
    prompt: readonly number[],
    signal?: AbortSignal,
  ): Promise<Decoder | null>;
}

/** Transposes `[T, 6, 64]` of a layer of a hearing to `[6, 64, T]` (keys) or `[6, T, 64]` (values). */
function layOut(encodings: readonly Encoding[], places: number): { keys: ort.Tensor; values: ort.Tensor } {
  const hearings = encodings.length;
  const keys = new Float32Array(layers * hearings * state * places);
  const values = new Float32Array(keys.length);
  for (let layer = 0; layer < layers; layer++) {
    for (const [hearing, encoding] of encodings.entries()) {
      const to = (layer * hearings + hearing) * state * places;
      const from = layer * encoding.places * state;
      for (let at = 0; at < places; at++) {
        const row = from + at * state;
        for (let i = 0; i < state; i++) keys[to + i * places + at] = encoding.keys[row + i]!;
        for (let head = 0; head < heads; head++) {
          const start = row + head * headSize;
          values.set(encoding.values.subarray(start, start + headSize), to + (head * places + at) * headSize);
        }
      }
    }
  }
  return {
    keys: new ort.Tensor("float32", keys, [layers, hearings, heads, headSize, places]),
    values: new ort.Tensor("float32", values, [layers, hearings, heads, places, headSize]),
  };
}

async function encode(encoder: ort.InferenceSession, { values, frames }: MelFeatures): Promise<Encoding> {
  const mel = new ort.Tensor("float32", values, [1, melBands, frames]);
  const heard = await encoder.run({ mel });
  const keys = heard.n_layer_cross_k!;
  return {
    keys: keys.data as Float32Array,
    values: heard.n_layer_cross_v!.data as Float32Array,
    places: keys.dims[2]!,
  };
}

/** The two places that caches lie in by turns: a step reads one and writes the other. They are kept from call to call. */
class CachePair {
  private readonly pair = [new Float32Array(0), new Float32Array(0)];
  private turn = 0;

  /** @returns `length` numbers to write; those of the last call stay valid, those of the one before do not */
  take(length: number): Float32Array {
    this.turn = 1 - this.turn;
    const kept = this.pair[this.turn]!;
    const isFit = kept.length >= length && (kept.length <= maxKeptNumbers || length > maxKeptNumbers);
    if (isFit) return kept.subarray(0, length);
    const made = new Float32Array(Math.ceil(length * cacheGrowth));
    this.pair[this.turn] = made;
    return made.subarray(0, length);
  }
}

class StepDecoder implements Decoder {
  private readonly step: ort.InferenceSession;
  private readonly heard: { keys: ort.Tensor; values: ort.Tensor };
  private readonly hearings: number;
  private readonly prompt: readonly number[];
  private readonly caches: CachePair;
  private past: ort.Tensor;
  private beams = 1;

  constructor(
    step: ort.InferenceSession,
    heard: { keys: ort.Tensor; values: ort.Tensor },
    prompt: readonly number[],
    caches: CachePair,
  ) {
    this.step = step;
    this.caches = caches;
    this.heard = heard;
    this.hearings = heard.keys.dims[1]!;
    this.prompt = prompt;
    this.past = new ort.Tensor("float32", new Float32Array(0), this.shapeOfPast(this.hearings, 0));
  }

  private shapeOfPast(rows: number, places: number): number[] {
    return [2 * layers, rows, heads, places, headSize];
  }

  begin(wanted: Wanted): Promise<Continuations> {
    return this.run(this.prompt, [0], wanted, this.prompt.length);
  }

  advance(pieces: readonly number[], parents: readonly number[], wanted: Wanted): Promise<Continuations> {
    return this.run(pieces, parents, wanted, 1);
  }

  /** Rows are hearings x beams, hearing by hearing; `pieces` are those of one hearing. */
  private async run(
    pieces: readonly number[],
    parents: readonly number[],
    { allowed, perBeam }: Wanted,
    piecesPerRow: number,
  ): Promise<Continuations> {
    const { hearings, beams } = this;
    const rows = hearings * parents.length;
    const tokens = new BigInt64Array(hearings * pieces.length);
    const from = new BigInt64Array(rows);
    for (let hearing = 0; hearing < hearings; hearing++) {
      for (const [at, piece] of pieces.entries()) tokens[hearing * pieces.length + at] = BigInt(piece);
      for (const [at, parent] of parents.entries())
        from[hearing * parents.length + at] = BigInt(hearing * beams + parent);
    }
    const shape = this.shapeOfPast(rows, this.past.dims[3]! + piecesPerRow);
    const present = new ort.Tensor("float32", this.caches.take(shape.reduce((a, b) => a * b)), shape);
    const feeds = {
      tokens: new ort.Tensor("int64", tokens, [rows, piecesPerRow]),
      parents: new ort.Tensor("int64", from, [rows]),
      past: this.past,
      cross_k: this.heard.keys,
      cross_v: this.heard.values,
      allowed: new ort.Tensor("float32", allowed, [allowed.length]),
      k: new ort.Tensor("int64", BigInt64Array.of(BigInt(perBeam)), [1]),
    };
    const said = await this.step.run(feeds, { scores: null, ids: null, present });
    this.past = present;
    this.beams = parents.length;
    return {
      scores: said.scores!.data as Float32Array,
      pieces: said.ids!.data as BigInt64Array,
      perBeam,
    };
  }
}

/**
 * Loads both graphs.
 *
 * @param threads - of each inference
 */
export async function loadGraphs(
  encoderPath: string,
  stepPath: string,
  threads: number,
): Promise<WhisperGraphs> {
  const options = {
    ...{ intraOpNumThreads: threads, interOpNumThreads: 1 },
    // No two calls have the same shapes: a plan of the memory for each would be kept and not used again.
    enableMemPattern: false,
    // A step is a hundred small products: threads that spin between them take as much as those that work.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  };
  const encoder = await ort.InferenceSession.create(encoderPath, options);
  const step = await ort.InferenceSession.create(stepPath, options);
  const caches = new CachePair();
  return {
    async hear(hearings, paddingFrames, prompt, signal) {
      const encodings: Encoding[] = [];
      for (const samples of hearings) {
        // Each inference yields first, so a cancellation gets in between.
        encodings.push(await encode(encoder, logMel(samples, paddingFrames)));
        if (signal?.aborted) return null;
      }
      // Some are a little longer than others; all end in padding.
      const places = encodings.reduce((least, one) => Math.min(least, one.places), Number.POSITIVE_INFINITY);
      return new StepDecoder(step, layOut(encodings, places), prompt, caches);
    },
  };
}
