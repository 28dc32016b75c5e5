import type { DestinationStream, Logger } from "pino";
import { destination, pino } from "pino";

/** Structured log; `log.info({ sessionId }, "words")`. */
export type Log = Logger;

/** Fields that never reach a log, wherever in the first three levels they stand. */
const secretFields = ["authorization", "key", "apiKey", "apiKeys", "secret", "token", "cookie", "value"];

/** Fields that hold what people said or were told; they reach a log only when the operator asked for it. */
const contentFields = [
  "text",
  "transcript",
  "instructions",
  "content",
  "delta",
  "arguments",
  "output",
  "prompt",
  "messages",
];

function atThreeLevels(fields: readonly string[]): string[] {
  return fields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
}

/** An error as a log shows it: its kind, code and stack; causes too, without their own fields (which may hold keys). */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return {
    type: name,
    code,
    message,
    stack,
    cause: cause === undefined || depth >= 3 ? undefined : describeError(cause, depth + 1),
  };
}

/**
 * The process's log, one JSON object a line.
 *
 * @param options.content - whether what people said may be logged
 * @param options.stream - where lines go; stderr by default, so that stdout stays for people
 */
export function createLog(options: {
  level: string;
  content: boolean;
  process: string;
  stream?: DestinationStream;
}): Log {
  const hidden = [...secretFields, ...(options.content ? [] : contentFields)];
  return pino(
    {
      level: options.level,
      base: { pid: process.pid, process: options.process },
      redact: { paths: atThreeLevels(hidden), censor: "[hidden]" },
      serializers: { err: (error: unknown) => describeError(error) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.stream ?? destination({ dest: 2, sync: true }),
  );
}

/** A log whose every line carries the session's id and tenant. */
export function sessionLog(log: Log, ids: { sessionId: string; tenant: string }): Log {
  return log.child(ids);
}

/** A log whose every line carries the turn's ids too. */
export function turnLog(log: Log, ids: { responseId: string; itemId?: string }): Log {
  return log.child(ids);
}
