/** A primary process for the tests: the real supervisor over gateways that behave as FIXTURE says. */
import { fileURLToPath } from "node:url";
import { parseConfig } from "../../gateway/config.ts";
import { GatewayError } from "../../gateway/errors.ts";
import { obeySignals } from "../../gateway/signals.ts";
import { Supervisor } from "../../gateway/supervisor.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { createLog } from "../../gateway/telemetry/log.ts";

const supervisor = new Supervisor({
  config: parseConfig(JSON.parse(process.argv[2] ?? "{}")),
  version: "1.2.3",
  secret: "not needed here, but forty-two characters.",
  entry: fileURLToPath(new URL("./fixture-gateway.ts", import.meta.url)),
  log: createLog({ level: "info", content: false, process: "supervisor" }),
  clock: createSystemClock(),
  say: (line) => process.stdout.write(`${line}\n`),
  surroundings: {
    readNames: () => ({ steady: ["localhost", "127.0.0.1", "::1"], passing: [] }),
    loadCertificate: () => Promise.reject(new Error("no certificate is wanted here")),
  },
  startSpeech: async () => {
    process.stdout.write("speech starts\n");
    const sockets = { recogniser: "/r", voices: "/v", embeddings: "/e" };
    return { sockets, close: async () => void process.stdout.write("speech ends\n") };
  },
});
obeySignals(supervisor);
try {
  await supervisor.run();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof GatewayError ? error.message : String(error)}\n`);
  process.exit(1);
}
