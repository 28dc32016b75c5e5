/** One gateway with engines that answer at once, for a file of protocol tests. */
import { afterAll, beforeAll } from "vitest";
import { type RunningGateway, type StartOptions, scriptedEngines, startGateway } from "../support/gateway.ts";
import { RealtimeClient } from "../support/realtime-client.ts";

/** What the recogniser always hears. */
export const heardWords = "What can you tell me?";
export const defaultReply = "This is a scripted reply. It always says the same.";
export const longReply = Array.from(
  { length: 40 },
  (_, index) => `Sentence number ${index + 1} of many.`,
).join(" ");

/** Speaks 300 ms a word; `count` gets a long reply, `weather` a function call, its output an answer. */
export const protocolScript = {
  transcripts: [heardWords],
  reply: defaultReply,
  rules: [
    { match: "count", reply: longReply },
    { match: "short", reply: "Yes." },
    { match: "weather", toolCall: { name: "get_weather", arguments: '{"city":"Berlin"}' } },
    { match: "sunny", reply: "It is sunny in Berlin." },
  ],
  wordMs: 300,
};

/** Registers start and stop with vitest. @returns a function that gives the running gateway */
export function useScriptedGateway(options: StartOptions = {}): () => RunningGateway {
  let gateway: RunningGateway | undefined;
  beforeAll(async () => {
    gateway = await startGateway({
      script: protocolScript,
      ...options,
      env: { ...scriptedEngines, ...options.env },
    });
  });
  afterAll(async () => {
    await gateway?.stop();
  });
  return () => {
    if (!gateway) throw new Error("the gateway is not running");
    return gateway;
  };
}

/** Text answers, turns by hand. */
export const textSession = { output_modalities: ["text"] } as const;

/** Hands-free speech in, audio out; the transcript is shown. */
export const voiceSession = {
  output_modalities: ["audio"],
  audio: {
    input: {
      format: { type: "audio/pcm", rate: 24000 },
      transcription: { model: "whisper-1" },
      turn_detection: {
        type: "server_vad",
        silence_duration_ms: 500,
        create_response: true,
        interrupt_response: true,
      },
    },
  },
} as const;

/** No turn detection: the client commits. */
export const manualSession = {
  output_modalities: ["audio"],
  audio: {
    input: {
      format: { type: "audio/pcm", rate: 24000 },
      transcription: { model: "whisper-1" },
      turn_detection: null,
    },
  },
} as const;

/** Opens sessions and closes them all when the test is over. */
export class Clients {
  readonly #open: RealtimeClient[] = [];

  async session(
    gateway: RunningGateway,
    session: object | null,
    query: Record<string, string> = {},
  ): Promise<RealtimeClient> {
    const client = await RealtimeClient.session(gateway.wsUrl, session as Record<string, unknown> | null, {
      query,
    });
    this.#open.push(client);
    return client;
  }

  closeAll(): void {
    for (const client of this.#open.splice(0)) client.close();
  }
}
