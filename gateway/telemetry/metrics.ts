/** What the gateway counts and times. Names and buckets are those of docs/latency.md. */

import type { MetricObjectWithValues, MetricValue } from "prom-client";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Ledger } from "../turn/ledger.ts";
import { ledgerTotals, spanOwners } from "../turn/ledger.ts";
import type { VendorMetrics } from "./vendor-metrics.ts";
import { createVendorMetrics } from "./vendor-metrics.ts";

/** Upper edges in seconds, dense where the 200 ms budget is decided. */
export const latencyBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10,
];

/** How a turn ended. */
export type TurnOutcome = "completed" | "cancelled" | "failed" | "incomplete";

/** One turn, as it is counted. */
export interface TurnObservation {
  tenant: string;
  kind: Ledger["kind"];
  ledger: Ledger;
  outcome: TurnOutcome;
}

/** Typed functions; nobody else knows a metric's name. Safe on hot paths. */
export interface Metrics extends VendorMetrics {
  observeTurn(turn: TurnObservation): void;
  countAttempt(stage: "stt" | "ai" | "tts", provider: string, outcome: string): void;
  countError(code: string): void;
  openSession(tenant: string): void;
  closeSession(tenant: string): void;
  openSocket(): void;
  closeSocket(code: number): void;
  /** A handshake that was turned away; counted as an error. */
  refuseSocket(code: string): void;
  observePing(roundTripMs: number): void;
  countBytes(direction: "in" | "out", bytes: number): void;
  setSendBacklog(bytes: number): void;
  countHttpRequest(route: string, method: string, status: number): void;
  countWorkerRestart(worker: string): void;
  /** Plain values, to be joined with other processes' (`aggregateMetrics`). */
  snapshot(): Promise<MetricsSnapshot>;
}

/** One process's metrics as plain JSON. */
export type MetricsSnapshot = MetricObjectWithValues<MetricValue<string>>[];

/** Values of a label that comes from outside (tenants, providers) beyond which new ones are counted as "other". */
const maxLabelValues = 1000;

function boundedLabel(): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= maxLabelValues) return "other";
    known.add(value);
    return value;
  };
}

/** Makes one child of a labelled metric a combination and keeps it, so that a hot path resolves no labels. */
function bindOnce<Child>(make: (key: string) => Child): (key: string) => Child {
  const bound = new Map<string, Child>();
  return (key) => {
    let child = bound.get(key);
    if (child === undefined) {
      child = make(key);
      bound.set(key, child);
    }
    return child;
  };
}

const httpMethods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * The metrics of one process.
 *
 * @param options.process - collect Node's own (CPU, memory, event-loop lag) too
 */
export function createMetrics(options: { version: string; process: boolean }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.process) collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "parley_build_info",
    help: "1, with the version as a label",
    labelNames: ["version", "node"],
    registers,
    aggregator: "first",
  }).set({ version: options.version, node: process.versions.node }, 1);
  return {
    ...createTurnMetrics(registers),
    ...createSocketMetrics(registers),
    ...createProcessMetrics(registers),
    ...createVendorMetrics(registers, boundedLabel),
    snapshot: () => registry.getMetricsAsJSON() as Promise<MetricsSnapshot>,
  };
}

type TurnMetrics = Pick<Metrics, "observeTurn" | "countAttempt" | "openSession" | "closeSession">;

function createTurnMetrics(registers: Registry[]): TurnMetrics {
  const tenantLabel = boundedLabel();
  const providerLabel = boundedLabel();
  const stages = new Histogram({
    name: "parley_stage_seconds",
    help: "A span's share of a turn's critical path",
    labelNames: ["stage", "provider", "outcome"],
    buckets: latencyBuckets,
    registers,
  });
  const stage = bindOnce((key) => {
    const [stageName = "", provider = "", outcome = ""] = key.split("\n");
    return stages.labels(stageName, provider, outcome);
  });
  const whole = { labelNames: ["kind"] as const, buckets: latencyBuckets, registers };
  const turnSeconds = new Histogram({
    name: "parley_turn_seconds",
    help: "From the last voiced sample, commit or request to the first reply byte handed to the socket",
    ...whole,
  });
  const infraSeconds = new Histogram({
    name: "parley_infra_seconds",
    help: "The gateway's own share of a turn",
    ...whole,
  });
  const turns = new Counter({
    name: "parley_turns_total",
    help: "Turns that ended",
    labelNames: ["tenant", "outcome"],
    registers,
  });
  const attempts = new Counter({
    name: "parley_provider_attempts_total",
    help: "Calls of providers",
    labelNames: ["stage", "provider", "outcome"],
    registers,
  });
  const sessions = new Gauge({
    name: "parley_sessions",
    help: "Live sessions",
    labelNames: ["tenant"],
    registers,
  });
  return {
    observeTurn: ({ tenant, kind, ledger, outcome }) => {
      turns.inc({ tenant: tenantLabel(tenant), outcome });
      // A turn that was cancelled before its first byte has no latency to speak of.
      if (!ledger.closed) return;
      const { turnMs, infraMs } = ledgerTotals(ledger);
      turnSeconds.observe({ kind }, turnMs / 1000);
      infraSeconds.observe({ kind }, infraMs / 1000);
      for (const { span, durationMs, provider } of ledger.entries) {
        const owner = provider === undefined ? spanOwners[span] : providerLabel(provider);
        stage(`${span}\n${owner}\n${outcome}`).observe(durationMs / 1000);
      }
    },
    countAttempt: (stageName, provider, outcome) =>
      attempts.inc({ stage: stageName, provider: providerLabel(provider), outcome }),
    openSession: (tenant) => sessions.inc({ tenant: tenantLabel(tenant) }),
    closeSession: (tenant) => sessions.dec({ tenant: tenantLabel(tenant) }),
  };
}

type SocketMetrics = Pick<
  Metrics,
  | "openSocket"
  | "closeSocket"
  | "refuseSocket"
  | "observePing"
  | "countBytes"
  | "setSendBacklog"
  | "countError"
>;

function createSocketMetrics(registers: Registry[]): SocketMetrics {
  const sockets = new Gauge({ name: "parley_sockets", help: "Open WebSockets", registers });
  const closes = new Counter({
    name: "parley_closes_total",
    help: "WebSockets closed, by close code",
    labelNames: ["code"],
    registers,
  });
  const errors = new Counter({
    name: "parley_errors_total",
    help: "Coded errors that a client or an operator met",
    labelNames: ["code"],
    registers,
  });
  const pings = new Histogram({
    name: "parley_ping_seconds",
    help: "Round trips of pings",
    buckets: latencyBuckets,
    registers,
  });
  const backlog = new Gauge({
    name: "parley_send_backlog_bytes",
    help: "Bytes that wait for clients to read",
    registers,
  });
  const bytes = new Counter({
    name: "parley_bytes_total",
    help: "Payload of WebSocket messages",
    labelNames: ["direction"],
    registers,
  });
  const byDirection = { in: bytes.labels("in"), out: bytes.labels("out") };
  // A peer may close with any number: only those of the protocol and ours get a series of their own.
  const closeLabel = (code: number) =>
    (code >= 1000 && code <= 1015) || (code >= 4000 && code <= 4599) ? String(code) : "other";
  return {
    openSocket: () => sockets.inc(),
    closeSocket: (code) => {
      sockets.dec();
      closes.inc({ code: closeLabel(code) });
    },
    refuseSocket: (code) => errors.inc({ code }),
    countError: (code) => errors.inc({ code }),
    observePing: (roundTripMs) => pings.observe(roundTripMs / 1000),
    countBytes: (direction, count) => byDirection[direction].inc(count),
    setSendBacklog: (count) => backlog.set(count),
  };
}

function createProcessMetrics(
  registers: Registry[],
): Pick<Metrics, "countHttpRequest" | "countWorkerRestart"> {
  const requests = new Counter({
    name: "parley_http_requests_total",
    help: "HTTP requests answered",
    labelNames: ["route", "method", "status"],
    registers,
  });
  const restarts = new Counter({
    name: "parley_worker_restarts_total",
    help: "Processes and threads that died and were started again",
    labelNames: ["worker"],
    registers,
  });
  return {
    countHttpRequest: (route, method, status) =>
      requests.inc({ route, method: httpMethods.has(method) ? method : "other", status: String(status) }),
    countWorkerRestart: (worker) => restarts.inc({ worker }),
  };
}
