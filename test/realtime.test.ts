/** From the settings to what a session is opened with. */
import { expect, it } from "vitest";
import { parseConfig } from "../gateway/config.ts";
import { createRealtime } from "../gateway/realtime.ts";
import { createLog } from "../gateway/telemetry/log.ts";
import { createMetrics } from "../gateway/telemetry/metrics.ts";
import type { RealtimeContext, TransportSocket } from "../gateway/transport/contract.ts";
import type { AudioBus, FrontEndSettings } from "../workers/audio/messages.ts";
import { repositoryRoot, scriptedEngines } from "./support/gateway.ts";
import { createFakeClock } from "./turn/fake-clock.ts";

/** What the audio thread is told when a caller comes. */
async function openOne(env: Record<string, string>): Promise<FrontEndSettings | undefined> {
  const opened: FrontEndSettings[] = [];
  const bus = {
    open(settings: FrontEndSettings) {
      opened.push(settings);
      // No slot is left: the socket is closed again.
      return null;
    },
  };
  const endpoint = await createRealtime({
    config: parseConfig({ ...scriptedEngines, ...env }),
    clock: createFakeClock(),
    log: createLog({ level: "error", content: false, process: "gateway" }),
    metrics: createMetrics({ version: "0.0.0", process: false }),
    bus: bus as unknown as AudioBus,
    ...{ secret: "", speechSockets: null, modelsDir: `${repositoryRoot}models/` },
  });
  const url = new URL("ws://127.0.0.1/v1/realtime?model=parley");
  const context = { url, tenant: "default", remoteAddress: "127.0.0.1" } as unknown as RealtimeContext;
  endpoint.open(context, { close: () => {} } as unknown as TransportSocket);
  await endpoint.close();
  return opened[0];
}

it.each([
  [{}, { vadInput: "raw", keepGated: false }],
  [{ PARLEY_VAD_INPUT: "gated" }, { vadInput: "gated", keepGated: false }],
  [{ PARLEY_STT_INPUT: "gated" }, { vadInput: "raw", keepGated: true }],
  [
    { PARLEY_VAD_INPUT: "gated", PARLEY_STT_INPUT: "gated", PARLEY_NOISE_REDUCTION: "off" },
    { vadInput: "raw", keepGated: false },
  ],
])("opens a session's ears as %o says", async (env, heard) => {
  expect(await openOne(env)).toMatchObject(heard);
});
