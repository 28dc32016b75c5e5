/** Random conversations against the reducer: whatever the order of events, a session keeps its promises. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command, Output, SessionConfig } from "../../gateway/session/domain.ts";
import type { Effect, Now, SessionEvent } from "../../gateway/session/events.ts";
import { reduce } from "../../gateway/session/reducer.ts";
import { openSession, type SessionState } from "../../gateway/session/state.ts";
import { sessionConfig, sessionLimits } from "./session-fixtures.ts";

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

/** What the session was asked and did so far: a client, a front end, a recogniser and a voice that obey it. */
class World {
  state: SessionState;
  atMs = 1_000;
  samples = 0;
  speaking = false;
  readonly outputs: Output[] = [];
  readonly listening = new Set<string>();
  readonly ended = new Set<string>();
  readonly replying = new Map<string, { modality: "audio" | "text"; pieces: number; over: boolean }>();
  playback: Now["playback"] = null;
  audioAfterCancel = 0;

  constructor(config: SessionConfig) {
    this.state = openSession({
      id: "sess_modelmodelmodel",
      tenant: "default",
      expiresAtMs: 1e12,
      config,
      limits: sessionLimits,
    });
    this.event({ type: "opened" });
  }

  event(event: SessionEvent): void {
    const now: Now = {
      atMs: this.atMs,
      receivedSamples: this.samples,
      keptFromSample: Math.max(0, this.samples - 16_000),
      playback: this.playback,
    };
    const before = JSON.stringify(this.state);
    // A saved and restored session goes on the same, given the same.
    const restored = reduce(JSON.parse(before) as SessionState, event, now);
    const { state, effects } = reduce(this.state, event, now);
    expect(JSON.stringify(this.state), "the given state is not changed").toBe(before);
    expect(JSON.stringify(restored), "restored goes on the same").toBe(JSON.stringify({ state, effects }));
    this.state = state;
    for (const effect of effects) this.carryOut(effect);
  }

  command(command: Command): void {
    this.event({ type: "command", command, readAtMs: this.atMs });
  }

  private carryOut(effect: Effect): void {
    switch (effect.type) {
      case "send":
        this.outputs.push(effect.output);
        break;
      case "openUtterance":
      case "transcribeItem":
        this.listening.add(effect.itemId);
        if (effect.type === "transcribeItem") this.ended.add(effect.itemId);
        break;
      case "endUtterance":
        this.ended.add(effect.itemId);
        break;
      case "dropUtterance":
        this.listening.delete(effect.itemId);
        break;
      case "startReply":
        this.replying.set(effect.request.responseId, {
          modality: effect.request.modality,
          pieces: 0,
          over: false,
        });
        break;
      case "cancelReply":
        this.replying.delete(effect.responseId);
        break;
      case "flushPlayback":
        if (this.playback)
          this.playback = { ...this.playback, sentMs: this.playback.heardMs, unheard: false };
        break;
    }
  }

  pick<Value>(values: Iterable<Value>, pick: number): Value | undefined {
    const list = [...values];
    return list[pick % Math.max(1, list.length)];
  }
}

type Action = (world: World, step: Step) => void;

const client =
  (make: (world: World, step: Step) => Command): Action =>
  (world, step) =>
    world.command(make(world, step));

const someItem = (world: World, step: Step) =>
  world.pick(world.state.items, step.pick)?.item.id ?? "item_none";

const words = ["", "yeah", "stop that please", "what is the weather", "mm-hm"];

const stamps = { readAtMs: 0, inBusAtMs: 1, takenAtMs: 2, decidedAtMs: 3 };

const actions: Action[] = [
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
    if (itemId) world.event({ type: "words", itemId, text: words[pick % words.length] ?? "" });
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
          pick % 3 === 0
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
    if (!busy && !world.state.owedReply) return;
    world.samples += 16_000;
    world.atMs += 1_000;
    if (input.utterance && alarms["turn:end"] === undefined && !input.utterance.awaitingWords) {
      world.event({ type: "pause", sample: world.samples });
    }
    for (const key of ["turn:end", "turn:max"]) {
      if (world.state.alarms[key] !== undefined)
        world.event({ type: "alarm", key, sample: world.samples, stamps });
    }
    for (const itemId of [...world.ended]) {
      world.ended.delete(itemId);
      if (world.listening.delete(itemId)) {
        world.event({ type: "transcribed", itemId, text: "settled", provider: "model", attempts: [] });
      }
    }
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
    fc.assert(
      fc.property(
        fc.array(stepArbitrary, { minLength: 1, maxLength: 120 }),
        fc.boolean(),
        (steps, interrupt) => {
          const world = new World(sessionConfig({ interruptResponse: interrupt }));
          for (const step of steps) actions[step.kind % actions.length]?.(world, step);
          settle(world);
          check(world);
        },
      ),
      { numRuns: 400 },
    );
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
