/** Where in known recordings a piece of audio may come from: frames that look alike vote for a recording and a shift. */
import { doubtfulBits, type Fingerprint, keyBits } from "./fingerprint.ts";

/** A recording's frame f may be frame f + `shift` of the audio. */
export interface Place {
  /** Of the recording, in the order in which they were added. */
  index: number;
  shift: number;
  votes: number;
}

/** Frames with the same bits that are looked up; more often than that they tell nothing. */
const maxSameFrames = 64;
const keyMask = 2 ** keyBits - 1;
/** Frames that a recording, and audio, may have: more than five minutes. */
const span = 65_536;
/** Votes that make a place worth comparing. */
const minVotes = 3;

export class PlaceIndex {
  /** Key bits of a frame -> recording x 65536 + frame. */
  readonly #frames = new Map<number, number[]>();
  #count = 0;

  /** Adds a recording's fingerprint. @returns its index */
  add(print: Fingerprint): number {
    const index = this.#count++;
    for (let frame = 0; frame < Math.min(span / 2, print.bits.length); frame++) {
      if (print.sounding[frame] === 0) continue;
      const bits = print.bits[frame]! & keyMask;
      const same = this.#frames.get(bits);
      if (same === undefined) this.#frames.set(bits, [index * span + frame]);
      else if (same.length < maxSameFrames) same.push(index * span + frame);
    }
    return index;
  }

  clear(): void {
    this.#frames.clear();
    this.#count = 0;
  }

  /** The places with most votes, most first. */
  vote(print: Fingerprint, maxPlaces: number): Place[] {
    const votes = new Map<number, number>();
    const lookUp = (bits: number, frame: number) => {
      for (const place of this.#frames.get(bits) ?? []) {
        // Recording in the high part, shift (may be negative) in the low one.
        const key = Math.floor(place / span) * span + (frame - (place % span) + span / 2);
        votes.set(key, (votes.get(key) ?? 0) + 1);
      }
    };
    for (let frame = 0; frame < Math.min(span / 2, print.bits.length); frame++) {
      if (print.sounding[frame] === 0) continue;
      const bits = print.bits[frame]! & keyMask;
      // With each choice of its doubtful bits turned.
      for (let choice = 0; choice < 1 << doubtfulBits; choice++) {
        let turned = bits;
        for (let place = 0; place < doubtfulBits; place++) {
          if (choice & (1 << place)) turned ^= print.doubtful[frame * doubtfulBits + place]!;
        }
        lookUp(turned, frame);
      }
    }
    return [...votes]
      .filter(([, count]) => count >= minVotes)
      .sort((a, b) => b[1] - a[1] || a[0] - b[0])
      .slice(0, maxPlaces)
      .map(([key, count]) => ({
        index: Math.floor(key / span),
        shift: (key % span) - span / 2,
        votes: count,
      }));
  }
}
