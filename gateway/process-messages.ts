/** What the supervisor and its gateway processes say to each other. */

import type { ErrorCode } from "../wire/codes.ts";
import type { Config } from "./config.ts";
import type { MetricsSnapshot } from "./telemetry/metrics.ts";

/** Socket paths of the speech engines. */
export interface SpeechSockets {
  recogniser: string;
  voices: string;
  embeddings: string;
}

/** All that a gateway process needs to know to begin. */
export interface GatewayStart {
  config: Config;
  /** The port to take: the configured one, or the one that the first gateway was given for 0. */
  port: number;
  /** Signs client secrets and resume tokens. */
  secret: string;
  version: string;
  /** Null when no chain names an embedded engine. */
  speechSockets: SpeechSockets | null;
}

export type ToGateway =
  | ({ type: "start" } & GatewayStart)
  /** Take no more sessions, let turns end, close, exit. */
  | { type: "drain" }
  /** Asks for this process's metrics. */
  | { type: "snapshot"; id: number }
  /** Answer to `collect`. */
  | { type: "collected"; id: number; contentType: string; text: string };

export type FromGateway =
  | { type: "ready"; host: string; port: number }
  /** Cannot start, and another try would not help. */
  | { type: "failed"; code: ErrorCode; message: string }
  | { type: "snapshot"; id: number; metrics: MetricsSnapshot }
  /** Asks for the metrics of all processes together. */
  | { type: "collect"; id: number };
