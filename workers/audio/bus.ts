/** The audio bus of one gateway process: its memory, its channels, and the thread that it keeps alive. */
import type { BacklogBudget } from "./backlog.ts";
import { BusChannel, type ChannelHost } from "./channel.ts";
import { type AudioMemory, blockSamples, createAudioMemory, header } from "./layout.ts";
import type { AudioBus, FrontEndSettings } from "./messages.ts";
import { ThreadKeeper } from "./thread-keeper.ts";
import type { FromThread, ThreadEvent, ThreadOptions } from "./thread-messages.ts";

/** Limits of a bus, with their defaults. */
export interface AudioBusOptions {
  /** Slots for sessions. Default 1000. */
  maxChannels?: number;
  /** Kept samples of all sessions; memory is used only as far as it's needed. Default 256 MiB (2.3 h of raw audio). */
  poolBytes?: number;
  /** Folder with `silero_vad_v6_batched.onnx` and its `SHA256SUMS`. */
  modelDir: string;
  /** How often the thread looks at all sessions. Default 10. */
  tickMs?: number;
  /** Bytes that may wait per session, beside half a second in the ring. Default 16 MiB. */
  backlogBytes?: number;
  /** Bytes that may wait in all sessions together. Default 256 MiB. */
  backlogTotalBytes?: number;
  /** VAD windows a session a tick; 8 are 25 times real time. */
  maxWindowsPerTick?: number;
  /** Audio that a session may keep; beyond it the session's input waits. Default 20 minutes. */
  maxKeptMs?: number;
  /** Restarts of the thread in `restartWindowMs`; after that the bus stays unhealthy. Default 5. */
  maxRestarts?: number;
  /** Default 60 s. */
  restartWindowMs?: number;
  /** Before the first restart; doubles with each. Default 50. */
  restartBackoffMs?: number;
  /** A thread that doesn't tick for so long is ended and restarted. Default 10 s. */
  hangMs?: number;
  /** The process-wide monotonic clock. */
  nowMs: () => number;
}

/** Figures for metrics and tests. */
export interface AudioBusStatistics {
  openChannels: number;
  /** Slots whose closing the thread hasn't confirmed yet. */
  closingChannels: number;
  /** Blocks of 2 KiB. */
  usedBlocks: number;
  blocks: number;
  backlogBytes: number;
  ticks: number;
  /** VAD windows decided so far (wraps at 2^31). */
  windows: number;
  restarts: number;
  /** Why the thread last died; null if it never did. */
  lastFault: string | null;
}

/** What the gateway holds: the contract, and what metrics and drills need beside it. */
export interface ManagedAudioBus extends AudioBus {
  open(settings: FrontEndSettings): BusChannel | null;
  statistics(): AudioBusStatistics;
  /** Ends the thread as if it had died, for drills; it is restarted. */
  killThread(): void;
  /** Restarts are used up: only a new process helps. */
  onGivenUp: ((reason: string) => void) | null;
}

/**
 * Reserves the memory and starts the thread.
 *
 * @throws RangeError for sizes that can't be
 */
export function createAudioBus(options: AudioBusOptions): ManagedAudioBus {
  return new Bus(options);
}

class Bus implements ManagedAudioBus {
  onRestart: (() => void) | null = null;
  onGivenUp: ((reason: string) => void) | null = null;
  private readonly memory: AudioMemory;
  private readonly keeper: ThreadKeeper;
  private readonly host: ChannelHost;
  private readonly budget: BacklogBudget;
  private readonly backlogTotalBytes: number;
  private readonly channels: (BusChannel | null)[];
  private readonly freeSlots: number[] = [];
  private readonly closingSlots = new Set<number>();
  private readonly arrived = new Map<BusChannel, ThreadEvent[]>();
  private isClosed = false;

  constructor(options: AudioBusOptions) {
    const maxChannels = options.maxChannels ?? 1000;
    this.memory = createAudioMemory({ maxChannels, poolBytes: options.poolBytes ?? 256 * 1024 * 1024 });
    this.channels = new Array(maxChannels).fill(null);
    for (let slot = maxChannels - 1; slot >= 0; slot--) this.freeSlots.push(slot);
    this.backlogTotalBytes = options.backlogTotalBytes ?? 256 * 1024 * 1024;
    this.budget = { leftBytes: this.backlogTotalBytes };
    const [seconds, nanoseconds] = process.hrtime();
    const clockOffsetMs = options.nowMs() - (seconds * 1000 + nanoseconds / 1e6);
    this.keeper = new ThreadKeeper({
      memory: this.memory,
      maxRestarts: options.maxRestarts ?? 5,
      restartWindowMs: options.restartWindowMs ?? 60_000,
      restartBackoffMs: options.restartBackoffMs ?? 50,
      hangMs: options.hangMs ?? 10_000,
      nowMs: options.nowMs,
      makeOptions: (): ThreadOptions => ({
        buffers: this.memory.buffers,
        modelDir: options.modelDir,
        tickMs: options.tickMs ?? 10,
        maxWindowsPerTick: options.maxWindowsPerTick ?? 8,
        maxKeptBlocks: Math.ceil(((options.maxKeptMs ?? 1_200_000) * 16) / blockSamples),
        clockOffsetMs,
        channels: this.takeSnapshots(),
      }),
      onTick: (message) => this.handleTick(message),
      onRestart: () => this.onRestart?.(),
      onGivenUp: (reason) => this.onGivenUp?.(reason),
    });
    this.host = {
      memory: this.memory,
      backlogBytes: options.backlogBytes ?? 16 * 1024 * 1024,
      budget: this.budget,
      nowMs: options.nowMs,
      post: (message) => this.keeper.post(message),
      onClosed: (slot) => {
        this.channels[slot] = null;
        this.closingSlots.add(slot);
      },
    };
    this.keeper.start();
  }

  get openChannels(): number {
    return this.channels.length - this.freeSlots.length - this.closingSlots.size;
  }

  get healthy(): boolean {
    return this.keeper.healthy;
  }

  ready(): Promise<void> {
    return this.keeper.ready;
  }

  open(settings: FrontEndSettings): BusChannel | null {
    if (this.isClosed) return null;
    const slot = this.freeSlots.pop();
    if (slot === undefined) return null;
    const channel = new BusChannel(this.host, slot, settings);
    this.channels[slot] = channel;
    return channel;
  }

  statistics(): AudioBusStatistics {
    const { control } = this.memory;
    return {
      openChannels: this.openChannels,
      closingChannels: this.closingSlots.size,
      usedBlocks: Atomics.load(control, header.usedBlocks),
      blocks: this.memory.blocks,
      backlogBytes: this.backlogTotalBytes - this.budget.leftBytes,
      ticks: Atomics.load(control, header.ticks),
      windows: Atomics.load(control, header.windows),
      restarts: this.keeper.restarts,
      lastFault: this.keeper.lastFault,
    };
  }

  killThread(): void {
    this.keeper.kill();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    for (const channel of this.channels) channel?.close();
    this.isClosed = true;
    await this.keeper.stop();
  }

  private takeSnapshots(): ThreadOptions["channels"] {
    // A thread that starts knows nothing of slots whose closing the last one didn't confirm: they are free.
    for (const slot of this.closingSlots) this.freeSlots.push(slot);
    this.closingSlots.clear();
    return this.channels.filter((channel) => channel !== null).map((channel) => channel.snapshot());
  }

  private handleTick(message: Extract<FromThread, { type: "tick" }>): void {
    for (const event of message.events) {
      const channel = this.channels[event.slot];
      if (channel === null || channel === undefined) continue;
      const list = this.arrived.get(channel);
      if (list === undefined) this.arrived.set(channel, [event]);
      else list.push(event);
    }
    // A handler that throws must not keep the others' events back.
    for (const [channel, events] of this.arrived) this.guard(() => channel.deliver(events));
    this.arrived.clear();
    for (const slot of message.readable) this.guard(() => this.channels[slot]?.announceReadable());
    for (const slot of message.room) this.channels[slot]?.pump();
    for (const slot of message.closed) {
      if (this.closingSlots.delete(slot)) this.freeSlots.push(slot);
    }
  }

  private guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
