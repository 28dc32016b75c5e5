import { describe, expect, it } from "vitest";
import { parseConfig } from "../../gateway/config.ts";
import type { HostNames } from "../../gateway/host-names.ts";
import type { Reach } from "../../gateway/process-messages.ts";
import { ReachWatch } from "../../gateway/supervisor-reach.ts";
import { createLog } from "../../gateway/telemetry/log.ts";
import { HandClock } from "./hand-clock.ts";

const keys = { PARLEY_API_KEYS: "me:0123456789abcdef", PARLEY_HOST: "0.0.0.0" };

/** A machine whose addresses the test changes, and certificates that name them. */
async function watchOver(env: Record<string, string>) {
  const clock = new HandClock();
  const machine = { address: "192.168.1.5", broken: false };
  const heard: { reach: Reach; renewed: boolean }[] = [];
  let looked = 0;
  const watch = await ReachWatch.begin({
    ...{ clock, config: parseConfig(env) },
    log: createLog({ level: "silent", content: false, process: "supervisor" }),
    surroundings: {
      readNames: () => ({ steady: ["localhost", machine.address], passing: ["2001:db8::1"] }),
      loadCertificate: async ({ steady }: HostNames) => {
        looked++;
        if (machine.broken) throw new Error("no room on the disk");
        const name = steady.join();
        return { cert: name, key: "key", fingerprint: name, expiresAtMs: 0 };
      },
    },
    onChange: (changed, renewed) => void heard.push({ reach: changed.reach, renewed }),
  });
  /** A minute passes, and what is to be looked at was looked at. */
  const minute = async () => {
    const before = looked;
    clock.jump(60_000);
    await expect.poll(() => looked).toBe(before + 1);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { watch, machine, heard, minute, looked: () => looked, clock };
}

describe("the reach of a gateway with its own certificate", () => {
  it("is known from the start", async () => {
    const { watch } = await watchOver({ ...keys, PARLEY_TLS: "self" });
    expect(watch.reach).toEqual({
      tls: { cert: "localhost,192.168.1.5", key: "key" },
      ownNames: ["192.168.1.5"],
    });
  });

  it("is told again when an address changed, and only then", async () => {
    const { machine, heard, minute } = await watchOver({ ...keys, PARLEY_TLS: "self" });
    await minute();
    expect(heard).toEqual([]);
    machine.address = "10.0.0.9";
    await minute();
    await minute();
    expect(heard).toEqual([
      {
        reach: { tls: { cert: "localhost,10.0.0.9", key: "key" }, ownNames: ["10.0.0.9"] },
        renewed: true,
      },
    ]);
  });

  it("stays what it is while the certificate can't be looked after, and is made up for later", async () => {
    const { watch, machine, heard, minute } = await watchOver({ ...keys, PARLEY_TLS: "self" });
    const before = watch.reach;
    Object.assign(machine, { address: "10.0.0.9", broken: true });
    await minute();
    expect([heard, watch.reach]).toEqual([[], before]);
    machine.broken = false;
    await minute();
    expect(heard).toHaveLength(1);
  });

  it("is looked at no more once the supervisor stops", async () => {
    const { watch, clock, looked } = await watchOver({ ...keys, PARLEY_TLS: "self" });
    watch.stop();
    clock.jump(600_000);
    expect(looked()).toBe(1);
  });

  it("is nothing beyond the settings without one, and no certificate is made", async () => {
    const { watch, clock, looked } = await watchOver(keys);
    clock.jump(600_000);
    expect([watch.reach, looked()]).toEqual([{ tls: null, ownNames: [] }, 0]);
    expect(watch.names.steady).toContain("192.168.1.5");
  });
});
