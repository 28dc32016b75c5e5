/** The world around a session in the model test, and what holds of the session between any two events. */
import { expect } from "vitest";
import type { Command, Output, SessionConfig } from "../../gateway/session/domain.ts";
import type { Effect, Now, SessionEvent } from "../../gateway/session/events.ts";
import { effectsToResume, reduce } from "../../gateway/session/reducer.ts";
import { openSession, type SessionState, samplesPerMs } from "../../gateway/session/state.ts";
import { plainTurnEnds, sessionLimits } from "./session-fixtures.ts";

/** What the session was asked and did so far: a client, a front end, a recogniser and a voice that obey it. */
export class World {
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
  /** Rare states that were reached. */
  readonly reached = new Set<string>();

  constructor(config: SessionConfig, ducks = false) {
    this.state = openSession({
      ducks,
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
      readableSamples: this.samples,
      turnEnds: plainTurnEnds,
      keptFromSample: Math.max(0, this.samples - 16_000),
      playback: this.playback,
    };
    const before = JSON.stringify(this.state);
    // A saved and restored session goes on the same, given the same.
    const restored = reduce(JSON.parse(before) as SessionState, event, now);
    const { state, effects } = reduce(this.state, event, now);
    if (JSON.stringify(this.state) !== before) expect.fail("the given state is changed");
    expect(JSON.stringify(restored), "restored goes on the same").toBe(JSON.stringify({ state, effects }));
    this.state = state;
    for (const effect of effects) this.carryOut(effect);
    if (state.input.utterance?.held) this.reached.add("a drawn-out nod");
    if (state.brokenReply && !state.brokenReply.due) this.reached.add("a broken reply");
    if (state.input.utterance?.awaitingWords) this.reached.add("a turn that waits for words");
    if (state.input.habit.pauses > 0) this.reached.add("a habit");
    checkState(this);
  }

  command(command: Command): void {
    this.event({ type: "command", command, readAtMs: this.atMs });
  }

  private carryOut(effect: Effect): void {
    switch (effect.type) {
      case "probeUtterance":
        this.reached.add("a probe");
        break;
      case "send":
        this.outputs.push(effect.output);
        if (effect.output.type === "unduck") this.reached.add("a duck that was lifted");
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
        if (effect.request.recital !== undefined) this.reached.add("a rest that is said");
        if (effect.request.spokenPrefix !== "") this.reached.add("a rest that the AI goes on with");
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

const speechAlarms = ["turn:end", "turn:max", "barge:duck", "barge:probe", "barge:commit"];

/** What holds between any two events. Plain comparisons: this runs some ten thousand times. */
function checkState({ state, samples, outputs }: World): void {
  const { utterance } = state.input;
  const set = Object.keys(state.alarms).filter((key) => speechAlarms.includes(key));
  if (set.length > 0 && (!utterance || utterance.awaitingWords)) expect.fail(`nobody speaks: ${set}`);
  if (utterance?.announced && set.some((key) => key.startsWith("barge:")))
    expect.fail(`judged no more: ${set}`);
  if (!state.ducks && set.includes("barge:duck")) expect.fail("ducks for a client that can't");
  const endSample = state.alarms["turn:end"];
  const voiced = utterance?.lastVoicedSample ?? null;
  if (endSample !== undefined) {
    if (voiced === null || endSample < voiced) expect.fail("a turn ends in the middle of speech");
    if (endSample > Math.max(voiced + 4_000 * samplesPerMs, samples)) expect.fail("a turn ends too late");
  }
  const volume = outputs.findLast(({ type }) => ["duck", "unduck", "speechStarted"].includes(type));
  if ((utterance?.ducked ?? false) !== (volume?.type === "duck")) expect.fail("a duck is never lifted");
  const resumed = effectsToResume(state);
  const alarms = resumed.flatMap((effect) => (effect.type === "alarm" ? [effect.key, effect.atSample] : []));
  if (`${alarms}` !== `${Object.entries(state.alarms).flat()}`) expect.fail("a deadline is forgotten");
  const replies = resumed.flatMap((effect) =>
    effect.type === "startReply" ? [effect.request.responseId] : [],
  );
  const asked = state.responses.filter(({ request }) => request).map(({ id }) => id);
  if (`${replies}` !== `${asked}`) expect.fail("a reply is forgotten");
}
