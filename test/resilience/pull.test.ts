import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { openPull } from "../../gateway/resilience/pull.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A vendor on loopback: what it writes, and the same as it arrives. */
async function openVendor() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [[vendor]] = (await Promise.all([once(server, "connection"), once(client, "connect")])) as [
    [Socket],
    [],
  ];
  server.close();
  sockets.push(client, vendor);
  async function* events() {
    for await (const data of client) yield String(data);
  }
  return { vendor, events: events() };
}

/** The process does nothing for a while: a long collection of garbage, a machine that sleeps. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it("does not blame a vendor whose word came while the process stood still", async () => {
  const clock = createSystemClock();
  const { vendor, events } = await openVendor();
  const pull = openPull(events, clock, new AbortController().signal);
  const pulled = pull.next(clock.nowMs() + 50);
  vendor.write("a word");
  standStill(200);
  expect(await pulled).toEqual({ kind: "event", event: "a word" });
  pull.close();
});

it("gives up one that said nothing meanwhile", async () => {
  const clock = createSystemClock();
  const { events } = await openVendor();
  const pull = openPull(events, clock, new AbortController().signal);
  const dueAtMs = clock.nowMs() + 50;
  const pulled = pull.next(dueAtMs);
  standStill(200);
  expect(await pulled).toEqual({ kind: "overdue", dueAtMs });
  pull.close();
});
