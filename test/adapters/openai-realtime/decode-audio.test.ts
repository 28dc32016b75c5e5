import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type DecodeOptions,
  decodeBinaryAppend,
  decodeClientEvent,
} from "../../../gateway/adapters/openai-realtime/decode.ts";
import { decodeBase64 } from "../../../gateway/adapters/openai-realtime/decode-audio.ts";
import type { AudioFormat } from "../../../gateway/session/domain.ts";
import { noExtensions } from "../../../wire/extensions.ts";
import { eventLimits } from "../../../wire/schemas/limits.ts";

const pcm: AudioFormat = { type: "audio/pcm", rate: 24000 };

const options = (changes: Partial<DecodeOptions> = {}): DecodeOptions => ({
  extensions: noExtensions,
  inputFormat: () => pcm,
  receivedSamples: () => 4800,
  ...changes,
});

const binaryClient = options({ extensions: { ...noExtensions, binaryAudio: true } });

const decode = (event: unknown, given = options()) => decodeClientEvent(JSON.stringify(event), given);

describe("appends", () => {
  it("gives the bytes of an append back", () => {
    const audio = Buffer.from([1, 2, 3, 4]).toString("base64");
    expect(decode({ event_id: "e", type: "input_audio_buffer.append", audio })).toEqual({
      kind: "append",
      clientEventId: "e",
      bytes: Buffer.from([1, 2, 3, 4]),
    });
    expect(decode({ type: "input_audio_buffer.append", audio: "" })).toMatchObject({
      bytes: Buffer.alloc(0),
    });
  });

  it("asks for the input format at each append: one byte a sample is fine for G.711", () => {
    const formats: AudioFormat[] = [pcm, { type: "audio/pcmu" }, { type: "audio/pcma" }];
    const changing = options({ inputFormat: () => formats.shift()! });
    const kinds = [0, 1, 2].map(
      () => decode({ type: "input_audio_buffer.append", audio: "AA==" }, changing).kind,
    );
    expect(kinds).toEqual(["refused", "append", "append"]);
  });

  it("takes minutes of audio at once, up to the limit", () => {
    const atLimit = Buffer.alloc(eventLimits.audioBytes, 7).toString("base64");
    expect(decode({ type: "input_audio_buffer.append", audio: atLimit })).toMatchObject({ kind: "append" });
    const beyond = Buffer.alloc(eventLimits.audioBytes + 2, 7).toString("base64");
    expect(decode({ type: "input_audio_buffer.append", audio: beyond })).toMatchObject({
      kind: "refused",
      error: { code: "input_audio_too_long", param: "audio" },
    });
  });

  it("accepts exactly the base64 that the standard defines", () => {
    const alphabet = "ABYZabyz0189+/=-_ \n\u0141\u00e9\u{1f600}";
    const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
    const texts = fc.oneof(
      fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 24 }),
      fc.base64String(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("base64")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = decodeBase64(text);
        expect(bytes !== null).toBe(strict.test(text));
        if (bytes) expect([...bytes]).toEqual([...atob(text)].map((char) => char.charCodeAt(0)));
      }),
      { numRuns: 3000 },
    );
  });

  it("reads binary messages as raw samples, for those who asked", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    expect(decodeBinaryAppend(bytes, binaryClient)).toEqual({
      kind: "append",
      clientEventId: null,
      bytes: Buffer.from(bytes),
    });
    expect(decodeBinaryAppend(bytes.subarray(1), binaryClient)).toMatchObject({
      error: { code: "invalid_audio", param: null, clientEventId: null },
    });
    expect(decodeBinaryAppend(bytes, options())).toMatchObject({ error: { code: "invalid_event" } });
  });
});
