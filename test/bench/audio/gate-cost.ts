import { type GateWork, hopSamples, SpectralGate } from "../../../workers/audio/gate.ts";
import { GateBank, type HopFeed, type HopResult } from "../../../workers/audio/gate-bank.ts";
import { SeededRandom } from "../../support/random.ts";
import type { Bench } from "../report.ts";
import { makeNoise } from "./noises.ts";

const sessions = 100;
const rounds = 25;
const warmRounds = 5;
/** Ticks of 10 ms in a round; each session gets a frame of 20 ms at every second one. */
const ticksPerRound = 100;
const frameSamples = 320;
const twinHopsPerRound = 2000;
const recordingHops = 625;
const hopInts = hopSamples / 2;
const vectorLanes = 4;
const seed = 4;

/** A session: the same recording again and again from a place of its own, read and written like the bus's pool. */
class CostFeed implements HopFeed {
  isWaiting = false;
  readonly work: GateWork;
  readonly lane: number;
  readonly phase: number;
  private readonly recording: Int32Array;
  private readonly from: number;
  private readonly gated = new Int32Array(hopInts);
  private received = 0;
  private next = 0;
  snrRatio = 0;

  constructor(bank: GateBank, work: GateWork, recording: Int32Array, random: SeededRandom) {
    this.work = work;
    this.lane = bank.openLane();
    bank.setFloor(this.lane, -15);
    this.recording = recording;
    this.from = random.below(recordingHops);
    this.phase = random.below(2);
  }

  get hasHop(): boolean {
    return (this.next + 1) * hopSamples <= this.received;
  }

  receive(): number {
    this.received += frameSamples;
    return Math.floor(this.received / hopSamples) - this.next;
  }

  giveHop(bank: GateBank): void {
    const hop = this.next++;
    const at = ((this.from + hop) % recordingHops) * hopInts;
    bank.takeHop(this, this.lane, this.recording, at, hop, true, false);
  }

  takeResult(_hopIndex: number, result: HopResult): void {
    this.snrRatio = result.snrRatio;
    if (this.work !== "process") return;
    const { gated } = this;
    for (let i = 0; i < hopInts; i++) gated[i] = result.gated[result.gatedAt + i]!;
  }
}

interface Cost {
  /** Least of the rounds: other work on the machine only adds. */
  microseconds: number;
  /** Lanes in use, of four. */
  lanes: number;
}

/** What a hop of a session costs, copies in and out of the kernel included. */
export function measureKernel(work: GateWork, recording: Int32Array): Cost {
  const bank = new GateBank(sessions);
  const random = new SeededRandom(seed);
  const feeds = Array.from({ length: sessions }, () => new CostFeed(bank, work, recording, random));
  let least = Number.POSITIVE_INFINITY;
  let hops = 0;
  let vectors = 0;
  for (let round = 0; round < rounds; round++) {
    const hopsBefore = hops;
    const cpu = process.threadCpuUsage();
    for (let tick = 0; tick < ticksPerRound; tick++) {
      let ready = 0;
      for (const feed of feeds) {
        if (tick % 2 !== feed.phase) continue;
        ready += feed.receive();
        if (feed.hasHop) bank.enqueue(feed);
      }
      bank.run();
      hops += ready;
      vectors += Math.ceil(ready / vectorLanes);
    }
    const { user, system } = process.threadCpuUsage(cpu);
    if (round >= warmRounds) least = Math.min(least, (user + system) / (hops - hopsBefore));
  }
  return { microseconds: least, lanes: hops / vectors };
}

/** The same of the plain twin. */
export function measureTwin(work: GateWork, recording: Int32Array): number {
  const pcm = new Int16Array(recording.buffer);
  const gate = new SpectralGate(-15);
  const target = new Int16Array(hopSamples);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const cpu = process.threadCpuUsage();
    for (let hop = 0; hop < twinHopsPerRound; hop++) {
      gate.push(pcm, (hop % recordingHops) * hopSamples, { work }, target, 0);
    }
    const { user, system } = process.threadCpuUsage(cpu);
    if (round >= warmRounds) least = Math.min(least, (user + system) / twinHopsPerRound);
  }
  return least;
}

/** Ten seconds in which noise and something louder take turns: all branches of the gate are walked. */
function makeRecording(): Int32Array {
  const noise = makeNoise("pink", recordingHops * hopSamples, seed);
  const pcm = Int16Array.from(noise, (value, i) => {
    const speaks = Math.floor(i / 16_000) % 2 === 1;
    const voice = speaks ? 4000 * Math.sin(i / 10) * Math.sin(i / 900) : 0;
    return Math.max(-32_768, Math.min(32_767, Math.round(300 * value + voice)));
  });
  return new Int32Array(pcm.buffer);
}

export const bench: Bench = {
  description: "the spectral gate: CPU a 16 ms frame of a session, kernel and plain twin",
  async run() {
    const recording = makeRecording();
    const processed = measureKernel("process", recording);
    const measured = measureKernel("measure", recording);
    const analysed = measureKernel("analyse", recording);
    const twin = measureTwin("process", recording);
    const twinAnalysed = measureTwin("analyse", recording);
    const us = "us";
    return {
      rows: [
        { name: "gate, a frame a session", measured: processed.microseconds, unit: us, atMost: 2.5 },
        { name: "gains without the signal", measured: measured.microseconds, unit: us },
        { name: "analysis alone (pre-gate)", measured: analysed.microseconds, unit: us },
        { name: "plain twin, a frame", measured: twin, unit: us },
        { name: "plain twin, analysis alone", measured: twinAnalysed, unit: us },
        { name: "gate: twin / kernel", measured: twin / processed.microseconds, unit: "times", atLeast: 3 },
        {
          name: "analysis: twin / kernel",
          measured: twinAnalysed / analysed.microseconds,
          unit: "times",
        },
        { name: "lanes in use, of 4", measured: processed.lanes, unit: "lanes", atLeast: 3.5 },
        {
          name: "gate, CPU a session-second",
          measured: (processed.microseconds * 62.5) / 1000,
          unit: "ms",
        },
      ],
      notes: [
        `${sessions} sessions, frames of 20 ms, ticks of 10 ms; CPU of the thread, least of ${rounds - warmRounds} rounds of ${ticksPerRound} ticks; copies in and out included`,
      ],
      veto: null,
    };
  },
};
