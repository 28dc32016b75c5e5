/** Builds what speaks at `/v1/realtime`: chains, replies, knowledge and the endpoint over them. */

import { createRealtimeEndpoint } from "./adapters/openai-realtime/endpoint.ts";
import { serverVadDefaults } from "./adapters/openai-realtime/session-mapping.ts";
import type { Config } from "./config.ts";
import type { EndpointParts } from "./gateway.ts";
import type { Chains } from "./realtime-chains.ts";
import { buildChains } from "./realtime-chains.ts";
import { checkChains } from "./realtime-checks.ts";
import { floorName } from "./resilience/guard.ts";
import type { SessionConfig } from "./session/domain.ts";
import { defaultPlaybackLimits } from "./session/playback.ts";
import { PlaybackTicker } from "./session/playback-ticker.ts";
import type { SessionObserver } from "./session/session-parts.ts";
import { semanticTurnEnd } from "./session/turn-taking/semantic-turn-end.ts";
import { createEmbedder } from "./state/embedder.ts";
import { createKnowledge } from "./state/knowledge/knowledge.ts";
import { readProjectDocuments } from "./state/knowledge/project-documents.ts";
import { buildQuery } from "./state/knowledge/query.ts";
import type { RealtimeEndpoint } from "./transport/contract.ts";
import { createCrowd } from "./turn/crowd.ts";
import { createPreparedSentences } from "./turn/prepared.ts";
import { createReplyRunner } from "./turn/reply-runner.ts";
import { createTranscriber } from "./turn/transcription.ts";

/** What a call to a recogniser may take beyond the longest turn. */
const transcriptionSlackMs = 60_000;
/** What making one prepared sentence may take, the wait for the voice to load included. */
const prepareMs = 30_000;

/** How often paced audio is looked after. */
const playbackTickMs = 20;

/** Builds the endpoint; models may still be loading when it resolves. */
export async function createRealtime(parts: EndpointParts): Promise<RealtimeEndpoint> {
  const { config, clock, bus, metrics, log, speechSockets } = parts;
  const chains = await buildChains(parts);
  const embedder = speechSockets ? createEmbedder({ socketPath: speechSockets.embeddings, clock }) : null;
  const knowledge = createKnowledge({ embedder, clock });
  void knowledge
    .load(readProjectDocuments())
    .catch((err: unknown) => log.error({ err }, "the built-in documents could not be read"));
  const prepared = createPreparedSentences();
  const closing = new AbortController();
  const rendering = { clock, voice: config.voice, signal: closing.signal, renderMs: prepareMs };
  void warm(chains).then(() => prepared.warm(chains.tts, rendering));
  const replies = createReplyRunner({
    ...{ ai: chains.ai, tts: chains.tts, prepared, clock, buildQuery },
    retrieve: (query, options) => knowledge.retrieve(query, options),
    ...{ retrieval: "always", patienceMs: patienceMsOf(config) },
    ...spareOf(chains),
  });
  const { stt, tts } = chains.links;
  const crowd = createCrowd([...stt, ...tts], prepared);
  const checks = checkChains(parts, chains);
  const playbackFault = (err: unknown) => log.error({ err }, "the playback of a session failed");
  const endpoint = createRealtimeEndpoint({
    ...{ bus, clock, sessionConfig: sessionConfig(config) },
    maxSessionMs: config.maxSessionMs,
    limits: {
      maxItems: config.maxConversationItems,
      maxItemChars: config.maxConversationChars,
      maxResponses: config.maxResponses,
      responsesPerMinute: config.responsesPerMinute,
      maxTurnMs: config.maxTurnMs,
      bargeInMs: config.bargeInMs,
      duckMs: config.duckMs,
      minCommitMs: 100,
    },
    session: {
      ...{ clock, replies, ticker: new PlaybackTicker(clock, playbackTickMs, playbackFault) },
      transcriber: createTranscriber({
        ...{ stt: chains.stt, clock, patienceMs: patienceMsOf(config) },
        utteranceMaxMs: config.maxTurnMs * 5 + transcriptionSlackMs,
      }),
      playbackLimits: { ...defaultPlaybackLimits, aheadMs: config.playbackAheadMs },
      turnEnds: semanticTurnEnd,
      listening: { vadInput: config.vadInput, sttInput: config.sttInput },
      maxBufferMs: config.maxTurnMs * 5,
      hold: { ...crowd, afterMs: config.holdMs },
      observer: observeSessions(parts),
    },
    observe: {
      opened: ({ sessionId, tenant, remoteAddress }) => {
        metrics.openSession(tenant);
        log.info({ sessionId, tenant, remoteAddress }, "session opened");
      },
      closed: ({ sessionId, tenant, closeCode, openMs }) => {
        metrics.closeSession(tenant);
        log.info({ sessionId, tenant, closeCode, openMs: Math.round(openMs) }, "session closed");
      },
    },
  });
  return {
    ...{ open: endpoint.open, drain: endpoint.drain },
    checkSession: (session) => endpoint.checkSession?.(session),
    vendors: () => checks.list(),
    stageDown: () => checks.stageDown() !== null,
    get activeSessions() {
      return endpoint.activeSessions;
    },
    close: async () => {
      closing.abort();
      checks.close();
      await endpoint.close();
      await knowledge.close();
      await Promise.all([chains.close(), embedder?.close()]);
    },
  };
}

/** How long a turn waits for vendors: what an operator says, else one deadline a stage. */
function patienceMsOf({ turnMs, sttUsefulMs, aiUsefulMs, ttsUsefulMs }: Config): number {
  return turnMs === 0 ? sttUsefulMs + aiUsefulMs + ttsUsefulMs : turnMs;
}

/** The embedded answerer is a spare where somebody stands before it. */
function spareOf({ links }: Chains): { spareAi?: string } {
  return links.ai.findIndex(({ name }) => name === floorName) > 0 ? { spareAi: floorName } : {};
}

async function warm(chains: Chains): Promise<void> {
  await Promise.all([chains.stt.warm?.(), chains.ai.warm?.(), chains.tts.warm?.()]);
}

/** What a session begins with that says nothing of itself. */
function sessionConfig(config: Config): SessionConfig {
  return {
    model: "parley",
    instructions: config.instructions,
    outputModality: "audio",
    input: {
      format: { type: "audio/pcm", rate: 24000 },
      noiseReduction: config.noiseReduction === "off" ? null : config.noiseReduction,
      transcription: null,
      turnDetection: serverVadDefaults,
    },
    output: { format: { type: "audio/pcm", rate: 24000 }, voice: config.voice, speedRatio: 1 },
    tools: [],
    toolChoice: "auto",
    maxOutputTokens: null,
    echoed: {},
  };
}

function observeSessions({ metrics, log }: EndpointParts): SessionObserver {
  return {
    turnClosed: ({ responseId, ledger, outcome }, tenant) => {
      metrics.observeTurn({ tenant, kind: ledger.kind, ledger, outcome });
      log.debug({ responseId, tenant, outcome }, "turn closed");
    },
    refused: (code) => metrics.countError(code),
    failed: (err, during) => log.error({ err, during }, "a step of a session failed"),
  };
}
