import { describe, expect, test } from "vitest";
import { RefusalBook, readableId } from "./refusal-book.ts";

function sent(text: string, certain = true) {
  return { name: "test", out: { kind: "text" as const, text }, certain };
}

function error(eventId: string | null, fields: Record<string, unknown> = {}) {
  const error = {
    type: "invalid_request_error",
    code: "unknown_event",
    message: "No.",
    param: null,
    event_id: eventId,
  };
  return { type: "error", error: { ...error, ...fields } };
}

describe("the fuzzer's account of refusals", () => {
  test("balances when each wrong event has one error", () => {
    const book = new RefusalBook();
    book.sent(sent('{"type":"x","event_id":"a"}'));
    book.sent(sent("{"));
    expect(book.refused(error("a"))).toBeNull();
    expect(book.refused(error(null))).toBeNull();
    expect(book.settle()).toEqual([]);
  });

  test("notices an error that never came", () => {
    const book = new RefusalBook();
    book.sent(sent('{"type":"x","event_id":"a"}'));
    expect(book.settle()).toHaveLength(1);
    book.sent(sent("{"));
    expect(book.settle()).toHaveLength(1);
  });

  test("notices two errors for one event", () => {
    const book = new RefusalBook();
    book.sent(sent('{"type":"x","event_id":"a"}', false));
    book.refused(error("a"));
    book.refused(error("a"));
    expect(book.settle()).toHaveLength(1);
  });

  test("takes as many errors for an id as it was used", () => {
    const book = new RefusalBook();
    for (const type of ["x", "y"]) book.sent(sent(`{"type":"${type}","event_id":"0"}`));
    book.refused(error("0"));
    expect(book.settle()).toHaveLength(1);
    for (const type of ["x", "y"]) book.sent(sent(`{"type":"${type}","event_id":"0"}`));
    for (const id of ["0", "0"]) book.refused(error(id));
    expect(book.settle()).toEqual([]);
  });

  test("notices an error for nothing that was sent", () => {
    const book = new RefusalBook();
    expect(book.refused(error("b"))).not.toBeNull();
    book.refused(error(null));
    expect(book.settle()).toHaveLength(1);
  });

  test.each([
    ["no code", { code: undefined }],
    ["a code of no table", { code: "oops" }],
    ["no message", { message: "" }],
    ["an undefined param", { param: undefined }],
    ["an internal error", { code: "internal_error" }],
  ])("notices an error with %s", (_, fields) => {
    const book = new RefusalBook();
    book.sent(sent('{"type":"x","event_id":"a"}'));
    expect(book.refused(error("a", fields))).not.toBeNull();
  });

  test("reads an id only where a gateway can", () => {
    expect(readableId('{"event_id":"a","event_id":"b"}')).toBe("b");
    expect(readableId('[{"event_id":"a"}]')).toBeNull();
    expect(readableId('{"event_id":7}')).toBeNull();
    expect(readableId('{"event_id":"a"')).toBeNull();
  });
});
