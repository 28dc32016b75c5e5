/** A streaming recogniser from the operator's folder, in a process of its own. */
import { connectEngine, type EngineClient, type SendMore } from "../../../workers/speech/client.ts";
import type { Clock } from "../../clock.ts";
import { checkEngine, faultOf, streamFromEngine } from "../local-engine.ts";
import type {
  AudioPiece,
  CallContext,
  ProviderFault,
  SttEvent,
  SttProvider,
  SttRequest,
} from "../provider.ts";
import { malformedAnswer } from "../vendor-fault.ts";
import type { StreamCall } from "../vendor-stream.ts";
import { AudioMessages } from "./audio-messages.ts";
import { tidyTranscript } from "./local-transcript.ts";
import { isBrokenText } from "./running-transcript.ts";

export interface LocalSttOptions {
  /** Socket of the recogniser's process. */
  socketPath: string;
  clock: Clock;
}

const samplesOf = (ms: number) => ms * 16;
/** A pause is believed, and its words brought out, when that much audio came after the last voiced sample. */
const settleSamples = samplesOf(64);
/** Audio that may be on its way to the recogniser before reading waits: a replay comes as fast as it can. */
const windowSamples = samplesOf(5_000);
/** A hole in the audio longer than that is not filled with silence. */
const maxGapSamples = samplesOf(10_000);

/** One utterance. */
class LocalListening {
  readonly #client: EngineClient;
  readonly #call: StreamCall<SttEvent>;
  readonly #request: SttRequest;
  readonly #context: CallContext;
  readonly #abort = new AbortController();
  readonly #messages = new AudioMessages((message) => this.#send({}, message));
  #send: SendMore = () => {};
  #sentSamples = 0;
  /** Of what was sent, the model got that much. */
  #heardSamples = 0;
  #takenUntil: number;
  #lastVoiced: number | null = null;
  /** Words up to a sample that were asked for, by number. */
  readonly #marks = new Map<number, number>();
  #nextMark = 1;
  /** Pause at which words were last asked for, and the one at which they were got. */
  #askedAt = -1;
  #gotAt = -1;
  #text = "";
  #told: { text: string; untilSample: number };
  #fault: ProviderFault | null = null;
  #changed = () => {};

  constructor(client: EngineClient, request: SttRequest, context: CallContext, call: StreamCall<SttEvent>) {
    this.#client = client;
    this.#call = call;
    this.#request = request;
    this.#context = context;
    this.#takenUntil = request.audio.fromSample;
    this.#told = { text: "", untilSample: request.audio.fromSample };
  }

  /** Resolves with a fault, or null when the final was emitted or the call is over. */
  async run(): Promise<ProviderFault | null> {
    const { signal, usage } = this.#call;
    const { audio } = this.#request;
    usage.audioMs = 0;
    const stop = () => this.#stop();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const served = this.#serve();
    try {
      for await (const piece of audio.read(audio.fromSample, this.#abort.signal)) {
        if (this.#abort.signal.aborted) break;
        this.#take(piece);
        if (piece.type === "end") {
          await this.#finish(piece.atSample);
          break;
        }
        await this.#waitWhile(() => this.#sentSamples - this.#heardSamples > windowSamples);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#stop();
      await served;
    }
    return this.#fault;
  }

  async #serve(): Promise<void> {
    const { tenant, deadlineMs } = this.#context;
    const result = await this.#client.call(
      { op: "listen", args: {}, tenant },
      {
        ...{ signal: this.#abort.signal, deadlineMs },
        onBegin: (send) => {
          this.#send = send;
        },
        onEvent: (event) => this.#hear(event),
      },
    );
    if (result.outcome === "failed") this.#fail(faultOf(result.code));
  }

  #stop(): void {
    this.#abort.abort();
    this.#changed();
  }

  #fail(fault: ProviderFault): void {
    this.#fault ??= fault;
    this.#stop();
  }

  async #waitWhile(busy: () => boolean): Promise<void> {
    while (busy() && !this.#abort.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  #take(piece: AudioPiece): void {
    switch (piece.type) {
      case "samples":
        this.#takeSamples(piece.fromSample, piece.pcm);
        return this.#askAtPause();
      case "pause":
        this.#lastVoiced = piece.lastVoicedSample;
        return this.#askAtPause();
      case "resumed":
        this.#lastVoiced = null;
        return;
      case "probe":
        // Words come by themselves; what was gathered goes now.
        return this.#messages.flush();
      case "end":
        return;
    }
  }

  #takeSamples(fromSample: number, pcm: Int16Array): void {
    const gap = fromSample - this.#takenUntil;
    const filled = Math.min(Math.max(0, gap), maxGapSamples);
    if (filled > 0) this.#messages.push(new Int16Array(filled));
    const fresh = pcm.subarray(Math.max(0, -gap));
    this.#messages.push(fresh);
    this.#takenUntil = Math.max(this.#takenUntil, fromSample + pcm.length);
    this.#sentSamples += filled + fresh.length;
    this.#call.usage.audioMs = Math.round(this.#sentSamples / 16);
  }

  #askAtPause(): void {
    const lastVoiced = this.#lastVoiced;
    if (lastVoiced === null || this.#askedAt === lastVoiced) return;
    if (this.#takenUntil < lastVoiced + settleSamples) return;
    this.#ask(lastVoiced, false);
  }

  /** All words of what was taken are wanted: they are of everything voiced before `voicedUntil`. */
  #ask(voicedUntil: number, last: boolean): void {
    this.#messages.flush();
    this.#askedAt = voicedUntil;
    this.#marks.set(this.#nextMark, voicedUntil);
    this.#send({ mark: this.#nextMark++, last });
  }

  #hear(event: Record<string, unknown>): void {
    const text = typeof event.text === "string" ? tidyTranscript(event.text) : "";
    if (isBrokenText(text)) return this.#fail({ ...malformedAnswer });
    this.#text = text;
    this.#heardSamples = Number(event.samples);
    const voicedUntil = this.#marks.get(Number(event.mark));
    if (voicedUntil !== undefined) {
      this.#marks.delete(Number(event.mark));
      this.#gotAt = Math.max(this.#gotAt, voicedUntil);
    }
    this.#tell(voicedUntil);
    this.#changed();
  }

  /** Emits the words so far where they have changed, or are known to reach further. */
  #tell(voicedUntil: number | undefined): void {
    const text = this.#text;
    if (voicedUntil !== undefined && voicedUntil > this.#told.untilSample) {
      this.#told = { text, untilSample: voicedUntil };
      this.#call.emit({ type: "partial", ...this.#told });
    } else if (text !== this.#told.text) {
      this.#told.text = text;
      this.#call.emit({ type: "partial", text });
    }
  }

  async #finish(atSample: number): Promise<void> {
    const voicedUntil = this.#lastVoiced ?? this.#takenUntil;
    const isAsked = this.#lastVoiced !== null && this.#askedAt === voicedUntil;
    if (!isAsked) this.#ask(voicedUntil, true);
    await this.#waitWhile(() => this.#gotAt < voicedUntil);
    if (this.#abort.signal.aborted) return;
    this.#call.emit({ type: "final", text: this.#text, untilSample: atSample });
  }
}

/** The provider in front of the recogniser's process; connects at once. */
export function createLocalStt({
  socketPath,
  clock,
}: LocalSttOptions): SttProvider & { readonly inFlight: number } {
  const client = connectEngine({ socketPath, clock, failWhenLost: true });
  return {
    name: "local",
    stream: (request, context) =>
      streamFromEngine<SttEvent>("local", client, context, (call) =>
        new LocalListening(client, request, context, call).run(),
      ),
    warm: () => client.ready(),
    check: (signal) => checkEngine(client, "PARLEY_LOCAL_STT_DIR", signal),
    close: () => client.close(),
    get inFlight() {
      return client.inFlight;
    },
  };
}
