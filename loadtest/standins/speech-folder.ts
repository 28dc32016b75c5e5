/** Speech kept in a folder: drills one after the other, and side by side, say much of the same. */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Speech } from "./voice-speech.ts";

/** Some 200 KB each. */
const maxFiles = 5000;
/** To be counted up when the voices or the resampler change: what was kept before is not theirs. */
const speechVersion = 2;
/** Of what is written before the samples. */
const headerBytes = 4;

/** Files by a digest of what was asked for; whoever else writes the same one writes the same bytes. */
export class SpeechFolder {
  readonly #folder: string;
  #room: number;

  /** @param folder - made if it is not there; what lies in it already is used */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#room = maxFiles - readdirSync(folder).length;
  }

  /** Null when it was never kept, or can't be read. */
  async read(key: string): Promise<Speech | null> {
    try {
      const bytes = await readFile(this.#pathOf(key));
      const from = headerBytes + bytes.readUInt32LE(0);
      const pcm = new Int16Array((bytes.length - from) >> 1);
      new Uint8Array(pcm.buffer).set(bytes.subarray(from, from + pcm.byteLength));
      return { pcm, words: JSON.parse(bytes.toString("utf8", headerBytes, from)) };
    } catch {
      return null;
    }
  }

  /** Keeps it if there is room; a disk that is full is no matter. */
  async write(key: string, { pcm, words }: Speech): Promise<void> {
    if (this.#room-- <= 0) return;
    const told = Buffer.from(JSON.stringify(words));
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(told.length);
    const path = this.#pathOf(key);
    const own = `${path}.${randomUUID()}`;
    try {
      await writeFile(
        own,
        Buffer.concat([header, told, Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength)]),
      );
      await rename(own, path);
    } catch {}
  }

  #pathOf(key: string): string {
    return join(
      this.#folder,
      createHash("sha256").update(`${speechVersion} ${key}`).digest("hex").slice(0, 40),
    );
  }
}
