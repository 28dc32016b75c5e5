import { describe, expect, it } from "vitest";
import { aggregateMetrics } from "../../gateway/telemetry/aggregate.ts";
import type { Metrics } from "../../gateway/telemetry/metrics.ts";
import { createMetrics, latencyBuckets } from "../../gateway/telemetry/metrics.ts";
import { advance, closeLedger, openLedger } from "../../gateway/turn/ledger.ts";

const build = () => createMetrics({ version: "1.2.3", process: false });
const textOf = async (...all: Metrics[]) =>
  (await aggregateMetrics(await Promise.all(all.map((one) => one.snapshot())))).text;

function spokenTurn() {
  let ledger = openLedger("voice", 1000);
  ledger = advance(ledger, "endpoint", 1500);
  ledger = advance(ledger, "gate", 1520);
  ledger = advance(ledger, "stt", 1700, "embedded");
  ledger = advance(ledger, "egress", 1705);
  return closeLedger(ledger);
}

describe("metrics", () => {
  it("splits a turn into its spans, its whole and the gateway's share, in seconds", async () => {
    const metrics = build();
    metrics.observeTurn({ tenant: "acme", kind: "voice", ledger: spokenTurn(), outcome: "completed" });
    const text = await textOf(metrics);
    expect(text).toContain('parley_turn_seconds_sum{kind="voice"} 0.705');
    expect(text).toContain('parley_infra_seconds_sum{kind="voice"} 0.025');
    expect(text).toContain('parley_infra_seconds_bucket{le="0.02",kind="voice"} 0');
    expect(text).toContain('parley_infra_seconds_bucket{le="0.035",kind="voice"} 1');
    expect(text).toContain(
      'parley_stage_seconds_sum{stage="stt",provider="embedded",outcome="completed"} 0.18',
    );
    expect(text).toContain(
      'parley_stage_seconds_sum{stage="endpoint",provider="speaker",outcome="completed"} 0.5',
    );
    expect(text).toContain('parley_turns_total{tenant="acme",outcome="completed"} 1');
  });

  it("counts a turn that was cut off before its first byte, but times it not", async () => {
    const metrics = build();
    metrics.observeTurn({
      tenant: "acme",
      kind: "voice",
      ledger: openLedger("voice", 0),
      outcome: "cancelled",
    });
    const text = await textOf(metrics);
    expect(text).toContain('parley_turns_total{tenant="acme",outcome="cancelled"} 1');
    expect(text).not.toContain("parley_turn_seconds_count{");
  });

  it("has an edge at the budget of 200 ms and the documented buckets", () => {
    expect(latencyBuckets.map((edge) => edge * 1000)).toEqual([
      1, 2.5, 5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10000,
    ]);
  });

  it("sums the counters, gauges and histograms of several processes, and names the build once", async () => {
    const [one, two] = [build(), build()];
    for (const metrics of [one, two]) {
      metrics.openSocket();
      metrics.openSession("acme");
      metrics.countBytes("in", 640);
      metrics.observePing(12);
      metrics.setSendBacklog(5);
      metrics.countHttpRequest("/healthz", "GET", 200);
      metrics.countAttempt("ai", "embedded", "completed");
    }
    two.openSocket();
    two.closeSocket(4001);
    one.countWorkerRestart("audio");
    one.countError("flood");
    const text = await textOf(one, two);
    for (const line of [
      "parley_sockets 2",
      'parley_sessions{tenant="acme"} 2',
      'parley_bytes_total{direction="in"} 1280',
      "parley_ping_seconds_count 2",
      "parley_send_backlog_bytes 10",
      'parley_http_requests_total{route="/healthz",method="GET",status="200"} 2',
      'parley_provider_attempts_total{stage="ai",provider="embedded",outcome="completed"} 2',
      'parley_closes_total{code="4001"} 1',
      'parley_worker_restarts_total{worker="audio"} 1',
      'parley_errors_total{code="flood"} 1',
      `parley_build_info{version="1.2.3",node="${process.versions.node}"} 1`,
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });

  it("bounds the values of labels that come from outside", async () => {
    const metrics = build();
    for (let index = 0; index < 1100; index++) metrics.openSession(`tenant${index}`);
    metrics.openSession("tenant5");
    metrics.closeSocket(3123);
    metrics.countHttpRequest("/healthz", "BREW", 405);
    const text = await textOf(metrics);
    expect(text.match(/^parley_sessions\{/gm)).toHaveLength(1001);
    expect(text).toContain('parley_sessions{tenant="other"} 100');
    expect(text).toContain('parley_sessions{tenant="tenant5"} 2');
    expect(text).toContain('parley_closes_total{code="other"} 1');
    expect(text).toContain('method="other"');
  });

  it("watches the process itself, event-loop lag included", async () => {
    const text = await textOf(createMetrics({ version: "1", process: true }));
    for (const name of [
      "nodejs_eventloop_lag_p99_seconds",
      "process_cpu_seconds_total",
      "process_resident_memory_bytes",
    ])
      expect(text).toContain(`\n${name}`);
  });
});
