import { describe, expect, it } from "vitest";
import type { AudioRange } from "../../gateway/providers/provider.ts";
import type { NewItem, Output, ReplyAudio } from "../../gateway/session/domain.ts";
import { PlaybackTicker } from "../../gateway/session/playback-ticker.ts";
import { Session } from "../../gateway/session/session.ts";
import { openSession } from "../../gateway/session/state.ts";
import { advance, openLedger } from "../../gateway/turn/ledger.ts";
import type { ReplyEvent, ReplyRequest } from "../../gateway/turn/reply.ts";
import type { TranscriptionEvent } from "../../gateway/turn/transcription.ts";
import type { AudioChannel, FrontEndEvent } from "../../workers/audio/messages.ts";
import { createFakeClock } from "../turn/fake-clock.ts";
import { plainTurnEnds, sessionConfig, sessionLimits } from "./session-fixtures.ts";

class FakeChannel implements AudioChannel {
  readonly slot = 0;
  receivedSamples = 0;
  readableSamples = 0;
  keptFromSample = 0;
  onEvents: ((events: FrontEndEvent[]) => void) | null = null;
  onReadable: (() => void) | null = null;
  readonly calls: string[] = [];
  full = false;
  write(bytes: Uint8Array): "written" | "full" {
    if (this.full) return "full";
    this.receivedSamples += bytes.length / 3;
    this.readableSamples = this.receivedSamples;
    this.onReadable?.();
    return "written";
  }
  configure(): void {
    this.calls.push("configure");
  }
  alarm(key: string): void {
    this.calls.push(`alarm ${key}`);
  }
  cancelAlarm(key: string): void {
    this.calls.push(`cancelAlarm ${key}`);
  }
  resetSpeech(): void {
    this.calls.push("resetSpeech");
  }
  read(from: number, to: number): Int16Array {
    return new Int16Array(to - from);
  }
  release(before: number): void {
    this.keptFromSample = before;
  }
  frameTimes(): null {
    return null;
  }
  close(): void {
    this.calls.push("close");
  }
}

/** Hands out what is pushed; ends with `end` or an abort. */
function pushed<Event>(signal: AbortSignal) {
  const events: Event[] = [];
  let wake: () => void = () => undefined;
  let over = false;
  signal.addEventListener("abort", () => wake());
  return {
    push(...more: Event[]) {
      events.push(...more);
      wake();
    },
    end() {
      over = true;
      wake();
    },
    async *stream(): AsyncGenerator<Event> {
      while (!signal.aborted) {
        const event = events.shift();
        if (event) yield event;
        else if (over) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

interface Reply {
  request: ReplyRequest;
  signal: AbortSignal;
  push(...events: ReplyEvent[]): void;
  end(): void;
}

interface Hearing {
  audio: AudioRange;
  signal: AbortSignal;
  push(...events: TranscriptionEvent[]): void;
  end(): void;
}

class Room {
  readonly clock = createFakeClock();
  readonly channel = new FakeChannel();
  readonly outputs: Output[] = [];
  readonly audio: ReplyAudio[] = [];
  readonly replies: Reply[] = [];
  readonly hearings: Hearing[] = [];
  readonly failures: string[] = [];
  readonly refused: string[] = [];
  readonly closedTurns: { outcome: string; closed: boolean }[] = [];
  /** Throws what a bug of ours would, for outputs of that type. */
  faulty: string | null = null;
  onOutput: ((output: Output) => void) | null = null;
  readonly session: Session;

  constructor(client: { ducks?: boolean } = {}) {
    const state = openSession({
      ...client,
      id: "sess_abcdefghijkl",
      tenant: "default",
      expiresAtMs: 1e12,
      config: sessionConfig({}),
      limits: sessionLimits,
    });
    this.session = new Session(
      state,
      this.channel,
      {
        send: (output) => {
          if (output.type === this.faulty) throw new Error("a bug");
          this.outputs.push(output);
          this.onOutput?.(output);
        },
        sendAudio: (audio) => {
          if (this.faulty === "audio") throw new Error("a bug");
          this.audio.push(audio);
        },
      },
      {
        clock: this.clock,
        ticker: new PlaybackTicker(this.clock),
        playbackLimits: { aheadMs: 2_000, chunkMs: 100, heardLagMs: 200 },
        listening: { vadInput: "raw", sttInput: "raw" },
        turnEnds: plainTurnEnds,
        maxBufferMs: 60_000,
        transcriber: {
          transcribe: (audio, _options, signal) => {
            const source = pushed<TranscriptionEvent>(signal);
            this.hearings.push({ audio, signal, push: source.push, end: source.end });
            return source.stream();
          },
        },
        replies: {
          run: (request, _control, signal) => {
            const source = pushed<ReplyEvent>(signal);
            this.replies.push({ request, signal, push: source.push, end: source.end });
            return source.stream();
          },
        },
        observer: {
          turnClosed: ({ outcome, ledger }) => this.closedTurns.push({ outcome, closed: ledger.closed }),
          refused: (code) => this.refused.push(code),
          failed: (_error, during) => this.failures.push(during),
        },
      },
    );
    this.session.open();
  }

  get said(): string[] {
    return this.outputs.map(({ type }) => type);
  }

  ask(): Promise<void> {
    const params = { outOfBand: false };
    this.session.command({ type: "createResponse", params, clientEventId: "ask" }, this.clock.nowMs());
    return this.clock.settle();
  }

  /** The newest reply speaks for `ms`. */
  async speak(ms: number, text = "Some words. "): Promise<void> {
    const reply = this.replies.at(-1);
    const ledger = advance(openLedger("text", 900), "tts", this.clock.nowMs(), "voice");
    reply?.push({ type: "ledger", ledger }, { type: "piece", index: 0, text });
    reply?.push(
      { type: "audio", index: 0, pcm: new Int16Array(ms * 24).fill(1) },
      { type: "pieceEnd", index: 0 },
    );
    await this.clock.settle();
  }

  async endReply(): Promise<void> {
    this.replies.at(-1)?.push({ type: "end", outcome: "completed", usage: {}, attempts: [] });
    await this.clock.settle();
  }

  hear(
    event:
      | { type: "onset" | "pause" | "resumed"; sample: number }
      | { type: "alarm"; key: string; sample: number },
  ): void {
    const at = { takenAtMs: this.clock.nowMs(), decidedAtMs: this.clock.nowMs() };
    this.channel.onEvents?.([{ ...event, ...at }]);
  }
}

describe("a session", () => {
  it("listens, answers and speaks, and closes the turn's line of time with the first byte", async () => {
    const room = new Room();
    room.hear({ type: "onset", sample: 16_000 });
    room.hear({ type: "pause", sample: 32_000 });
    room.hear({ type: "alarm", key: "turn:end", sample: 40_000 });
    await room.clock.settle();
    room.hearings[0]?.push({
      type: "final",
      text: "Hello.",
      untilSample: 40_000,
      provider: "ears",
      attempts: [],
      usage: {},
    });
    await room.clock.settle();
    expect(room.replies[0]?.request.messages).toEqual([{ role: "user", text: "Hello." }]);
    await room.speak(1_000);
    await room.endReply();
    expect(room.said.at(-3)).toBe("responseDone");
    expect(room.audio.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(48_000);
    expect(room.closedTurns).toEqual([{ outcome: "completed", closed: true }]);
    room.session.close();
  });

  it("sends no audio after a cancel, and none after the caller has interrupted", async () => {
    const room = new Room();
    await room.ask();
    await room.speak(20_000);
    room.session.command({ type: "cancelResponse", responseId: null, clientEventId: null }, 0);
    const sent = room.audio.length;
    room.replies[0]?.push({ type: "audio", index: 0, pcm: new Int16Array(48_000) });
    await room.clock.advance(5_000);
    expect(room.audio).toHaveLength(sent);
    expect(room.replies[0]?.signal.aborted).toBe(true);
    await room.ask();
    await room.speak(20_000);
    room.hear({ type: "onset", sample: 16_000 });
    room.hear({ type: "alarm", key: "barge:commit", sample: 24_000 });
    const interrupted = room.audio.length;
    await room.clock.advance(5_000);
    expect(room.audio).toHaveLength(interrupted);
    expect(room.said.filter((type) => type === "responseDone")).toHaveLength(2);
    room.session.close();
  });

  it("asks the recogniser for early words over a reply, and says the rest of it where there were none", async () => {
    const room = new Room({ ducks: true });
    await room.ask();
    room.replies[0]?.push({ type: "answer", text: "Some words. And more of them." });
    await room.speak(20_000);
    room.hear({ type: "onset", sample: 16_000 });
    room.channel.readableSamples = 64_000;
    room.hear({ type: "alarm", key: "barge:probe", sample: 21_120 });
    const { audio, signal } = room.hearings[0] ?? {};
    for await (const piece of audio!.read(audio!.fromSample, signal!)) {
      if (piece.type === "samples") continue;
      expect(piece).toEqual({ type: "probe", atSample: 21_120 });
      break;
    }
    room.hear({ type: "alarm", key: "barge:commit", sample: 27_200 });
    expect(room.said).toContain("speechStarted");
    room.hear({ type: "pause", sample: 28_000 });
    room.hear({ type: "alarm", key: "turn:end", sample: 36_000 });
    const heard = { text: "", untilSample: 36_000, provider: "ears", attempts: [], usage: {} };
    room.hearings[0]?.push({ type: "final", ...heard });
    await room.clock.settle();
    expect(room.replies[1]?.request.recital).toBe("Some words. And more of them.");
    await room.speak(500, "Some words. ");
    await room.endReply();
    await room.clock.advance(600);
    expect(room.said.slice(-3)).toEqual(["responseDone", "rateLimits", "turnReport"]);
    room.session.close();
  });

  it("ends a response after the last of its paced audio, with its line of time closed though it waited", async () => {
    const room = new Room();
    await room.ask();
    await room.speak(3_000);
    await room.endReply();
    expect(room.said).not.toContain("responseDone");
    await room.clock.advance(1_100);
    expect(room.said).toContain("responseDone");
    await room.ask();
    await room.speak(200);
    await room.endReply();
    await room.clock.advance(500);
    expect(room.closedTurns).toEqual([
      { outcome: "completed", closed: true },
      { outcome: "completed", closed: true },
    ]);
    room.session.close();
  });

  it("ends a response as failed when its runner breaks off", async () => {
    const room = new Room();
    await room.ask();
    room.replies[0]?.end();
    await room.clock.settle();
    expect(room.outputs.find(({ type }) => type === "responseDone")).toMatchObject({
      response: { status: "failed", error: { code: "internal_error" } },
    });
    room.session.close();
  });

  it("takes a recogniser that ends without a word for one that failed", async () => {
    const room = new Room();
    room.hear({ type: "onset", sample: 16_000 });
    room.hear({ type: "pause", sample: 32_000 });
    room.hear({ type: "alarm", key: "turn:end", sample: 40_000 });
    room.hearings[0]?.end();
    await room.clock.settle();
    expect(room.said).toContain("transcriptionFailed");
    expect(room.replies[0]?.request.apology).toBe("provider_unavailable");
    room.session.close();
  });

  it("lives on when a step of it breaks, tells the client once and does the rest of the step", async () => {
    const room = new Room();
    room.faulty = "itemAdded";
    const item: NewItem = { type: "message", role: "user", parts: [{ type: "input_text", text: "Hi." }] };
    const command = { type: "createItem", previousItemId: null, item } as const;
    room.session.command({ ...command, clientEventId: "mine" }, 0);
    expect(room.failures).toEqual(["send"]);
    expect(room.outputs.slice(1)).toMatchObject([
      { type: "itemDone" },
      { type: "error", code: "internal_error", kind: "server_error", clientEventId: "mine" },
    ]);
    room.faulty = "audio";
    await room.ask();
    await room.speak(500);
    await room.endReply();
    expect(room.said).toContain("responseDone");
    room.session.close();
  });

  it("counts a refusal once, and tells when the input is full", () => {
    const room = new Room();
    room.channel.full = true;
    room.session.appendAudio(new Uint8Array(4_800), 0, "mine");
    expect(room.outputs.at(-1)).toMatchObject({
      type: "error",
      code: "input_audio_backlog_full",
      clientEventId: "mine",
    });
    room.session.command({ type: "cancelResponse", responseId: null, clientEventId: null }, 0);
    expect(room.refused).toEqual(["input_audio_backlog_full", "response_cancel_not_active"]);
  });

  it("lets go of audio that nobody needs, and keeps what an open utterance holds", async () => {
    const room = new Room();
    for (let n = 0; n < 50; n++) room.session.appendAudio(new Uint8Array(4_800), 0, null);
    const free = room.channel.receivedSamples - room.channel.keptFromSample;
    expect(free).toBeLessThanOrEqual(16 * 1_000 + 4_000);
    room.hear({ type: "onset", sample: room.channel.receivedSamples });
    const { fromSample } = room.hearings[0]?.audio ?? { fromSample: -1 };
    for (let n = 0; n < 100; n++) room.session.appendAudio(new Uint8Array(4_800), 0, null);
    expect(room.channel.keptFromSample).toBeLessThanOrEqual(fromSample);
    room.session.close();
  });

  it("stops everything when it closes: replies, recognisers, sound, timers and its place on the bus", async () => {
    const room = new Room();
    room.hear({ type: "onset", sample: 16_000 });
    await room.ask();
    await room.speak(20_000);
    await room.endReply();
    const sent = room.audio.length;
    room.session.close();
    room.session.close();
    await room.clock.advance(10_000);
    expect(room.hearings[0]?.signal.aborted).toBe(true);
    expect(room.audio).toHaveLength(sent);
    expect(room.clock.pendingTimers).toBe(0);
    expect(room.channel.calls.filter((call) => call === "close")).toHaveLength(1);
    const outputs = room.outputs.length;
    room.session.command({ type: "clearInput", atSample: 0, clientEventId: null }, 0);
    expect(room.outputs).toHaveLength(outputs);
  });

  it("begins nothing more when its socket closes in the middle of a step", async () => {
    const room = new Room();
    room.onOutput = (output) => output.type === "responseCreated" && room.session.close();
    await room.ask();
    expect(room.replies).toEqual([]);
    expect(room.outputs.at(-1)?.type).toBe("responseCreated");
  });

  it("aborts a reply that still runs when it closes", async () => {
    const room = new Room();
    await room.ask();
    room.session.close();
    expect(room.replies[0]?.signal.aborted).toBe(true);
  });
});
