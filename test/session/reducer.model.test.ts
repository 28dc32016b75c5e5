/** Random conversations against the reducer: whatever the order of events, a session keeps its promises. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../gateway/session/domain.ts";
import { World } from "./model-world.ts";
import { sessionConfig } from "./session-fixtures.ts";

/** One thing that the world may do next; which are possible depends on what the session asked for. */
interface Step {
  kind: number;
  pick: number;
  ms: number;
}

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  kind: fc.nat(99),
  pick: fc.nat(1_000),
  ms: fc.integer({ min: 1, max: 3_000 }),
});

type Action = (world: World, step: Step) => void;

const client =
  (make: (world: World, step: Step) => Command): Action =>
  (world, step) =>
    world.command(make(world, step));

const someItem = (world: World, step: Step) =>
  world.pick(world.state.items, step.pick)?.item.id ?? "item_none";

const words = [
  "",
  "yeah",
  "stop that please",
  "what is the weather.",
  "mm-hm",
  "[BLANK_AUDIO]",
  "I would like to",
];

const stamps = { readAtMs: 0, inBusAtMs: 1, takenAtMs: 2, decidedAtMs: 3 };

/** A turn as it usually goes, up to a reply that sounds: random steps alone seldom come that far. */
function holdTurn(world: World, step: Step): void {
  world.event({ type: "onset", sample: world.samples });
  world.samples += step.ms * 16;
  world.event({ type: "pause", sample: world.samples });
  ring(world, "turn:end");
  hearAll(world, "what is the weather.");
  speakPiece(world, step);
}

/** Speech over whatever sounds, up to where the reply is stopped or the speaker pauses. */
function speakOver(world: World, { pick }: Step): void {
  world.event({ type: "onset", sample: world.samples });
  const { utterance } = world.state.input;
  for (const key of ["barge:duck", "barge:probe", "barge:commit"].slice(0, 1 + (pick % 3))) ring(world, key);
  if (!utterance) return;
  const text = words[pick % words.length] ?? "";
  world.event({ type: "words", itemId: utterance.itemId, text, untilSample: world.samples });
}

/** A noise that stops a reply and turns out to be no words; the reply's rest is said, or some of it. */
function makeNoise(world: World, step: Step): void {
  world.event({ type: "onset", sample: world.samples });
  ring(world, "barge:commit");
  world.event({ type: "pause", sample: world.samples });
  ring(world, "turn:end");
  hearAll(world, step.pick % 4 === 0 ? "mm-hm" : "");
  speakPiece(world, step);
}

function ring(world: World, key: string): void {
  const sample = world.state.alarms[key];
  if (sample === undefined) return;
  world.samples = Math.max(world.samples, sample);
  world.event({ type: "alarm", key, sample, stamps });
}

function hearAll(world: World, text: string): void {
  for (const itemId of [...world.ended]) {
    world.ended.delete(itemId);
    if (!world.listening.delete(itemId)) continue;
    world.event({ type: "transcribed", itemId, text, provider: "model", attempts: [] });
  }
}

const actions: Action[] = [
  holdTurn,
  holdTurn,
  holdTurn,
  speakOver,
  speakOver,
  makeNoise,
  makeNoise,
  (world) => ring(world, "barge:commit"),
  (world) => ring(world, "turn:end"),
  (world, { pick }) => hearAll(world, words[pick % words.length] ?? ""),
  (world, { ms }) => {
    world.atMs += ms;
    world.samples += ms * 16;
    const { playback } = world;
    if (!playback) return;
    const heardMs = Math.min(playback.sentMs, playback.heardMs + ms);
    world.playback = { ...playback, heardMs, unheard: heardMs < playback.sentMs };
  },
  (world) => {
    world.speaking = true;
    world.event({ type: "onset", sample: world.samples });
  },
  (world) => world.event({ type: "pause", sample: world.samples }),
  (world) => world.event({ type: "resumed", sample: world.samples }),
  (world, { pick }) => {
    const key = world.pick(Object.keys(world.state.alarms), pick);
    if (key)
      world.event({
        type: "alarm",
        key,
        sample: Math.max(world.samples, world.state.alarms[key] ?? 0),
        stamps,
      });
  },
  (world, { pick }) => {
    const itemId = world.pick(world.listening, pick);
    if (!itemId) return;
    const text = words[pick % words.length] ?? "";
    const untilSample = [null, world.samples, world.samples - 8_000][pick % 3] ?? null;
    world.event({ type: "words", itemId, text, untilSample });
  },
  (world, { pick }) => {
    const itemId = world.pick(world.ended, pick);
    if (!itemId || !world.listening.delete(itemId)) return;
    world.ended.delete(itemId);
    world.event({
      type: "transcribed",
      itemId,
      text: words[pick % words.length] ?? "",
      provider: "model",
      attempts: [],
    });
  },
  (world, { pick }) => {
    const itemId = world.pick(world.ended, pick);
    if (!itemId || !world.listening.delete(itemId)) return;
    world.ended.delete(itemId);
    world.event({
      type: "transcriptionFailed",
      itemId,
      code: "provider_overloaded",
      message: "full",
      provider: "model",
      attempts: [],
    });
  },
  speakPiece,
  speakPiece,
  (world, { pick }) => {
    const responseId = world.pick(world.replying.keys(), pick);
    if (responseId)
      world.event({ type: "answerKnown", responseId, text: "A piece of speech. ".repeat(pick % 6) });
  },
  client((world, step) => ({
    type: "playback",
    clientEventId: "c0",
    itemId: someItem(world, step),
    playedMs: step.ms,
  })),
  (world, { pick }) => {
    const responseId = world.pick(world.replying.keys(), pick);
    if (responseId) {
      world.event({
        type: "toolCall",
        responseId,
        callId: `call_${world.outputs.length}`,
        name: "look",
        arguments: "{}",
      });
    }
  },
  endReply,
  endReply,
  client(() => ({ type: "createResponse", clientEventId: "c1", params: { outOfBand: false } })),
  client(() => ({
    type: "createResponse",
    clientEventId: "c2",
    params: { outOfBand: true, outputModality: "text" },
  })),
  client(() => ({ type: "cancelResponse", clientEventId: "c3", responseId: null })),
  client((world) => ({ type: "commitInput", clientEventId: "c4", atSample: world.samples })),
  client((world) => ({ type: "clearInput", clientEventId: "c5", atSample: world.samples })),
  client((_world, { pick }) => ({
    type: "createItem",
    clientEventId: "c6",
    previousItemId: pick % 5 === 0 ? "root" : null,
    item: { type: "message", role: "user", parts: [{ type: "input_text", text: "hello" }] },
  })),
  client((world, step) => ({
    type: "truncateItem",
    clientEventId: "c7",
    itemId: someItem(world, step),
    contentIndex: 0,
    audioEndMs: step.ms,
  })),
  client((world, step) => ({ type: "deleteItem", clientEventId: "c8", itemId: someItem(world, step) })),
  client((world, step) => ({ type: "retrieveItem", clientEventId: "c9", itemId: someItem(world, step) })),
  client(() => ({ type: "clearOutput", clientEventId: "c10" })),
  client((_world, { pick }) => ({
    type: "configure",
    clientEventId: "c11",
    patch: {
      input: {
        turnDetection:
          pick % 7 === 0
            ? null
            : {
                type: "semantic_vad",
                eagerness: "auto",
                createResponse: pick % 2 === 0,
                interruptResponse: pick % 5 !== 0,
              },
      },
    },
  })),
];

function speakPiece(world: World, { pick, ms }: Step): void {
  const responseId = world.pick(world.replying.keys(), pick);
  const reply = responseId === undefined ? undefined : world.replying.get(responseId);
  if (!responseId || !reply || reply.over) return;
  if (reply.modality === "text") return world.event({ type: "replyText", responseId, delta: "some text " });
  const fromMs = reply.pieces * 3_000;
  reply.pieces += 1;
  world.event({
    type: "pieceStarted",
    responseId,
    piece: { text: "A piece of speech. ", fromMs, durationMs: null, words: null },
  });
  const itemId = world.state.responses.find((response) => response.id === responseId)?.message?.itemId;
  if (!itemId) {
    world.audioAfterCancel += 1;
    return;
  }
  world.playback = {
    responseId,
    itemId,
    sentMs: fromMs + ms,
    heardMs: Math.max(0, fromMs - 500),
    unheard: true,
  };
  if (pick % 2 === 0) world.event({ type: "pieceKnown", responseId, fromMs, durationMs: 3_000, words: null });
}

function endReply(world: World, { pick }: Step): void {
  const responseId = world.pick(world.replying.keys(), pick);
  const reply = responseId === undefined ? undefined : world.replying.get(responseId);
  if (!responseId || !reply) return;
  if (!reply.over) {
    reply.over = true;
    const outcome = (["completed", "completed", "failed", "incomplete"] as const)[pick % 4] ?? "completed";
    const error = outcome === "failed" ? { code: "provider_unavailable", message: "gone" } : null;
    world.event({ type: "replyEnded", responseId, outcome, reason: null, error, usage: {}, attempts: [] });
    return;
  }
  world.replying.delete(responseId);
  world.event({ type: "drained", responseId });
}

/** Lets everything that is at work come to its end. */
function settle(world: World): void {
  for (let round = 0; round < 400; round++) {
    const { alarms, input, responses } = world.state;
    const busy =
      world.listening.size > 0 || world.replying.size > 0 || input.utterance || responses.length > 0;
    if (!busy && !world.state.owedReply && !world.state.brokenReply?.due) return;
    world.samples += 16_000;
    world.atMs += 1_000;
    if (input.utterance && alarms["turn:end"] === undefined && !input.utterance.awaitingWords) {
      world.event({ type: "pause", sample: world.samples });
    }
    for (const key of ["turn:end", "turn:max"]) {
      if (world.state.alarms[key] !== undefined)
        world.event({ type: "alarm", key, sample: world.samples, stamps });
    }
    hearAll(world, "settled");
    for (const pick of [0, 0]) endReply(world, { kind: 0, pick, ms: 0 });
  }
  throw new Error("something waits for ever");
}

function check(world: World): void {
  const created = new Map<string, number>();
  const done = new Map<string, number>();
  const openItems = new Set<string>();
  const finished = new Set<string>();
  const closedItems = new Set<string>();
  for (const output of world.outputs) {
    if ("responseId" in output && finished.has(output.responseId)) {
      expect(["turnReport", "outputCleared"], `${output.type} after response.done`).toContain(output.type);
    }
    switch (output.type) {
      case "responseCreated":
        created.set(output.response.id, (created.get(output.response.id) ?? 0) + 1);
        break;
      case "responseDone":
        done.set(output.response.id, (done.get(output.response.id) ?? 0) + 1);
        finished.add(output.response.id);
        expect(output.response.status).not.toBe("in_progress");
        break;
      case "outputItemAdded":
        expect(openItems.has(output.item.id), "ids never cross turns").toBe(false);
        openItems.add(output.item.id);
        break;
      case "outputItemDone":
        expect(openItems.has(output.item.id) && !closedItems.has(output.item.id), "an item ends once").toBe(
          true,
        );
        closedItems.add(output.item.id);
        break;
      case "transcriptDelta":
      case "textDelta":
        expect(openItems.has(output.itemId), "a delta's item was announced").toBe(true);
        break;
    }
  }
  expect([...done.entries()].sort(), "response.done comes for each, once").toEqual(
    [...created.entries()].sort(),
  );
  for (const count of created.values()) expect(count).toBe(1);
  expect([...closedItems].sort(), "every item that began has an end").toEqual([...openItems].sort());
  const ids = world.outputs.flatMap((output) => (output.type === "itemAdded" ? [output.item.id] : []));
  expect(new Set(ids).size, "an item is added once").toBe(ids.length);
}

describe("a session under random events", () => {
  it("ends every response once, keeps ids apart, goes on after a restore, and waits for nothing for ever", () => {
    const reached = new Set<string>();
    const walk = fc.property(
      fc.array(stepArbitrary, { minLength: 1, maxLength: 120, size: "max" }),
      fc.boolean(),
      fc.boolean(),
      (steps, interrupt, ducks) => {
        const world = new World(sessionConfig({ interruptResponse: interrupt }), ducks);
        for (const step of steps) actions[step.kind % actions.length]?.(world, step);
        settle(world);
        check(world);
        for (const state of world.reached) reached.add(state);
      },
    );
    const everywhere = [
      "a broken reply",
      "a drawn-out nod",
      "a duck that was lifted",
      "a habit",
      "a probe",
      "a rest that is said",
      "a rest that the AI goes on with",
      "a turn that waits for words",
    ];
    // Some places are rarely come by: the walks go on until they were seen.
    for (let round = 0; round < 10 && reached.size < everywhere.length; round += 1)
      fc.assert(walk, { numRuns: 120 });
    expect([...reached].sort(), "the walks come everywhere").toEqual(everywhere);
  });

  it("answers every refused command with exactly one error that gives the client's event id back", () => {
    const world = new World(sessionConfig({}));
    const refused: Command[] = [
      { type: "cancelResponse", clientEventId: "a", responseId: null },
      { type: "commitInput", clientEventId: "b", atSample: 0 },
      { type: "retrieveItem", clientEventId: "c", itemId: "item_unknown" },
      { type: "deleteItem", clientEventId: "d", itemId: "item_unknown" },
      { type: "truncateItem", clientEventId: "e", itemId: "item_unknown", contentIndex: 0, audioEndMs: 0 },
    ];
    for (const command of refused) {
      const before = world.outputs.length;
      world.command(command);
      expect(world.outputs.slice(before)).toMatchObject([
        { type: "error", clientEventId: command.clientEventId },
      ]);
    }
  });
});
