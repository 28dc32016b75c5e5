/** Settings of the door and the sockets: where the gateway listens, who may come in, how much they may send. */
import type { Setting } from "./config-kinds.ts";
import { choice, list, wholeNumber, words } from "./config-kinds.ts";

/** A key that lets a tenant in: `name:key` in PARLEY_API_KEYS. */
export interface ApiKey {
  /** The tenant's name. */
  name: string;
  key: string;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const minuteMs = 60_000;

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

/** The first part of the table. */
export const doorSettings = {
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
    description: "Folder for what the gateway keeps (its secret, its own certificate). Made when absent.",
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
  publicUrl: words({
    env: "PARLEY_PUBLIC_URL",
    fallback: null,
    maxLength: 512,
    pattern: {
      form: /^https?:\/\/([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?\/?$/,
      wanted: "an address like https://voice.example.com, without a path",
    },
    description:
      "Where clients from outside find the gateway. Its name is known at the door and stands in the gateway's own certificate.",
  }),
  tls: choice({
    env: "PARLEY_TLS",
    choices: ["files", "self"],
    fallback: "files",
    description:
      "Where https and wss come from. files: PARLEY_TLS_CERT and PARLEY_TLS_KEY, plain http without them. self: a certificate that the gateway makes for this machine's names and addresses and keeps in the data folder; browsers warn of it once.",
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
    description: "Signs client secrets. Machines that serve the same clients share it.",
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
} satisfies Record<string, Setting<unknown>>;
