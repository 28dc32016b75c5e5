/**
 * What a drill does and measures, as Chaos Toolkit's activities. Its readers want a provider in each: a process with a path, or
 * http with a URL; and they take a bare number in a tolerance for the one value that is right, so bounds are ranges.
 */
import type { Fault } from "../standins/standin.ts";
import type { Probe } from "./measures.ts";

export interface Activity {
  type: "action" | "probe";
  name: string;
  provider: Provider;
  /** What is only shown has none. */
  tolerance?: Range;
  /** Seconds. */
  pauses?: { before: number };
}

type Provider =
  | { type: "process"; path: string; arguments: string[] }
  | {
      type: "http";
      url: string;
      method: "PUT" | "DELETE";
      headers?: Record<string, string>;
      arguments?: Fault;
    };

/** The least and the most. */
interface Range {
  type: "range";
  range: [number, number];
}

/** Where `npm run standins -- --admin-port 9900` takes faults; a drill puts its own on within its process. */
const faultsUrl = "http://127.0.0.1:9900/faults";

/** Measured by the whole drill. */
export function probeOf(drillName: string, { name, tolerance, isLeast }: Bound): Activity {
  return {
    type: "probe",
    name,
    ...(tolerance === null ? {} : { tolerance: rangeOf(tolerance, isLeast === true) }),
    provider: { type: "process", path: "npm", arguments: ["run", "drill", "--", drillName] },
  };
}

type Bound = Pick<Probe, "name" | "tolerance" | "isLeast">;

function rangeOf(tolerance: number, isLeast: boolean): Range {
  return { type: "range", range: isLeast ? [tolerance, Number.MAX_SAFE_INTEGER] : [0, tolerance] };
}

/** A fault that is put on a stand-in, or taken off (null). */
export function actionOf(standin: string, fault: Fault | null): Activity {
  const url = `${faultsUrl}/${standin}`;
  const headers = { "Content-Type": "application/json" };
  return {
    type: "action",
    name: `${standin}: ${fault === null ? "well" : fault.kind}`,
    provider:
      fault === null
        ? { type: "http", url, method: "DELETE" }
        : { type: "http", url, method: "PUT", headers, arguments: { ...fault } },
  };
}

/** All stand-ins are well again. */
export const rollback: Activity = {
  type: "action",
  name: "take all faults off",
  provider: { type: "http", url: faultsUrl, method: "DELETE" },
};
