import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ErrorRow } from "../gateway/errors.ts";
import {
  errorBody,
  errorMessages,
  errorTable,
  GatewayError,
  isErrorCode,
  toGatewayError,
} from "../gateway/errors.ts";
import { closeCodes, errorCodes } from "../wire/codes.ts";

const document = readFileSync(new URL("../docs/errors.md", import.meta.url), "utf8");
const sections = new Map(
  document
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf("\n")), section] as const),
);
const rows: readonly (readonly [string, ErrorRow])[] = errorCodes.map((code) => [code, errorTable[code]]);

describe("the table of errors", () => {
  it("has a row for every code and no other", () => {
    expect(Object.keys(errorTable).sort()).toEqual([...errorCodes].sort());
    expect(new Set(errorCodes).size).toBe(errorCodes.length);
  });

  it("has a row for every close code, and close codes tell whether to reconnect", () => {
    const used = new Set(rows.flatMap(([, { closeCode }]) => closeCode ?? []));
    expect([...used].sort()).toEqual(Object.values(closeCodes).sort());
    for (const [code, { closeCode, retryable }] of rows) {
      if (closeCode !== undefined) expect(retryable, code).toBe(closeCode < 4500);
    }
  });

  it.each(rows)("%s has a message, a status that is an error's, and a kind that fits it", (_code, row) => {
    expect(row.message.length).toBeGreaterThan(10);
    expect(row.httpStatus).toBeGreaterThanOrEqual(400);
    if (row.httpStatus >= 500) expect(row.kind).toBe("server_error");
    if (row.httpStatus === 401) expect(row.kind).toBe("authentication_error");
  });

  it("is explained in docs/errors.md code by code, in the table's order, and nothing else is", () => {
    expect([...sections.keys()]).toEqual([...errorCodes]);
  });

  it.each(rows)(
    "the section on %s says the status, the close code, whether to try again, and what to do",
    (code, row) => {
      const section = sections.get(code)!;
      expect(section).toContain(`HTTP ${row.httpStatus},`);
      expect(section).toContain(`\`${row.kind}\``);
      expect(section.includes("closes with")).toBe(row.closeCode !== undefined);
      if (row.closeCode !== undefined) expect(section).toContain(`closes with ${row.closeCode},`);
      expect(section).toContain(row.retryable ? ", try again," : ", trying again does not help,");
      expect(section).toMatch(/\*\*What to do\.\*\* \S.{5,}/);
    },
  );

  it("names only settings that exist in docs/errors.md", async () => {
    const { settings } = await import("../gateway/config-table.ts");
    const known = new Set<string>(Object.values(settings).map(({ env }) => env));
    for (const [name] of document.matchAll(/PARLEY_[A-Z_]+/g)) expect(known).toContain(name);
  });

  it("begins messages as the vendor does where clients compare beginnings", () => {
    expect(errorTable.response_cancel_not_active.message).toBe(
      "Cancellation failed: no active response found",
    );
    expect(errorMessages.activeResponse("resp_1")).toMatch(
      /^Conversation already has an active response in progress: resp_1/,
    );
    expect(errorMessages.bufferTooSmall(20)).toMatch(
      /^Error committing input audio buffer: buffer too small\..* 20\.00ms/,
    );
    expect(errorMessages.itemNotFound("item_9")).toBe("Item with item_id not found: item_9");
  });
});

describe("GatewayError", () => {
  it("carries code, row, param and cause, and the row's message unless another is given", () => {
    const cause = new Error("below");
    const error = new GatewayError("invalid_value", { param: "session.voice", cause });
    expect(error).toMatchObject({
      code: "invalid_value",
      param: "session.voice",
      message: "Invalid value.",
      cause,
    });
    expect(error.row).toBe(errorTable.invalid_value);
    expect(new GatewayError("invalid_value", { message: "No." })).toMatchObject({
      message: "No.",
      param: null,
    });
  });

  it("makes internal_error of whatever else was thrown, and keeps its words from clients", () => {
    const error = toGatewayError(new Error("key sk-123 refused"));
    expect(error.code).toBe("internal_error");
    expect(JSON.stringify(errorBody(error.code, { message: error.message }))).not.toContain("sk-123");
    const own = new GatewayError("flood");
    expect(toGatewayError(own)).toBe(own);
  });

  it("keeps code and message of an error that another thread gave a code of the table", () => {
    const other = Object.assign(new Error("silero_vad_v6.onnx was changed"), {
      code: "model_checksum_mismatch",
    });
    expect(toGatewayError(other)).toMatchObject({ code: "model_checksum_mismatch", message: other.message });
    expect(toGatewayError(Object.assign(new Error("x"), { code: "ENOENT" })).code).toBe("internal_error");
  });

  it("knows its codes from properties of every object", () => {
    expect(isErrorCode("flood")).toBe(true);
    expect(isErrorCode("constructor")).toBe(false);
  });
});
