import { AggregatorRegistry } from "prom-client";
import type { MetricsSnapshot } from "./metrics.ts";

/** What several processes have counted, summed: no gauges, which say how things are and not how they went. */
export async function sumCounted(snapshots: readonly MetricsSnapshot[]): Promise<MetricsSnapshot> {
  const counted = snapshots.map((snapshot) => snapshot.filter(({ type }) => String(type) !== "gauge"));
  const merged = AggregatorRegistry.aggregate(counted as unknown as object[]);
  return (await merged.getMetricsAsJSON()) as MetricsSnapshot;
}

/** The metrics of several processes as one text in Prometheus' format: counters and histograms summed. */
export async function aggregateMetrics(
  snapshots: readonly MetricsSnapshot[],
): Promise<{ contentType: string; text: string }> {
  // The package's type asks for one array of metrics; it takes one a process.
  const merged = AggregatorRegistry.aggregate(snapshots as unknown as object[]);
  return { contentType: merged.contentType, text: await merged.metrics() };
}
