import { describe, expect, it } from "vitest";
import { type OutboundMessage, Outbox } from "../../gateway/session/outbox.ts";

function socket() {
  const sent: OutboundMessage[] = [];
  const send = (message: OutboundMessage) => {
    sent.push(message);
    return "sent" as const;
  };
  return { sent, send };
}

describe("the outbox", () => {
  it("numbers texts and frames on one line, transient ones not at all", () => {
    const outbox = new Outbox(socket(), 1_000);
    outbox.send("one");
    outbox.send("passing", true);
    outbox.send(Uint8Array.of(2));
    expect(outbox.sequence).toBe(2);
    expect(outbox.after(0)).toEqual(["one", Uint8Array.of(2)]);
  });

  it("keeps what a client without a socket misses, in order", () => {
    const [first, second] = [socket(), socket()];
    const outbox = new Outbox(first, 1_000);
    outbox.send("one");
    outbox.detach();
    expect(outbox.send("two")).toBe("closed");
    outbox.attach(second);
    outbox.send("three");
    expect([first.sent, second.sent, outbox.after(1)]).toEqual([["one"], ["three"], ["two", "three"]]);
  });

  it("is bounded in bytes and says when something is gone", () => {
    const outbox = new Outbox(socket(), 10);
    for (const message of ["aaaa", "bbbb", "cccc"]) outbox.send(message);
    expect(outbox.after(1)).toEqual(["bbbb", "cccc"]);
    expect(outbox.after(0)).toBeNull();
    outbox.send("longer than everything");
    expect([outbox.after(3), outbox.after(4), outbox.after(5)]).toEqual([null, [], null]);
  });

  it("keeps nothing where nothing can be resumed", () => {
    const outbox = new Outbox(socket(), 0);
    outbox.send("one");
    expect([outbox.after(0), outbox.after(1)]).toEqual([null, []]);
  });
});
