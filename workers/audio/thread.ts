/**
 * The audio thread: one tick for all channels. Take what the rings hold, resample, gate; one batched inference a
 * round of windows; decide; one message back.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { FrontEnd, type FrontEndLimits } from "./front-end.ts";
import { GateBank } from "./gate-bank.ts";
import { type AudioMemory, header, viewAudioMemory } from "./layout.ts";
import { enterNative, leaveNative } from "./native-section.ts";
import { BlockPool } from "./sample-chain.ts";
import { maxBatch, SileroBatch } from "./silero.ts";
import type { FromThread, ThreadEvent, ThreadOptions, ToThread } from "./thread-messages.ts";

/**
 * How often sessions are told of readable samples, all in one message: waking the other thread costs more than most ticks,
 * and recognisers take pieces of 100 ms anyway.
 */
const readableEveryMs = 90;

/**
 * With many sessions ticks come less often, so that each inference has more windows in its batch: a window in a batch of
 * 20 costs half of one in a batch of 5. Up to `calmSessions` the tick is as set; it stretches to three times that.
 */
const calmSessions = 33;
const stretchAtMost = 3;

/** The thread's channels and its loop. */
class AudioThread {
  private readonly options: ThreadOptions;
  private readonly port: MessagePort;
  /** Of a tick, shared by all channels. */
  private readonly limits: FrontEndLimits;
  private readonly memory: AudioMemory;
  private readonly pool: BlockPool;
  private readonly silero: SileroBatch;
  private readonly gates: GateBank;
  private readonly bySlot: (FrontEnd | null)[];
  private readonly channels: FrontEnd[] = [];
  private readonly batch: FrontEnd[] = [];
  private events: ThreadEvent[] = [];
  private closed: number[] = [];
  private stopping = false;
  private nextRoundMs = 0;

  constructor(options: ThreadOptions, port: MessagePort, silero: SileroBatch) {
    this.options = options;
    this.limits = { maxKeptBlocks: options.maxKeptBlocks, maxWindowsPerTick: options.maxWindowsPerTick };
    this.port = port;
    this.silero = silero;
    this.memory = viewAudioMemory(options.buffers);
    this.gates = new GateBank(this.memory.maxChannels);
    this.bySlot = new Array(this.memory.maxChannels).fill(null);
    this.pool = new BlockPool(this.memory, this.usedBlocks());
    for (const channel of options.channels) this.open(channel);
  }

  /** Ticks until told to stop. */
  async run(): Promise<void> {
    let nextMs = this.nowMs();
    while (!this.stopping) {
      await this.tick();
      // A late tick is not made up for: the next one finds all that has come.
      nextMs = Math.max(nextMs + this.options.tickMs * this.stretch, this.nowMs());
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, nextMs - this.nowMs())));
    }
    enterNative(this.memory.control);
    await this.silero.close();
  }

  /** Of ticks, by how many sessions there are: what one of them may do grows with it. */
  private get stretch(): number {
    return Math.min(stretchAtMost, Math.max(1, this.channels.length / calmSessions));
  }

  private async tick(): Promise<void> {
    const takenAtMs = this.nowMs();
    this.limits.maxWindowsPerTick = Math.ceil(this.options.maxWindowsPerTick * this.stretch);
    // First how far the rings were written, then the messages: settings are known before the bytes they hold for.
    for (const channel of this.channels) channel.snapshotRing();
    this.receive();
    this.pool.shareReserve(this.channels.length);
    for (const channel of this.channels) channel.ingest(takenAtMs);
    this.gates.run();
    for (const channel of this.channels) channel.takeGated();
    await this.decideWindows();
    const decidedAtMs = this.nowMs();
    for (const channel of this.channels) channel.finish(decidedAtMs);
    this.report();
    for (const channel of this.channels) channel.publishDecisions();
    Atomics.add(this.memory.control, header.ticks, 1);
  }

  private receive(): void {
    for (
      let got = receiveMessageOnPort(this.port);
      got !== undefined;
      got = receiveMessageOnPort(this.port)
    ) {
      this.handle(got.message as ToThread);
    }
  }

  private handle(message: ToThread): void {
    if (message.type === "stop") {
      this.stopping = true;
      return;
    }
    if (message.type === "open") {
      this.open(message.channel);
      return;
    }
    const channel = this.bySlot[message.slot];
    if (channel === null || channel === undefined) return;
    if (message.type === "configure") channel.addFence(message.fence);
    else if (message.type === "alarm") channel.setAlarm(message.key, message.generation, message.atSample);
    else if (message.type === "cancelAlarm") channel.cancelAlarm(message.key);
    else if (message.type === "reference") channel.setReference(message.fromSample, message.framesDb);
    else if (message.type === "resetSpeech") channel.resetSpeech(message.epoch, message.seenSeq);
    else this.close(channel);
  }

  private open(snapshot: ThreadOptions["channels"][number]): void {
    const channel = new FrontEnd(this.memory, this.pool, this.limits, this.gates, this.events, snapshot);
    channel.snapshotRing();
    this.bySlot[snapshot.slot] = channel;
    this.channels.push(channel);
  }

  private close(channel: FrontEnd): void {
    channel.close();
    this.bySlot[channel.slot] = null;
    this.channels.splice(this.channels.indexOf(channel), 1);
    this.closed.push(channel.slot);
  }

  /** Each round takes one window of every channel that has one; in real time there are few. */
  private async decideWindows(): Promise<void> {
    for (let round = 0; round < this.limits.maxWindowsPerTick; round++) {
      let windows = 0;
      let decided = 0;
      for (let at = 0; at < this.channels.length; ) {
        for (; at < this.channels.length && this.batch.length < maxBatch; at++) {
          const channel = this.channels[at]!;
          if (!channel.hasWindow) continue;
          decided += 1;
          if (channel.takeRest()) {
            channel.decide(null, this.nowMs());
            continue;
          }
          channel.fillWindow(this.silero.add(channel.state));
          this.batch.push(channel);
        }
        if (this.batch.length === 0) break;
        windows += this.batch.length;
        enterNative(this.memory.control);
        await this.silero.run();
        leaveNative(this.memory.control);
        const decidedAtMs = this.nowMs();
        for (let i = 0; i < this.batch.length; i++)
          this.batch[i]!.decide(this.silero.ratios[i]!, decidedAtMs);
        this.batch.length = 0;
      }
      if (decided === 0) return;
      Atomics.add(this.memory.control, header.windows, windows);
    }
  }

  private report(): void {
    const readable: number[] = [];
    const room: number[] = [];
    const nowMs = this.nowMs();
    const isRound = nowMs >= this.nextRoundMs;
    if (isRound) this.nextRoundMs = nowMs + readableEveryMs;
    for (const channel of this.channels) {
      const { watch } = channel;
      if ((isRound ? watch !== "none" : watch === "at once") && channel.takeProgress()) {
        readable.push(channel.slot);
      }
      if (channel.wantsRoom) room.push(channel.slot);
    }
    const { events, closed } = this;
    if (events.length + closed.length + readable.length + room.length === 0) return;
    const message: FromThread = { type: "tick", events, readable, room, closed };
    this.port.postMessage(message);
    events.length = 0;
    this.closed = [];
  }

  private usedBlocks(): Set<number> {
    const used = new Set<number>();
    for (const { headIndex } of this.options.channels) {
      for (let index = headIndex; index >= 0; index = this.memory.next[index]!) {
        used.add(index);
        const gated = this.memory.gatedOf[index]!;
        if (gated >= 0) used.add(gated);
      }
    }
    return used;
  }

  private nowMs(): number {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6 + this.options.clockOffsetMs;
  }
}

const { options, port } = workerData as { options: ThreadOptions; port: MessagePort };
try {
  const silero = await SileroBatch.load(options.modelDir);
  leaveNative(viewAudioMemory(options.buffers).control);
  const thread = new AudioThread(options, port, silero);
  port.postMessage({ type: "ready" } satisfies FromThread);
  await thread.run();
  port.close();
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  port.postMessage({ type: "failed", code: code ?? "internal_error", message } satisfies FromThread);
  throw error;
}
