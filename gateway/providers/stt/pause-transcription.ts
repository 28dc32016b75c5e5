/**
 * When to transcribe what, for recognisers that take a whole piece of audio at a time: at pauses, so that the words are
 * there when the turn's end is declared; long utterances are cut where they are quiet.
 */
import { judgeTranscript, mayBeSpeech, measureSound } from "../../../workers/speech/transcript.ts";
import type { AudioPiece, ProviderFault, SttEvent, SttRequest } from "../provider.ts";
import { UtteranceAudio } from "./utterance-audio.ts";

const samplesOf = (ms: number) => ms * 16;

/** Audio after the last voiced sample that goes along. */
const TAIL_SAMPLES = samplesOf(150);
/** Silence before and after the sound that goes along when the rest is trimmed. */
const LEAD_SAMPLES = samplesOf(100);
const MARGIN_SAMPLES = samplesOf(250);
/** From that length on, what a pause transcribed stands; the end of a long turn must not wait for all of it. */
const COMMIT_SAMPLES = samplesOf(8_000);
/** A gap of that length is a good place to cut. */
const CUT_GAP_MS = 300;
/** Turns without pauses are looked through for a quiet place that often. */
const LOOK_SAMPLES = samplesOf(1_000);
/** Whisper's window is 30 s. */
const MAX_RUN_SAMPLES = samplesOf(28_000);
/** Where the cut is looked for then. */
const CUT_SEARCH_SAMPLES = samplesOf(8_000);

/** Ends the work with a fault. */
export class TranscriptionFailure extends Error {
  readonly fault: ProviderFault;
  constructor(fault: ProviderFault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** One transcription on its way. */
interface Run {
  /** What it covers, up to a pause. */
  voicedUntil: number;
  untilSample: number;
  abort: AbortController;
  result: Promise<string | ProviderFault>;
}

/** What a stream's work gets of its frame. */
export interface TranscriptionCall {
  emit(event: SttEvent): void;
  readonly signal: AbortSignal;
}

export interface Recogniser {
  /** The words in 16 kHz audio; rejects never, resolves with a fault where it fails, soon after an abort whatever with. */
  transcribe(pcm: Int16Array, signal: AbortSignal): Promise<string | ProviderFault>;
  /** A pause is believed, and transcribed, when that much audio came after the last voiced sample. */
  settleMs: number;
  /** Whether a `probe` is worth a transcription of its own. */
  answersProbes: boolean;
  /** A run ahead of time that failed is made again when it is needed: our own engine's queue may have had no place for it. */
  asksAgain: boolean;
}

/** One call: takes the audio, decides what to transcribe when. */
export class PauseTranscription {
  private readonly recogniser: Recogniser;
  private readonly settleSamples: number;
  private readonly call: TranscriptionCall;
  private readonly audio: UtteranceAudio;
  /** Transcripts of what was dropped from `audio`. */
  private readonly texts: string[] = [];
  private run: Run | null = null;
  /** Set while speech pauses. */
  private lastVoiced: number | null = null;
  private sawPause = false;
  private lookedUntil: number;
  private readonly startSample: number;
  private lastPartial = { text: "", untilSample: -1 };

  constructor(recogniser: Recogniser, fromSample: number, call: TranscriptionCall) {
    this.recogniser = recogniser;
    this.settleSamples = samplesOf(recogniser.settleMs);
    this.call = call;
    this.audio = new UtteranceAudio(fromSample);
    this.startSample = fromSample;
    this.lookedUntil = this.startSample;
    call.signal.addEventListener("abort", () => this.dropRun(), { once: true });
  }

  async take(piece: AudioPiece): Promise<void> {
    switch (piece.type) {
      case "samples":
        return this.takeSamples(piece.fromSample, piece.pcm);
      case "pause":
        this.sawPause = true;
        this.lastVoiced = piece.lastVoicedSample;
        return this.startAtPause();
      case "resumed":
        return this.resume(piece.atSample);
      case "probe":
        return this.listenInto(piece.atSample);
      case "end":
        return;
    }
  }

  /** Audio may come in minutes at once, so it is taken in parts that fit a run. */
  private async takeSamples(fromSample: number, pcm: Int16Array): Promise<void> {
    for (let at = 0; at < pcm.length; at += LOOK_SAMPLES) {
      this.audio.append(fromSample + at, pcm.subarray(at, at + LOOK_SAMPLES));
      this.startAtPause();
      await this.cutIfLong();
    }
  }

  private startAtPause(): void {
    const { lastVoiced } = this;
    if (lastVoiced === null || this.audio.untilSample < lastVoiced + this.settleSamples) return;
    if (this.run?.voicedUntil === lastVoiced) return;
    const run = this.start(lastVoiced);
    void run.result.then((text) => {
      if (this.run === run && typeof text === "string") this.emitPartial(text, lastVoiced);
    });
  }

  /**
   * Words are wanted although speech goes on: what is heard so far must do. A pause that follows soon does not take
   * them back: the recogniser is at it, and words of the beginning may decide already.
   */
  private listenInto(atSample: number): void {
    if (this.lastVoiced !== null || !this.recogniser.answersProbes) return;
    const pcm = this.audio.between(this.audio.fromSample, Math.min(atSample, this.audio.untilSample));
    const before = this.texts.length;
    void this.transcribe(pcm, this.call.signal).then((text) => {
      if (typeof text === "string" && this.texts.length === before) this.emitPartial(text, atSample);
    });
  }

  private emitPartial(text: string, untilSample: number): void {
    const whole = this.join(text);
    const last = this.lastPartial;
    if (untilSample <= last.untilSample || this.call.signal.aborted) return;
    this.lastPartial = { text: whole, untilSample };
    this.call.emit({ type: "partial", ...this.lastPartial });
  }

  private async resume(atSample: number): Promise<void> {
    const { run, lastVoiced } = this;
    this.lastVoiced = null;
    if (!run) return;
    const isLong = run.untilSample - this.audio.fromSample >= COMMIT_SAMPLES;
    const isGap = lastVoiced !== null && atSample - lastVoiced >= samplesOf(CUT_GAP_MS);
    if (isLong && isGap) {
      const text = await run.result;
      if (typeof text === "string") this.commit(text, Math.min(run.untilSample, atSample));
    }
    this.dropRun();
  }

  private async cutIfLong(): Promise<void> {
    const { audio } = this;
    const length = audio.untilSample - audio.fromSample;
    if (length >= MAX_RUN_SAMPLES) {
      const from = audio.untilSample - CUT_SEARCH_SAMPLES;
      return this.cutAt(audio.lastQuiet(from, CUT_GAP_MS) ?? audio.quietest(from, audio.untilSample));
    }
    // With pauses, `resume` cuts; without (manual turns), the quiet places have to be found.
    if (this.sawPause || length < COMMIT_SAMPLES || audio.untilSample - this.lookedUntil < LOOK_SAMPLES)
      return;
    this.lookedUntil = audio.untilSample;
    const quiet = audio.lastQuiet(audio.fromSample + COMMIT_SAMPLES / 2, CUT_GAP_MS);
    if (quiet !== null) await this.cutAt(quiet);
  }

  private async cutAt(sample: number): Promise<void> {
    const text = await this.start(sample, sample).result;
    if (typeof text !== "string") throw new TranscriptionFailure(text);
    this.commit(text, sample);
    this.dropRun();
    this.emitPartial("", sample);
  }

  private commit(text: string, untilSample: number): void {
    if (text !== "") this.texts.push(text);
    this.audio.dropBefore(untilSample);
  }

  private join(last: string): string {
    return [...this.texts, last].filter((text) => text !== "").join(" ");
  }

  private dropRun(): void {
    this.run?.abort.abort();
    this.run = null;
  }

  private start(voicedUntil: number, untilSample = voicedUntil + TAIL_SAMPLES): Run {
    this.dropRun();
    const until = Math.min(untilSample, this.audio.untilSample);
    const abort = new AbortController();
    if (this.call.signal.aborted) abort.abort();
    const pcm = this.audio.between(this.audio.fromSample, until);
    const result = this.transcribe(pcm, abort.signal);
    const run = { voicedUntil, untilSample: until, abort, result };
    this.run = run;
    return run;
  }

  private async transcribe(whole: Int16Array, signal: AbortSignal): Promise<string | ProviderFault> {
    const sound = measureSound(whole);
    if (!mayBeSpeech(sound)) return "";
    const from = Math.max(0, sound.fromSample - LEAD_SAMPLES);
    const pcm = whole.slice(from, sound.untilSample + MARGIN_SAMPLES);
    const text = await this.recogniser.transcribe(pcm, signal);
    return typeof text === "string" ? judgeTranscript(text, sound) : text;
  }

  /** Emits `final`: at once if the last pause's run covers everything voiced. */
  async finish(atSample: number): Promise<void> {
    const { run, lastVoiced } = this;
    let text: string | ProviderFault | null = null;
    if (run && lastVoiced !== null && run.voicedUntil === lastVoiced) text = await run.result;
    if (this.call.signal.aborted) return;
    if (text === null || (typeof text !== "string" && this.recogniser.asksAgain)) {
      const voicedUntil = lastVoiced ?? atSample;
      text = await this.start(voicedUntil, Math.min(atSample, voicedUntil + TAIL_SAMPLES)).result;
    }
    if (typeof text !== "string") throw new TranscriptionFailure(text);
    this.call.emit({ type: "final", text: this.join(text), untilSample: atSample });
  }
}

/**
 * Reads `request`'s audio through `recogniser` and emits partials and the final.
 *
 * @returns null, also when the call was aborted; else why it failed
 */
export async function transcribeAtPauses(
  recogniser: Recogniser,
  { audio }: SttRequest,
  call: TranscriptionCall,
  onRead?: (samples: number) => void,
): Promise<ProviderFault | null> {
  const transcription = new PauseTranscription(recogniser, audio.fromSample, call);
  let untilSample = audio.fromSample;
  try {
    for await (const piece of audio.read(audio.fromSample, call.signal)) {
      if (call.signal.aborted) return null;
      if (piece.type === "samples") {
        untilSample = piece.fromSample + piece.pcm.length;
        onRead?.(untilSample - audio.fromSample);
      }
      await transcription.take(piece);
      if (piece.type === "end") {
        untilSample = piece.atSample;
        break;
      }
    }
    if (!call.signal.aborted) await transcription.finish(untilSample);
    return null;
  } catch (error) {
    if (error instanceof TranscriptionFailure) return error.fault;
    throw error;
  }
}
