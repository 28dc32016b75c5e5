/** One session's place on the bus, on the socket thread's side. */
import { Backlog, type BacklogBudget } from "./backlog.ts";
import { isSameFormat, sampleBytes } from "./format.ts";
import { FrameStamps } from "./frame-stamps.ts";
import {
  type AudioMemory,
  blockSamples,
  blockShift,
  type field,
  fieldIndex,
  maxSessionSamples,
  ringBytes,
  ringHistoryBytes,
} from "./layout.ts";
import type { AudioChannel, FrontEndEvent, FrontEndSettings } from "./messages.ts";
import { ReferenceTrack } from "./reference-track.ts";
import { outputCount } from "./resampler.ts";
import { ChainCursor } from "./sample-chain.ts";
import type { ChannelSnapshot, SettingsFence, ThreadEvent, ToThread } from "./thread-messages.ts";

/** Alarms that a channel may have at once. */
export const maxAlarms = 64;
/** Changes of settings that may wait for the audio before them. */
export const maxFences = 1024;

const ringMask = ringBytes - 1;
const usableRingBytes = ringBytes - ringHistoryBytes;

/** What a channel needs of its bus. */
export interface ChannelHost {
  memory: AudioMemory;
  backlogBytes: number;
  budget: BacklogBudget;
  nowMs: () => number;
  /** To the thread; lost while it is down (a new one gets a snapshot). */
  post(message: ToThread): void;
  /** The channel was closed; its slot is free once the thread has said so. */
  onClosed(slot: number): void;
}

/** @see AudioChannel, the contract */
export class BusChannel implements AudioChannel {
  readonly slot: number;
  onEvents: ((events: FrontEndEvent[]) => void) | null = null;
  private readonly host: ChannelHost;
  private readonly memory: AudioMemory;
  private readonly rings: Uint8Array;
  private readonly ringStart: number;
  private readonly backlog: Backlog;
  private readonly stamps = new FrameStamps();
  /** The settings in force at the thread, then those to come. */
  private readonly fences: SettingsFence[] = [];
  private readonly alarms = new Map<string, { generation: number; atSample: number }>();
  private alarmGeneration = 0;
  private epoch = 0;
  private acceptedBytes = 0;
  private pumpedBytes = 0;
  private ringWritten = 0;
  private kept = 0;
  private publishedRelease = 0;
  private readonly head = new ChainCursor();
  private readonly reader = new ChainCursor();
  private readableListener: (() => void) | null = null;
  /** For a new thread. */
  private played: ReferenceTrack | null = null;
  private isClosed = false;

  constructor(host: ChannelHost, slot: number, settings: FrontEndSettings) {
    this.host = host;
    this.slot = slot;
    this.memory = host.memory;
    this.rings = host.memory.rings;
    this.ringStart = slot * ringBytes;
    this.backlog = new Backlog(host.backlogBytes, host.budget);
    this.fences.push({ atByte: 0, settings, formatByte: 0, formatSample: 0 });
    const { control } = host.memory;
    control.fill(0, fieldIndex(slot, "ringWritten"), fieldIndex(slot, "ringWritten") + 32);
    this.store("firstBlock", -1);
    host.post({ type: "open", channel: this.snapshot() });
  }

  get onReadable(): (() => void) | null {
    return this.readableListener;
  }

  set onReadable(listener: (() => void) | null) {
    this.readableListener = listener;
    if (!this.isClosed) this.store("watched", listener === null ? 0 : 1);
  }

  hasten(): void {
    if (!this.isClosed && this.readableListener !== null) this.store("watched", 2);
  }

  /** For the bus: samples became readable. */
  announceReadable(): void {
    if (this.isClosed || this.readableListener === null) return;
    this.store("watched", 1);
    this.readableListener();
  }

  get receivedSamples(): number {
    return this.sampleAt(this.acceptedBytes);
  }

  get readableSamples(): number {
    return this.isClosed ? 0 : this.load("readable");
  }

  /** Gated samples that can be read; trails the raw ones by up to 48 ms. */
  get gatedReadableSamples(): number {
    return this.isClosed ? 0 : this.load("gatedReadable");
  }

  get keptFromSample(): number {
    return this.kept;
  }

  write(bytes: Uint8Array, readAtMs: number): "written" | "full" {
    if (this.isClosed) return "full";
    if (this.kept > this.publishedRelease) this.publishRelease();
    if (this.backlog.sizeBytes > 0) this.pump();
    const room = this.backlog.sizeBytes > 0 ? 0 : this.ringRoom();
    const excess = bytes.length - room;
    if (excess > 0 && !this.backlog.hasRoom(excess)) return "full";
    if (this.sampleAt(this.acceptedBytes + bytes.length) > maxSessionSamples) return "full";
    this.acceptedBytes += bytes.length;
    if (excess <= 0) {
      this.putInRing(bytes, readAtMs);
      return "written";
    }
    if (room > 0) this.putInRing(bytes.subarray(0, room), readAtMs);
    this.backlog.push(bytes.subarray(room), readAtMs);
    this.store("wantsRoom", 1);
    return "written";
  }

  configure(settings: FrontEndSettings): void {
    if (this.isClosed) return;
    this.pruneFences();
    if (this.fences.length >= maxFences) throw new RangeError("too many settings wait for their audio");
    const last = this.fences.at(-1)!;
    const atByte = this.acceptedBytes;
    const fence: SettingsFence = isSameFormat(last.settings.input, settings.input)
      ? { atByte, settings, formatByte: last.formatByte, formatSample: last.formatSample }
      : { atByte, settings, formatByte: atByte, formatSample: this.receivedSamples };
    this.fences.push(fence);
    this.host.post({ type: "configure", slot: this.slot, fence });
  }

  alarm(key: string, atSample: number): void {
    if (this.isClosed) return;
    if (!this.alarms.has(key) && this.alarms.size >= maxAlarms) throw new RangeError("too many alarms");
    this.alarmGeneration += 1;
    const alarm = { generation: this.alarmGeneration, atSample };
    this.alarms.set(key, alarm);
    this.host.post({ type: "alarm", slot: this.slot, key, ...alarm });
  }

  cancelAlarm(key: string): void {
    if (!this.alarms.delete(key) || this.isClosed) return;
    this.host.post({ type: "cancelAlarm", slot: this.slot, key });
  }

  resetSpeech(): void {
    if (this.isClosed) return;
    this.epoch += 1;
    this.host.post({
      type: "resetSpeech",
      slot: this.slot,
      epoch: this.epoch,
      seenSeq: this.load("seenSeq"),
    });
  }

  read(fromSample: number, toSample: number, signal: "raw" | "gated" = "raw"): Int16Array {
    const limit = signal === "raw" ? this.readableSamples : this.gatedReadableSamples;
    if (!(fromSample >= this.kept && toSample <= limit && fromSample <= toSample)) {
      throw new RangeError(
        `samples ${fromSample} to ${toSample} can't be read: ${this.kept} to ${limit} are kept`,
      );
    }
    this.pruneFences();
    if (signal === "gated" && !this.fences[0]!.settings.keepGated) {
      throw new RangeError("the settings don't keep gated samples");
    }
    const output = new Int16Array(toSample - fromSample);
    const { pool, gatedOf } = this.memory;
    this.findHead();
    const isUseless = this.reader.index < 0 || this.reader.number < this.head.number;
    if (isUseless || this.reader.number > fromSample >> blockShift) {
      this.reader.set(this.head.number, this.head.index);
    }
    for (let sample = fromSample; sample < toSample; ) {
      if (!this.reader.walk(this.memory, sample >> blockShift)) throw new Error("a kept block is missing");
      let block = this.reader.index;
      // Where the gate was off, gated is raw.
      if (signal === "gated" && Atomics.load(gatedOf, block) >= 0) block = Atomics.load(gatedOf, block);
      const at = sample & (blockSamples - 1);
      const count = Math.min(toSample - sample, blockSamples - at);
      const start = block * blockSamples + at;
      output.set(pool.subarray(start, start + count), sample - fromSample);
      sample += count;
    }
    return output;
  }

  reference(fromSample: number, framesDb: Float32Array): void {
    if (this.isClosed || this.fences.at(-1)!.settings.echoGuard !== true) return;
    this.played ??= new ReferenceTrack();
    this.played.put(fromSample, framesDb);
    this.host.post({ type: "reference", slot: this.slot, fromSample, framesDb });
  }

  /** Windows that Silero heard so far (wraps at 2^31); the others rested. */
  get windows(): number {
    return this.isClosed ? 0 : this.load("windows");
  }

  release(beforeSample: number): void {
    const before = Math.min(beforeSample, this.receivedSamples);
    if (this.isClosed || !(before > this.kept)) return;
    this.kept = before;
    this.publishRelease();
  }

  frameTimes(sample: number): { readAtMs: number; inBusAtMs: number } | null {
    return this.stamps.find(sample);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.backlog.clear();
    this.alarms.clear();
    this.onEvents = null;
    this.readableListener = null;
    this.host.post({ type: "close", slot: this.slot });
    this.host.onClosed(this.slot);
  }

  /** For the bus: events of a tick arrived. Drops what the session has taken back meanwhile. */
  deliver(arrived: ThreadEvent[]): void {
    const events: FrontEndEvent[] = [];
    let seq = this.load("seenSeq");
    for (const { event, epoch, generation, seq: eventSeq } of arrived) {
      seq = eventSeq;
      if (event.type === "alarm") {
        if (this.alarms.get(event.key)?.generation !== generation) continue;
        this.alarms.delete(event.key);
      } else if (event.type !== "level" && epoch !== this.epoch) continue;
      events.push(event);
    }
    try {
      if (events.length > 0) this.onEvents?.(events);
    } finally {
      // Only now: what the session asked for in its handler comes before what follows the events.
      if (!this.isClosed) this.store("seenSeq", seq);
    }
  }

  /** For the bus: moves bytes from the backlog to the ring, as far as there is room. */
  pump(): void {
    if (this.kept > this.publishedRelease) this.publishRelease();
    for (;;) {
      const piece = this.backlog.shift(this.ringRoom());
      if (piece === null) break;
      this.putInRing(piece.bytes, piece.readAtMs);
    }
    if (this.backlog.sizeBytes === 0) this.store("wantsRoom", 0);
  }

  /** For the bus: all that a new thread has to know. */
  snapshot(): ChannelSnapshot {
    this.pruneFences();
    this.findHead();
    const alarms = [...this.alarms].map(([key, alarm]) => ({ key, ...alarm }));
    return {
      slot: this.slot,
      fences: [...this.fences],
      takenBytes: this.takenBytes,
      headNumber: this.head.number,
      headIndex: this.head.index,
      keptFromSample: this.kept,
      epoch: this.epoch,
      seenSeq: this.load("seenSeq"),
      alarms: alarms.sort((a, b) => a.atSample - b.atSample),
      reference: this.played?.snapshot() ?? null,
    };
  }

  private get takenBytes(): number {
    return this.pumpedBytes - ((this.ringWritten - this.load("ringTaken")) | 0);
  }

  private ringRoom(): number {
    return usableRingBytes - ((this.ringWritten - this.load("ringTaken")) | 0);
  }

  private putInRing(bytes: Uint8Array, readAtMs: number): void {
    const at = this.ringWritten & ringMask;
    const first = ringBytes - at;
    if (bytes.length <= first) this.rings.set(bytes, this.ringStart + at);
    else {
      this.rings.set(bytes.subarray(0, first), this.ringStart + at);
      this.rings.set(bytes.subarray(first), this.ringStart);
    }
    this.ringWritten = (this.ringWritten + bytes.length) | 0;
    this.pumpedBytes += bytes.length;
    this.store("ringWritten", this.ringWritten);
    this.stamps.push(this.sampleAt(this.pumpedBytes), readAtMs, this.host.nowMs());
  }

  /** Samples that the stream's first bytes stand for. */
  private sampleAt(byte: number): number {
    let at = this.fences.length - 1;
    while (at > 0 && this.fences[at]!.atByte > byte) at -= 1;
    const { formatByte, formatSample, settings } = this.fences[at]!;
    const inputs = Math.floor((byte - formatByte) / sampleBytes(settings.input));
    return formatSample + outputCount(settings.input.sampleRateHz, inputs);
  }

  private pruneFences(): void {
    if (this.fences.length === 1) return;
    const taken = this.takenBytes;
    // Until the end of the old format can be read, a new thread would have to make it.
    const readable = this.load("readable");
    for (let next = this.fences[1]; next !== undefined; next = this.fences[1]) {
      if (next.atByte > taken || next.formatSample > readable) return;
      this.fences.shift();
    }
  }

  private findHead(): void {
    if (this.head.index >= 0) return;
    const first = this.load("firstBlock");
    if (first >= 0) this.head.set(0, first);
  }

  /** Tells the thread what it may free: never a block that `head` stands on. */
  private publishRelease(): void {
    this.findHead();
    if (this.head.index < 0) return;
    this.head.walk(this.memory, Math.min(this.kept, this.readableSamples) >> blockShift);
    this.publishedRelease = Math.min(this.kept, (this.head.number + 1) * blockSamples - 1);
    this.store("releaseBefore", this.publishedRelease);
  }

  private load(name: keyof typeof field): number {
    return Atomics.load(this.memory.control, fieldIndex(this.slot, name));
  }

  private store(name: keyof typeof field, value: number): void {
    Atomics.store(this.memory.control, fieldIndex(this.slot, name), value);
  }
}
