/**
 * Checks of the vendors at start: a wrong key, a model that does not exist or an address that nobody answers at is found
 * before the first caller finds it. What was found wrong is looked at again from time to time.
 */
import type { Clock, Timer } from "../clock.ts";
import type { ProviderFault } from "./provider.ts";
import { vendorFault } from "./vendor-fault.ts";

/** What one check may take. */
export const checkLimitMs = 5_000;
/** After that long, what was wrong is checked again. */
export const checkAgainMs = 60_000;

export type CheckedStage = "stt" | "ai" | "tts";

/** As much of a provider as is checked. */
export interface Checkable {
  readonly name: string;
  check?(signal: AbortSignal): Promise<ProviderFault | null>;
}

/** What is known of one vendor, as `/readyz` tells it. */
export interface VendorStatus {
  stage: CheckedStage;
  provider: string;
  /** Null until its first check has ended. */
  ok: boolean | null;
  /** One line without secrets; null when nothing is wrong. */
  problem: string | null;
}

export interface VendorChecksOptions {
  clock: Clock;
  /** Told what the first check of each link found, and each change after it; must not throw. */
  told(stage: CheckedStage, provider: string, fault: ProviderFault | null): void;
  /** True while the chain leaves the link alone (its breaker is open). */
  leftAlone(stage: CheckedStage, provider: string): boolean;
}

export interface VendorChecks {
  /** Every link that can be checked, in the chains' order. */
  list(): VendorStatus[];
  /** A stage of which no link works; null as long as each has one. Links without a check are engines of ours: they work. */
  stageDown(): CheckedStage | null;
  /** Resolves when every link's first check has ended; never rejects. */
  readonly first: Promise<void>;
  /** Gives up what is under way. */
  close(): void;
}

interface Entry {
  stage: CheckedStage;
  link: Checkable;
  /** Undefined until the first check has ended. */
  fault: ProviderFault | null | undefined;
  timer: Timer | null;
  abort: AbortController | null;
}

/** Begins to check all links side by side. */
export function checkVendors(
  links: Readonly<Record<CheckedStage, readonly Checkable[]>>,
  options: VendorChecksOptions,
): VendorChecks {
  const { clock, told, leftAlone } = options;
  const stages = ["stt", "ai", "tts"] as const;
  const entries = stages.flatMap((stage) =>
    links[stage]
      .filter((link) => link.check !== undefined)
      .map((link): Entry => ({ stage, link, fault: undefined, timer: null, abort: null })),
  );
  let closed = false;

  async function run(entry: Entry): Promise<void> {
    const fault = await checkOnce(entry, clock);
    if (closed) return;
    const before = entry.fault;
    entry.fault = fault;
    if (before === undefined || before?.message !== fault?.message) {
      told(entry.stage, entry.link.name, fault);
    }
    if (fault !== null) entry.timer = clock.timer(clock.nowMs() + checkAgainMs, () => void run(entry));
  }

  const statusOf = ({ stage, link, fault }: Entry): VendorStatus => {
    const status = { stage, provider: link.name };
    if (fault === undefined) return { ...status, ok: null, problem: null };
    if (fault !== null) return { ...status, ok: false, problem: fault.message };
    if (leftAlone(stage, link.name)) return { ...status, ok: false, problem: "left alone after failures" };
    return { ...status, ok: true, problem: null };
  };
  const isDown = (stage: CheckedStage) => {
    const own = entries.filter((entry) => entry.stage === stage);
    return (
      own.length > 0 &&
      own.length === links[stage].length &&
      own.every((entry) => statusOf(entry).ok === false)
    );
  };
  return {
    list: () => entries.map(statusOf),
    stageDown: () => stages.find(isDown) ?? null,
    first: Promise.all(entries.map(run)).then(() => undefined),
    close() {
      closed = true;
      for (const entry of entries) {
        entry.timer?.cancel();
        entry.abort?.abort();
      }
    },
  };
}

const late = vendorFault(`the vendor did not answer within ${checkLimitMs / 1000} s`, "provider_timeout");

/** Whatever the link does, this ends in time. */
async function checkOnce(entry: Entry, clock: Clock): Promise<ProviderFault | null> {
  const abort = new AbortController();
  entry.abort = abort;
  const { promise, resolve } = Promise.withResolvers<ProviderFault | null>();
  entry.timer = clock.timer(clock.nowMs() + checkLimitMs, () => {
    resolve({ ...late });
    abort.abort();
  });
  abort.signal.addEventListener("abort", () => resolve({ ...late }), { once: true });
  Promise.resolve(entry.link.check?.(abort.signal) ?? null).then(resolve, () =>
    resolve(vendorFault("the check of the vendor failed")),
  );
  const fault = await promise;
  entry.timer.cancel();
  entry.timer = null;
  entry.abort = null;
  return fault;
}
