import type { Worker } from "node:cluster";
import { expect, it } from "vitest";
import { MetricsCollector } from "../../gateway/metrics-collector.ts";
import { createMetrics, type Metrics } from "../../gateway/telemetry/metrics.ts";
import { HandClock } from "../supervisor/hand-clock.ts";

it("what was counted once stays in the sum, whoever answers late or dies; gauges go with their process", async () => {
  const clock = new HandClock();
  const silent = new Set<Worker>();
  const make = (): [Metrics, Worker] => {
    const metrics = createMetrics({ version: "1", process: false });
    const answer = async ({ id }: { id: number }) =>
      silent.has(worker) ? clock.jump(2_000) : collector.take(worker, id, await metrics.snapshot());
    const worker = {
      process: { send: (message: { id: number }) => void answer(message) },
    } as unknown as Worker;
    return [metrics, worker];
  };
  const [[first, one], [second, other]] = [make(), make()];
  const workers = [one, other];
  const collector = new MetricsCollector("1", clock, () => workers);
  for (const metrics of [first, second]) {
    metrics.countError("provider_timeout");
    metrics.openSession("default");
  }
  const scrape = async () => {
    const { text } = await collector.collect();
    const read = (name: string) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\d+)`, "m").exec(text)?.[1]);
    return [read("parley_errors_total"), read("parley_sessions")];
  };
  expect(await scrape()).toEqual([2, 2]);
  silent.add(other);
  expect(await scrape()).toEqual([2, 2]);
  workers.pop();
  expect(await scrape()).toEqual([2, 1]);
  expect(await scrape()).toEqual([2, 1]);
});
