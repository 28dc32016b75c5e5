/** Where Parley begins: reads the environment and becomes the supervisor, or one of its gateways. */
import cluster from "node:cluster";
import { existsSync, readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import type { Config } from "./config.ts";
import { parseConfig, renderEnvExample } from "./config.ts";
import { GatewayError } from "./errors.ts";
import { readHostNames } from "./host-names.ts";
import { loadSecret } from "./secret.ts";
import { loadSelfSigned } from "./self-signed.ts";
import { obeySignals } from "./signals.ts";
import { Supervisor } from "./supervisor.ts";
import { createSystemClock } from "./system-clock.ts";
import { createLog } from "./telemetry/log.ts";

const modelsDir = fileURLToPath(new URL("../models/", import.meta.url));

async function runSupervisor(): Promise<void> {
  if (existsSync(".env")) process.loadEnvFile(".env");
  const config = parseConfig(process.env);
  const log = createLog({ level: config.logLevel, content: config.logContent, process: "supervisor" });
  const clock = createSystemClock();
  const { dataDir, publicUrl } = config;
  const supervisor = new Supervisor({
    ...{ config, log, clock, secret: loadSecret(config), version: readVersion() },
    entry: fileURLToPath(import.meta.url),
    say: (text) => process.stdout.write(`${text}\n`),
    surroundings: {
      readNames: () => readHostNames({ hostname: hostname(), interfaces: networkInterfaces(), publicUrl }),
      loadCertificate: (names) => loadSelfSigned({ dataDir, names, nowMs: clock.epochMs() }),
    },
    startSpeech: async (onRestart) => {
      const { startSpeech } = await import("../workers/speech/supervise.ts");
      return startSpeech({ modelsDir, local: localFolders(config), log, onRestart, ...speechLimits(config) });
    },
  });
  obeySignals(supervisor);
  await supervisor.run();
}

/** Folders of the local engines that a chain names. */
function localFolders({ stt, tts, localSttDir, localTtsDir }: Config) {
  return {
    ...(stt.includes("local") && localSttDir !== null ? { "local-recogniser": localSttDir } : {}),
    ...(tts.includes("local") && localTtsDir !== null ? { "local-voices": localTtsDir } : {}),
  };
}

function speechLimits({ recogniserThreads, recogniserQueue, hangTimeoutMs }: Config) {
  return { recogniserThreads, queueLimit: recogniserQueue, hangTimeoutMs };
}

function readVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

if (process.argv.includes("--env-example")) {
  process.stdout.write(renderEnvExample());
} else if (cluster.isWorker) {
  const { runGatewayProcess } = await import("./gateway-process.ts");
  runGatewayProcess();
} else {
  try {
    await runSupervisor();
    process.exit(0);
  } catch (error) {
    // What the operator can mend is said in plain lines; the rest with its stack.
    const plain = error instanceof GatewayError && error.code !== "internal_error";
    process.stderr.write(`${plain ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
    process.exit(1);
  }
}
