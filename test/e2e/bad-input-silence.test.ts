/** Somebody who put the phone down and forgot it: an hour of a quiet room, in as little time as it takes. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeMulaw } from "../../wire/g711.ts";
import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import { gatewayPids, inspectableEnvironment, ProcessInspector } from "../support/inspector.ts";
import { SeededRandom } from "../support/random.ts";
import { mulaw, RoughCaller } from "./rough-caller.ts";
import { heardWords, protocolScript } from "./scripted-gateway.ts";

const minutes = 60;
const minuteSamples = 60 * 8000;
/** What a session may keep besides what it had after a few minutes: caches, pools, the events of its refusals. */
const maxHeapGrowthBytes = 8 * 1024 * 1024;
const seed = 3600;

describe("an hour of silence, appended as fast as it is taken", () => {
  let gateway: RunningGateway;
  let caller: RoughCaller;

  beforeAll(async () => {
    gateway = await startGateway({
      script: protocolScript,
      env: {
        ...scriptedEngines,
        ...(await inspectableEnvironment()),
        // As much of a session's backlog as can be is worked off in one tick.
        PARLEY_MAX_WINDOWS_PER_TICK: "64",
        PARLEY_AUDIO_TICK_MS: "5",
        PARLEY_INPUT_BACKLOG_BYTES: String(4 * 1024 * 1024),
      },
    });
    caller = await RoughCaller.call(gateway, { format: mulaw });
  });

  afterAll(async () => {
    caller?.hangUp();
    await gateway?.stop();
  });

  test("is no turn, costs no memory to speak of, and the session answers afterwards", {
    timeout: 120_000,
  }, async () => {
    const inspector = await ProcessInspector.attach(gateway, gatewayPids(gateway)[0]!);
    const room = quietMinute();
    for (let minute = 0; minute < 3; minute++) await caller.appendWhenTaken(room);
    expect(await caller.isHeardAndAnswered()).toBe(heardWords);
    const before = await inspector.read();
    for (let minute = 0; minute < minutes; minute++) await caller.appendWhenTaken(room);
    expect(await caller.isHeardAndAnswered()).toBe(heardWords);
    expect(caller.turns(), "the two questions and nothing else").toHaveLength(2);
    const after = await inspector.read();
    inspector.close();
    const growth = after.heapBytes + after.externalBytes - before.heapBytes - before.externalBytes;
    expect(growth).toBeLessThan(maxHeapGrowthBytes);
    for (const { code } of caller.errors()) expect(code).toBe("input_audio_backlog_full");
  });
});

/** A minute of a quiet room: hiss at the edge of what 8 bits can say, and now and then nothing at all. */
function quietMinute(): Uint8Array {
  const random = new SeededRandom(seed);
  const pcm = new Int16Array(minuteSamples);
  for (let index = 0; index < pcm.length; index++)
    pcm[index] = index % 80_000 < 8000 ? 0 : random.below(17) - 8;
  return encodeMulaw(pcm);
}
