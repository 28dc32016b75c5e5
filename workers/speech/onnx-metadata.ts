/**
 * The metadata of an ONNX file, read and added without a library for it: sherpa-onnx keeps there what it must know of a model, and
 * ends the whole process when it misses a key.
 *
 * A file is one protobuf message; `metadata_props` is its field 14, repeated, each `{ 1: key, 2: value }`. Fields may stand in any
 * order, so appended entries are as good as any.
 */
import { type FileHandle, open } from "node:fs/promises";

const METADATA_FIELD = 14;
const LENGTH_DELIMITED = 2;
/** Keys and values are short; what is larger is no entry that we look for. */
const MAX_ENTRY_BYTES = 1024 * 1024;
/** A model has a handful of fields at the top; graphs lie inside one of them. */
const MAX_FIELDS = 10_000;
/** Longest field head: a tag and a length, each a varint. */
const HEAD_BYTES = 20;

/** A varint at `at`; null where the bytes end or it is none. */
function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } | null {
  let value = 0;
  for (let index = 0; index < 8; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, next: at + index + 1 };
  }
  return null;
}

function readEntry(bytes: Uint8Array): [string, string] | null {
  const texts = new Map<number, string>();
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    const length = tag && readVarint(bytes, tag.next);
    if (!tag || !length || tag.value % 8 !== LENGTH_DELIMITED) return null;
    const end = length.next + length.value;
    if (end > bytes.length) return null;
    texts.set(Math.floor(tag.value / 8), Buffer.from(bytes.subarray(length.next, end)).toString("utf8"));
    at = end;
  }
  return [texts.get(1) ?? "", texts.get(2) ?? ""];
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await file.read(bytes, 0, length, at);
  return bytes.subarray(0, bytesRead);
}

/** Walks over the top of the file; a graph of any size is skipped without being read. */
async function readFields(file: FileHandle): Promise<Record<string, string> | null> {
  const { size } = await file.stat();
  const entries: Record<string, string> = Object.create(null);
  let at = 0;
  for (let fields = 0; at < size; fields++) {
    if (fields >= MAX_FIELDS) return null;
    const head = await readAt(file, at, HEAD_BYTES);
    const tag = readVarint(head, 0);
    const value = tag && readVarint(head, tag.next);
    if (!tag || !value) return null;
    const wireType = tag.value % 8;
    if (wireType === 0) {
      at += value.next;
      continue;
    }
    if (wireType !== LENGTH_DELIMITED || at + value.next + value.value > size) return null;
    if (Math.floor(tag.value / 8) === METADATA_FIELD && value.value <= MAX_ENTRY_BYTES) {
      const entry = readEntry(await readAt(file, at + value.next, value.value));
      if (entry) entries[entry[0]] = entry[1];
    }
    at += value.next + value.value;
  }
  return size === 0 ? null : entries;
}

/**
 * Reads the metadata of an ONNX file.
 *
 * @returns key by key; null if the file is none (cut off, a pointer to a large file, a page that says "not found")
 * @throws Error if it can't be read
 */
export async function readOnnxMetadata(path: string): Promise<Record<string, string> | null> {
  const file = await open(path);
  try {
    return await readFields(file);
  } finally {
    await file.close();
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return bytes;
}

function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from([...varint(number * 8 + LENGTH_DELIMITED), ...varint(bytes.length)]),
    bytes,
  ]);
}

/** The bytes that add these entries to an ONNX file when they are appended to it. */
export function encodeOnnxMetadata(entries: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(entries).map(([key, value]) =>
      field(METADATA_FIELD, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))])),
    ),
  );
}
