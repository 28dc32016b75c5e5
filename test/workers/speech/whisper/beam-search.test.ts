import { describe, expect, it } from "vitest";
import {
  type Continuations,
  type Decoder,
  endsInLoop,
  saysBeginningAgain,
  searchText,
  type Wanted,
} from "../../../../workers/speech/whisper/beam-search.ts";
import type { Vocabulary } from "../../../../workers/speech/whisper/tokens.ts";

/** Letters are pieces, "." is the end, "(" and ")" are of remarks, "_" is the blank. */
const signs = "abcdefg.()_";
const piecesOf = (text: string) => [...text].map((sign) => signs.indexOf(sign));
const [end, blank] = piecesOf("._") as [number, number];
const allText = new Float32Array(signs.length);
const vocabulary: Vocabulary = {
  ...{ size: signs.length, end, blank, allText, prompt: [] },
  remarks: new Set(piecesOf("()")),
  words: allText.map((_, piece) => (piecesOf("()").includes(piece) ? Number.NEGATIVE_INFINITY : 0)),
  spell: (pieces) => pieces.map((piece) => signs[piece]).join(""),
};

/** What may come after a text, with its probability; nothing else does. */
type Language = (text: string) => Record<string, number>;

/** A decoder that knows a language by heart, and remembers what each beam stands for. */
class Speaker implements Decoder {
  private readonly language: Language;
  private texts: string[] = [""];
  steps = 0;
  onStep: () => void = () => {};

  constructor(language: Language) {
    this.language = language;
  }

  async begin(wanted: Wanted): Promise<Continuations> {
    return this.say(wanted);
  }

  async advance(pieces: readonly number[], parents: readonly number[], wanted: Wanted) {
    this.steps += 1;
    this.onStep();
    this.texts = parents.map((parent, at) => this.texts[parent]! + signs[pieces[at]!]);
    return this.say(wanted);
  }

  private say({ allowed, perBeam }: Wanted): Continuations {
    const scores = new Float32Array(this.texts.length * perBeam).fill(Number.NEGATIVE_INFINITY);
    const pieces = new BigInt64Array(scores.length);
    for (const [beam, text] of this.texts.entries()) {
      const ranked = Object.entries(this.language(text))
        .map(([sign, ratio]) => ({ piece: signs.indexOf(sign), ratio }))
        .filter(({ piece }) => allowed[piece] === 0)
        .sort((a, b) => b.ratio - a.ratio)
        .slice(0, perBeam);
      for (const [at, { piece, ratio }] of ranked.entries()) {
        scores[beam * perBeam + at] = Math.log(ratio);
        pieces[beam * perBeam + at] = BigInt(piece);
      }
    }
    return { scores, pieces, perBeam };
  }
}

async function search(language: Language, beams: number, maxPieces = 20): Promise<string | null> {
  const found = await searchText(new Speaker(language), vocabulary, { beams, maxPieces, stopsAtEcho: false });
  return found && vocabulary.spell(found);
}

describe("the search", () => {
  const tempting: Language = (text) =>
    ({
      "": { a: 0.6, b: 0.4 },
      a: { c: 0.4, d: 0.35, e: 0.25 },
      b: { f: 0.95, g: 0.05 },
    })[text] ?? { ".": 1 };

  it("finds a likelier text behind a less likely beginning, with more than one beam", async () => {
    expect(await search(tempting, 1)).toBe("ac");
    expect(await search(tempting, 2)).toBe("bf");
    expect(await search(tempting, 5)).toBe("bf");
  });

  it("follows each beam's own text when beams change places", async () => {
    // The second beam overtakes with every piece, so that parents cross over.
    const crossing: Language = (text) => {
      if (text.length === 0) return { a: 0.55, b: 0.45 };
      if (text.length >= 6) return { ".": 1 };
      return text.at(-1) === "a" ? { a: 0.5, b: 0.5 } : { b: 0.9, a: 0.1 };
    };
    expect(await search(crossing, 2)).toBe("bbbbbb");
  });

  it("hears nothing where the end is the likeliest beginning", async () => {
    expect(await search(() => ({ ".": 0.6, a: 0.4 }), 5)).toBe("");
  });

  it("hears words where several may begin it, none of them likelier than the end, and all together", async () => {
    const unsure: Language = (text) =>
      text === "" ? { ".": 0.2, "(": 0.1, a: 0.15, b: 0.12, c: 0.1 } : { ".": 1 };
    expect(await search(unsure, 5)).toBe("a");
    const silent: Language = (text) => (text === "" ? { ".": 0.4, "(": 0.1, a: 0.15, b: 0.12 } : { ".": 1 });
    expect(await search(silent, 5)).toBe("");
  });

  it("doesn't give up a sentence for an early end that is likelier than all of it", async () => {
    const long: Language = (text) =>
      text.length === 0 ? { a: 0.5, ".": 0.4 } : text.length < 8 ? { a: 0.6, b: 0.4 } : { ".": 1 };
    expect(await search(long, 5)).toBe("aaaaaaaa");
  });

  it("doesn't end after a first sentence where it would rather go on", async () => {
    const two: Language = (text) => {
      if (text.length === 3) return { d: 0.6, ".": 0.4 };
      return text.length < 9 ? { a: 0.5, b: 0.3, c: 0.2 } : { ".": 1 };
    };
    expect(await search(two, 1)).toBe("aaadaaaaa");
    expect(await search(two, 5)).toBe("aaadaaaaa");
  });

  it("stops at the echo of its beginning if it is to, and writes it down if not", async () => {
    const twice: Language = (so) => (so.length === 14 ? { ".": 1 } : { ["abcdefg"[so.length % 7]!]: 1 });
    const speaker = () => new Speaker(twice);
    const options = { beams: 5, maxPieces: 20 };
    const stopped = await searchText(speaker(), vocabulary, { ...options, stopsAtEcho: true });
    expect(vocabulary.spell(stopped!)).toBe("abcdefgabcdef");
    expect(saysBeginningAgain(stopped!)).toBe(true);
    const whole = await searchText(speaker(), vocabulary, { ...options, stopsAtEcho: false });
    expect(vocabulary.spell(whole!)).toBe("abcdefgabcdefg");
  });

  it("writes a remark down as it is, and no remark where words begin", async () => {
    const remark: Language = (text) =>
      ({ "": { "(": 0.6, a: 0.4 }, "(": { b: 0.9, ".": 0.1 }, "(b": { ")": 0.7, b: 0.3 } })[text] ?? {
        ".": 1,
      };
    expect(await search(remark, 5)).toBe("(b)");
    const words: Language = (text) =>
      text === "" ? { a: 0.6, "(": 0.4 } : text === "a" ? { "(": 0.7, b: 0.3 } : { ".": 1 };
    expect(await search(words, 5)).toBe("ab");
  });

  it("ends where a text goes round and round, and at the limit", async () => {
    const wheel: Language = (text) => ({ ["abc"[text.length % 3]!]: 0.9, d: 0.1 });
    expect(await search(wheel, 3, 200)).toBe("abc".repeat(8));
    expect(await search(wheel, 3, 10)).toBe("abcabcabca");
  });

  it("stops before the next step when it is cancelled", async () => {
    const abort = new AbortController();
    const speaker = new Speaker(() => ({ a: 0.5, b: 0.5 }));
    speaker.onStep = () => {
      if (speaker.steps === 3) abort.abort();
    };
    const found = await searchText(speaker, vocabulary, {
      beams: 2,
      maxPieces: 50,
      stopsAtEcho: true,
      signal: abort.signal,
    });
    expect(found).toBeNull();
    expect(speaker.steps).toBe(3);
  });
});

describe("a loop", () => {
  it.each([
    ["abcabcabcabcabcabcabcabc", true],
    ["gabababababababab", true],
    ["abcabcabcabcabcabcabcab", false],
    ["aaaaaaaa", false],
    ["aaaaaaaaaaaaaaaa", true],
    ["ababababababababc", false],
    ["", false],
  ])("%s: %s", (text, isLoop) => {
    expect(endsInLoop(piecesOf(text))).toBe(isLoop);
  });
});
