/** Settings of the chains: how long a vendor is waited for, when it is left alone, what a second one beside it may cost. */
import type { Setting } from "./config-kinds.ts";
import { flag, wholeNumber, words } from "./config-kinds.ts";

const minuteMs = 60_000;

function deadline(env: string, fallback: number, description: string): Setting<number> {
  return wholeNumber({ env, unit: "ms", min: 50, max: minuteMs, fallback, description });
}

/** This part of the table; docs/resilience.md says why each default is what it is. */
export const resilienceSettings = {
  sttConnectMs: deadline(
    "PARLEY_STT_CONNECT_MS",
    1500,
    "A recogniser that does not begin to listen by then is given up.",
  ),
  sttUsefulMs: deadline(
    "PARLEY_STT_USEFUL_MS",
    1500,
    "From the end of an utterance to its transcript; then the next recogniser hears it from the start.",
  ),
  sttStallMs: deadline(
    "PARLEY_STT_STALL_MS",
    4000,
    "A recogniser that stops listening for that long is given up.",
  ),
  aiConnectMs: deadline(
    "PARLEY_AI_CONNECT_MS",
    1500,
    "An answerer that says nothing at all by then is given up.",
  ),
  aiUsefulMs: deadline("PARLEY_AI_USEFUL_MS", 2000, "From the question to the first word or tool call."),
  aiStallMs: deadline(
    "PARLEY_AI_STALL_MS",
    1500,
    "Longest gap inside an answer; given up earlier when what is unplayed would not last until the next one speaks.",
  ),
  ttsConnectMs: deadline(
    "PARLEY_TTS_CONNECT_MS",
    1000,
    "A voice that sends nothing at all by then is given up.",
  ),
  ttsUsefulMs: deadline("PARLEY_TTS_USEFUL_MS", 1200, "From the text to the first audible sample."),
  ttsStallMs: deadline(
    "PARLEY_TTS_STALL_MS",
    1000,
    "Longest gap inside a piece's audio; given up earlier when what is unplayed would not last until the next voice speaks.",
  ),
  turnMs: wholeNumber({
    ...{ env: "PARLEY_TURN_MS", unit: "ms", min: 0, max: 3 * minuteMs, fallback: 0 },
    description:
      "How long a turn waits for vendors in all its stages together; then the spare answers. 0: the sum of the three …_USEFUL_MS.",
  }),
  breakerWindowMs: wholeNumber({
    ...{ env: "PARLEY_BREAKER_WINDOW_MS", unit: "ms", min: 1000, max: 60 * minuteMs, fallback: 30_000 },
    description: "A vendor is left alone when half of its calls in that time failed, three at least.",
  }),
  breakerResetMs: wholeNumber({
    ...{ env: "PARLEY_BREAKER_RESET_MS", unit: "ms", min: 100, max: 60 * minuteMs, fallback: 10_000 },
    description: "How long it is left alone before one call of the machine finds out whether it is well.",
  }),
  hedge: flag({
    env: "PARLEY_HEDGE",
    fallback: true,
    description:
      "Whether the next vendor is started beside one that is slower than 95 % of its own calls (at most 5 % more calls).",
  }),
  hedgeCostCentsPerHour: wholeNumber({
    ...{
      env: "PARLEY_HEDGE_COST_CENTS_PER_HOUR",
      unit: "US cents a process",
      min: 0,
      max: 1_000_000,
      fallback: 100,
    },
    description:
      "What needless calls may cost in an hour by the prices; none are made beyond it. 0: no limit.",
  }),
  prices: words({
    env: "PARLEY_PRICES",
    fallback: null,
    maxLength: 1024,
    description:
      "JSON file with prices of vendors; they go before the list prices (gateway/telemetry/prices.ts).",
  }),
};
