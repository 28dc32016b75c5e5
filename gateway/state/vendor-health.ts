/**
 * Which vendors are ill, known to every process of the machine: one small SQLite file (WAL) that no process holds
 * alone. A row is an opened breaker: until when, why, and who may probe. No row means well. It is asked for once a
 * call at most, answers from memory for `cacheMs`, and never waits longer than `busyMs` for a lock.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { DatabaseSync as Database } from "node:sqlite";
import type { Clock } from "../clock.ts";

/** An opened breaker, as the machine knows it. */
export interface SharedOpening {
  reason: string;
  /** Nobody but a probe calls the vendor before (wall clock, ms since the epoch). */
  untilEpochMs: number;
}

export interface VendorHealthStore {
  /** The opening of `vendor`; null when it is well; undefined when nothing can be known just now. */
  read(vendor: string): SharedOpening | null | undefined;
  /** Publishes an opening; a later end that another process published stays. @returns false when it could not be written */
  open(vendor: string, opening: SharedOpening): boolean;
  /** The vendor is well. @returns false when it could not be written */
  close(vendor: string): boolean;
  /**
   * Asks for the machine's one probe, for `holdMs` at most; a claim of ours that could not be given back is no hindrance.
   * "unknown": the file can't say.
   */
  claimProbe(vendor: string, holdMs: number): "mine" | "taken" | "unknown";
  /** Gives a claim of ours back: the probe told nothing. */
  releaseProbe(vendor: string): void;
  shutdown(): void;
}

export interface VendorHealthOptions {
  /** Made when it isn't there. */
  path: string;
  clock: Clock;
  /** Told once when the file can't be used and once when it can be again. */
  log: { warn(fields: object, words: string): void; info(fields: object, words: string): void };
}

/** How long what was read is believed. */
export const cacheMs = 100;
/** How long a statement waits for another process's lock. */
export const busyMs = 20;
/** How long a file that failed is left alone. */
export const retryMs = 1000;
/**
 * An end further ahead than that was written before the wall clock was set back: it counts as over. The longest that is
 * meant is an hour (`PARLEY_BREAKER_RESET_MS`).
 */
export const openingMaxMs = 61 * 60_000;

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = OFF;
  CREATE TABLE IF NOT EXISTS opening (
    vendor TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    until_ms REAL NOT NULL,
    probe_owner TEXT,
    probe_until_ms REAL NOT NULL DEFAULT 0
  ) STRICT;`;

interface Statements {
  database: DatabaseSync;
  all: StatementSync;
  open: StatementSync;
  close: StatementSync;
  claim: StatementSync;
  release: StatementSync;
}

/** Opens the file when it is first needed; a file that is locked or broken makes every answer "not known". */
export function createVendorHealthStore(options: VendorHealthOptions): VendorHealthStore {
  const { path, clock, log } = options;
  const owner = clock.randomId(12);
  let statements: Statements | null = null;
  let openings = new Map<string, SharedOpening>();
  let readAtMs = Number.NEGATIVE_INFINITY;
  let leaveUntilMs = Number.NEGATIVE_INFINITY;
  let complained = false;

  function fail(err: unknown): void {
    leaveUntilMs = clock.nowMs() + retryMs;
    readAtMs = Number.NEGATIVE_INFINITY;
    closeDatabase();
    if (complained) return;
    complained = true;
    log.warn({ err }, "the file of vendors' health can't be used: this process goes by its own breakers");
  }
  function closeDatabase(): void {
    try {
      statements?.database.close();
    } catch {
      // It is given up in any case.
    }
    statements = null;
  }
  /** Runs `work` on the file; undefined when the file can't be used. */
  function use<T>(work: (all: Statements) => T): T | undefined {
    if (clock.nowMs() < leaveUntilMs) return undefined;
    try {
      statements ??= prepare(path);
      const result = work(statements);
      if (complained) log.info({}, "the file of vendors' health can be used again");
      complained = false;
      return result;
    } catch (err) {
      fail(err);
      return undefined;
    }
  }
  /** Ends after it are no ends. */
  function believedMs(): number {
    return clock.epochMs() + openingMaxMs;
  }
  function refresh(): boolean {
    if (clock.nowMs() - readAtMs < cacheMs) return true;
    const rows = use(({ all }) => all.all());
    if (rows === undefined) return false;
    openings = new Map(rows.map((row) => readRow(row, clock.epochMs())));
    readAtMs = clock.nowMs();
    return true;
  }

  return {
    read: (vendor) => (refresh() ? (openings.get(vendor) ?? null) : undefined),
    open(vendor, { reason, untilEpochMs }) {
      const done = use(({ open }) => open.run(vendor, reason, untilEpochMs, believedMs())) !== undefined;
      readAtMs = Number.NEGATIVE_INFINITY;
      return done;
    },
    close(vendor) {
      const done = use(({ close }) => close.run(vendor)) !== undefined;
      readAtMs = Number.NEGATIVE_INFINITY;
      return done;
    },
    claimProbe(vendor, holdMs) {
      const nowMs = clock.epochMs();
      // One statement, so one process at most gets it.
      const done = use(({ claim }) => claim.run(owner, nowMs + holdMs, vendor, nowMs, believedMs()));
      if (done === undefined) return "unknown";
      return Number(done.changes) === 1 ? "mine" : "taken";
    },
    releaseProbe: (vendor) => void use(({ release }) => release.run(vendor, owner)),
    shutdown: closeDatabase,
  };
}

function prepare(path: string): Statements {
  const database = new Database(path, { timeout: busyMs });
  try {
    database.exec(schema);
    return {
      database,
      all: database.prepare("SELECT vendor, reason, until_ms FROM opening"),
      open: database.prepare(
        `INSERT INTO opening (vendor, reason, until_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (vendor) DO UPDATE SET
           reason = iif(until_ms > ?3 AND until_ms <= ?4, reason, ?2),
           until_ms = iif(until_ms > ?3 AND until_ms <= ?4, until_ms, ?3), probe_owner = NULL, probe_until_ms = 0`,
      ),
      close: database.prepare("DELETE FROM opening WHERE vendor = ?"),
      claim: database.prepare(
        `UPDATE opening SET probe_owner = ?1, probe_until_ms = ?2
         WHERE vendor = ?3 AND (until_ms <= ?4 OR until_ms > ?5)
           AND (probe_until_ms <= ?4 OR probe_until_ms > ?5 OR probe_owner = ?1)`,
      ),
      release: database.prepare(
        "UPDATE opening SET probe_owner = NULL, probe_until_ms = 0 WHERE vendor = ? AND probe_owner = ?",
      ),
    };
  } catch (err) {
    database.close();
    throw err;
  }
}

function readRow(row: Record<string, unknown>, nowMs: number): [string, SharedOpening] {
  const untilMs = Number(row.until_ms);
  const untilEpochMs = untilMs > nowMs + openingMaxMs ? nowMs : untilMs;
  return [String(row.vendor), { reason: String(row.reason), untilEpochMs }];
}
