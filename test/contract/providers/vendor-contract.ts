/** What every vendor must do, beside what every provider must: run against its stand-in, which speaks its real protocol. */
import { getEventListeners } from "node:events";
import { readFile } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Clock } from "../../../gateway/clock.ts";
import type { EndEvent, Provider, ProviderFault } from "../../../gateway/providers/provider.ts";
import { createSystemClock } from "../../../gateway/system-clock.ts";
import { createPriceTable } from "../../../gateway/telemetry/prices.ts";
import type { Fault } from "../../../loadtest/standins/standin.ts";
import type { Standins } from "../../../loadtest/standins/start.ts";
import { startStandins } from "../../../loadtest/standins/start.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { SeededRandom } from "../../support/random.ts";
import { createFakeClock } from "../../turn/fake-clock.ts";
import { callContext, collect, describeProviderContract } from "./provider-contract.ts";
import type { AnyVendorCase, SuiteFault } from "./vendors.ts";
import { expectations } from "./vendors.ts";

/** Must appear in no fault: faults are logged, and told to clients. */
const apiKey = "sk-contract-0123456789-secret";
const cancelledCalls = 1000;
const atOnce = 40;
const seed = 20_261_121;
/** The contract's bound for the end after an abort. */
const cancelWithinMs = 50;

type AnyEvent = { type: string } | EndEvent;

interface Bench {
  standins: Standins;
  request: never;
  create(clock?: Clock): Provider<never, { type: string }>;
  setFault(fault: Fault | null): Promise<void>;
}

/** Registers the suite for one vendor. */
export function describeVendor(vendor: AnyVendorCase): void {
  const open = () => openBench(vendor);
  const title = `${vendor.stage}/${vendor.name}${vendor.variant === undefined ? "" : ` (${vendor.variant})`}`;
  describeProviderContract(title, async () => {
    const bench = await open();
    const { request } = bench;
    return {
      ...{ provider: bench.create(), request, openRequest: request },
      close: () => bench.standins.close(),
    };
  });

  describe(`${title} keeps the vendors' contract`, () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = await open();
    });
    afterAll(() => bench.standins.close());

    describeCost(vendor, () => bench);
    describeFaults(vendor, () => bench);
    describeChecks(() => bench);
    describeConnections(() => bench);
    describeCancelling(vendor, () => bench);
  });
}

async function openBench(vendor: AnyVendorCase): Promise<Bench> {
  const fast = { first: { p50Ms: 0, p95Ms: 0 }, piece: { p50Ms: 0, p95Ms: 0 } };
  const { standin: name } = vendor;
  const standins = await startStandins({ names: [name], seed, latencies: { [name]: fast } });
  const { url } = standins.standins.get(name)!;
  return {
    standins,
    request: await vendor.request(standins.world),
    create: (clock = createSystemClock()) => vendor.create({ url, apiKey, clock }),
    setFault: (fault) => standins.setFault(name, fault),
  };
}

function describeCost(vendor: AnyVendorCase, bench: () => Bench): void {
  it("counts what its list price is for, or says why there is none", async () => {
    const provider = bench().create();
    const events = await collect(provider.stream(bench().request, callContext(new AbortController().signal)));
    const { usage } = events.at(-1) as EndEvent;
    const costUsd = createPriceTable().costUsd(vendor.name, vendor.stage, provider.model ?? "", usage);
    if (vendor.unpriced === undefined) expect(costUsd).toBeGreaterThan(0);
    else expect(costUsd).toBeNull();
    await provider.close?.();
  });
}

function describeFaults(vendor: AnyVendorCase, bench: () => Bench): void {
  for (const [fault, given, usual] of expectations) {
    const reason = vendor.cannot[fault];
    if (reason !== undefined) {
      it.skip(`${fault}: ${reason}`, () => {});
      continue;
    }
    const expected = vendor.expected?.[fault] ?? usual;
    it(`blames the ${expected.blame} for ${fault} (${expected.code})`, async () => {
      const end = await endUnder(vendor, bench(), fault, given);
      expect(end).toMatchObject({ outcome: "failed", provider: vendor.name, error: expected });
      expectNoSecret(end.error!);
    });
  }

  // SDKs try again by themselves unless each is told not to, and what they do nobody else counts.
  it.each(["unavailable", "reset", "rate_limited"] as const)(
    "asks the vendor once in a call that fails (%s)",
    async (kind) => {
      const { world } = bench().standins;
      const calls = world.calls().length;
      const end = (await eventsUnder(bench(), { kind })).at(-1);
      expect(end).toMatchObject({ type: "end", outcome: "failed" });
      expect(world.calls().slice(calls)).toMatchObject([{ fault: kind }]);
    },
  );

  it("is well again in the call after a fault", async () => {
    await endUnder(vendor, bench(), "reset", {});
    const provider = bench().create();
    const events = await collect(provider.stream(bench().request, callContext(new AbortController().signal)));
    expect(events.at(-1)).toMatchObject({ outcome: "completed" });
    await provider.close?.();
  });

  it("hands on nothing of a character that was cut", async (context) => {
    if (vendor.cannot.truncated_utf8 !== undefined) return context.skip();
    const events = await eventsUnder(bench(), { kind: "truncated_utf8", afterPieces: 1 });
    expect(JSON.stringify(events)).not.toContain("\uFFFD");
  });
}

async function endUnder(
  vendor: AnyVendorCase,
  bench: Bench,
  fault: SuiteFault,
  given: Omit<Fault, "kind">,
): Promise<EndEvent> {
  const events =
    fault === "tls"
      ? await eventsBehindTls(vendor, bench)
      : await eventsUnder(bench, { kind: fault, ...given });
  const end = events.at(-1);
  if (end?.type !== "end") throw new Error("the last event is not `end`");
  return end as EndEvent;
}

async function eventsUnder(bench: Bench, fault: Fault): Promise<AnyEvent[]> {
  const provider = bench.create();
  await bench.setFault(fault);
  try {
    return await collect(provider.stream(bench.request, callContext(new AbortController().signal)));
  } finally {
    await bench.setFault(null);
    await provider.close?.();
  }
}

async function eventsBehindTls(vendor: AnyVendorCase, { request }: Bench): Promise<AnyEvent[]> {
  const certificate = await makeCertificate();
  const [cert, key] = await Promise.all([readFile(certificate.certFile), readFile(certificate.keyFile)]);
  const sockets = new Set<Socket>();
  const server = createTlsServer({ cert, key, ALPNProtocols: ["h2", "http/1.1"] });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}`;
  const provider = vendor.create({ url, apiKey, clock: createSystemClock() });
  try {
    return await collect(provider.stream(request, callContext(new AbortController().signal)));
  } finally {
    await provider.close?.();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await certificate.remove();
  }
}

/** Neither our key nor the vendor's own text, which the stand-ins fill with what looks like one. */
function expectNoSecret(fault: ProviderFault): void {
  expect(JSON.stringify(fault)).not.toMatch(/sk-|secret|Drill:/);
}

function describeChecks(bench: () => Bench): void {
  const check = async (fault: Fault | null, signal = new AbortController().signal) => {
    const provider = bench().create();
    await bench().setFault(fault);
    try {
      return await provider.check!(signal);
    } finally {
      await bench().setFault(null);
      await provider.close?.();
    }
  };

  it("finds nothing wrong with a vendor that is well", async () => {
    expect(await check(null)).toBeNull();
  });

  it("finds a wrong key before the first call", async () => {
    const fault = await check({ kind: "unauthorized" });
    expect(fault).toMatchObject({ blame: "key", retryable: false });
    expectNoSecret(fault!);
  });

  it("finds a vendor that can't be reached", async () => {
    expect(await check({ kind: "refuse" })).toMatchObject({ blame: "vendor" });
  });

  it("ends a check that is given up", async () => {
    const abort = new AbortController();
    const checked = check({ kind: "hang" }, abort.signal);
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await checked).toMatchObject({ code: "provider_timeout" });
  });
}

function describeConnections(bench: () => Bench): void {
  it("tells how many connections it keeps and how many calls wait for one", async () => {
    const { create, request, setFault } = bench();
    await setFault({ kind: "hang" });
    const provider = create();
    const abort = new AbortController();
    const events = collect(provider.stream(request, callContext(abort.signal)));
    try {
      await vi.waitFor(() => expect(provider.pool!()!.open).toBeGreaterThan(0));
      expect(provider.pool!()!.waiting).toBe(0);
    } finally {
      abort.abort();
      await events;
      await setFault(null);
      await provider.close?.();
    }
  });
}

function describeCancelling(vendor: AnyVendorCase, bench: () => Bench): void {
  it.each(["hang", "stall"] as const)(`ends within ${cancelWithinMs} ms of an abort (%s)`, async (kind) => {
    const { standins, create, request, setFault } = bench();
    // Time stands still but for what is granted here: nothing can take longer and still end.
    const clock = createFakeClock();
    const provider = create(clock);
    await setFault({ kind, afterPieces: 1 });
    const calls = standins.world.calls().length;
    const abort = new AbortController();
    const deadlineMs = clock.nowMs() + 60_000;
    const context = { ...callContext(abort.signal), clock, deadlineMs };
    const events: AnyEvent[] = [];
    const reading = (async () => {
      for await (const event of provider.stream(request, context)) events.push(event);
    })();
    // A recogniser may say nothing before it stalls.
    const inMidAnswer = kind === "stall" && vendor.stage !== "stt" && vendor.atOnce !== true;
    try {
      await vi.waitFor(() => {
        expect(standins.world.calls().length).toBeGreaterThan(calls);
        if (inMidAnswer) expect(events.length).toBeGreaterThan(0);
      });
      abort.abort();
      await clock.advance(cancelWithinMs);
      await reading;
      const end = events.at(-1);
      expect(end).toMatchObject({ type: "end", outcome: "cancelled" });
      // What it was given to read is charged, though it never said how much that was.
      if (vendor.stage === "ai") expect((end as EndEvent).usage.inputTokens).toBeGreaterThan(0);
      expect(getEventListeners(abort.signal, "abort")).toEqual([]);
    } finally {
      await setFault(null);
      await provider.close?.();
    }
  });

  it(`leaves nothing behind after ${cancelledCalls} cancelled calls (seed ${seed})`, async () => {
    const { standins, create, request, setFault } = bench();
    const random = new SeededRandom(seed);
    const timers = countTimers(createSystemClock());
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.name);
    process.on("warning", onWarning);
    const before = countResources();
    const provider = create(timers.clock);
    const cancelOne = async () => {
      const abort = new AbortController();
      const turns = random.below(12);
      const events = collect(provider.stream(request, { ...callContext(abort.signal), clock: timers.clock }));
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      abort.abort();
      const end = (await events).at(-1) as EndEvent;
      expect(getEventListeners(abort.signal, "abort")).toEqual([]);
      return end.outcome;
    };
    // Half of them would never end by themselves.
    await setFault({ kind: "stall", afterPieces: 1, share: 0.5 });
    for (let done = 0; done < cancelledCalls; done += atOnce) {
      const outcomes = await Promise.all(Array.from({ length: atOnce }, cancelOne));
      for (const outcome of outcomes) expect(["cancelled", "completed"]).toContain(outcome);
    }
    await setFault(null);
    const events = await collect(provider.stream(request, callContext(new AbortController().signal)));
    expect(events.at(-1)).toMatchObject({ outcome: "completed" });
    // Cancelling alone ends the calls: closing would hide those that go on.
    await vi.waitFor(() => {
      expect(standins.world.calls().filter(({ outcome }) => outcome === "open")).toEqual([]);
    });
    await provider.close?.();
    await vi.waitFor(() => {
      expect(timers.pending()).toBe(0);
      // Some room for what the test runner itself opens meanwhile.
      expect(countResources()).toBeLessThanOrEqual(before + 3);
    });
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  }, 120_000);
}

/** Sockets, handles, requests and timers that keep the process alive. */
function countResources(): number {
  return process.getActiveResourcesInfo().length;
}

function countTimers(clock: Clock): { clock: Clock; pending(): number } {
  const pending = new Set<object>();
  return {
    clock: {
      nowMs: () => clock.nowMs(),
      epochMs: () => clock.epochMs(),
      random: () => clock.random(),
      randomId: (bytes) => clock.randomId(bytes),
      timer(atMs, fn) {
        const token = {};
        pending.add(token);
        const timer = clock.timer(atMs, () => {
          pending.delete(token);
          fn();
        });
        return {
          cancel() {
            pending.delete(token);
            timer.cancel();
          },
        };
      },
    },
    pending: () => pending.size,
  };
}
