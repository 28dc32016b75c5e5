/** A session's ears: utterances that are being transcribed, and how long their audio is kept. */
import type { AudioChannel } from "../../workers/audio/messages.ts";
import type { ConversationMemory } from "../providers/provider.ts";
import type { Transcriber, TranscriptionEvent } from "../turn/transcription.ts";
import type { AudioFormat } from "./domain.ts";
import type { SessionEvent } from "./events.ts";
import { decodeToSpeechRate } from "./samples.ts";
import { type SessionState, spokenLanguage } from "./state.ts";
import { prefixPaddingMs } from "./turn-taking/turn-end.ts";
import { UtteranceAudio, wholeAudio } from "./utterance-audio.ts";

/** Kept before now while nobody speaks, beyond the prefix padding: an onset is reported late. */
const onsetLagMs = 700;
/** Audio is let go of in steps. */
const releaseStepSamples = 4_000;
const samplesPerMs = 16;

interface Listening {
  readonly audio: UtteranceAudio;
  readonly abort: AbortController;
  /** Its audio lies in the bus (else inside an item). */
  readonly live: boolean;
}

/** How an utterance ended. */
type Settled = Extract<SessionEvent, { type: "transcribed" | "transcriptionFailed" }>;

interface ListenerOptions {
  channel: AudioChannel;
  transcriber: Transcriber;
  conversation: ConversationMemory;
  /** What the recogniser takes where the gate is on. */
  signal: "raw" | "gated";
  maxBufferMs: number;
  session: () => SessionState;
  dispatch: (event: SessionEvent) => void;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #open = new Map<string, Listening>();
  #releasedAtSample = 0;
  #warnedTooLong = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  open(itemId: string, fromSample: number): void {
    const { channel, session } = this.#options;
    const signal = session().config.input.noiseReduction === null ? "raw" : this.#options.signal;
    const audio = new UtteranceAudio(channel, Math.max(fromSample, channel.keptFromSample), signal);
    void this.#listen(itemId, { audio, abort: new AbortController(), live: true });
  }

  get(itemId: string): UtteranceAudio | undefined {
    return this.#open.get(itemId)?.audio;
  }

  drop(itemId: string): void {
    this.#open.get(itemId)?.abort.abort();
    this.#open.delete(itemId);
  }

  /** Audio that came inside an item. */
  transcribeBytes(itemId: string, bytes: Uint8Array, format: AudioFormat): void {
    const audio = wholeAudio(decodeToSpeechRate(bytes, format));
    void this.#listen(itemId, { audio, abort: new AbortController(), live: false });
  }

  async #listen(itemId: string, listening: Listening): Promise<void> {
    this.#open.set(itemId, listening);
    const { audio, abort } = listening;
    let settled = await this.#hear(itemId, listening);
    if (!audio.ended) {
      // The recognisers gave up, or were done, while the speaker goes on: once all is said they are asked again.
      await audio.whenEnded(abort.signal);
      const again = await this.#hear(itemId, listening);
      if (again.type === "transcribed" || settled.type === "transcriptionFailed") settled = again;
    }
    if (this.#open.get(itemId) === listening) this.#open.delete(itemId);
    if (!abort.signal.aborted) this.#options.dispatch(settled);
  }

  /** Tells the words so far. @returns the last word of the recognisers; of no use after an abort */
  async #hear(itemId: string, { audio, abort }: Listening): Promise<Settled> {
    const { transcriber, session, dispatch } = this.#options;
    const { tenant, config } = session();
    const { prompt } = config.input.transcription ?? {};
    const options = {
      tenant,
      conversation: this.#options.conversation,
      ...spokenLanguage(config),
      ...(prompt === undefined ? {} : { prompt }),
    };
    const { signal } = abort;
    let settled: Settled | null = null;
    try {
      for await (const event of signal.aborted ? [] : transcriber.transcribe(audio, options, signal)) {
        if (signal.aborted) continue;
        const told = toSessionEvent(itemId, event);
        if (told.type !== "words") {
          settled = told;
          break;
        }
        dispatch(told);
      }
    } catch {
      // Said below: whatever broke, the words will not come.
    }
    const fault = { code: "provider_unavailable", message: "The recogniser ended without a transcript." };
    return settled ?? { type: "transcriptionFailed", itemId, ...fault, provider: "", attempts: [] };
  }

  /** New samples can be read: recognisers go on, and what nobody needs any more is let go. */
  onReadable(): void {
    for (const { audio, live } of this.#open.values()) if (live && audio.awaited) audio.notify();
    const { readableSamples } = this.#options.channel;
    if (readableSamples - this.#releasedAtSample < releaseStepSamples) return;
    this.#releasedAtSample = readableSamples;
    this.#options.channel.release(this.#neededFrom(readableSamples));
  }

  #neededFrom(readableSamples: number): number {
    const { input, config } = this.#options.session();
    const detection = config.input.turnDetection;
    let neededFrom: number;
    if (detection) {
      neededFrom = readableSamples - (prefixPaddingMs(detection) + onsetLagMs) * samplesPerMs;
    } else {
      neededFrom = Math.max(input.bufferFromSample, this.#longest(readableSamples, input.bufferFromSample));
    }
    for (const { audio, live } of this.#open.values())
      if (live) neededFrom = Math.min(neededFrom, audio.fromSample);
    return Math.max(0, neededFrom);
  }

  /** A buffer that is never committed may not grow for ever: its oldest audio goes, and the client is told. */
  #longest(readableSamples: number, bufferFromSample: number): number {
    const limit = readableSamples - this.#options.maxBufferMs * samplesPerMs;
    if (limit <= bufferFromSample) {
      this.#warnedTooLong = false;
    } else if (!this.#warnedTooLong) {
      this.#warnedTooLong = true;
      const message = `Only the last ${this.#options.maxBufferMs / 1_000} s of uncommitted input audio are kept.`;
      const code = "input_audio_too_long";
      this.#options.dispatch({ type: "refused", code, message, param: null, clientEventId: null });
    }
    return limit;
  }

  close(): void {
    for (const { abort } of this.#open.values()) abort.abort();
    this.#open.clear();
  }
}

function toSessionEvent(
  itemId: string,
  event: TranscriptionEvent,
): Settled | Extract<SessionEvent, { type: "words" }> {
  switch (event.type) {
    case "partial":
      return { type: "words", itemId, text: event.text, untilSample: event.untilSample ?? null };
    case "final": {
      const { text, provider, attempts } = event;
      return { type: "transcribed", itemId, text, provider, attempts };
    }
    case "failed": {
      const { code, message, provider, attempts } = event;
      return { type: "transcriptionFailed", itemId, code, message, provider, attempts };
    }
  }
}
