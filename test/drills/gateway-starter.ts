/** A drill in small: starts a gateway, says so, and waits. */
import { startGatewayProcess } from "../../loadtest/drills/gateway-process.ts";

const scripted = { PARLEY_STT: "scripted", PARLEY_AI: "scripted", PARLEY_TTS: "scripted" };
const gateway = await startGatewayProcess(scripted);
const waiting = setInterval(() => {}, 60_000);
process.once("SIGUSR2", async () => {
  clearInterval(waiting);
  await gateway.stop();
  process.stdout.write(`${process.listenerCount("SIGTERM")} listeners are left\n`);
});
// Whoever reads this may signal at once.
process.stdout.write(`started ${gateway.url}\n`);
