import { afterEach, describe, expect, it } from "vitest";
import type { ProviderFault } from "../gateway/providers/provider.ts";
import { keyFault, vendorFault } from "../gateway/providers/vendor-fault.ts";
import type { Chains } from "../gateway/realtime-chains.ts";
import { checkChains } from "../gateway/realtime-checks.ts";
import type { Guards } from "../gateway/resilience/guard.ts";
import { createGuards } from "../gateway/resilience/guard.ts";
import { createSystemClock } from "../gateway/system-clock.ts";
import type { Log } from "../gateway/telemetry/log.ts";

const clock = createSystemClock();
let guards: Guards;
afterEach(() => guards.shutdown());

/** Chains of one AI vendor, and what was logged of it. */
async function checkOne(fault: ProviderFault | null) {
  guards = createGuards({
    ...{ clock, shared: null, breakerWindowMs: 10_000, breakerResetMs: 1000, caps: {} },
    hedge: { enabled: false, limitUsdPerHour: null },
  });
  const gemini = { name: "gemini", check: async () => fault };
  const links = { stt: [{ name: "embedded" }], ai: [gemini], tts: [{ name: "embedded" }] };
  const lines: { fields: object; text: string }[] = [];
  const write = (fields: object, text: string) => void lines.push({ fields, text });
  const log = { info: write, warn: write } as unknown as Log;
  const checks = checkChains({ clock, log }, { guards, links } as unknown as Chains);
  await checks.first;
  checks.close();
  return { checks, lines, state: guards.of("ai", "gemini").state };
}

describe("the checks at start", () => {
  it("open the breaker of a vendor that refuses the key, and name the settings", async () => {
    const { checks, lines, state } = await checkOne(keyFault("the vendor refused the key (401)"));
    expect(state).toBe("open");
    expect(lines).toMatchObject([
      {
        fields: { settings: ["GEMINI_API_KEY", "PARLEY_GEMINI_MODEL", "PARLEY_GEMINI_URL"] },
        text: "the vendor ai/gemini does not work: the vendor refused the key (401)",
      },
    ]);
    expect(checks.stageDown()).toBe("ai");
  });

  it("leave the breaker of one that was out of reach for a moment to the calls", async () => {
    const { lines, state } = await checkOne(vendorFault("the vendor's address refuses connections"));
    expect(state).toBe("closed");
    expect(lines).toHaveLength(1);
  });

  it("say one line of a vendor that is well", async () => {
    const { checks, lines, state } = await checkOne(null);
    expect(state).toBe("closed");
    expect(lines.map(({ text }) => text)).toEqual(["the vendor ai/gemini answers"]);
    expect(checks.stageDown()).toBeNull();
  });
});
