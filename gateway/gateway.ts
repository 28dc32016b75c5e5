/** Builds one gateway process: everything is made here and handed in. */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { ErrorCode } from "../wire/codes.ts";
import { closeCodes } from "../wire/codes.ts";
import type { ManagedAudioBus } from "../workers/audio/bus.ts";
import { createAudioBus } from "../workers/audio/bus.ts";
import type { AudioBus } from "../workers/audio/messages.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import { GatewayError, toGatewayError } from "./errors.ts";
import type { PageAsset } from "./http/app.ts";
import { createHttpApp } from "./http/app.ts";
import { createClientSecrets } from "./http/client-secrets.ts";
import { createDoor } from "./http/door.ts";
import { createRealtimeUpgrade } from "./http/realtime-upgrade.ts";
import type { GatewayStart, Reach, SpeechSockets } from "./process-messages.ts";
import type { TlsPair } from "./self-signed.ts";
import type { Log } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import type { RealtimeEndpoint, Transport } from "./transport/contract.ts";
import type { TransportLimits, TransportObserver } from "./transport/limits.ts";
import { createListener } from "./transport/listener.ts";
import { createWsTransport } from "./transport/ws.ts";

/** How long a closing handshake may take. */
const closeTimeoutMs = 2000;

/** What a realtime endpoint is built from. */
export interface EndpointParts {
  config: Config;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  bus: AudioBus;
  /** Signs resume tokens. */
  secret: string;
  /** Null when no chain names an embedded engine. */
  speechSockets: SpeechSockets | null;
  /** Folder of the models, with a slash at its end. */
  modelsDir: string;
}

export interface GatewayOptions extends GatewayStart {
  clock: Clock;
  log: Log;
  metrics: Metrics;
  modelsDir: string;
  /** Metrics of all processes together. */
  collectMetrics: () => Promise<{ contentType: string; text: string }>;
  createEndpoint: (parts: EndpointParts) => Promise<RealtimeEndpoint>;
  /** The gateway lost its audio thread for good and closed its sockets: only a new process helps. */
  onLost: () => void;
  /** Bundles the page; begun once the gateway listens. */
  loadPage: () => Promise<ReadonlyMap<string, PageAsset>>;
}

/** A gateway that listens. */
export interface Gateway {
  readonly host: string;
  readonly port: number;
  /**
   * Takes no more sessions, waits for turns at work (as long as the settings say), closes every socket with 4000 and
   * frees everything.
   */
  drain(): Promise<void>;
  /** Takes a new certificate, for connections from now on, and new names of the machine. */
  setReach(reach: Reach): void;
}

/** What may change while a gateway lives. */
interface GatewayState {
  draining: boolean;
  ownNames: readonly string[];
}

/**
 * @returns when the gateway listens and its audio thread runs; models of engines may still be loading
 * @throws {GatewayError} `port_in_use`, `invalid_config`, `model_checksum_mismatch`; nothing is left running then
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { clock, config, log, metrics, modelsDir, secret, speechSockets } = options;
  const tls = options.reach.tls ?? readTls(config);
  const state: GatewayState = { draining: false, ownNames: options.reach.ownNames };
  // Freed backwards, and at once when a later part cannot be made.
  await using parts = new AsyncDisposableStack();
  // The audio thread loads its model while the rest is built.
  const bus = createBus(options);
  parts.defer(() => bus.close());
  const endpoint = await options.createEndpoint({
    ...{ config, clock, log, metrics },
    ...{ bus, secret, speechSockets, modelsDir },
  });
  parts.defer(() => endpoint.close());
  const page = Promise.withResolvers<ReadonlyMap<string, PageAsset>>();
  page.promise.catch((err: unknown) => log.error({ err }, "the page could not be bundled"));
  const { transport, server } = await openDoorway(
    options,
    { bus, endpoint, state, tls, page: page.promise },
    parts,
  );
  await bus.ready().catch((thrown: unknown) => {
    throw toGatewayError(thrown);
  });
  // Opened once it can hear: until then, callers belong to the processes that are up already.
  const address = await transport.listen();
  parts.defer(() => transport.close(closeCodes.serverRestart, "server_restart"));
  bus.onGivenUp = (reason) => {
    log.fatal({ reason }, "the audio thread does not stay up: this process can't hear any more");
    void transport.close(closeCodes.audioFrontEndDown, "audio_front_end_down").then(options.onLost);
  };
  options.loadPage().then(page.resolve, page.reject);
  const made = parts.move();
  return {
    ...address,
    drain: async () => {
      state.draining = true;
      transport.stopAccepting();
      await waitForTurns(endpoint, config.drainTimeoutMs);
      await made.disposeAsync();
    },
    setReach: (reach) => {
      state.ownNames = reach.ownNames;
      if (reach.tls !== null && "setSecureContext" in server) server.setSecureContext(reach.tls);
    },
  };
}

/** The door with what stands behind it: HTTP and WebSockets on one listener. */
async function openDoorway(
  options: GatewayOptions,
  inside: {
    bus: AudioBus;
    endpoint: RealtimeEndpoint;
    state: GatewayState;
    tls: TlsPair | null;
    page: Promise<ReadonlyMap<string, PageAsset>>;
  },
  parts: AsyncDisposableStack,
): Promise<{ transport: Transport; server: ReturnType<typeof createListener> }> {
  const { clock, config, log, metrics, version } = options;
  const { bus, endpoint, page, state, tls } = inside;
  const { apiKeys, allowedOrigins, allowedHosts, publicUrl } = config;
  const clientSecrets = createClientSecrets(options.secret, clock);
  const door = createDoor({
    ...{ apiKeys, allowedOrigins, allowedHosts, publicUrl, clientSecrets },
    ownNames: () => state.ownNames,
  });
  const server = createListener({ ...config, tls });
  const audioHealthy = () => bus.healthy;
  const notReadyBecause = (address: string): ErrorCode | null => {
    if (state.draining) return "draining";
    if (!audioHealthy()) return "audio_front_end_down";
    if (endpoint.stageDown?.() === true) return "provider_unavailable";
    if (endpoint.activeSessions >= config.maxSessions) return "too_many_sessions";
    return transport.hasPlaceFor(address) ? null : "too_many_connections";
  };
  const http = await createHttpApp({
    ...{ server, door, clientSecrets, clock, version, page },
    maxBodyBytes: config.maxBodyBytes,
    trustedProxies: config.trustProxy,
    notReadyBecause,
    vendors: () => endpoint.vendors?.() ?? [],
    collectMetrics: options.collectMetrics,
    checkSession: (session) => endpoint.checkSession?.(session),
    countRequest: metrics.countHttpRequest,
    onFault: (err) => log.error({ err }, "a request failed"),
  });
  parts.defer(() => http.close());
  const transport = createWsTransport({
    ...{ server, clock, host: config.host, port: options.port, trustedProxies: config.trustProxy },
    decide: createRealtimeUpgrade({ door, endpoint, maxSessions: config.maxSessions, audioHealthy }),
    limits: transportLimits(config),
    observe: observeTransport(metrics, log),
  });
  return { transport, server };
}

function createBus({ clock, config, log, metrics, modelsDir }: GatewayOptions): ManagedAudioBus {
  const bus = createAudioBus({
    maxChannels: config.maxSessions,
    poolBytes: config.audioPoolBytes,
    modelDir: `${modelsDir}silero-vad-v6`,
    tickMs: config.audioTickMs,
    backlogBytes: config.inputBacklogBytes,
    maxWindowsPerTick: config.maxWindowsPerTick,
    nowMs: () => clock.nowMs(),
  });
  bus.onRestart = () => {
    metrics.countWorkerRestart("audio");
    log.error("the audio thread died and was started again");
  };
  return bus;
}

async function waitForTurns(endpoint: RealtimeEndpoint, timeoutMs: number): Promise<void> {
  const scope = new AbortController();
  const late = setTimeout(() => scope.abort(), timeoutMs);
  await endpoint.drain(scope.signal);
  clearTimeout(late);
}

function readTls({ tlsCert, tlsKey }: Config): TlsPair | null {
  if (tlsCert === null || tlsKey === null) return null;
  const refuse = (name: string, what: string, cause: unknown) => {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown fault";
    return new GatewayError("invalid_config", { message: `${name}: ${what} (${why})`, cause });
  };
  const read = (name: string, path: string) => {
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw refuse(name, `cannot read ${path}`, cause);
    }
  };
  const pair = { cert: read("PARLEY_TLS_CERT", tlsCert), key: read("PARLEY_TLS_KEY", tlsKey) };
  try {
    createSecureContext(pair);
  } catch (cause) {
    throw refuse(
      "PARLEY_TLS_CERT",
      "the certificate and the key are not PEM, or do not belong together",
      cause,
    );
  }
  return pair;
}

function transportLimits(config: Config): TransportLimits {
  return { ...config, closeTimeoutMs };
}

function observeTransport(metrics: Metrics, log: Log): TransportObserver {
  return {
    opened: metrics.openSocket,
    closed: metrics.closeSocket,
    refused: metrics.refuseSocket,
    pinged: metrics.observePing,
    bytes: metrics.countBytes,
    backlog: metrics.setSendBacklog,
    fault: (err) => log.error({ err }, "a connection failed"),
  };
}
