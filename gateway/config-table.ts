/**
 * Every setting of the gateway: name, kind, unit, default, limit. To add one, add a row; the type of `Config`, the
 * checks and `.env.example` follow from the table.
 */
import { availableParallelism } from "node:os";
import type { Setting } from "./config-kinds.ts";
import { choice, flag, list, wholeNumber, words } from "./config-kinds.ts";

/** A key that lets a tenant in: `name:key` in PARLEY_API_KEYS. */
export interface ApiKey {
  /** The tenant's name. */
  name: string;
  key: string;
}

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

function readApiKey(entry: string): ApiKey | undefined {
  const found = /^([a-z0-9][a-z0-9_-]{0,63}):([A-Za-z0-9._~+/=-]{16,256})$/.exec(entry);
  // What begins with ek_ is a client secret: a key of that form could never be told from one.
  return found && !found[2]!.startsWith("ek_") ? { name: found[1]!, key: found[2]! } : undefined;
}

function readOrigin(entry: string): string | undefined {
  if (!URL.canParse(entry)) return undefined;
  const { origin, protocol } = new URL(entry);
  return (protocol === "http:" || protocol === "https:") && origin === entry.toLowerCase()
    ? origin
    : undefined;
}

/** The table. Its order is that of `.env.example`. */
export const settings = {
  // The door
  host: words({
    env: "PARLEY_HOST",
    fallback: "127.0.0.1",
    maxLength: 253,
    pattern: { form: /^[A-Za-z0-9.:_-]+$/, wanted: "a host name or an IP address" },
    description: "Address to listen on. Anything but loopback asks for PARLEY_API_KEYS.",
  }),
  port: wholeNumber({
    env: "PARLEY_PORT",
    alias: "PORT",
    unit: "port",
    min: 0,
    max: 65_535,
    fallback: 8080,
    description: "Port to listen on; 0 takes a free one.",
  }),
  dataDir: words({
    env: "PARLEY_DATA_DIR",
    fallback: ".parley",
    maxLength: 1024,
    description: "Folder for what the gateway keeps (its secret, knowledge). Made when absent.",
  }),
  apiKeys: list<ApiKey>({
    env: "PARLEY_API_KEYS",
    kind: "name:key pairs",
    wanted:
      "name:key, the name of small letters and digits, the key of 16 to 256 letters and digits not beginning with ek_",
    maxEntries: 1000,
    fallback: [],
    fallbackText: "",
    secret: true,
    description:
      "Who may come in. The name is the tenant in logs, metrics and limits. Without keys only this machine may.",
    read: readApiKey,
    identities: ({ name, key }) => [`name ${name}`, `key ${key}`],
  }),
  allowedOrigins: list({
    env: "PARLEY_ALLOWED_ORIGINS",
    kind: "origins",
    wanted: "origins like https://app.example.com",
    maxEntries: 100,
    fallback: [],
    fallbackText: "",
    description: "Origins beside the gateway's own whose pages may use it from a browser.",
    read: readOrigin,
  }),
  allowedHosts: list({
    env: "PARLEY_ALLOWED_HOSTS",
    kind: "host names",
    wanted: "host names like voice.example.com, with :port where only that port is meant",
    maxEntries: 100,
    fallback: [],
    fallbackText: "",
    description: "Names by which clients call the gateway. Loopback names are always known.",
    read: (entry) => (/^[a-z0-9.[\]:_-]{1,253}$/i.test(entry) ? entry.toLowerCase() : undefined),
  }),
  tlsCert: words({
    env: "PARLEY_TLS_CERT",
    fallback: null,
    maxLength: 1024,
    description: "PEM file with the certificate chain, to serve https and wss directly.",
  }),
  tlsKey: words({
    env: "PARLEY_TLS_KEY",
    fallback: null,
    maxLength: 1024,
    description: "PEM file with the certificate's key.",
  }),
  trustProxy: wholeNumber({
    env: "PARLEY_TRUST_PROXY",
    unit: "proxies",
    min: 0,
    max: 10,
    fallback: 0,
    description:
      "How many proxies stand in front: that many entries of X-Forwarded-For are believed, from the right.",
  }),
  secret: words({
    env: "PARLEY_SECRET",
    fallback: null,
    minLength: 32,
    maxLength: 512,
    secret: true,
    fallbackNote: "made at the first start and kept in the data folder",
    description: "Signs client secrets and resume tokens. Machines that serve the same clients share it.",
  }),
  maxConnections: wholeNumber({
    env: "PARLEY_MAX_CONNECTIONS",
    unit: "connections a process",
    min: 1,
    max: 100_000,
    fallback: 4000,
    description: "Open WebSockets at most.",
  }),
  maxConnectionsPerAddress: wholeNumber({
    env: "PARLEY_MAX_CONNECTIONS_PER_ADDRESS",
    unit: "connections a process",
    min: 1,
    max: 100_000,
    fallback: 1000,
    description: "Open WebSockets of one client address at most.",
  }),
  maxHandshakesPerSecond: wholeNumber({
    env: "PARLEY_MAX_HANDSHAKES_PER_SECOND",
    unit: "handshakes a second a process",
    min: 1,
    max: 10_000,
    fallback: 200,
    description: "New WebSockets at most; two seconds' worth may come at once.",
  }),
  handshakeTimeoutMs: wholeNumber({
    env: "PARLEY_HANDSHAKE_TIMEOUT_MS",
    unit: "ms",
    min: 100,
    max: minuteMs,
    fallback: 10_000,
    description: "A request's headers, a TLS handshake and an upgrade must each be done by then.",
  }),
  maxBodyBytes: wholeNumber({
    env: "PARLEY_MAX_BODY_BYTES",
    unit: "bytes",
    min: KiB,
    max: 16 * MiB,
    fallback: 256 * KiB,
    description: "Largest body of an HTTP request with JSON.",
  }),
  // Sockets
  maxMessageBytes: wholeNumber({
    env: "PARLEY_MAX_MESSAGE_BYTES",
    unit: "bytes",
    min: 64 * KiB,
    max: 256 * MiB,
    fallback: 21 * MiB,
    description:
      "Largest message taken from a client; an append of 15 MiB of audio, legal in the protocol, is 20 MiB in base64.",
  }),
  maxMessagesPerSecond: wholeNumber({
    env: "PARLEY_MAX_MESSAGES_PER_SECOND",
    unit: "messages a second a connection",
    min: 60,
    max: 100_000,
    fallback: 1000,
    description:
      "More for longer closes the connection (4503); ten seconds' worth may come at once. Voice is 50.",
  }),
  maxInputBytesPerSecond: wholeNumber({
    env: "PARLEY_MAX_INPUT_BYTES_PER_SECOND",
    unit: "bytes a second a connection",
    min: 100_000,
    max: 1024 * MiB,
    fallback: 8 * MiB,
    description:
      "More for longer closes the connection (4503); ten seconds' worth may come at once. Voice is 65,000.",
  }),
  sendBufferBytes: wholeNumber({
    env: "PARLEY_SEND_BUFFER_BYTES",
    unit: "bytes a connection",
    min: 64 * KiB,
    max: 64 * MiB,
    fallback: MiB,
    description: "What may wait for a slow client; past it the connection is closed (4001).",
  }),
  pingIntervalMs: wholeNumber({
    env: "PARLEY_PING_INTERVAL_MS",
    unit: "ms",
    min: 20,
    max: 10 * minuteMs,
    fallback: 15_000,
    description: "A peer that sends nothing for two intervals, not even a pong, is taken for dead (4004).",
  }),
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
    description: "How often the audio thread works through all sessions.",
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
    description: "Speech of that length over a reply interrupts it.",
  }),
  duckMs: wholeNumber({
    env: "PARLEY_DUCK_MS",
    unit: "ms",
    min: 50,
    max: 5000,
    fallback: 220,
    description: "Speech of that length over a reply turns it down while it is judged.",
  }),
  // Engines
  stt: chain("PARLEY_STT", "Recognisers, the next one taking over when one fails."),
  ai: chain("PARLEY_AI", "Answerers, in order."),
  tts: chain("PARLEY_TTS", "Voices' engines, in order."),
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
    description: "Threads of the embedded recogniser.",
  }),
  recogniserQueue: wholeNumber({
    env: "PARLEY_RECOGNISER_QUEUE",
    unit: "requests",
    min: 1,
    max: 10_000,
    fallback: 64,
    description: "Utterances that may wait for the embedded recogniser; more are refused as overload.",
  }),
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
  drainTimeoutMs: wholeNumber({
    env: "PARLEY_DRAIN_TIMEOUT_MS",
    unit: "ms",
    min: 0,
    max: 60 * minuteMs,
    fallback: 20_000,
    description: "How long turns at work may take to end after SIGTERM.",
  }),
} satisfies Record<string, Setting<unknown>>;
