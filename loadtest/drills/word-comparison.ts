/** Compares what was said with what should have been said, word by word. */

/** Lower case, without punctuation; blank-separated. */
export function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/[’‘]/g, "'")
    .replace(/[^a-z0-9' ]+/g, " ")
    .split(/\s+/)
    .filter((word) => word !== "" && word !== "'");
}

export interface Comparison {
  /** Indexes into what should have been said. */
  missing: number[];
  /** Indexes into what was said: not wanted there, and the same as a word within the last few wanted ones. */
  repeated: number[];
  /** Indexes into what was said: not wanted there at all. */
  foreign: number[];
  /** For each word that was said its index in what should have been; -1 for none. */
  places: number[];
}

/** A word that was said again within so many words counts as repeated. */
const repeatReach = 40;

/** Longest common subsequence; what is not in it is missing or too much. Earlier places win over later ones. */
export function compareWords(wanted: readonly string[], said: readonly string[]): Comparison {
  const width = said.length + 1;
  const lengths = new Uint16Array((wanted.length + 1) * width);
  for (let i = wanted.length - 1; i >= 0; i--) {
    for (let j = said.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        wanted[i] === said[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const missing: number[] = [];
  const repeated: number[] = [];
  const foreign: number[] = [];
  const places = new Array<number>(said.length).fill(-1);
  let [i, j] = [0, 0];
  while (i < wanted.length || j < said.length) {
    if (i < wanted.length && j < said.length && wanted[i] === said[j]) {
      places[j++] = i++;
    } else if (
      j === said.length ||
      (i < wanted.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)
    ) {
      missing.push(i++);
    } else {
      const near = said.slice(Math.max(0, j - repeatReach), j);
      (near.includes(said[j]!) ? repeated : foreign).push(j++);
    }
  }
  return { missing, repeated, foreign, places };
}
