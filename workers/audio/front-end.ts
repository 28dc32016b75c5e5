/** One channel in the audio thread: bytes to samples, gate, VAD windows, and the events that follow from them. */

import { isSameFormat, sampleBytes } from "./format.ts";
import type { GateBank } from "./gate-bank.ts";
import { GateStage } from "./gate-stage.ts";
import { blocksPerChunk, chunkSamples, Intake } from "./intake.ts";
import { type AudioMemory, type field, fieldIndex, ringBytes, watches } from "./layout.ts";
import type { FrontEndEvent, FrontEndSettings } from "./messages.ts";
import { type BlockPool, SampleChain } from "./sample-chain.ts";
import { type SpeechChange, windowSamples } from "./speech-detector.ts";
import { TakenTimes } from "./taken-times.ts";
import type { ChannelSnapshot, SettingsFence, ThreadEvent } from "./thread-messages.ts";
import { energyFrameSamples } from "./voice-edges.ts";
import { VoiceStage } from "./voice-stage.ts";

/** Audio before the last decision that a new thread hears again (5 s): enough for the VAD and the gate. */
const replaySamples = 80_000;
/** Ticks without input after which samples that wait for the resampler's tail are made readable. */
const tailTicks = 3;
/** An echo so shortly before an onset is told of with it (1 s). */
const echoMemorySamples = 16_000;
const fullScale = 32768;

type LevelEvent = Extract<FrontEndEvent, { type: "level" }>;

/** What all channels of the thread share. */
export interface FrontEndLimits {
  maxWindowsPerTick: number;
  maxKeptBlocks: number;
}

/**
 * See the file. The thread calls, each tick: `ingest`, runs the gates of all channels, then `takeGated`, then
 * `fillWindow`/`decide` in rounds, then `finish`.
 */
export class FrontEnd {
  readonly slot: number;
  private readonly memory: AudioMemory;
  private readonly pool: BlockPool;
  private readonly limits: FrontEndLimits;
  private readonly chain: SampleChain;
  private readonly intake: Intake;
  private readonly gate: GateStage;
  private readonly voice: VoiceStage;
  private readonly fences: SettingsFence[];
  private settings: FrontEndSettings;
  private readonly alarms: { key: string; generation: number; atSample: number }[];
  private takenBytes: number;
  private ringTaken: number;
  private ringWritten = 0;
  private epoch: number;
  private seq: number;
  private lastSpeech: { seq: number; event: FrontEndEvent } | null = null;
  /** Events up to here were reported by the thread that died. */
  private mutedUntil = -1;
  private idleTicks = 0;
  private readonly takenTimes = new TakenTimes();
  private levelSum = 0;
  private levelFrames = 0;
  private lastLevel: LevelEvent | null = null;
  private hasPublished = 0;
  private publishedWindow = -1;
  /** Events of this tick. */
  private readonly events: ThreadEvent[];

  constructor(
    memory: AudioMemory,
    pool: BlockPool,
    limits: FrontEndLimits,
    gates: GateBank,
    events: ThreadEvent[],
    channel: ChannelSnapshot,
  ) {
    this.slot = channel.slot;
    this.memory = memory;
    this.pool = pool;
    this.limits = limits;
    this.events = events;
    this.chain = new SampleChain(memory, pool);
    this.intake = new Intake(memory, channel.slot, this.chain);
    this.gate = new GateStage(memory, this.chain, gates);
    this.voice = new VoiceStage(memory, this.chain, this.gate);
    const [current, ...toCome] = channel.fences;
    if (current === undefined) throw new Error("a channel without settings");
    this.fences = toCome;
    this.settings = current.settings;
    this.alarms = channel.alarms;
    this.takenBytes = channel.takenBytes;
    this.ringTaken = this.load("ringTaken");
    this.epoch = channel.epoch;
    this.seq = channel.seenSeq;
    this.chain.adopt(channel.headNumber, channel.headIndex);
    this.resume(channel, current);
  }

  /** Continues where the shared memory says that the channel is; for a new one that is 0. */
  private resume(channel: ChannelSnapshot, current: SettingsFence): void {
    const format = current.settings.input;
    const inputs = Math.floor((channel.takenBytes - current.formatByte) / sampleBytes(format));
    const readable = this.load("readable");
    this.intake.resume(format, current.formatSample, inputs, this.ringTaken, readable);
    const decided = this.load("decided");
    const from = Math.min(
      Math.max(channel.keptFromSample, this.chain.fromSample, decided - replaySamples),
      this.intake.finalSample,
    );
    this.mutedUntil = decided;
    this.voice.nextWindow = from;
    this.voice.startEnergies(from);
    this.restoreLearned(channel, current.settings);
    this.gate.configure(current.settings, from);
    this.gate.resumeAt(this.load("gatedReadable"));
    if (current.settings.vad !== null) this.voice.start(current.settings, from);
  }

  private restoreLearned(channel: ChannelSnapshot, settings: FrontEndSettings): void {
    const { guard, talker } = this.voice;
    this.voice.windows = this.load("windows");
    const level = this.load("talkerLevel");
    const coupling = this.load("echoCoupling");
    if (level !== 0) talker.restore(level / 100, this.load("talkerGain") / 100);
    if (coupling !== 0) guard.restoreCoupling(coupling / 100);
    if (channel.reference !== null) guard.track.restore(channel.reference);
    guard.enabled = settings.echoGuard === true;
  }

  /** Remembers how far the ring was written; what the messages of this tick say is older or as old. */
  snapshotRing(): void {
    this.ringWritten = this.load("ringWritten");
  }

  addFence(fence: SettingsFence): void {
    this.fences.push(fence);
  }

  setAlarm(key: string, generation: number, atSample: number): void {
    this.cancelAlarm(key);
    this.alarms.push({ key, generation, atSample });
    this.alarms.sort((a, b) => a.atSample - b.atSample);
  }

  cancelAlarm(key: string): void {
    const at = this.alarms.findIndex((alarm) => alarm.key === key);
    if (at >= 0) this.alarms.splice(at, 1);
  }

  /** Forgets the turn. Speech whose beginning the session hasn't seen yet is reported again, as the new turn's onset. */
  resetSpeech(epoch: number, seenSeq: number): void {
    this.epoch = epoch;
    const unseen = this.lastSpeech !== null && this.lastSpeech.seq > seenSeq ? this.lastSpeech.event : null;
    if (unseen !== null && (unseen.type === "onset" || unseen.type === "resumed")) {
      this.emit({ ...unseen, type: "onset" });
      return;
    }
    this.voice.detector.forgetTurn(this.voice.nextWindow);
  }

  /** What the client is going to play. */
  setReference(fromSample: number, framesDb: Float32Array): void {
    this.voice.guard.track.put(fromSample, framesDb);
  }

  /** Takes what the ring holds, within limits, and hands it to the gate. */
  ingest(takenAtMs: number): void {
    const before = this.intake.finalSample;
    const cap = this.limits.maxWindowsPerTick * windowSamples;
    while (this.intake.finalSample - before < cap) {
      if (this.takeChunk() === 0) break;
    }
    const taken = this.intake.finalSample > before || this.ringTaken !== this.load("ringTaken");
    if (taken) {
      this.takenTimes.push(this.intake.finalSample, takenAtMs);
      this.idleTicks = 0;
    } else this.idleTicks += 1;
    if (this.intake.hasTail && this.pool.available >= blocksPerChunk) {
      const first = this.alarms[0];
      const awaited = first !== undefined && first.atSample > this.intake.readableSample;
      const empty = ((this.ringWritten - this.ringTaken) | 0) < this.intake.bytesPerSample;
      if (empty && (awaited || this.idleTicks >= tailTicks)) this.intake.writeTail();
    }
  }

  /** After the gates ran: what was taken and gated can be read. */
  takeGated(): void {
    if (this.settings.vad === null) {
      this.analyse(this.intake.finalSample);
      this.voice.nextWindow = this.intake.readableSample;
    }
    this.publishSamples();
  }

  /** @returns the bytes taken */
  private takeChunk(): number {
    const { intake } = this;
    const fence = this.fences[0];
    const untilFence = fence === undefined ? Number.MAX_SAFE_INTEGER : fence.atByte - this.takenBytes;
    const waiting = Math.min((this.ringWritten - this.ringTaken) | 0, untilFence);
    const count = Math.min(Math.floor(waiting / intake.bytesPerSample), chunkSamples);
    if (count > 0) {
      if (!this.hasRoom()) return 0;
      intake.take(this.ringTaken, count);
      // At once, while the blocks that were looked for are there.
      this.gate.advance(intake.finalSample);
      return this.skip(count * intake.bytesPerSample);
    }
    if (fence === undefined || waiting < untilFence || this.pool.available < blocksPerChunk) return 0;
    // Half a sample before a new format is lost; under the same format it belongs to the next bytes.
    const dropped = isSameFormat(fence.settings.input, this.settings.input) ? 0 : waiting;
    this.fences.shift();
    this.skip(dropped);
    this.apply(fence.settings);
    return Math.max(1, dropped);
  }

  private skip(bytes: number): number {
    this.ringTaken = (this.ringTaken + bytes) | 0;
    this.takenBytes += bytes;
    return bytes;
  }

  private hasRoom(): boolean {
    if (!this.pool.mayTake(this.chain.length, blocksPerChunk)) return false;
    if (this.chain.length + blocksPerChunk > this.limits.maxKeptBlocks) return false;
    // A channel that is far ahead of its decisions waits for them.
    return this.intake.finalSample - this.voice.nextWindow <= this.limits.maxWindowsPerTick * windowSamples;
  }

  private apply(settings: FrontEndSettings): void {
    const before = this.settings;
    this.settings = settings;
    if (!isSameFormat(before.input, settings.input)) this.intake.changeFormat(settings.input);
    const { finalSample } = this.intake;
    this.gate.configure(settings, finalSample);
    this.voice.guard.enabled = settings.echoGuard === true;
    if (settings.vad === null) this.voice.stop(finalSample);
    else if (before.vad === null) this.voice.start(settings, finalSample);
    else this.voice.configure(settings);
  }

  /** Whether the next VAD window is complete and the session has seen what was decided before. */
  get hasWindow(): boolean {
    return this.settings.vad !== null && !this.isHeld() && this.voice.hasWindow(this.intake.finalSample);
  }

  /** Whether the window that `hasWindow` promised needs no inference. Asked once a window. */
  takeRest(): boolean {
    return this.voice.takeRest();
  }

  /** Silero's memory of the channel. */
  get state(): Float32Array {
    return this.voice.state;
  }

  /** Writes the window that `hasWindow` promised. */
  fillWindow(input: Float32Array): void {
    this.voice.fillWindow(input);
  }

  /** Takes the window's probability, null where it rested: events are added, alarms fire. */
  decide(ratio: number | null, decidedAtMs: number): void {
    if (!this.voice.isReplaying) this.analyse(this.voice.nextWindow + windowSamples);
    const { change, from } = this.voice.decide(ratio);
    const until = from + windowSamples;
    // Energies come before the decision, but the level of this window tells its own probability.
    if (this.lastLevel?.sample === until) this.lastLevel.speechRatio = this.voice.speechRatio;
    if (change !== null && until > this.mutedUntil) {
      this.emit({
        ...change,
        takenAtMs: this.takenTimes.find(until),
        decidedAtMs,
        ...this.echoBefore(change),
      });
    }
    if (until >= this.mutedUntil && from < this.mutedUntil) this.voice.detector.phase = this.load("phase");
    this.fireAlarms(decidedAtMs);
  }

  private echoBefore({ type, sample }: SpeechChange): { echoUntilSample?: number } {
    const { enabled, lastEchoSample } = this.voice.guard;
    if (!enabled || type === "pause" || lastEchoSample < Math.max(1, sample - echoMemorySamples)) return {};
    return { echoUntilSample: Math.min(lastEchoSample, sample) };
  }

  /** End of the tick, before its events go out. */
  finish(decidedAtMs: number): void {
    this.store("windows", this.voice.windows);
    this.fireAlarms(decidedAtMs);
    const needed = Math.min(
      this.load("releaseBefore"),
      this.settings.vad === null ? this.voice.analysed : this.voice.neededFrom,
      this.gate.neededFrom ?? this.voice.analysed,
    );
    this.chain.freeBefore(Math.max(0, needed));
  }

  /** After the tick's events went out: what a new thread may take as reported. */
  publishDecisions(): void {
    const { voice } = this;
    if (voice.nextWindow < this.mutedUntil) return;
    this.store("phase", voice.detector.phase);
    if (voice.nextWindow === this.publishedWindow) return;
    this.publishedWindow = voice.nextWindow;
    this.store("decided", voice.nextWindow);
    const { levelDb, gainDb } = voice.talker;
    const { couplingDb } = voice.guard;
    if (levelDb !== null) {
      this.store("talkerLevel", Math.min(-1, Math.round(levelDb * 100)));
      this.store("talkerGain", Math.round(gainDb * 100));
    }
    if (couplingDb !== null) this.store("echoCoupling", Math.round(couplingDb * 100) || -1);
  }

  /** Whether the session wants to know of readable samples. */
  get watch(): (typeof watches)[number] {
    return watches[this.load("watched")] ?? "none";
  }

  /** Whether bytes wait in the session's backlog and half the ring is free. */
  get wantsRoom(): boolean {
    return this.load("wantsRoom") === 1 && ((this.load("ringWritten") - this.ringTaken) | 0) <= ringBytes / 2;
  }

  /** Whether samples became readable since the last call. */
  takeProgress(): boolean {
    const { readableSample } = this.intake;
    if (readableSample === this.hasPublished) return false;
    this.hasPublished = readableSample;
    return true;
  }

  /** Frees the channel's blocks. */
  close(): void {
    this.gate.close();
    this.chain.clear();
  }

  private publishSamples(): void {
    if (this.chain.firstIndex >= 0 && this.load("firstBlock") < 0) {
      this.store("firstBlock", this.chain.firstIndex);
    }
    const gated = this.gate.gatedSample ?? this.intake.readableSample;
    this.store("gatedReadable", gated);
    this.store("readable", this.intake.readableSample);
    this.store("ringTaken", this.ringTaken);
  }

  /** The session may set an alarm or reset when it sees an event: nothing after the event is decided before. */
  private isHeld(): boolean {
    return ((this.seq - this.load("seenSeq")) | 0) > 0;
  }

  private fireAlarms(decidedAtMs: number): void {
    for (let first = this.alarms[0]; first !== undefined; first = this.alarms[0]) {
      // Speech that was just reported may make the session cancel the alarm: first it must have seen that.
      if (first.atSample > this.voice.nextWindow || this.isHeld()) return;
      this.alarms.shift();
      const { key, generation, atSample } = first;
      const stamps = { takenAtMs: this.takenTimes.find(atSample), decidedAtMs };
      const voiced = this.voice.voicedBefore(atSample);
      const event: FrontEndEvent = { type: "alarm", key, sample: atSample, ...voiced, ...stamps };
      this.seq += 1;
      this.events.push({ slot: this.slot, seq: this.seq, epoch: this.epoch, generation, event });
    }
  }

  private emit(event: FrontEndEvent): void {
    this.seq += 1;
    this.lastSpeech = { seq: this.seq, event };
    this.events.push({ slot: this.slot, seq: this.seq, epoch: this.epoch, generation: 0, event });
  }

  private analyse(untilSample: number): void {
    const { levelIntervalMs } = this.settings;
    const { voice } = this;
    if (this.settings.vad === null && levelIntervalMs === null) {
      // Nobody asks for energies: start again where somebody does.
      if (untilSample >= voice.analysed + energyFrameSamples) voice.startEnergies(untilSample);
      return;
    }
    const framesPerLevel = levelIntervalMs === null ? 0 : Math.max(1, Math.round(levelIntervalMs / 8));
    while (voice.analysed + energyFrameSamples <= untilSample) {
      this.levelSum += voice.takeFrame();
      this.levelFrames += 1;
      if (framesPerLevel > 0 && this.levelFrames >= framesPerLevel) this.emitLevel();
    }
    if (framesPerLevel === 0) {
      this.levelSum = 0;
      this.levelFrames = 0;
    }
  }

  private emitLevel(): void {
    const rawDb = 10 * Math.log10(this.levelSum / this.levelFrames / (fullScale * fullScale) + 1e-12);
    this.levelSum = 0;
    this.levelFrames = 0;
    const gatedDb = rawDb + this.gate.takeGainDb();
    const bands = this.gate.takeBands();
    const { analysed: sample, speechRatio, edges } = this.voice;
    if (sample <= this.mutedUntil) return;
    const noiseDb = this.gate.noiseDb ?? edges.floorDb;
    const { slot, seq, epoch } = this;
    const event: LevelEvent = { type: "level", sample, rawDb, gatedDb, noiseDb, speechRatio };
    this.lastLevel = event;
    if (bands !== null) {
      event.rawBandsDb = bands.rawDb;
      event.gatedBandsDb = bands.gatedDb;
    }
    this.events.push({ slot, seq, epoch, generation: 0, event });
  }

  private load(name: keyof typeof field): number {
    return Atomics.load(this.memory.control, fieldIndex(this.slot, name));
  }

  private store(name: keyof typeof field, value: number): void {
    Atomics.store(this.memory.control, fieldIndex(this.slot, name), value);
  }
}
