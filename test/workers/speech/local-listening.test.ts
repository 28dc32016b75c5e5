/** Against a fake of the native recogniser's functions; with a model: test/providers/local-recogniser.test.ts. */
import { describe, expect, it } from "vitest";
import { type EngineCall, EngineFault, Inbox } from "../../../workers/speech/engine-server.ts";
import { payloadOf } from "../../../workers/speech/frames.ts";
import { createListening } from "../../../workers/speech/local-listening.ts";
import { fromSherpa } from "../../../workers/speech/local-sherpa.ts";
import { FakeRecogniser, fakeTailMs, sayPlateaus } from "./fake-recogniser.ts";

type Event = { text: string; samples: number; mark?: number };

function start() {
  const native = new FakeRecogniser();
  const { listen } = createListening(fromSherpa(native, fakeTailMs));
  const open = () => {
    const events: Event[] = [];
    const abort = new AbortController();
    const inbox = new Inbox();
    const call: EngineCall = {
      ...{ args: {}, payload: new Uint8Array(0), signal: abort.signal, inbox },
      emit: (event) => events.push(event as Event),
    };
    const send = (args: Record<string, unknown>, pcm: Int16Array = new Int16Array(0)) =>
      inbox.push({ args, payload: payloadOf(pcm) });
    return { events, abort, send, ended: listen!(call) };
  };
  return { native, open };
}

describe("listening to many utterances at once", () => {
  it("tells words while audio comes, and at a mark all of them", async () => {
    const { open } = start();
    const { events, send, ended } = open();
    const pcm = sayPlateaus("hold on a moment");
    send({}, pcm);
    send({ mark: 7, last: true });
    await ended;
    expect(events.at(-1)).toEqual({ text: "HOLD ON A MOMENT", samples: pcm.length, mark: 7 });
    expect(events.map(({ text }) => text)).toContain("HOLD ON");
    expect(events.filter(({ mark }) => mark !== undefined)).toHaveLength(1);
  });

  it("goes on after a mark, counting the caller's samples only", async () => {
    const { open } = start();
    const { events, send, ended } = open();
    const first = sayPlateaus("hold on");
    const second = sayPlateaus("I have another question");
    send({}, first);
    send({ mark: 1 });
    send({}, second);
    send({ mark: 2, last: true });
    await ended;
    const marks = events.filter(({ mark }) => mark !== undefined);
    expect(marks).toEqual([
      { text: "HOLD ON", samples: first.length, mark: 1 },
      { text: "HOLD ON I HAVE ANOTHER QUESTION", samples: first.length + second.length, mark: 2 },
    ]);
  });

  it("decodes together what is open together", async () => {
    const { native, open } = start();
    const calls = ["hold on a moment", "I have another question"].map((text) => {
      const call = open();
      call.send({}, sayPlateaus(text));
      call.send({ mark: 1, last: true });
      return call;
    });
    await Promise.all(calls.map(({ ended }) => ended));
    expect(calls.map(({ events }) => events.at(-1)?.text)).toEqual([
      "HOLD ON A MOMENT",
      "I HAVE ANOTHER QUESTION",
    ]);
    expect(native.batches.every((size) => size === 2)).toBe(true);
  });

  it("lets a long recording not hold up a short one", async () => {
    const { open } = start();
    const long = open();
    for (let round = 0; round < 6; round++)
      long.send({}, sayPlateaus("hold on a moment I have another question"));
    long.send({ mark: 1, last: true });
    const short = open();
    short.send({}, sayPlateaus("hold on"));
    short.send({ mark: 1, last: true });
    const order: string[] = [];
    await Promise.all([
      long.ended.then(() => order.push("long")),
      short.ended.then(() => order.push("short")),
    ]);
    expect(order).toEqual(["short", "long"]);
  });

  it("lets a cancelled utterance go and serves the others", async () => {
    const { open } = start();
    const [gone, stays] = [open(), open()];
    gone.send({}, sayPlateaus("hold on"));
    gone.abort.abort();
    await gone.ended;
    stays.send({}, sayPlateaus("hold on"));
    stays.send({ mark: 1, last: true });
    await stays.ended;
    expect(gone.events).toEqual([]);
    expect(stays.events.at(-1)?.text).toBe("HOLD ON");
  });

  it("fails what is open when the model fails, and works on", async () => {
    const { native, open } = start();
    const failed = open();
    native.fault = new Error("inference broke");
    failed.send({}, sayPlateaus("hold on"));
    await expect(failed.ended).rejects.toThrow("inference broke");
    const next = open();
    next.send({}, sayPlateaus("hold on"));
    next.send({ mark: 1, last: true });
    await next.ended;
    expect(next.events.at(-1)?.text).toBe("HOLD ON");
  });

  it("refuses a mark that is no number", async () => {
    const { open } = start();
    const { send, ended } = open();
    send({ mark: "soon" });
    await expect(ended).rejects.toBeInstanceOf(EngineFault);
  });
});

describe("what came of a call and was not taken", () => {
  it("is bounded", () => {
    const inbox = new Inbox();
    const part = { args: {}, payload: new Uint8Array(64 * 1024) };
    let kept = 0;
    while (inbox.push(part)) kept++;
    expect(kept).toBe(15);
    expect(inbox.take()).toHaveLength(15);
    expect(inbox.push(part)).toBe(true);
  });
});
