/** What the supervisor and its gateway processes say to each other. */

import type { ErrorCode } from "../wire/codes.ts";
import type { Config } from "./config.ts";
import type { TlsPair } from "./self-signed.ts";
import type { MetricsSnapshot } from "./telemetry/metrics.ts";

/** Socket paths of the speech engines. */
export interface SpeechSockets {
  recogniser: string;
  voices: string;
  embeddings: string;
  /** Where a chain names `local`. */
  "local-recogniser"?: string;
  "local-voices"?: string;
}

/** What a gateway is called from outside with; it may change while the gateway runs. */
export interface Reach {
  /** The gateway's own certificate; null unless PARLEY_TLS is self. */
  tls: TlsPair | null;
  /** This machine's names and addresses that are known at the door beside loopback and those of the settings. */
  ownNames: readonly string[];
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
  reach: Reach;
}

export type ToGateway =
  | ({ type: "start" } & GatewayStart)
  /** Answered at once with `beat`: a process whose event loop stands still cannot. */
  | { type: "beat" }
  /** The certificate was renewed, or addresses changed. */
  | ({ type: "reach" } & Reach)
  /** Take no more sessions, let turns end, close, exit. */
  | { type: "drain" }
  /** Asks for this process's metrics. */
  | { type: "snapshot"; id: number }
  /** Answer to `collect`. */
  | { type: "collected"; id: number; contentType: string; text: string };

export type FromGateway =
  | { type: "ready"; host: string; port: number }
  | { type: "beat" }
  /** Cannot start, and another try would not help. */
  | { type: "failed"; code: ErrorCode; message: string }
  | { type: "snapshot"; id: number; metrics: MetricsSnapshot }
  /** Asks for the metrics of all processes together. */
  | { type: "collect"; id: number };
