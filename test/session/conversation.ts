/** A session's value on its own: events go in, what the session says and does comes out. Times are in ms. */
import type { Command, Item, Output, ResponseParams, SessionConfig } from "../../gateway/session/domain.ts";
import type { Effect, Now, SessionEvent } from "../../gateway/session/events.ts";
import { reduce } from "../../gateway/session/reducer.ts";
import {
  openSession,
  type SessionLimits,
  type SessionState,
  samplesPerMs,
} from "../../gateway/session/state.ts";
import type { TurnEndDetector } from "../../gateway/session/turn-taking/turn-end.ts";
import { plainTurnEnds, sessionConfig, sessionLimits } from "./session-fixtures.ts";

type WithoutId<Type> = Type extends unknown ? Omit<Type, "clientEventId"> : never;

/** What one step brought about. */
export interface Step {
  outputs: Output[];
  effects: Effect[];
  /** Types of the outputs in order, without rate limits and reports. */
  said: string[];
}

export class Conversation {
  state: SessionState;
  atMs = 10_000;
  receivedMs = 0;
  keptFromMs = 0;
  playback: Now["playback"] = null;
  turnEnds: TurnEndDetector = plainTurnEnds;
  readonly outputs: Output[] = [];
  readonly effects: Effect[] = [];

  constructor(
    config: SessionConfig = sessionConfig({}),
    limits: Partial<SessionLimits> = {},
    client: { ducks?: boolean } = {},
  ) {
    this.state = openSession({
      id: "sess_abcdefghijkl",
      tenant: "default",
      expiresAtMs: 1e12,
      config,
      limits: { ...sessionLimits, ...limits },
      ...client,
    });
  }

  step(event: SessionEvent): Step {
    const { state, effects } = reduce(this.state, event, {
      atMs: this.atMs,
      receivedSamples: this.receivedMs * samplesPerMs,
      readableSamples: this.receivedMs * samplesPerMs,
      turnEnds: this.turnEnds,
      keptFromSample: this.keptFromMs * samplesPerMs,
      playback: this.playback,
    });
    this.state = state;
    this.effects.push(...effects);
    const outputs = effects.flatMap((effect) => (effect.type === "send" ? [effect.output] : []));
    this.outputs.push(...outputs);
    const said = outputs
      .map(({ type }) => type)
      .filter((type) => type !== "rateLimits" && type !== "turnReport");
    return { outputs, effects, said };
  }

  command(command: WithoutId<Command>, clientEventId: string | null = "event_1"): Step {
    return this.step({
      type: "command",
      command: { ...command, clientEventId } as Command,
      readAtMs: this.atMs,
    });
  }

  // ---- the caller ----

  onset(ms: number): Step {
    this.receivedMs = Math.max(this.receivedMs, ms);
    return this.step({ type: "onset", sample: ms * samplesPerMs });
  }

  pause(ms: number): Step {
    this.receivedMs = Math.max(this.receivedMs, ms);
    return this.step({ type: "pause", sample: ms * samplesPerMs });
  }

  resumed(ms: number): Step {
    this.receivedMs = Math.max(this.receivedMs, ms);
    return this.step({ type: "resumed", sample: ms * samplesPerMs });
  }

  /** When the alarm is to ring, on the clock of samples; null when it is not set. */
  alarmMs(key: string): number | null {
    const sample = this.state.alarms[key];
    return sample === undefined ? null : sample / samplesPerMs;
  }

  /** Time comes to the alarm. */
  alarm(key: string): Step {
    const ms = this.alarmMs(key);
    if (ms === null) throw new Error(`no alarm ${key}`);
    this.receivedMs = Math.max(this.receivedMs, ms);
    const stamps = {
      readAtMs: this.atMs,
      inBusAtMs: this.atMs + 1,
      takenAtMs: this.atMs + 5,
      decidedAtMs: this.atMs + 8,
    };
    this.atMs += 8;
    return this.step({ type: "alarm", key, sample: ms * samplesPerMs, stamps });
  }

  /** Item that is being spoken or was committed last. */
  get spokenId(): string {
    const id = this.state.input.utterance?.itemId ?? this.state.input.pending.at(-1)?.itemId;
    if (!id) throw new Error("nobody speaks");
    return id;
  }

  /** @param untilMs - how far the words reach; null: the recogniser does not say */
  words(text: string, untilMs: number | null = null, itemId = this.spokenId): Step {
    const untilSample = untilMs === null ? null : untilMs * samplesPerMs;
    return this.step({ type: "words", itemId, text, untilSample });
  }

  transcribed(text: string, itemId = this.spokenId): Step {
    return this.step({ type: "transcribed", itemId, text, provider: "ears", attempts: [] });
  }

  notTranscribed(itemId = this.spokenId): Step {
    const fault = { code: "provider_unavailable", message: "gone" };
    return this.step({ type: "transcriptionFailed", itemId, ...fault, provider: "ears", attempts: [] });
  }

  /** A whole utterance up to its committed end. */
  speak(fromMs: number, untilMs: number): Step {
    this.onset(fromMs);
    this.pause(untilMs);
    return this.alarm("turn:end");
  }

  // ---- the reply ----

  get responseId(): string {
    const id = this.state.responses[0]?.id;
    if (!id) throw new Error("no response is in progress");
    return id;
  }

  /** A piece begins to sound; `sentMs` of the item are sent, `heardMs` heard. */
  piece(
    text: string,
    at: { fromMs?: number; durationMs?: number; sentMs?: number; heardMs?: number } = {},
  ): Step {
    const { fromMs = 0, durationMs = 1_000 } = at;
    const { responseId } = this;
    const started = this.step({
      type: "pieceStarted",
      responseId,
      piece: { text, fromMs, durationMs: null, words: null },
    });
    this.step({ type: "pieceKnown", responseId, fromMs, durationMs, words: null });
    const itemId = this.state.responses[0]?.message?.itemId ?? "";
    this.playback = {
      responseId,
      itemId,
      sentMs: at.sentMs ?? fromMs + durationMs,
      heardMs: at.heardMs ?? fromMs,
      unheard: true,
    };
    return started;
  }

  toolCall(name = "look", callId = "call_1"): Step {
    return this.step({ type: "toolCall", responseId: this.responseId, callId, name, arguments: "{}" });
  }

  endReply(outcome: "completed" | "failed" | "incomplete" = "completed"): Step {
    const { responseId } = this;
    const error = outcome === "failed" ? { code: "provider_unavailable", message: "gone" } : null;
    this.step({ type: "replyEnded", responseId, outcome, reason: null, error, usage: {}, attempts: [] });
    return this.step({ type: "drained", responseId });
  }

  /** The listener heard everything that was sent. */
  hearAll(): void {
    const { playback } = this;
    if (playback) this.playback = { ...playback, heardMs: playback.sentMs, unheard: false, others: [] };
  }

  /** A turn is spoken and answered up to its first piece. */
  begin(text = "One two three four."): void {
    this.speak(1_000, 2_000);
    this.transcribed("What is it?");
    this.piece(text, { durationMs: 4_000, sentMs: 2_000, heardMs: 500 });
  }

  effectsOf<Type extends Effect["type"]>(type: Type): Extract<Effect, { type: Type }>[] {
    return this.effects.filter((effect): effect is Extract<Effect, { type: Type }> => effect.type === type);
  }

  of<Type extends Output["type"]>(type: Type): Extract<Output, { type: Type }>[] {
    return this.outputs.filter((output): output is Extract<Output, { type: Type }> => output.type === type);
  }
}

/** What is said when a spoken response ends. */
export const tail = ["audioDone", "transcriptDone", "partDone", "itemDone", "outputItemDone", "responseDone"];

/** What a message says. */
export function textOf(item: Item | undefined): string {
  const part = item?.type === "message" ? item.parts[0] : undefined;
  if (!part) return "";
  return "text" in part ? part.text : (part.transcript ?? "");
}

/** A conversation in which a response was just asked for. */
export function asked(params: Partial<ResponseParams> = {}): Conversation {
  const talk = new Conversation();
  talk.command({ type: "createResponse", params: { outOfBand: false, ...params } });
  return talk;
}
