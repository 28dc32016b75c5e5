import { politeScript } from "../../loadtest/callers/script.ts";
import { turnLatencyMs } from "../../loadtest/callers/turn-record.ts";
import { startGateway } from "../support/gateway.ts";
import { sayUtterance } from "../support/speech.ts";
import { complaintsOf, describeHealth, runCalls } from "./calls.ts";
import { type Bench, percentile, percentileRows } from "./report.ts";

/** 1.5 to 5 s each when flite says them. */
const sayings = [
  "What is a barge in?",
  "How does the gateway know that I have finished speaking?",
  "Which providers can I put in front of the embedded engines?",
  "Tell me how a dead vendor is replaced in the middle of a sentence.",
  "What does the spectral gate do?",
  "How many milliseconds may one turn cost, and who owns each of them?",
  "What happens when my connection drops during an answer?",
  "Where are the models kept?",
  "How do I start the gateway on my own machine without any keys?",
  "What is endpointing?",
  "Can I use it with a telephone?",
  "How is the latency of a turn counted?",
];
const voices = ["slt", "rms"] as const;
const thinkMs = 600;
const shortestMs = 1500;
const longestMs = 5000;

export const bench: Bench = {
  description:
    "embedded engines, one caller, 500 ms endpointing: last voiced sample to first reply audio heard",
  async run() {
    const spoken = await Promise.all(
      voices.flatMap((voice) => sayings.map((text) => sayUtterance(text, voice))),
    );
    const utterances = spoken.filter(
      ({ pcm }) => pcm.length >= shortestMs * 16 && pcm.length <= longestMs * 16,
    );
    const gateway = await startGateway();
    try {
      const warmUp = {
        audio: "base64-pcm24k" as const,
        script: politeScript(utterances.slice(0, 2), thinkMs),
      };
      await runCalls(gateway.wsUrl, [warmUp]);
      const plan = {
        audio: "base64-pcm24k" as const,
        script: politeScript(utterances, thinkMs),
        debug: true,
      };
      const outcome = await runCalls(gateway.wsUrl, [plan]);
      const outsideMs = outcome.turns.flatMap((turn) => turnLatencyMs(turn) ?? []);
      const spanMs = (name: string) =>
        percentile(
          outcome.turns.flatMap(
            (turn) =>
              turn.report?.spans.filter(({ span }) => span === name).map((span) => span.duration_ms) ?? [],
          ),
          0.5,
        );
      const underrunMs = outcome.turns.map((turn) => turn.underrunMs);
      return {
        rows: [
          ...percentileRows("end of speech to first sound", outsideMs, { p50: 800, p95: 1200 }),
          ...["endpoint", "stt", "retrieve", "ai", "tts"].map((name) => ({
            name: `${name} p50`,
            measured: spanMs(name),
            unit: "ms",
          })),
          { name: "gap inside a reply, worst", measured: Math.max(...underrunMs), unit: "ms" },
        ],
        notes: [
          `${utterances.length} utterances of ${shortestMs} to ${longestMs} ms, two voices, after two to warm up; answers are heard to their end`,
          describeHealth(outcome.health),
        ],
        veto: complaintsOf(outcome),
      };
    } finally {
      await gateway.stop();
    }
  },
};
