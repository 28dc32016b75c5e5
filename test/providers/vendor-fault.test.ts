import { describe, expect, it } from "vitest";
import {
  faultFromError,
  faultFromGrpc,
  faultFromStatus,
  quotaFault,
  readRetryAfterMs,
  readRetryInfoMs,
  requestFault,
  retryAfterMaxMs,
  VendorError,
} from "../../gateway/providers/vendor-fault.ts";

const now = Date.parse("2026-11-21T10:00:00Z");

describe("a vendor's fault", () => {
  it.each([
    [400, "request", "provider_rejected"],
    [401, "key", "provider_rejected"],
    [402, "key", "provider_rejected"],
    [403, "key", "provider_rejected"],
    [404, "key", "provider_rejected"],
    [408, "vendor", "provider_timeout"],
    [413, "request", "provider_rejected"],
    [422, "request", "provider_rejected"],
    [429, "quota", "provider_overloaded"],
    [500, "vendor", "provider_unavailable"],
    [502, "vendor", "provider_unavailable"],
    [503, "vendor", "provider_overloaded"],
    [504, "vendor", "provider_timeout"],
    [529, "vendor", "provider_overloaded"],
    [302, "vendor", "provider_unavailable"],
  ])("is told by the status %i: %s", (status, blame, code) => {
    const fault = faultFromStatus(status, null);
    expect(fault).toMatchObject({ blame, code, retryable: blame === "vendor" || blame === "quota" });
    expect(fault).not.toHaveProperty("retryAfterMs");
  });

  it.each([
    ["7", 7000],
    [" 0.5 ", 500],
    ["Sat, 21 Nov 2026 10:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 09:00:00 GMT", 0],
    ["999999999", retryAfterMaxMs],
    ["-5", null],
    ["soon", null],
    ["", null],
    [null, null],
  ])("reads Retry-After %j", (header, expected) => {
    expect(readRetryAfterMs(header, now)).toBe(expected);
  });

  it("does not take a date for anything without a clock", () => {
    expect(readRetryAfterMs("Sat, 21 Nov 2026 10:00:30 GMT")).toBeNull();
  });

  it.each([
    [[{ retryDelay: "17s" }], 17_000],
    [[{}, { retryDelay: "1.5s" }], 1500],
    [[{ retryDelay: { seconds: "2", nanos: 500_000_000 } }], 2500],
    [[{ retryDelay: "x" }], null],
    [[null], null],
    ["17s", null],
  ])("reads a RetryInfo in %j", (details, expected) => {
    expect(readRetryInfoMs(details)).toBe(expected);
  });

  it.each([
    ["ECONNREFUSED", /refuses connections/],
    ["ENOTFOUND", /host name/],
    ["ECONNRESET", /cut/],
    ["UND_ERR_SOCKET", /cut/],
    ["ETIMEDOUT", /in time/],
    ["UND_ERR_CONNECT_TIMEOUT", /in time/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", /TLS/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", /TLS/],
    ["CERT_HAS_EXPIRED", /TLS/],
    ["HPE_INVALID_CONSTANT", /malformed/],
  ])("is told by the code %s of a cause", (code, message) => {
    const cause = Object.assign(new Error("connect to key sk-secret"), { code });
    const fault = faultFromError(new TypeError("fetch failed", { cause: new Error("x", { cause }) }));
    expect(fault).toMatchObject({
      blame: "vendor",
      retryable: true,
      message: expect.stringMatching(message),
    });
  });

  it("is told by the first of several connections that failed", () => {
    const refused = Object.assign(new Error(), { code: "ECONNREFUSED" });
    expect(faultFromError(new AggregateError([refused]))).toMatchObject({
      message: expect.stringContaining("refuses connections"),
    });
  });

  it.each([
    [3, "request"],
    [5, "key"],
    [7, "key"],
    [8, "quota"],
    [13, "vendor"],
    [14, "vendor"],
    [16, "key"],
  ])("is told by gRPC's %i: %s", (code, blame) => {
    expect(faultFromError(Object.assign(new Error("sk-secret"), { code }))).toMatchObject({ blame });
  });

  it("is told by gRPC's deadline, and by when to come back", () => {
    expect(faultFromGrpc(4)).toMatchObject({ blame: "vendor", code: "provider_timeout" });
    expect(faultFromGrpc(8, [{ retryDelay: { seconds: 3 } }])).toMatchObject({ retryAfterMs: 3000 });
  });

  it("is told by SDKs' errors with a status and headers", () => {
    const headers = new Headers({ "retry-after": "4" });
    const thrown = Object.assign(new Error("sk-secret"), { status: 429, headers });
    expect(faultFromError(thrown)).toEqual(quotaFault("the vendor's quota is used up (429)", 4000));
    const refused = new Error("Unexpected server response: 401");
    expect(faultFromError(refused)).toMatchObject({ blame: "key" });
  });

  it("is what our own code threw, also behind an SDK's error", () => {
    const fault = requestFault("too long");
    expect(faultFromError(new Error("Connection error.", { cause: new VendorError(fault) }))).toEqual(fault);
  });

  it("never hands on a vendor's text, whatever is thrown", () => {
    const loop: { cause?: unknown; message: string } = { message: "sk-secret" };
    loop.cause = loop;
    for (const thrown of [
      new Error("sk-secret"),
      "sk-secret",
      null,
      undefined,
      7,
      loop,
      new SyntaxError("sk-secret"),
    ])
      expect(JSON.stringify(faultFromError(thrown))).not.toContain("sk-secret");
  });
});
