/**
 * Every setting of the gateway: name, kind, unit, default, limit. To add one, add a row; the type of `Config`, the
 * checks and `.env.example` follow from the table.
 */
import { availableParallelism } from "node:os";
import { doorSettings } from "./config-door.ts";
import type { Setting } from "./config-kinds.ts";
import { choice, flag, list, wholeNumber, words } from "./config-kinds.ts";
import { resilienceSettings } from "./config-resilience.ts";
import { vendorSettings } from "./config-vendors.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const minuteMs = 60_000;

function chain(env: string, description: string): Setting<readonly string[]> {
  return list({
    env,
    kind: "names in order",
    wanted: "names of engines (small letters, digits, hyphens)",
    maxEntries: 8,
    fallback: ["embedded"],
    fallbackText: "embedded",
    description,
    read: (entry) => (/^[a-z][a-z0-9-]{0,31}$/.test(entry) ? entry : undefined),
  });
}

/** The table. Its order is that of `.env.example`. */
export const settings = {
  ...doorSettings,
  // Sessions
  processes: wholeNumber({
    env: "PARLEY_PROCESSES",
    unit: "processes",
    min: 1,
    max: 256,
    fallback: () => Math.max(1, Math.floor(availableParallelism() / 2)),
    fallbackText: "half the cores, at least 1",
    description: "Gateway processes.",
  }),
  maxSessions: wholeNumber({
    env: "PARLEY_MAX_SESSIONS",
    unit: "sessions a process",
    min: 1,
    max: 4096,
    fallback: 256,
    description: "Live sessions at most (each has a place on the audio bus).",
  }),
  maxSessionMs: wholeNumber({
    env: "PARLEY_MAX_SESSION_MS",
    unit: "ms",
    min: 1000,
    max: 24 * 60 * minuteMs,
    fallback: 60 * minuteMs,
    description: "A session is closed after that long (4504).",
  }),
  maxTurnMs: wholeNumber({
    env: "PARLEY_MAX_TURN_MS",
    unit: "ms",
    min: 1000,
    max: 10 * minuteMs,
    fallback: minuteMs,
    description: "Longest turn of a user; it is committed there.",
  }),
  maxConversationItems: wholeNumber({
    env: "PARLEY_MAX_CONVERSATION_ITEMS",
    unit: "items",
    min: 2,
    max: 100_000,
    fallback: 1000,
    description: "Items that one conversation keeps.",
  }),
  maxConversationChars: wholeNumber({
    env: "PARLEY_MAX_CONVERSATION_CHARS",
    unit: "characters a session",
    min: 1_000,
    max: 100_000_000,
    fallback: 4_000_000,
    description:
      "Text that a conversation's items may hold together; a client's items beyond it are refused.",
  }),
  maxResponses: wholeNumber({
    env: "PARLEY_MAX_RESPONSES",
    unit: "at once a session",
    min: 1,
    max: 64,
    fallback: 4,
    description: "Responses in progress in one session, out-of-band ones included.",
  }),
  responsesPerMinute: wholeNumber({
    env: "PARLEY_RESPONSES_PER_MINUTE",
    unit: "a session",
    min: 1,
    max: 100_000,
    fallback: 120,
    description: "Responses that one session may ask for; a rested one may use them in a burst.",
  }),
  voice: words({
    env: "PARLEY_VOICE",
    fallback: "slt",
    maxLength: 64,
    description: "Voice of a session that names none.",
  }),
  instructions: words({
    env: "PARLEY_INSTRUCTIONS",
    fallback: "You are a helpful voice assistant. Answer briefly, in plain spoken words.",
    maxLength: 16_384,
    description: "Instructions of a session that brings none.",
  }),
  language: words({
    env: "PARLEY_LANGUAGE",
    fallback: "en",
    maxLength: 35,
    pattern: { form: /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, wanted: "a language tag like en or pt-BR" },
    description: "Language of a session that names none.",
  }),
  // Audio
  noiseReduction: choice({
    env: "PARLEY_NOISE_REDUCTION",
    choices: ["near_field", "far_field", "off"],
    fallback: "near_field",
    description: "Spectral gate of a session that names none.",
  }),
  vadInput: choice({
    env: "PARLEY_VAD_INPUT",
    choices: ["raw", "gated"],
    fallback: "raw",
    description: "What speech detection listens to.",
  }),
  sttInput: choice({
    env: "PARLEY_STT_INPUT",
    choices: ["raw", "gated"],
    fallback: "raw",
    description: "What recognisers listen to.",
  }),
  inputBacklogBytes: wholeNumber({
    env: "PARLEY_INPUT_BACKLOG_BYTES",
    unit: "bytes a session",
    min: 64 * KiB,
    max: 256 * MiB,
    fallback: 16 * MiB,
    description: "Received audio that may wait to be worked off (a client may append minutes at once).",
  }),
  audioPoolBytes: wholeNumber({
    env: "PARLEY_AUDIO_POOL_BYTES",
    unit: "bytes a process",
    min: 8 * MiB,
    max: 4096 * MiB,
    fallback: 256 * MiB,
    description: "Shared memory for the audio of all sessions.",
  }),
  audioTickMs: wholeNumber({
    env: "PARLEY_AUDIO_TICK_MS",
    unit: "ms",
    min: 1,
    max: 50,
    fallback: 10,
    description:
      "How often the audio thread works through all sessions; with many of them up to three times that.",
  }),
  maxWindowsPerTick: wholeNumber({
    env: "PARLEY_MAX_WINDOWS_PER_TICK",
    unit: "windows of 32 ms a session",
    min: 1,
    max: 64,
    fallback: 8,
    description: "So that a session which appends minutes at once cannot starve the others.",
  }),
  playbackAheadMs: wholeNumber({
    env: "PARLEY_PLAYBACK_AHEAD_MS",
    unit: "ms",
    min: 100,
    max: 10_000,
    fallback: 2000,
    description: "Reply audio is sent at most that far ahead of its playing.",
  }),
  bargeInMs: wholeNumber({
    env: "PARLEY_BARGE_IN_MS",
    unit: "ms",
    min: 100,
    max: 5000,
    fallback: 500,
    description:
      "Speech of that length over a reply interrupts it; where the client ducks the reply meanwhile 200 ms more, 380 where nothing was understood of it, 500 while nothing but nods were.",
  }),
  duckMs: wholeNumber({
    env: "PARLEY_DUCK_MS",
    unit: "ms",
    min: 50,
    max: 5000,
    fallback: 220,
    description: "Speech of that length over a reply turns it down while it is judged.",
  }),
  holdMs: wholeNumber({
    env: "PARLEY_HOLD_MS",
    unit: "ms",
    min: 200,
    max: 60_000,
    fallback: 1000,
    description:
      "A speaker who has heard nothing for that long, while many wait for the embedded engines, is told that it will take a moment.",
  }),
  // Engines
  stt: chain(
    "PARLEY_STT",
    "Recognisers, the next one taking over when one fails: google, deepgram, openai, local, embedded, scripted. By default those vendors that are switched on, in this order, then embedded.",
  ),
  ai: chain(
    "PARLEY_AI",
    "Answerers, in order: gemini, claude, openai, embedded, scripted. By default those that are switched on, then embedded.",
  ),
  tts: chain(
    "PARLEY_TTS",
    "Voices' engines, in order: google, elevenlabs, cartesia, openai, local, embedded, scripted. By default those that are switched on, then embedded.",
  ),
  script: words({
    env: "PARLEY_SCRIPT",
    fallback: null,
    maxLength: 1024,
    description: "JSON file with what the engine `scripted` hears, answers and plays.",
  }),
  recogniserThreads: wholeNumber({
    env: "PARLEY_RECOGNISER_THREADS",
    unit: "threads",
    min: 1,
    max: 64,
    fallback: () => Math.max(1, Math.floor(availableParallelism() / 2)),
    fallbackText: "half the cores, at least 1",
    description: "Threads of the embedded recogniser, and of each local engine.",
  }),
  recogniserQueue: wholeNumber({
    env: "PARLEY_RECOGNISER_QUEUE",
    unit: "requests",
    min: 1,
    max: 10_000,
    fallback: 256,
    description:
      "Utterances that may wait for the embedded recogniser; more are refused as overload, as are those that would wait longer than 20 s.",
  }),
  // Vendors
  ...vendorSettings,
  // Chains
  ...resilienceSettings,
  // Watching and stopping
  logLevel: choice({
    env: "PARLEY_LOG_LEVEL",
    choices: ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
    fallback: "info",
    description: "Least severity that is logged (to stderr, one JSON object a line).",
  }),
  logContent: flag({
    env: "PARLEY_LOG_CONTENT",
    fallback: false,
    description: "Whether logs may hold what people said and were told.",
  }),
  hangTimeoutMs: wholeNumber({
    env: "PARLEY_HANG_TIMEOUT_MS",
    unit: "ms",
    min: 1000,
    max: 60 * minuteMs,
    fallback: 10_000,
    description: "A gateway or speech engine's process that stands still for longer is killed and replaced.",
  }),
  drainTimeoutMs: wholeNumber({
    env: "PARLEY_DRAIN_TIMEOUT_MS",
    unit: "ms",
    min: 0,
    max: 60 * minuteMs,
    fallback: 20_000,
    description: "How long turns at work may take to end after SIGTERM.",
  }),
} satisfies Record<string, Setting<unknown>>;
