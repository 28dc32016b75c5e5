import { describe, expect, it } from "vitest";
import { aggregateMetrics } from "../../gateway/telemetry/aggregate.ts";
import type { Metrics } from "../../gateway/telemetry/metrics.ts";
import { createMetrics } from "../../gateway/telemetry/metrics.ts";

const build = () => createMetrics({ version: "1.2.3", process: false });
const textOf = async (...all: Metrics[]) =>
  (await aggregateMetrics(await Promise.all(all.map((one) => one.snapshot())))).text;

describe("metrics of vendors", () => {
  it("show the worst breaker of all processes, and what they have under way together", async () => {
    const [one, two] = [build(), build()];
    const reading = { stage: "tts", provider: "a", pool: { open: 2, waiting: 1 } } as const;
    one.watchVendors(() => [{ ...reading, state: "closed", inFlight: 3 }]);
    two.watchVendors(() => [{ ...reading, state: "open", inFlight: 4 }]);
    const text = await textOf(one, two);
    expect(text).toContain('parley_breaker_state{stage="tts",provider="a"} 2');
    expect(text).toContain('parley_vendor_in_flight{stage="tts",provider="a"} 7');
    expect(text).toContain('parley_vendor_pool{stage="tts",provider="a"} 4');
    expect(text).toContain('parley_vendor_waiting{stage="tts",provider="a"} 2');
  });

  it("count what a rescue was and what time it took of ours", async () => {
    const metrics = build();
    metrics.observeFailover({
      stage: "ai",
      from: "a",
      to: "b",
      code: "provider_timeout",
      addedMs: 4,
      midway: true,
    });
    metrics.countHedge("ai", "a", "b", true);
    metrics.countProbe("ai", "a", "ill");
    metrics.countPassedOver("ai", "a", "full");
    metrics.countBreakerOpened("ai", "a", "key");
    metrics.countRetry("ai", "a");
    const text = await textOf(metrics);
    for (const line of [
      'parley_failovers_total{stage="ai",from="a",to="b",code="provider_timeout",midway="true"} 1',
      'parley_failover_seconds_sum{stage="ai"} 0.004',
      'parley_failover_seconds_bucket{le="0.005",stage="ai"} 1',
      'parley_hedges_total{stage="ai",slow="a",beside="b",outcome="won"} 1',
      'parley_probes_total{stage="ai",provider="a",outcome="ill"} 1',
      'parley_vendor_passed_over_total{stage="ai",provider="a",why="full"} 1',
      'parley_breaker_opened_total{stage="ai",provider="a",reason="key"} 1',
      'parley_retries_total{stage="ai",provider="a"} 1',
    ])
      expect(text).toContain(line);
  });

  it("count usage by unit and money by tenant, and say where a price is missing", async () => {
    const metrics = build();
    metrics.addUsage("a", "m-1", { inputTokens: 10, outputTokens: 0, audioMs: 250 });
    metrics.addCost("a", "ai", "acme", 0.25);
    metrics.addCost("a", "ai", "acme", 0.5);
    metrics.addCost("b", "tts", "acme", null);
    const text = await textOf(metrics);
    expect(text).toContain('parley_vendor_usage_total{provider="a",model="m-1",unit="input_tokens"} 10');
    expect(text).toContain('parley_vendor_usage_total{provider="a",model="m-1",unit="audio_ms"} 250');
    expect(text).not.toContain("output_tokens");
    expect(text).toContain('parley_cost_usd_total{provider="a",capability="ai",tenant="acme"} 0.75');
    expect(text).toContain('parley_unpriced_attempts_total{provider="b",capability="tts"} 1');
  });
});
