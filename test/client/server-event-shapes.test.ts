import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ParleyClient } from "../../client/parley-client.ts";
import { parseServerEvent } from "../../client/server-event-shapes.ts";
import type { WebSocketConstructor, WebSocketLike } from "../../client/server-link.ts";
import { sessionWith } from "./fake-gateway.ts";

/** A socket without a network: a test says what the server sends. */
class PaperSocket implements WebSocketLike {
  static last: PaperSocket;
  binaryType = "";
  readyState = 1;
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  constructor() {
    PaperSocket.last = this;
  }

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(): void {}

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  /** Exceptions of the client's come out here. */
  message(data: unknown): void {
    for (const listener of this.#listeners.get("message") ?? []) listener({ data } as never);
  }
}

const types = [
  "error",
  "session.created",
  "session.updated",
  "input_audio_buffer.speech_started",
  "input_audio_buffer.committed",
  "response.created",
  "response.content_part.added",
  "response.output_audio.delta",
  "response.output_audio.done",
  "response.output_audio_transcript.delta",
  "response.output_audio_transcript.done",
  "response.output_text.delta",
  "response.output_text.done",
  "response.done",
  "conversation.item.truncated",
  "conversation.item.retrieved",
  "conversation.item.input_audio_transcription.delta",
  "conversation.item.input_audio_transcription.completed",
  "parley.words",
  "parley.caption",
  "parley.level",
  "parley.turn",
  "parley.duck",
  "closed",
  "state",
  "audio",
  "__proto__",
  "constructor",
];
const fields = [
  ...[
    "item_id",
    "item",
    "id",
    "type",
    "role",
    "content",
    "content_index",
    "part",
    "delta",
    "transcript",
    "text",
  ],
  ...[
    "response",
    "output",
    "status_details",
    "error",
    "code",
    "message",
    "param",
    "event_id",
    "words",
    "start_ms",
  ],
  ...["session", "audio", "input", "format", "raw_db", "gated_db", "noise_db", "speech_ratio", "sample"],
];
const garbage = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, "", "message", "assistant", "audio", "AAAA", "!!", 0, -1, 1e308),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...fields), tie("value"), { maxKeys: 5 }),
  ),
}));
const event = fc
  .tuple(fc.constantFrom(...types), fc.dictionary(fc.constantFrom(...fields), garbage.value, { maxKeys: 8 }))
  .map(([type, rest]) => JSON.stringify({ ...rest, type }));
const message = fc.oneof(
  event,
  event.chain((text) => fc.nat(text.length).map((length) => text.slice(0, length))),
  fc.string(),
  fc.json(),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from(bytes).buffer),
  fc.constantFrom<unknown>(null, undefined, 7, {}),
);

describe("parseServerEvent", () => {
  it.each([
    ["no JSON", "{", "SyntaxError"],
    ["no object", "[]", "an event needs a type"],
    ["no type", "{}", "an event needs a type"],
    ["a name of the client's own", '{"type":"closed"}', "an event needs a type"],
    ["a missing field", '{"type":"parley.words","item_id":"a"}', "parley.words.words is no array"],
    [
      "a field of another kind",
      '{"type":"parley.words","item_id":"a","words":[{"text":"a","start_ms":"1"}]}',
      "parley.words.words[0].start_ms is no number",
    ],
  ])("refuses %s and says so", (_name, text, detail) => {
    const parsed = parseServerEvent(text);
    expect(parsed.ok).toBe(false);
    expect(parsed.ok ? "" : parsed.detail).toContain(detail);
  });

  it("lets events pass that it doesn't know", () => {
    expect(parseServerEvent('{"type":"response.brand_new","x":1}').ok).toBe(true);
  });
});

describe("ParleyClient on a server that sends garbage", () => {
  const faults: unknown[] = [];
  const keepFault = (error: unknown) => faults.push(error);

  beforeEach(() => {
    faults.length = 0;
    process.on("uncaughtException", keepFault);
  });
  afterEach(() => {
    process.off("uncaughtException", keepFault);
  });

  it("never throws, and says what was wrong", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 30 }), fc.boolean(), async (messages, early) => {
        const client = new ParleyClient({
          url: "ws://nowhere.example",
          webSocket: PaperSocket as unknown as WebSocketConstructor,
        });
        const codes: string[] = [];
        client.on("error", ({ code }) => codes.push(code));
        let ended = 0;
        client.on("closed", () => ended++);
        const connecting = client.connect();
        await Promise.resolve();
        await Promise.resolve();
        const socket = PaperSocket.last;
        if (early) for (const data of messages) socket.message(data);
        socket.message(JSON.stringify({ type: "session.created", session: sessionWith({}) }));
        await connecting;
        for (const data of messages) socket.message(data);
        socket.message("{");
        expect(codes.at(-1)).toBe("bad_server_message");
        expect(ended).toBe(0);
        // It still works.
        expect(client.connected).toBe(true);
        client.sendText("hello");
        client.close();
        expect(ended).toBe(1);
      }),
      { numRuns: 400 },
    );
    expect(faults).toEqual([]);
  });
});
