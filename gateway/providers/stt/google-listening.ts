/**
 * One utterance at Google's recogniser, over as many of its streams as that takes. A stream is half-closed at a pause,
 * which makes Google finish at once, and the next one starts where speech goes on; before Google's five minutes are over
 * the next one starts beside it and is fed again from the end of the last final words.
 */
import type { Clock, Timer } from "../../clock.ts";
import type { AudioPiece, ProviderFault, SttEvent, SttRequest } from "../provider.ts";
import { brokenOff, faultFromError, malformedAnswer } from "../vendor-fault.ts";
import type { StreamCall } from "../vendor-stream.ts";
import { AudioMessages } from "./audio-messages.ts";
import type { SpeechHandlers, SpeechResult, SpeechStream } from "./google-stream.ts";
import { isBrokenText, joinWords, RunningTranscript, wordsTakenBack } from "./running-transcript.ts";
import { UtteranceAudio } from "./utterance-audio.ts";

const samplesOf = (ms: number) => Math.round(ms * 16);

export interface GoogleStreamLimits {
  /** From then on a stream is given up at its next final words: hardly anything has to be sent again. */
  softMs: number;
  /** Then it is given up in any case. Google's limit is 305 s. */
  hardMs: number;
  /** Google ends a stream that gets no audio for some 10 s: it is half-closed after that long. */
  idleMs: number;
}

export const googleStreamLimits: GoogleStreamLimits = { softMs: 270_000, hardMs: 295_000, idleMs: 5_000 };

/** A pause is believed when that much came after the last voiced sample; each one costs a stream of its own. */
const settleSamples = samplesOf(150);
/** Silence before the speech that goes on after a pause. */
const leadSamples = samplesOf(500);
/** Audio since the last final words that is kept to be sent again; Google gives final words far more often. */
const keptSamples = samplesOf(60_000);
/** Then the utterance is cut even where it is not quiet. */
const keptMaxSamples = samplesOf(80_000);
const cutGapMs = 200;
/** Audio in a pause that is kept, for the speech that may begin in it. */
const pauseKeptSamples = samplesOf(10_000);
/** Streams that may be finishing at a time before reading waits for them. */
const finishingMax = 4;
/** Messages that may wait for a slow vendor before reading waits, too: half a minute in real time. */
const waitingMessagesMax = 300;

type OpenStream = (on: SpeechHandlers) => Promise<SpeechStream>;

interface Segment {
  fromSample: number;
  /** Audio up to here was handed to the stream. */
  fedUntil: number;
  openedAtMs: number;
  /** Null until its channel is there. */
  stream: SpeechStream | null;
  /** As sent, or as Google says. */
  countedMs: number;
  /** Messages for the time until then. */
  early: Buffer[];
  messages: AudioMessages;
  transcript: RunningTranscript;
  /** Speech in it ends there; known when it was half-closed at a pause. */
  voicedUntil: number | null;
  state:
    | "open"
    /** Half-closed: its last words are on their way. */
    | "finishing"
    /** The next one hears its audio after the final words again; until that speaks, its guess is shown. */
    | "replaced"
    | "done";
}

export class GoogleListening {
  readonly #open: OpenStream;
  readonly #clock: Clock;
  readonly #call: StreamCall<SttEvent>;
  readonly #request: SttRequest;
  readonly #limits: GoogleStreamLimits;
  readonly #audio: UtteranceAudio;
  readonly #segments: Segment[] = [];
  readonly #reading = new AbortController();
  /** All audio before it is in a segment that was half-closed. */
  #cut: number;
  #lastVoiced: number | null = null;
  #fault: ProviderFault | null = null;
  #countedMs = 0;
  #fedAtMs = 0;
  #idleTimer: Timer | null = null;
  /** Messages that the open stream did not take at once. */
  #waitingMessages = 0;
  /** Words of segments that are done and gone. */
  #settledText = "";
  #tookBack = false;
  #partial: { text: string; untilSample: number };
  #changed = () => {};

  constructor(
    open: OpenStream,
    request: SttRequest,
    call: StreamCall<SttEvent>,
    clock: Clock,
    limits: GoogleStreamLimits,
  ) {
    this.#open = open;
    this.#request = request;
    this.#call = call;
    this.#clock = clock;
    this.#limits = limits;
    this.#cut = request.audio.fromSample;
    this.#audio = new UtteranceAudio(this.#cut);
    this.#partial = { text: "", untilSample: this.#cut };
  }

  /** Resolves with a fault, or null when the final was emitted or the call is over. */
  async run(): Promise<ProviderFault | null> {
    const { audio } = this.#request;
    const { signal } = this.#call;
    const stop = () => this.#stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#call.usage.audioMs = 0;
    try {
      for await (const piece of audio.read(audio.fromSample, this.#reading.signal)) {
        if (this.#reading.signal.aborted) break;
        await this.#take(piece);
        if (piece.type === "end") {
          await this.#finish(piece.atSample);
          break;
        }
      }
      return this.#fault;
    } finally {
      signal.removeEventListener("abort", stop);
      this.#idleTimer?.cancel();
      for (const segment of [...this.#segments]) this.#drop(segment);
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

  /** Waits while `busy`, but no longer than the call goes on. */
  async #waitWhile(busy: () => boolean): Promise<void> {
    while (busy() && !this.#reading.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  get #openSegment(): Segment | null {
    const last = this.#segments.at(-1);
    return last?.state === "open" ? last : null;
  }

  async #take(piece: AudioPiece): Promise<void> {
    switch (piece.type) {
      case "samples":
        return this.#takeSamples(piece.fromSample, piece.pcm);
      case "pause":
        this.#lastVoiced = piece.lastVoicedSample;
        // More was voiced after what was taken for a pause.
        if (this.#openSegment === null && piece.lastVoicedSample > this.#cut) this.#openAt(this.#cut);
        this.#closeAtPause();
        return this.#tell();
      case "resumed":
        this.#lastVoiced = null;
        if (this.#openSegment === null) this.#openAt(Math.max(this.#cut, piece.atSample - leadSamples));
        return;
      case "probe":
      case "end":
        return;
    }
  }

  async #takeSamples(fromSample: number, pcm: Int16Array): Promise<void> {
    // Minutes may come at once: they are fed as fast as Google takes them.
    const step = samplesOf(1_000);
    for (let at = 0; at < pcm.length; at += step) {
      this.#audio.append(fromSample + at, pcm.subarray(at, at + step));
      const paused = this.#lastVoiced !== null;
      if (this.#openSegment === null && !paused) this.#openAt(this.#cut);
      const open = this.#openSegment;
      if (open === null) this.#audio.dropBefore(this.#audio.untilSample - pauseKeptSamples);
      else this.#feed(open);
      this.#closeAtPause();
      await this.#waitWhile(() => this.#isFull());
    }
  }

  #isFull(): boolean {
    const finishing = this.#segments.filter(({ state }) => state === "finishing").length;
    return finishing >= finishingMax || this.#waitingMessages >= waitingMessagesMax;
  }

  /** Hands the open segment what it has not got, and gives it up where it grows too old or too long. */
  #feed(segment: Segment): void {
    const cut = this.#findCut(segment);
    const untilSample = cut ?? this.#audio.untilSample;
    const pcm = this.#audio.between(segment.fedUntil, untilSample);
    segment.messages.push(pcm);
    segment.fedUntil = Math.max(segment.fedUntil, untilSample);
    this.#fedAtMs = this.#clock.nowMs();
    this.#watchIdle();
    if (cut !== null) {
      this.#halfClose(segment);
      if (this.#audio.untilSample > cut) this.#openAt(cut);
    } else if (this.#ageMs(segment) >= this.#limits.hardMs) this.#replace(segment);
  }

  /**
   * Where a segment has to end without final words to go on from (the next stream would hear all of it again, and so would
   * the one after that): at a quiet place in what it was not fed yet.
   */
  #findCut(segment: Segment): number | null {
    const { transcript, fromSample, fedUntil } = segment;
    const { untilSample } = this.#audio;
    const kept = untilSample - this.#audio.fromSample;
    const ageMs = transcript.finalUntil > fromSample ? 0 : this.#ageMs(segment);
    if ((kept < keptSamples && ageMs < this.#limits.softMs) || untilSample <= fedUntil) return null;
    const quiet = this.#audio.lastQuiet(fedUntil, cutGapMs);
    if (quiet !== null || (kept < keptMaxSamples && ageMs < this.#limits.hardMs)) return quiet;
    return Math.min(untilSample, Math.max(fedUntil + 1, this.#audio.quietest(fedUntil, untilSample)));
  }

  /** By the clock or by its audio, whichever is more. */
  #ageMs({ openedAtMs, fedUntil, fromSample }: Segment): number {
    return Math.max(this.#clock.nowMs() - openedAtMs, (fedUntil - fromSample) / 16);
  }

  #openAt(sample: number): Segment {
    const fromSample = Math.max(sample, this.#audio.fromSample);
    const segment: Segment = {
      fromSample,
      fedUntil: fromSample,
      openedAtMs: this.#clock.nowMs(),
      ...{ stream: null, countedMs: 0, early: [] },
      messages: new AudioMessages((message) => this.#send(segment, message)),
      transcript: new RunningTranscript(fromSample),
      voicedUntil: null,
      state: "open",
    };
    this.#segments.push(segment);
    this.#open({
      onResults: (results) => this.#takeResults(segment, results),
      onBilled: (billedMs) => this.#count(segment, billedMs),
      onEnd: (fault) => this.#takeEnd(segment, fault),
    }).then(
      (stream) => this.#connect(segment, stream),
      (err) => this.#takeEnd(segment, faultFromError(err)),
    );
    this.#feed(segment);
    return segment;
  }

  #connect(segment: Segment, stream: SpeechStream): void {
    if (segment.state === "done") return stream.cancel();
    segment.stream = stream;
    stream.onDrain = () => {
      if (segment !== this.#openSegment) return;
      this.#waitingMessages = 0;
      this.#changed();
    };
    for (const message of segment.early.splice(0)) this.#send(segment, message);
    if (segment.state === "finishing") stream.halfClose();
  }

  /** What a segment's audio comes to by now. */
  #count(segment: Segment, ms: number): void {
    this.#countedMs += ms - segment.countedMs;
    segment.countedMs = ms;
    this.#call.usage.audioMs = Math.round(this.#countedMs);
  }

  #send(segment: Segment, message: Buffer): void {
    const { stream, early, state } = segment;
    let taken = false;
    if (stream === null) early.push(message);
    else {
      this.#count(segment, segment.countedMs + message.length / 32);
      taken = stream.send(message);
    }
    if (!taken && state === "open") this.#waitingMessages += 1;
  }

  #closeAtPause(): void {
    const segment = this.#openSegment;
    if (segment === null || this.#lastVoiced === null) return;
    if (this.#audio.untilSample < this.#lastVoiced + settleSamples) return;
    segment.voicedUntil = this.#lastVoiced;
    this.#halfClose(segment);
  }

  #halfClose(segment: Segment): void {
    segment.messages.flush();
    segment.state = "finishing";
    segment.stream?.halfClose();
    this.#waitingMessages = 0;
    this.#cut = segment.fedUntil;
    this.#audio.dropBefore(this.#cut);
  }

  /** The next stream hears again what this one gave no final words for. */
  #replace(segment: Segment): void {
    segment.state = "replaced";
    this.#waitingMessages = 0;
    this.#openAt(segment.transcript.finalUntil);
  }

  #watchIdle(): void {
    this.#idleTimer ??= this.#clock.timer(this.#fedAtMs + this.#limits.idleMs, () => {
      this.#idleTimer = null;
      const segment = this.#openSegment;
      if (segment === null) return;
      if (this.#clock.nowMs() >= this.#fedAtMs + this.#limits.idleMs) this.#halfClose(segment);
      else this.#watchIdle();
    });
  }

  #takeResults(segment: Segment, results: SpeechResult[]): void {
    if (segment.state === "done") return;
    if (results.some(({ text }) => isBrokenText(text))) return this.#fail({ ...malformedAnswer });
    const { transcript } = segment;
    const guesses: string[] = [];
    let guessUntil = transcript.heardUntil;
    for (const { text, isFinal, endMs } of results) {
      const untilSample =
        endMs === null
          ? transcript.heardUntil
          : Math.min(segment.fedUntil, segment.fromSample + samplesOf(endMs));
      if (isFinal && segment.state !== "replaced") transcript.settle(text, untilSample);
      else {
        guesses.push(text);
        guessUntil = Math.max(guessUntil, untilSample);
      }
    }
    this.#tookBack ||= transcript.tookBack;
    if (guesses.length > 0) transcript.guess(joinWords(guesses), guessUntil);
    const before = this.#segments[this.#segments.indexOf(segment) - 1];
    if (before?.state === "replaced") this.#drop(before);
    if (segment.state === "finishing" && transcript.finalUntil >= (segment.voicedUntil ?? Infinity)) {
      this.#takeEnd(segment, null);
    } else this.#tell();
    if (segment.state !== "open" || transcript.finalUntil <= this.#audio.fromSample) return;
    this.#audio.dropBefore(transcript.finalUntil);
    if (this.#ageMs(segment) >= this.#limits.softMs) this.#replace(segment);
  }

  /** Google said everything, or failed. */
  #takeEnd(segment: Segment, fault: ProviderFault | null): void {
    const { state } = segment;
    if (state === "done") return;
    if (state === "open") return this.#fail(fault ?? { ...brokenOff });
    if (state === "finishing" && fault !== null) return this.#fail(fault);
    if (state === "finishing") segment.transcript.settleGuess(segment.fedUntil);
    this.#drop(segment);
    this.#tell();
    this.#changed();
  }

  #drop(segment: Segment): void {
    segment.state = "done";
    segment.transcript.dropGuess();
    segment.early.length = 0;
    segment.stream?.cancel();
    for (let first = this.#segments[0]; first?.state === "done"; first = this.#segments[0]) {
      this.#settledText = joinWords([this.#settledText, first.transcript.finalText]);
      this.#segments.shift();
    }
  }

  /** Words that stand, and, with `guesses`, those that don't. */
  #text(guesses: boolean): string {
    const texts = this.#segments.map(({ transcript }) => (guesses ? transcript.text : transcript.finalText));
    return joinWords([this.#settledText, ...texts]);
  }

  /** Emits the words so far where they have changed or reach further. */
  #tell(): void {
    const text = this.#text(true);
    const unfinished = this.#segments.find(({ state }) => state !== "done");
    const heardUntil = unfinished?.transcript.heardUntil ?? this.#lastVoiced ?? this.#cut;
    const untilSample = Math.max(heardUntil, this.#partial.untilSample);
    if (text === this.#partial.text && untilSample === this.#partial.untilSample) return;
    this.#partial = { text, untilSample };
    this.#call.emit({ type: "partial", text, untilSample });
  }

  async #finish(atSample: number): Promise<void> {
    const open = this.#openSegment;
    if (open !== null) {
      open.voicedUntil = this.#lastVoiced;
      this.#halfClose(open);
    }
    await this.#waitWhile(() => this.#segments.some(({ state }) => state === "finishing"));
    if (this.#reading.signal.aborted) return;
    const text = this.#text(false);
    if (text === "" && this.#tookBack) return this.#fail({ ...wordsTakenBack });
    this.#call.emit({ type: "final", text, untilSample: atSample });
  }
}
