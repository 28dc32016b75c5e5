/** Google's voices over gRPC, from the protos that the SDK itself speaks: streaming for Chirp 3 HD, at once for the others. */
import { createRequire } from "node:module";
import {
  status as grpcStatus,
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { quotaDetails } from "./google-status.ts";
import { openLoopback } from "./loopback.ts";
import { hangOn, speakInPieces, statusOfFault, wireBytes } from "./speech-pieces.ts";
import type { CallPlan, Fault, Standin, StandinWorld } from "./standin.ts";

const name = "google-tts";
const serviceName = "google.cloud.texttospeech.v1.TextToSpeech";
const rates = [8000, 16000, 22050, 24000, 32000, 44100, 48000];
const textMaxBytes = 5000;
const linear16 = "LINEAR16";
const rawPcm = "PCM";

/** A few of each kind. */
export const googleVoices = [
  ...["Aoede", "Charon", "Kore", "Puck"].map((one) => voiceOf(`en-US-Chirp3-HD-${one}`, "en-US")),
  voiceOf("en-US-Neural2-C", "en-US"),
  voiceOf("en-US-Standard-B", "en-US"),
  voiceOf("de-DE-Chirp3-HD-Kore", "de-DE"),
  voiceOf("de-DE-Neural2-F", "de-DE"),
];

/** Voices of models that must be named: listed by the name alone, refused without the model. */
const modelVoices = ["Achernar", "Kore"].map((one) => voiceOf(one, "en-US"));

function voiceOf(id: string, language: string) {
  return { languageCodes: [language], name: id, ssmlGender: "FEMALE", naturalSampleRateHertz: 24_000 };
}

interface Selection {
  name?: string;
  languageCode?: string;
}
interface AudioConfig {
  audioEncoding?: string;
  sampleRateHertz?: number;
  speakingRate?: number;
}
interface UnaryRequest {
  input?: { text?: string };
  voice?: Selection;
  audioConfig?: AudioConfig;
}
interface StreamRequest {
  streamingConfig?: { voice?: Selection; streamingAudioConfig?: AudioConfig };
  input?: { text?: string };
}
type Audio = { audioContent: Buffer };
type Problem = { code: number; details: string; metadata?: Metadata };

function problem(code: number, details: string): Problem {
  return { code, details };
}

/** The gRPC status of a fault that refuses a call. */
function problemOf(fault: Fault | null): Problem | null {
  const byStatus: Record<number, number> = {
    400: grpcStatus.INVALID_ARGUMENT,
    401: grpcStatus.UNAUTHENTICATED,
    403: grpcStatus.PERMISSION_DENIED,
    404: grpcStatus.INVALID_ARGUMENT,
    408: grpcStatus.DEADLINE_EXCEEDED,
    413: grpcStatus.INVALID_ARGUMENT,
    429: grpcStatus.RESOURCE_EXHAUSTED,
    500: grpcStatus.INTERNAL,
    503: grpcStatus.UNAVAILABLE,
  };
  const status = statusOfFault(fault);
  if (status === null) return null;
  const details = status === 404 ? "Voice does not exist. Is it misspelled?" : "Refused.";
  const code = byStatus[status] ?? grpcStatus.UNKNOWN;
  if (fault?.retryAfterSeconds === undefined || status !== 429) return problem(code, details);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", quotaDetails(details, fault.retryAfterSeconds));
  return { ...problem(code, details), metadata };
}

/** What the real one refuses; null for what it would speak. */
function refusalOf(
  text: string | undefined,
  voice: Selection | undefined,
  audio: AudioConfig,
): Problem | null {
  const invalid = (details: string) => problem(grpcStatus.INVALID_ARGUMENT, details);
  if (modelVoices.some(({ name: known }) => known === voice?.name))
    return invalid("This voice requires a model name to be specified.");
  const found = googleVoices.find(({ name: known }) => known === voice?.name);
  if (found === undefined) return invalid(`Voice '${voice?.name ?? ""}' does not exist. Is it misspelled?`);
  if (!found.languageCodes.includes(voice?.languageCode ?? "")) {
    return invalid(
      `Requested language code '${voice?.languageCode ?? ""}' doesn't match the voice '${found.name}'s language code.`,
    );
  }
  if (!text) return invalid("Either `input.text` or `input.ssml` is longer than the limit, or is empty.");
  if (Buffer.byteLength(text) > textMaxBytes)
    return invalid("input.text is longer than the limit of 5000 bytes.");
  const speed = audio.speakingRate || 1;
  if (speed < 0.25 || speed > 2) return invalid("Invalid speaking rate.");
  if (audio.sampleRateHertz && !rates.includes(audio.sampleRateHertz)) return invalid("Invalid sample rate.");
  return null;
}

function wavOf(pcm: Buffer, sampleRateHz: number): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + pcm.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRateHz, 24);
  header.writeUInt32LE(sampleRateHz * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(pcm.length, 40);
  return Buffer.concat([header, pcm]);
}

/** Cuts the connection that a call came by, and with it all calls on it, as a reset does. */
type Cut = (peer: string) => void;

async function synthesize(
  world: StandinWorld,
  cut: Cut,
  call: ServerUnaryCall<UnaryRequest, Audio>,
  reply: sendUnaryData<Audio>,
): Promise<void> {
  const { input, voice, audioConfig = {} } = call.request;
  const plan = world.begin(name);
  call.on("cancelled", () => plan.cancel());
  const refuse = (why: Problem) => {
    plan.end("failed");
    reply(why);
  };
  if (plan.fault?.kind === "hang") return void (await hangOn(plan));
  if (plan.fault?.kind === "reset") {
    plan.end("failed");
    return cut(call.getPeer());
  }
  const isKnown = audioConfig.audioEncoding === linear16 || audioConfig.audioEncoding === rawPcm;
  const why =
    problemOf(plan.fault) ??
    refusalOf(input?.text, voice, audioConfig) ??
    (isKnown ? null : problem(grpcStatus.INVALID_ARGUMENT, "Only LINEAR16 and PCM are spoken here."));
  if (why !== null) return refuse(why);
  const sampleRateHz = audioConfig.sampleRateHertz || 24_000;
  const asked = askedOf(input?.text ?? "", voice, sampleRateHz, audioConfig);
  const parts: Buffer[] = [];
  await speakInPieces(world, plan, name, asked, {
    // All of it is one answer: pieces only set the pace.
    piece: ({ pcm }) => void parts.push(wireBytes(pcm)),
    fail: (kind) => {
      if (kind === "error_in_stream") reply(problem(grpcStatus.INTERNAL, "Internal error."));
      else if (kind === "cut") cut(call.getPeer());
      else reply(null, { audioContent: Buffer.from("RIFF\u0000\u0000\u0000\u0000JUNKnothing that sounds") });
    },
    done: () => {
      const pcm = Buffer.concat(parts);
      // The header says the truth, whatever was asked for.
      const rateHz = plan.fault?.kind === "wrong_rate" ? otherRate(sampleRateHz) : sampleRateHz;
      const isFile = audioConfig.audioEncoding === linear16 && pcm.length > 0;
      reply(null, { audioContent: isFile ? wavOf(pcm, rateHz) : pcm });
    },
  });
}

function otherRate(rateHz: number): number {
  return rateHz === 24_000 ? 16_000 : 24_000;
}

function askedOf(text: string, voice: Selection | undefined, sampleRateHz: number, audio: AudioConfig) {
  return { text, voice: voice?.name ?? "", sampleRateHz, speedRatio: audio.speakingRate || 1 };
}

type Stream = ServerDuplexStream<StreamRequest, Audio>;

function fail(stream: Stream, { code, details, metadata = new Metadata() }: Problem): void {
  stream.emit("error", Object.assign(new Error(details), { code, details, metadata }));
}

function streamingSynthesize(world: StandinWorld, cut: Cut, stream: Stream): void {
  let config: NonNullable<StreamRequest["streamingConfig"]> | null = null;
  let text = "";
  let isOver = false;
  stream.on("error", () => undefined);
  stream.on("data", (request: StreamRequest) => {
    if (request.streamingConfig && config === null) config = request.streamingConfig;
    else text += request.input?.text ?? "";
  });
  // As the real one does after the last input. Without a call yet, a client that goes away leaves nothing behind.
  stream.on("end", () => {
    if (!isOver && !stream.cancelled) void speakStream(world, cut, stream, config, text);
  });
  stream.on("cancelled", () => {
    isOver = true;
  });
}

async function speakStream(
  world: StandinWorld,
  cut: Cut,
  stream: Stream,
  config: StreamRequest["streamingConfig"] | null,
  text: string,
): Promise<void> {
  const plan: CallPlan = world.begin(name);
  stream.on("cancelled", () => plan.cancel());
  if (plan.fault?.kind === "hang") return void (await hangOn(plan));
  if (plan.fault?.kind === "reset") {
    plan.end("failed");
    return cut(stream.getPeer());
  }
  const audio = config?.streamingAudioConfig ?? {};
  const why = problemOf(plan.fault) ?? streamRefusalOf(config, text);
  if (why !== null) {
    plan.end("failed");
    return fail(stream, why);
  }
  const asked = askedOf(text, config?.voice, audio.sampleRateHertz || 24_000, audio);
  await speakInPieces(world, plan, name, asked, {
    async piece({ pcm }) {
      if (stream.write({ audioContent: wireBytes(pcm) })) return;
      await new Promise<void>((resolve) => {
        stream.once("drain", resolve);
        plan.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    },
    fail: (kind) => {
      if (kind === "error_in_stream") fail(stream, problem(grpcStatus.INTERNAL, "Internal error."));
      else if (kind === "cut") cut(stream.getPeer());
      else fail(stream, problem(grpcStatus.DATA_LOSS, "The message can't be read."));
    },
    done: () => stream.end(),
  });
}

function streamRefusalOf(config: StreamRequest["streamingConfig"] | null, text: string): Problem | null {
  const invalid = (details: string) => problem(grpcStatus.INVALID_ARGUMENT, details);
  if (!config) return invalid("The first message must hold the streaming config.");
  const audio = config.streamingAudioConfig ?? {};
  const refusal = refusalOf(text, config.voice, audio);
  if (refusal !== null) return refusal;
  if (!/-Chirp3-HD-/.test(config.voice?.name ?? "")) {
    return invalid("Currently, only Chirp 3: HD voices are supported for streaming synthesis.");
  }
  if (audio.audioEncoding !== rawPcm) return invalid("Unsupported audio encoding for streaming.");
  return null;
}

type VoicesReply = sendUnaryData<{ voices: typeof googleVoices }>;

function listVoices(world: StandinWorld, languageCode: string, reply: VoicesReply): void {
  const fault = world.faultOn(name);
  if (fault?.kind === "hang") return;
  const why =
    problemOf(fault) ?? (fault?.kind === "reset" ? problem(grpcStatus.UNAVAILABLE, "Reset.") : null);
  if (why !== null) return reply(why);
  const isAsked = (code: string) => code.toLowerCase().startsWith(languageCode.toLowerCase());
  const listed = [...modelVoices, ...googleVoices];
  reply(null, { voices: listed.filter(({ languageCodes }) => languageCodes.some(isAsked)) });
}

/** The service's definition, read from the SDK itself. */
function loadService(): ServiceClientConstructor["service"] {
  const load = createRequire(import.meta.url);
  const protos = load("@google-cloud/text-to-speech/build/protos/protos.json") as Parameters<
    typeof fromJSON
  >[0];
  const definition = fromJSON(protos, { enums: String, defaults: false, longs: Number });
  const found = serviceName
    .split(".")
    .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], loadPackageDefinition(definition));
  return (found as ServiceClientConstructor).service;
}

/** Starts it; without TLS there are no credentials to refuse. */
export async function startGoogleTts(world: StandinWorld): Promise<Standin> {
  const server = new Server({ "grpc.max_concurrent_streams": 100 });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const loopback = await openLoopback((socket) => injector.injectConnection(socket));
  const cut: Cut = (peer) => loopback.reset(peer);
  server.addService(loadService(), {
    listVoices: (call: ServerUnaryCall<{ languageCode?: string }, unknown>, reply: VoicesReply) =>
      listVoices(world, call.request.languageCode ?? "", reply),
    synthesizeSpeech: (call: ServerUnaryCall<UnaryRequest, Audio>, reply: sendUnaryData<Audio>) =>
      void synthesize(world, cut, call, reply),
    streamingSynthesize: (stream: Stream) => streamingSynthesize(world, cut, stream),
  });
  return {
    name,
    url: `http://127.0.0.1:${loopback.port}`,
    setListening: (listening) => loopback.setListening(listening),
    async close() {
      await loopback.close();
      injector.destroy();
      server.forceShutdown();
    },
  };
}
