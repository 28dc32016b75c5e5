import { metronomeScript } from "../../loadtest/callers/script.ts";
import { turnLatencyMs } from "../../loadtest/callers/turn-record.ts";
import { scriptedEngines, startGateway } from "../support/gateway.ts";
import { treeCpuMs } from "../support/process-tree.ts";
import { sayFor } from "../support/speech.ts";
import { complaintsOf, describeHealth, runCalls } from "./calls.ts";
import { type Bench, percentileRows } from "./report.ts";

const sessions = 100;
const speechMs = 3000;
const quietMs = 4000;
const turnsPerSession = 8;
const sayings = [
  "I would like to know when the next train leaves for the city, and from where.",
  "Please tell me what the weather will be like at the weekend by the sea.",
  "Could you look up my last order and tell me where it is at the moment?",
];

export const bench: Bench = {
  description: "100 hands-free sessions, 3 s speech and 4 s quiet in turn: CPU a session-second",
  async run() {
    const utterances = await Promise.all(sayings.map((text) => sayFor(text, speechMs)));
    const gateway = await startGateway({ env: { ...scriptedEngines } });
    try {
      const plans = Array.from({ length: sessions }, (_, session) => {
        const lines = Array.from(
          { length: turnsPerSession },
          (_, turn) => utterances[(session + turn) % utterances.length]!,
        );
        return { audio: "binary-pcm16k" as const, script: metronomeScript(lines, quietMs) };
      });
      let cpuBeforeMs = 0;
      const outcome = await runCalls(gateway.wsUrl, plans, {
        onSpeaking: () => {
          cpuBeforeMs = treeCpuMs(gateway.process.pid!);
        },
      });
      const cpuMs = treeCpuMs(gateway.process.pid!) - cpuBeforeMs;
      const sessionSeconds = outcome.calls.reduce((sum, call) => sum + call.durationSeconds, 0);
      const outsideMs = outcome.turns.flatMap((turn) => turnLatencyMs(turn) ?? []);
      return {
        rows: [
          { name: "CPU a session-second", measured: cpuMs / sessionSeconds, unit: "ms", atMost: 4.5 },
          { name: "CPU in all", measured: cpuMs / 1000, unit: "s" },
          ...percentileRows("end of speech to first sound", outsideMs),
        ],
        notes: [
          `${sessions} sessions, ${outcome.turns.length} turns, ${sessionSeconds.toFixed(0)} session-seconds; user and system time of every process of the gateway, the callers' excluded`,
          describeHealth(outcome.health),
        ],
        veto: complaintsOf(outcome),
      };
    } finally {
      await gateway.stop();
    }
  },
};
