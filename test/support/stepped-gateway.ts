/**
 * A gateway in the test's own process, on a clock that the test moves: sockets and the audio thread are real, and replies
 * are paced by that clock alone. It hears and answers by a script and speaks with flite's voice, at once.
 */
import { createRealtimeEndpoint } from "../../gateway/adapters/openai-realtime/endpoint.ts";
import { parseConfig } from "../../gateway/config.ts";
import { createGateway, type EndpointParts } from "../../gateway/gateway.ts";
import { createScriptedAi } from "../../gateway/providers/ai/scripted.ts";
import type { TtsProvider } from "../../gateway/providers/provider.ts";
import { defaultScript, type Script } from "../../gateway/providers/script.ts";
import { createScriptedStt } from "../../gateway/providers/stt/scripted.ts";
import { defaultPlaybackLimits } from "../../gateway/session/playback.ts";
import { PlaybackTicker } from "../../gateway/session/playback-ticker.ts";
import { createLog } from "../../gateway/telemetry/log.ts";
import { createMetrics } from "../../gateway/telemetry/metrics.ts";
import type { RealtimeEndpoint } from "../../gateway/transport/contract.ts";
import { createPreparedSentences } from "../../gateway/turn/prepared.ts";
import { createReplyRunner } from "../../gateway/turn/reply-runner.ts";
import { createTranscriber } from "../../gateway/turn/transcription.ts";
import { resampleWhole } from "../../workers/speech/resample.ts";
import { plainTurnEnds, sessionConfig, sessionLimits } from "../session/session-fixtures.ts";
import { createFakeClock, type FakeClock } from "../turn/fake-clock.ts";
import { repositoryRoot } from "./gateway.ts";
import { sayUtterance } from "./speech.ts";

/** A gateway whose time stands still until the test moves its clock. */
export interface SteppedGateway {
  /** `ws://host:port/v1/realtime`, without a query. */
  wsUrl: string;
  clock: FakeClock;
  stop(): Promise<void>;
}

export async function startSteppedGateway(script: Partial<Script> = {}): Promise<SteppedGateway> {
  const clock = createFakeClock();
  const metrics = createMetrics({ version: "0.0.0", process: false });
  const gateway = await createGateway({
    config: parseConfig({ PARLEY_MAX_SESSIONS: "4", PARLEY_AUDIO_POOL_BYTES: "16777216" }),
    ...{ clock, metrics, port: 0, version: "0.0.0", speechSockets: null },
    reach: { tls: null, ownNames: [] },
    secret: "a secret of forty-two characters, at least",
    log: createLog({ level: "error", content: false, process: "gateway" }),
    modelsDir: `${repositoryRoot}models/`,
    collectMetrics: async () => ({ contentType: "text/plain", text: "" }),
    onLost: () => {},
    createEndpoint: async (parts) => createEndpoint(parts, { ...defaultScript, ...script }),
    loadPage: async () => new Map(),
  });
  const wsUrl = `ws://127.0.0.1:${gateway.port}/v1/realtime`;
  return { wsUrl, clock, stop: () => gateway.drain() };
}

function createEndpoint({ bus, clock }: EndpointParts, script: Script): RealtimeEndpoint {
  return createRealtimeEndpoint({
    ...{ bus, clock, sessionConfig: sessionConfig({}), limits: sessionLimits, maxSessionMs: 3_600_000 },
    session: {
      clock,
      transcriber: createTranscriber({ stt: createScriptedStt(script), clock }),
      replies: createReplyRunner({
        ...{ ai: createScriptedAi(script), tts: fliteVoice, clock, prepared: createPreparedSentences() },
        ...{ retrieval: "never", retrieve: async () => [], buildQuery: () => "" },
      }),
      ticker: new PlaybackTicker(clock),
      playbackLimits: defaultPlaybackLimits,
      listening: { vadInput: "raw", sttInput: "raw" },
      turnEnds: plainTurnEnds,
      maxBufferMs: 60_000,
      observer: {
        turnClosed: () => {},
        refused: () => {},
        // Nobody would hear of it: it fails the test's run.
        failed: (error) => void Promise.reject(error),
      },
    },
    observe: { opened: () => {}, closed: () => {} },
  });
}

const fliteVoice: TtsProvider = {
  name: "flite",
  async *stream({ text, sampleRateHz }, { signal }) {
    const { pcm, rateHz } = await sayUtterance(text);
    if (!signal.aborted) yield { type: "audio", pcm: resampleWhole(pcm, rateHz, sampleRateHz) };
    const outcome = signal.aborted ? "cancelled" : "completed";
    yield { type: "end", outcome, usage: { characters: text.length }, provider: "flite" };
  },
};
