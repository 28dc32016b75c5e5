/** Checks the chains' vendors at start: a line in the log for each, and the breaker of one that refuses us opens at once. */
import { settingsBehind, vendorOf } from "./config-vendors.ts";
import type { EndpointParts } from "./gateway.ts";
import type { VendorChecks } from "./providers/checks.ts";
import { checkVendors } from "./providers/checks.ts";
import type { Chains } from "./realtime-chains.ts";

/** Begins the checks of `chains`; they go on by themselves until `close`. */
export function checkChains(
  { clock, log }: Pick<EndpointParts, "clock" | "log">,
  chains: Chains,
): VendorChecks {
  return checkVendors(chains.links, {
    clock,
    leftAlone: (stage, provider) => chains.guards.of(stage, provider).state === "open",
    told(stage, provider, fault) {
      const name = `${stage}/${provider}`;
      if (fault === null) return log.info({ stage, provider }, `the vendor ${name} answers`);
      const row = vendorOf(stage, provider);
      const settings = row === null ? [] : settingsBehind(row);
      const { code, blame, message } = fault;
      log.warn({ stage, provider, code, blame, settings }, `the vendor ${name} does not work: ${message}`);
      if (blame !== "key" && blame !== "quota") return;
      const admission = chains.guards.of(stage, provider).admit();
      if (typeof admission === "object") admission.fail(fault);
    },
  });
}
