/** A process that asks for the machine's one probe when it is told to. */
import { createVendorHealthStore } from "../../gateway/state/vendor-health.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";

const quiet = { warn: () => undefined, info: () => undefined };
const store = createVendorHealthStore({ path: process.argv[2]!, clock: createSystemClock(), log: quiet });
store.read("ai/x");
process.on("message", () => {
  process.send!(store.claimProbe("ai/x", 60_000));
  process.disconnect();
});
process.send!("ready");
