import { describe, expect, it } from "vitest";
import { GatewayError } from "../../gateway/errors.ts";
import { createLog, sessionLog, turnLog } from "../../gateway/telemetry/log.ts";

function build(content: boolean, level = "info") {
  const lines: string[] = [];
  const log = createLog({
    level,
    content,
    process: "gateway",
    stream: { write: (line) => lines.push(line) },
  });
  return { log, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> };
}

describe("the log", () => {
  it("carries the ids of session and turn on every line", () => {
    const { log, last } = build(false);
    turnLog(sessionLog(log, { sessionId: "sess_1", tenant: "acme" }), { responseId: "resp_1" }).info("began");
    expect(last()).toMatchObject({
      level: "info",
      process: "gateway",
      sessionId: "sess_1",
      tenant: "acme",
      responseId: "resp_1",
      msg: "began",
    });
  });

  it("hides secrets wherever they stand, also where content may be logged", () => {
    const { log, lines } = build(true);
    log.info(
      {
        authorization: "Bearer s3cret",
        headers: { authorization: "s3cret" },
        config: { tls: { key: "s3cret" } },
        apiKey: "s3cret",
      },
      "x",
    );
    expect(lines[0]).not.toContain("s3cret");
    expect(lines[0]).toContain("[hidden]");
  });

  it("holds nothing that people said unless it may", () => {
    const said = {
      transcript: "my pin is 1234",
      item: { text: "my pin is 1234" },
      event: { part: { transcript: "my pin is 1234" } },
    };
    const closed = build(false);
    closed.log.info(said, "heard");
    expect(closed.lines[0]).not.toContain("1234");
    const frank = build(true);
    frank.log.info(said, "heard");
    expect(frank.lines[0]!.match(/1234/g)).toHaveLength(3);
  });

  it("shows an error with its code, stack and causes, and none of a cause's other fields", () => {
    const { log, last, lines } = build(false);
    const cause = Object.assign(new Error("refused"), {
      code: "ECONNREFUSED",
      request: { headers: { "x-api-key": "s3cret" } },
    });
    log.error({ err: new GatewayError("provider_unavailable", { cause }) }, "failed");
    expect(last().err).toMatchObject({
      type: "GatewayError",
      code: "provider_unavailable",
      cause: { code: "ECONNREFUSED", message: "refused" },
    });
    expect(lines[0]).not.toContain("s3cret");
  });

  it("keeps to its level", () => {
    const { log, lines } = build(false, "warn");
    log.info("no");
    log.warn("yes");
    expect(lines).toHaveLength(1);
  });
});
