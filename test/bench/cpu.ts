import { metronomeScript } from "../../loadtest/callers/script.ts";
import { turnLatencyMs } from "../../loadtest/callers/turn-record.ts";
import type { Utterance } from "../../loadtest/callers/utterance.ts";
import { scriptedEngines, startGateway } from "../support/gateway.ts";
import { treeCpuMs } from "../support/process-tree.ts";
import { sayFor } from "../support/speech.ts";
import { makeNoise } from "./audio/noises.ts";
import { type CallPlan, complaintsOf, describeHealth, runCalls } from "./calls.ts";
import { type Bench, percentileRows, type Row } from "./report.ts";

const sessions = 100;
const speechMs = 3000;
const quietMs = 4000;
const turnsPerSession = 8;
const warmUpTurns = 2;
const sayings = [
  "I would like to know when the next train leaves for the city, and from where.",
  "Please tell me what the weather will be like at the weekend by the sea.",
  "Could you look up my last order and tell me where it is at the moment?",
];

/** What a microphone hears in a quiet room. */
const roomDb = -55;
const roomSeconds = 4;
const cpuAtMostMs = 3.2;

/** Pink noise at the room's level, 16 kHz. */
function makeRoom(): Int16Array {
  const scale = 32768 * 10 ** (roomDb / 20);
  return Int16Array.from(makeNoise("pink", roomSeconds * 16_000, 1), (value) => Math.round(value * scale));
}

interface CpuOutcome {
  rows: Row[];
  notes: string[];
  complaint: string | null;
}

async function measure(
  name: string,
  utterances: readonly Utterance[],
  room?: Int16Array,
): Promise<CpuOutcome> {
  const gateway = await startGateway({ env: { ...scriptedEngines } });
  try {
    const plansOf = (turns: number) =>
      Array.from({ length: sessions }, (_, session) => {
        const lines = Array.from(
          { length: turns },
          (_, turn) => utterances[(session + turn) % utterances.length]!,
        );
        const plan: CallPlan = { audio: "binary-pcm16k", script: metronomeScript(lines, quietMs) };
        return room === undefined ? plan : { ...plan, room };
      });
    const costOf = async (turns: number) => {
      let beforeMs = 0;
      const outcome = await runCalls(gateway.wsUrl, plansOf(turns), {
        onSpeaking: () => {
          beforeMs = treeCpuMs(gateway.process.pid!);
        },
      });
      const cpuMs = treeCpuMs(gateway.process.pid!) - beforeMs;
      const sessionSeconds = outcome.calls.reduce((sum, call) => sum + call.durationSeconds, 0);
      return { outcome, cpuMs, sessionSeconds };
    };
    // Compiling is done once in a process' life.
    const young = await costOf(warmUpTurns);
    const { outcome, cpuMs, sessionSeconds } = await costOf(turnsPerSession);
    const outsideMs = outcome.turns.flatMap((turn) => turnLatencyMs(turn) ?? []);
    const complaint = complaintsOf(outcome);
    return {
      rows: [
        {
          name: `CPU a session-second, ${name}`,
          measured: cpuMs / sessionSeconds,
          unit: "ms",
          atMost: cpuAtMostMs,
        },
        {
          name: `the same in the process' first seconds, ${name}`,
          measured: young.cpuMs / young.sessionSeconds,
          unit: "ms",
        },
        { name: `CPU in all, ${name}`, measured: cpuMs / 1000, unit: "s" },
        ...percentileRows(`end of speech to first sound, ${name}`, outsideMs),
      ],
      notes: [
        `${name}: ${outcome.turns.length} turns, ${sessionSeconds.toFixed(0)} session-seconds; ${describeHealth(outcome.health)}`,
      ],
      complaint: complaint === null ? null : `${name}: ${complaint}`,
    };
  } finally {
    await gateway.stop();
  }
}

export const bench: Bench = {
  description: `100 hands-free sessions, 3 s speech and 4 s quiet in turn, silent and in a room of ${roomDb} dBFS: CPU a session-second`,
  async run() {
    const utterances = await Promise.all(sayings.map((text) => sayFor(text, speechMs)));
    const silent = await measure("silent quiet", utterances);
    const room = await measure("a room's quiet", utterances, makeRoom());
    const complaints = [silent.complaint, room.complaint].filter((complaint) => complaint !== null);
    return {
      rows: [...silent.rows, ...room.rows],
      notes: [
        `${sessions} sessions; user and system time of every process of the gateway, the callers' excluded`,
        ...silent.notes,
        ...room.notes,
      ],
      veto: complaints.length === 0 ? null : complaints.join("; "),
    };
  },
};
