import { afterEach, describe, expect, it } from "vitest";
import { maxCalls } from "../../loadtest/standins/call-record.ts";
import { standinNames } from "../../loadtest/standins/standin.ts";
import { createWorld, type DrillWorld } from "../../loadtest/standins/world.ts";

const worlds: DrillWorld[] = [];
function makeWorld(seed = 1): DrillWorld {
  const world = createWorld({ seed });
  worlds.push(world);
  return world;
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

describe("createWorld", () => {
  it("draws the same for a vendor's n-th call, whoever else calls in between", () => {
    const [a, b] = [makeWorld(5), makeWorld(5)];
    const drawn = (world: DrillWorld) => {
      const call = world.begin("gemini");
      return [call.firstMs, call.pieceMs, call.random(), call.random()];
    };
    const first = [drawn(a), drawn(a), drawn(a)];
    const second = [0, 1, 2].map(() => {
      for (const name of standinNames) if (name !== "gemini") b.begin(name).random();
      return drawn(b);
    });
    expect(second).toEqual(first);
    expect(drawn(makeWorld(6))).not.toEqual(first[0]);
  });

  it("records who was called, what hit the call, and how it ended", async () => {
    const world = makeWorld();
    await world.faults.set("gemini", { kind: "cut", afterPieces: 2 });
    const call = world.begin("gemini");
    expect(await call.wait(0)).toBe(true);
    expect(call.failsAfter(1)).toBe(false);
    expect(call.failsAfter(2)).toBe(true);
    call.note({ text: "Hello." });
    call.note({ spokenPrefix: "Hel" });
    call.end("failed");
    call.end("completed");
    const [record] = world.calls();
    expect(record).toMatchObject({
      standin: "gemini",
      outcome: "failed",
      fault: "cut",
      detail: { text: "Hello.", spokenPrefix: "Hel" },
    });
    expect(record?.firstMs).not.toBeNull();
    expect(record?.durationMs).not.toBeNull();
  });

  it("makes everything ten times slower in a brown-out, from the same draws", async () => {
    const [well, brown] = [makeWorld(2), makeWorld(2)];
    await brown.faults.set("deepgram", { kind: "brown_out" });
    const call = brown.begin("deepgram");
    expect(call.fault).toBeNull();
    expect(call.firstMs).toBeCloseTo(10 * well.begin("deepgram").firstMs);
    expect(brown.calls()[0]?.fault).toBe("brown_out");
  });

  it("throws out who comes through while the listener closes", async () => {
    const world = makeWorld();
    await world.faults.set("claude", { kind: "refuse" });
    expect(world.begin("claude").fault?.kind).toBe("reset");
  });

  it("ends a call's waits when the client goes away, and grants no more", async () => {
    const call = makeWorld().begin("claude");
    const waiting = call.wait(60_000);
    expect(call.signal.aborted).toBe(false);
    call.cancel();
    expect(await waiting).toBe(false);
    expect(await call.wait(0)).toBe(false);
    expect(call.signal.aborted).toBe(true);
  });

  it("tells nobody that the client went away when a call ended by itself", () => {
    const call = makeWorld().begin("claude");
    call.end("completed");
    expect(call.signal.aborted).toBe(false);
  });

  it("keeps the last 10,000 calls", () => {
    const world = makeWorld();
    for (let count = 0; count < maxCalls + 5; count++) world.begin("openai").end("completed");
    expect(world.calls()).toHaveLength(maxCalls);
    expect(world.calls()[0]?.id).toBe(6);
  });

  it("hears what it learnt, and nothing else", async () => {
    const world = makeWorld();
    await world.learn({ text: "The ship was torn apart on the sharp reef." });
    const options = { voice: "slt", sampleRateHz: 16_000, speedRatio: 1 };
    const { pcm } = await world.speak("The ship was torn apart on the sharp reef.", options);
    expect(world.hear(pcm).text).toBe("The ship was torn apart on the sharp reef.");
    await world.learn({
      text: "A recording.",
      pcm: (await world.speak("Read verse out loud.", options)).pcm,
    });
    expect(world.hear((await world.speak("Read verse out loud.", options)).pcm).text).toBe("A recording.");
  });

  it("begins anew when it is reset", async () => {
    const world = makeWorld(8);
    const first = world.begin("gemini");
    await world.faults.setAll(standinNames, { kind: "hang" });
    await world.reset();
    expect(first.signal.aborted).toBe(true);
    expect(world.calls()).toHaveLength(0);
    const again = world.begin("gemini");
    expect(again.fault).toBeNull();
    expect(again.firstMs).toBe(first.firstMs);
  });
});
