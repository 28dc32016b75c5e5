/** One utterance at Deepgram: it is told to finish what it has at each pause, so the words are there when the turn ends. */
import type { AudioPiece, ProviderFault, SttEvent, SttRequest } from "../provider.ts";
import { brokenOff, malformedAnswer, vendorFault } from "../vendor-fault.ts";
import type { StreamCall } from "../vendor-stream.ts";
import { AudioMessages } from "./audio-messages.ts";
import type { DeepgramSocket } from "./deepgram-socket.ts";
import { isBrokenText, RunningTranscript, wordsTakenBack } from "./running-transcript.ts";

const samplesOf = (ms: number) => Math.round(ms * 16);

/** A pause is believed when that much came after the last voiced sample; to finish costs Deepgram nothing. */
const settleSamples = samplesOf(64);
/** How far a result's end may lie before the end of what was sent and still be of all of it: its frames are 10 to 20 ms. */
const frameSlackSamples = samplesOf(40);
/** Messages that may wait for a slow vendor before reading waits, too: half a minute in real time. */
const waitingMessagesMax = 300;
/** A hole in the audio longer than that is not filled with silence. */
const maxGapSamples = samplesOf(10_000);

export class DeepgramListening {
  readonly #socket: DeepgramSocket;
  readonly #call: StreamCall<SttEvent>;
  readonly #request: SttRequest;
  readonly #messages: AudioMessages;
  readonly #transcript: RunningTranscript;
  readonly #reading = new AbortController();
  /** Deepgram's time 0. */
  readonly #origin: number;
  /** Audio up to here was taken. */
  #takenUntil: number;
  #sentSamples = 0;
  #lastVoiced: number | null = null;
  /** The pause that it was told to finish at. */
  #finishedPause = -1;
  #partial: { text: string; untilSample: number };
  #fault: ProviderFault | null = null;
  /** Everything was sent, CloseStream too. */
  #closing = false;
  #allSaid = false;
  #changed = () => {};

  constructor(socket: DeepgramSocket, request: SttRequest, call: StreamCall<SttEvent>) {
    const { fromSample } = request.audio;
    this.#socket = socket;
    this.#request = request;
    this.#call = call;
    this.#origin = fromSample;
    this.#takenUntil = fromSample;
    this.#transcript = new RunningTranscript(fromSample);
    this.#partial = { text: "", untilSample: fromSample };
    this.#messages = new AudioMessages((message) => this.#send(message));
  }

  /** Resolves with a fault, or null when the final was emitted or the call is over. The socket is closed then. */
  async run(): Promise<ProviderFault | null> {
    const { signal } = this.#call;
    const { audio } = this.#request;
    const stop = () => this.#stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#call.usage.audioMs = 0;
    this.#socket.listener = {
      onMessage: (message) => this.#takeMessage(message),
      onClose: (fault) => this.#takeClose(fault),
      onSent: () => this.#changed(),
    };
    try {
      for await (const piece of audio.read(audio.fromSample, this.#reading.signal)) {
        if (this.#reading.signal.aborted) break;
        this.#take(piece);
        if (piece.type === "end") {
          await this.#finish(piece.atSample);
          break;
        }
        await this.#waitWhile(() => this.#socket.unsent >= waitingMessagesMax);
      }
      return this.#fault;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#socket.cancel();
    }
  }

  #stop(): void {
    this.#reading.abort();
    this.#changed();
  }

  #fail(fault: ProviderFault): void {
    this.#fault ??= fault;
    this.#stop();
  }

  async #waitWhile(busy: () => boolean): Promise<void> {
    while (busy() && !this.#reading.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  #send(message: Buffer): void {
    this.#sentSamples += message.length / 2;
    this.#call.usage.audioMs = Math.round(this.#sentSamples / 16);
    this.#socket.send(message);
  }

  #take(piece: AudioPiece): void {
    switch (piece.type) {
      case "samples":
        this.#takeSamples(piece.fromSample, piece.pcm);
        return this.#finishPause();
      case "pause":
        this.#lastVoiced = piece.lastVoicedSample;
        return this.#finishPause();
      case "resumed":
        this.#lastVoiced = null;
        return;
      case "probe":
        // What was gathered goes now; guesses come by themselves.
        return this.#messages.flush();
      case "end":
        return;
    }
  }

  #takeSamples(fromSample: number, pcm: Int16Array): void {
    const gap = fromSample - this.#takenUntil;
    if (gap > 0) this.#messages.push(new Int16Array(Math.min(gap, maxGapSamples)));
    const fresh = pcm.subarray(Math.max(0, -gap));
    this.#messages.push(fresh);
    this.#takenUntil += Math.min(Math.max(0, gap), maxGapSamples) + fresh.length;
  }

  #finishPause(): void {
    const lastVoiced = this.#lastVoiced;
    if (lastVoiced === null || this.#finishedPause === lastVoiced) return;
    if (this.#takenUntil < lastVoiced + settleSamples) return;
    this.#finishedPause = lastVoiced;
    this.#messages.flush();
    this.#socket.control("Finalize");
  }

  #takeMessage(message: Record<string, unknown>): void {
    if (message.type === "Results") return this.#takeResults(message);
    if (message.type === "Error") return this.#fail(vendorFault("the recogniser reported an error"));
    if (message.type === "Metadata" && this.#closing) {
      const { duration } = message;
      // What is billed. It is not waited for: mostly the words are there before it.
      if (typeof duration === "number" && duration >= 0)
        this.#call.usage.audioMs = Math.round(duration * 1000);
      this.#allSaid = true;
      this.#changed();
    }
  }

  #takeResults(message: Record<string, unknown>): void {
    const result = readResult(message);
    if (result === null || isBrokenText(result.text)) return this.#fail({ ...malformedAnswer });
    const untilSample = Math.min(this.#takenUntil, this.#origin + samplesOf(result.endMs));
    if (result.isFinal) this.#transcript.settle(result.text, untilSample);
    else this.#transcript.guess(result.text, untilSample);
    this.#tell();
    this.#changed();
  }

  #takeClose(fault: ProviderFault | null): void {
    if (fault === null && this.#closing) {
      this.#allSaid = true;
      return this.#changed();
    }
    this.#fail(fault ?? { ...brokenOff });
  }

  /** Emits the words so far where they have changed or reach further. */
  #tell(): void {
    const { text } = this.#transcript;
    const untilSample = Math.max(this.#transcript.heardUntil, this.#partial.untilSample);
    if (text === this.#partial.text && untilSample === this.#partial.untilSample) return;
    this.#partial = { text, untilSample };
    this.#call.emit({ type: "partial", ...this.#partial });
  }

  /** Final words of everything that was voiced are there. */
  #isCovered(): boolean {
    const { finalUntil } = this.#transcript;
    if (this.#lastVoiced !== null && finalUntil >= this.#lastVoiced) return true;
    return finalUntil >= this.#takenUntil - frameSlackSamples;
  }

  async #finish(atSample: number): Promise<void> {
    if (!this.#isCovered()) {
      this.#messages.flush();
      this.#closing = true;
      this.#socket.control("Finalize");
      this.#socket.control("CloseStream");
      await this.#waitWhile(() => !this.#allSaid && !this.#isCovered());
      if (this.#reading.signal.aborted) return;
    }
    this.#transcript.settleGuess(this.#takenUntil);
    const { finalText: text, tookBack } = this.#transcript;
    if (text === "" && tookBack) return this.#fail({ ...wordsTakenBack });
    this.#call.emit({ type: "final", text, untilSample: atSample });
  }
}

/** Null where it makes no sense. */
function readResult(
  message: Record<string, unknown>,
): { text: string; isFinal: boolean; endMs: number } | null {
  const { start, duration, is_final: isFinal, channel } = message;
  const alternatives = (channel as { alternatives?: unknown } | undefined)?.alternatives;
  if (!Array.isArray(alternatives) || typeof start !== "number" || typeof duration !== "number") return null;
  const endMs = (start + duration) * 1000;
  const text = (alternatives[0] as { transcript?: unknown } | undefined)?.transcript ?? "";
  if (typeof text !== "string" || !Number.isFinite(endMs) || endMs < 0) return null;
  return { text, isFinal: isFinal === true, endMs };
}
