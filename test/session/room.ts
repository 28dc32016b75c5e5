/** A session in a room of fakes: channel, recogniser and replies do what a test pushes into them. */
import type { AudioRange } from "../../gateway/providers/provider.ts";
import type { Output, ReplyAudio } from "../../gateway/session/domain.ts";
import { PlaybackTicker } from "../../gateway/session/playback-ticker.ts";
import { Session } from "../../gateway/session/session.ts";
import type { SessionDependencies } from "../../gateway/session/session-parts.ts";
import { openSession } from "../../gateway/session/state.ts";
import { advance, openLedger } from "../../gateway/turn/ledger.ts";
import type { PlaybackControl, ReplyEvent, ReplyRequest } from "../../gateway/turn/reply.ts";
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
  control: PlaybackControl;
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

/** One session with everything around it in a test's hands. */
export class Room {
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

  constructor(client: { ducks?: boolean } = {}, deps: Partial<SessionDependencies> = {}) {
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
          run: (request, control, signal) => {
            const source = pushed<ReplyEvent>(signal);
            this.replies.push({ request, control, signal, push: source.push, end: source.end });
            return source.stream();
          },
        },
        observer: {
          turnClosed: ({ outcome, ledger }) => this.closedTurns.push({ outcome, closed: ledger.closed }),
          refused: (code) => this.refused.push(code),
          failed: (_error, during) => this.failures.push(during),
        },
        ...deps,
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
