/** Google's streaming recogniser (v1) over real gRPC, from the SDK's own protos, with its limits on streams and messages. */
import { createRequire } from "node:module";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { quotaDetails } from "./google-status.ts";
import { Hearing, Pieces } from "./hearing.ts";
import { openLoopback } from "./loopback.ts";
import type { CallPlan, FaultKind, Standin, StandinWorld } from "./standin.ts";

export interface GoogleSttOptions {
  /** How long a stream may live. Default: Google's 305 s. */
  maxStreamMs?: number;
  /** How long it may get no audio. Default: Google's 10 s. */
  audioTimeoutMs?: number;
  /** Told of each stream's configuration. */
  onConfig?(config: NonNullable<StreamingRequest["streamingConfig"]>): void;
}

interface StreamingRequest {
  streamingConfig?: {
    config?: {
      encoding?: string;
      sampleRateHertz?: number;
      languageCode?: string;
      model?: string;
      speechContexts?: { phrases?: string[] }[];
    } | null;
    interimResults?: boolean;
  } | null;
  audioContent?: Uint8Array | null;
}
type Call = ServerDuplexStream<StreamingRequest, unknown>;

const maxAudioBytes = 25_600;
/** After that much silence behind the last word, Google makes its words final. */
const endpointSamples = 12_800;
/** And that much of it goes with them; what is behind may be the beginning of the next word. */
const tailSamples = 6_400;

const protos = createRequire(import.meta.url)("@google-cloud/speech/build/protos/protos.json");
const loaded = fromJSON(protos, { longs: String, enums: String, defaults: false, oneofs: false });
const speech = loaded["google.cloud.speech.v1.Speech"] as unknown as ServiceDefinition;

/** Bytes go out as they are: a stand-in must be able to send rubbish. */
function withRawBytes(service: ServiceDefinition): ServiceDefinition {
  const raw = (serialize: (value: never) => Buffer) => (value: unknown) =>
    Buffer.isBuffer(value) ? value : serialize(value as never);
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      { ...method, responseSerialize: raw(method.responseSerialize as never) },
    ]),
  ) as ServiceDefinition;
}

/** Starts it; its address is an `http:` one, for gRPC without TLS. */
export async function startGoogleStt(world: StandinWorld, options: GoogleSttOptions = {}): Promise<Standin> {
  const server = new Server();
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const loopback = await openLoopback((socket) => injector.injectConnection(socket));
  server.addService(withRawBytes(speech), {
    StreamingRecognize: (call: Call) =>
      new StreamingCall(world, call, options, (peer) => loopback.reset(peer)).serve(),
  });
  return {
    name: "google-stt",
    url: `http://127.0.0.1:${loopback.port}`,
    setListening: (listening) => loopback.setListening(listening),
    async close() {
      await loopback.close();
      injector.destroy();
      server.forceShutdown();
    },
  };
}

/** What these faults are at Google before anything is answered. */
const refusals: Partial<Record<FaultKind, { code: status; details: string }>> = {
  unauthorized: { code: status.UNAUTHENTICATED, details: "Request had invalid authentication credentials." },
  forbidden: { code: status.PERMISSION_DENIED, details: "Cloud Speech-to-Text API has not been used." },
  request_timeout: { code: status.DEADLINE_EXCEEDED, details: "Deadline exceeded." },
  too_large: { code: status.INVALID_ARGUMENT, details: "Request payload size exceeds the limit." },
  rate_limited: { code: status.RESOURCE_EXHAUSTED, details: "Quota exceeded." },
  internal_error: { code: status.INTERNAL, details: "Internal error encountered." },
  unavailable: { code: status.UNAVAILABLE, details: "The service is currently unavailable." },
  unknown_model: { code: status.INVALID_ARGUMENT, details: "Invalid recognition 'config': bad model." },
};

class StreamingCall {
  readonly #call: Call;
  readonly #plan: CallPlan;
  readonly #hearing: Hearing;
  readonly #pieces: Pieces;
  readonly #reset: (peer: string) => void;
  readonly #options: GoogleSttOptions;
  readonly #maxStreamMs: number;
  readonly #audioTimeoutMs: number;
  #interim = false;
  #configured = false;
  #over = false;
  #timers: { age: NodeJS.Timeout; audio: NodeJS.Timeout };
  readonly #heard: string[] = [];

  constructor(world: StandinWorld, call: Call, options: GoogleSttOptions, reset: (peer: string) => void) {
    this.#call = call;
    this.#plan = world.begin("google-stt");
    this.#hearing = new Hearing(world);
    this.#pieces = new Pieces(this.#plan, () => this.#strike());
    this.#reset = reset;
    this.#options = options;
    this.#maxStreamMs = options.maxStreamMs ?? 305_000;
    this.#audioTimeoutMs = options.audioTimeoutMs ?? 10_000;
    const age = setTimeout(() => this.#tooOld(), this.#maxStreamMs);
    this.#timers = { age, audio: this.#watchAudio() };
  }

  serve(): void {
    this.#call.on("error", () => this.#close("cancelled"));
    this.#call.on("cancelled", () => this.#close("cancelled"));
    const kind = this.#plan.fault?.kind;
    if (kind === "hang") {
      this.#call.resume();
      return;
    }
    if (kind === "reset") return this.#cut();
    const refusal = kind === undefined ? undefined : refusals[kind];
    if (refusal !== undefined) return this.#refuse(refusal.code, refusal.details);
    this.#call.on("data", (request: StreamingRequest) => this.#take(request));
    this.#call.on("end", () => this.#finish());
  }

  #take(request: StreamingRequest): void {
    if (this.#over) return;
    if (!this.#configured) return this.#configure(request);
    const audio = request.audioContent;
    if (!audio)
      return this.#refuse(status.INVALID_ARGUMENT, "Malordered Data Received. Expected audio_content.");
    if (audio.length > maxAudioBytes) {
      const details = `Audio chunk can be of a maximum of ${maxAudioBytes} bytes.`;
      return this.#refuse(status.INVALID_ARGUMENT, details);
    }
    clearTimeout(this.#timers.audio);
    this.#timers.audio = this.#watchAudio();
    this.#hearing.append(audio);
    if (this.#hearing.untilSample / 16 > this.#maxStreamMs) return this.#tooOld();
    if (this.#plan.fault?.kind === "empty_answer") return;
    const guess = this.#hearing.guess();
    const last = guess?.words.at(-1);
    if (guess === null || last === undefined) return;
    if (guess.untilSample - last.endSample >= endpointSamples) this.#settle(0, last.endSample + tailSamples);
    else if (this.#interim) {
      this.#pieces.guess(() => this.#write(resultOf(guess.text, guess.untilSample, false)));
    }
  }

  #configure({ streamingConfig }: StreamingRequest): void {
    const config = streamingConfig?.config;
    if (config?.encoding !== "LINEAR16" || config.sampleRateHertz !== 16_000 || !config.languageCode) {
      const details = "Invalid recognition 'config': bad encoding, sample rate or language.";
      return this.#refuse(status.INVALID_ARGUMENT, details);
    }
    this.#options.onConfig?.(streamingConfig ?? {});
    this.#configured = true;
    this.#interim = streamingConfig?.interimResults === true;
  }

  #finish(): void {
    if (this.#over) return;
    clearTimeout(this.#timers.audio);
    const { firstMs, fault } = this.#plan;
    if (fault?.kind === "empty_answer") this.#pieces.final(firstMs, () => undefined);
    else this.#settle(firstMs, this.#hearing.untilSample, true);
    this.#pieces.after(() => {
      this.#close("completed");
      this.#call.end();
    });
  }

  /** Makes the words so far final. */
  #settle(waitMs: number, endSample: number, isLast = false): void {
    const { text, untilSample } = this.#hearing.settle(endSample);
    const billed = isLast ? { totalBilledTime: { seconds: String(Math.ceil(untilSample / 16_000)) } } : {};
    // Nothing is said of what holds no words; that, too, takes its time.
    if (text === "") return this.#pieces.final(waitMs, () => isLast && this.#write(billed));
    this.#heard.push(text);
    const shown = this.#plan.fault?.kind === "final_without_audio" ? "" : text;
    this.#pieces.final(waitMs, () => this.#write({ ...resultOf(shown, untilSample, true), ...billed }));
  }

  #write(message: unknown): void {
    if (!this.#over) this.#call.write(message);
  }

  #strike(): void {
    switch (this.#plan.fault?.kind) {
      case "cut":
        return this.#cut();
      case "error_in_stream":
        this.#write({ error: { code: status.INTERNAL, message: "Internal error. Drill: sk-secret." } });
        this.#close("failed");
        this.#call.end();
        return;
      case "malformed":
        this.#write(Buffer.from([0x12, 0xff, 0xff, 0x03, 0x0a, 0x61]));
        return this.#close("failed");
      case "truncated_utf8":
        this.#write(brokenText());
        this.#close("failed");
        this.#call.end();
        return;
    }
  }

  #refuse(code: status, what: string): void {
    if (this.#over) return;
    this.#close("failed");
    // What a vendor says may hold what nobody should see: it must not get any further than the provider.
    const details = `${what} Drill: keys begin with sk-secret.`;
    const metadata = new Metadata();
    const { retryAfterSeconds } = this.#plan.fault ?? {};
    if (code === status.RESOURCE_EXHAUSTED && retryAfterSeconds !== undefined)
      metadata.set("grpc-status-details-bin", quotaDetails(details, retryAfterSeconds));
    this.#call.emit("error", { code, details, metadata });
  }

  /** The whole connection where the fault hits every call, else only this call's stream. */
  #cut(): void {
    this.#close("failed");
    const share = this.#plan.fault?.share ?? 1;
    if (share >= 1) return this.#reset(this.#call.getPeer());
    resetStream(this.#call);
  }

  #tooOld(): void {
    const seconds = Math.round(this.#maxStreamMs / 1000);
    this.#refuse(status.OUT_OF_RANGE, `Exceeded maximum allowed stream duration of ${seconds} seconds.`);
  }

  #watchAudio(): NodeJS.Timeout {
    const details = "Audio Timeout Error: Long duration elapsed without audio.";
    return setTimeout(() => {
      if (this.#plan.fault?.kind !== "hang") this.#refuse(status.OUT_OF_RANGE, details);
    }, this.#audioTimeoutMs);
  }

  #close(outcome: "completed" | "cancelled" | "failed"): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timers.age);
    clearTimeout(this.#timers.audio);
    this.#plan.note({ text: this.#heard.join(" "), sampleRateHz: 16_000 });
    this.#plan.end(outcome);
  }
}

function resultOf(text: string, untilSample: number, isFinal: boolean): object {
  const ms = untilSample / 16;
  return {
    results: [
      {
        alternatives: [{ transcript: text, ...(isFinal ? { confidence: 0.9 } : {}) }],
        ...(isFinal ? { isFinal: true } : { stability: 0.9 }),
        resultEndTime: { seconds: String(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) },
      },
    ],
  };
}

/** A guess whose last character is cut in half. */
function brokenText(): Buffer {
  const transcript = Buffer.from([0x63, 0x61, 0x66, 0xc3]);
  const field = (tag: number, value: Buffer) => Buffer.concat([Buffer.from([tag, value.length]), value]);
  return field(0x12, field(0x0a, field(0x0a, transcript)));
}

/** Ends one call's HTTP/2 stream with an error; grpc-js keeps it behind its interceptors. */
function resetStream(call: Call): void {
  interface Layer {
    nextCall?: Layer;
    stream?: { close(code: number): void };
  }
  let layer = (call as unknown as { call?: Layer }).call;
  while (layer?.nextCall !== undefined) layer = layer.nextCall;
  const internalError = 2;
  layer?.stream?.close(internalError);
}
