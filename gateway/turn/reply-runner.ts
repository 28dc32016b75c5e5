/** One reply, run: retrieval → AI → sentences → TTS, with a prepared sentence when all else fails. */
import type { Clock } from "../clock.ts";
import type {
  AiMessage,
  AiProvider,
  Passage,
  ProviderFault,
  TtsProvider,
  Usage,
} from "../providers/provider.ts";
import { addUsage } from "../resilience/chain.ts";
import type { Scope } from "../resilience/scope.ts";
import { openScope } from "../resilience/scope.ts";
import { createEventQueue } from "./event-queue.ts";
import type { PreparedSentences } from "./prepared.ts";
import { spareCode } from "./prepared.ts";
import type { PlaybackControl, ReplyEvent, ReplyRequest, ReplyRunner } from "./reply.ts";
import type { ReplyLine, StageReport } from "./reply-line.ts";
import { openReplyLine } from "./reply-line.ts";
import { retrieveInTime } from "./retrieval.ts";
import type { SentenceLimits } from "./sentences.ts";
import { createSentenceCutter, sentenceLimits } from "./sentences.ts";
import type { SpeechLimits } from "./speech.ts";
import { Speech } from "./speech.ts";

export interface ReplyLimits extends SpeechLimits {
  /** For retrieval; a turn goes on without passages after it. */
  retrieveMs: number;
  /** Passages asked for. */
  passagesMax: number;
  /** For the AI's whole answer. */
  aiMs: number;
  /** A longer answer is broken off as incomplete: text waits in memory for its playing. */
  textCharsMax: number;
  /** More calls in one answer break it off as incomplete. */
  toolCallsMax: number;
  sentences: SentenceLimits;
}

export const replyLimits: ReplyLimits = {
  retrieveMs: 100,
  passagesMax: 4,
  aiMs: 60_000,
  textCharsMax: 24_000,
  toolCallsMax: 32,
  piecesAhead: 2,
  ttsMs: 30_000,
  pieceAudioMaxMs: 60_000,
  sentences: sentenceLimits,
};

export interface ReplyRunnerOptions {
  ai: AiProvider;
  tts: TtsProvider;
  /** "never" where no answerer of the chain reads passages. */
  retrieval: "always" | "never";
  retrieve(query: string, options: { tenant: string; k: number; signal: AbortSignal }): Promise<Passage[]>;
  /** What to look for; "" for nothing. */
  buildQuery(messages: AiMessage[]): string;
  clock: Clock;
  limits?: Partial<ReplyLimits>;
  /** How long a turn may wait for vendors, all stages together, in ms. Absent: no limit beside the chains' own. */
  patienceMs?: number;
  /** For metrics; must not throw. */
  onStage?(report: StageReport): void;
  prepared: PreparedSentences;
  /** Answerer of the chain that stands in for the vendors before it, and says so; absent where none stand before it. */
  spareAi?: string;
}

type End = Extract<ReplyEvent, { type: "end" }>;
type Outcome = Pick<End, "outcome" | "reason" | "error">;

const internalFault = { code: "internal_error", message: "The reply broke off." };
const nothingToSay: ProviderFault = {
  code: "provider_unavailable",
  message: "The answer held nothing that can be said.",
  retryable: true,
};

/**
 * The runner of replies. A reply whose chains all failed says a prepared sentence and ends "failed" with the
 * fault; so does one with `apology`. `ledger` comes right before the first sound, the first text or the first
 * tool call, and again when words come after a call.
 */
export function createReplyRunner(options: ReplyRunnerOptions): ReplyRunner {
  const limits = { ...replyLimits, ...options.limits };
  return {
    async *run(request, control, signal) {
      const scope = openScope(signal);
      const queue = createEventQueue<ReplyEvent>();
      const reply = new Reply(options, limits, request, control, scope, (event) => queue.push(event));
      const work = reply.work();
      try {
        for (;;) {
          const taken = queue.take();
          const event = taken instanceof Promise ? await taken : taken;
          if (event.type === "end") return yield event;
          if (!scope.signal.aborted) yield event;
        }
      } finally {
        scope.abort();
        await work;
        scope.close();
      }
    },
  };
}

/** One run. Everything that it starts ends with its scope. */
class Reply {
  readonly #options: ReplyRunnerOptions;
  readonly #limits: ReplyLimits;
  readonly #request: ReplyRequest;
  readonly #control: PlaybackControl;
  readonly #signal: AbortSignal;
  readonly #emit: (event: ReplyEvent) => void;
  readonly #line: ReplyLine;
  readonly #usage: Usage = {};
  /** What the turn's line of time waits for. */
  #waitsFor: "ai" | "sentence" | "tts" | "nothing" = "ai";
  #speech: Speech | null = null;
  /** Pieces so far, joined. */
  #written = "";
  #toolCalls = 0;
  #textChars = 0;
  /** The text so far ends without a space. */
  #openWord = false;
  #firstTextAtMs: number | null = null;
  #fault: ProviderFault | null = null;
  #incomplete: string | null = null;

  constructor(
    options: ReplyRunnerOptions,
    limits: ReplyLimits,
    request: ReplyRequest,
    control: PlaybackControl,
    scope: Scope,
    emit: (event: ReplyEvent) => void,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#request = request;
    this.#control = control;
    this.#signal = scope.signal;
    this.#emit = emit;
    const { clock, patienceMs, onStage } = options;
    this.#line = openReplyLine(clock, request.ledger, (report) => onStage?.(report), patienceMs);
  }

  /** Runs to the `end` event; never rejects. */
  async work(): Promise<void> {
    let outcome: Outcome;
    try {
      outcome = await this.#run();
    } catch {
      outcome = { outcome: "failed", error: internalFault };
    }
    if (this.#signal.aborted) outcome = { outcome: "cancelled" };
    this.#emit({ type: "end", ...outcome, usage: this.#usage, attempts: this.#line.attempts });
  }

  async #run(): Promise<Outcome> {
    const { apology } = this.#request;
    if (apology !== undefined) {
      await this.#apologise(apology);
      return {
        outcome: "failed",
        error: { code: apology, message: this.#options.prepared.sentence(apology) },
      };
    }
    if (this.#request.recital !== undefined) this.#recite(this.#request.recital);
    else {
      const passages = await this.#retrieve();
      if (this.#signal.aborted) return { outcome: "cancelled" };
      await this.#answer(passages);
    }
    this.#fault = (await this.#speech?.finish()) ?? this.#fault;
    if (this.#signal.aborted) return { outcome: "cancelled" };
    const said = this.#speech !== null || (this.#request.modality === "text" && this.#firstTextAtMs !== null);
    const before = this.#request.spokenPrefix.trim() !== "";
    const silent = !said && this.#toolCalls === 0 && !before && this.#incomplete === null;
    if (silent && this.#request.recital === undefined) this.#fault ??= nothingToSay;
    if (this.#fault !== null) {
      const { code, message } = this.#fault;
      if (this.#toolCalls === 0) await this.#apologise(code);
      return { outcome: "failed", error: { code, message } };
    }
    if (this.#incomplete !== null) return { outcome: "incomplete", reason: this.#incomplete };
    return { outcome: "completed" };
  }

  async #retrieve(): Promise<Passage[]> {
    const { clock, buildQuery, retrieval, retrieve, onStage } = this.#options;
    const { messages, tenant } = this.#request;
    const query = retrieval === "never" ? "" : buildQuery(messages);
    if (query === "") return [];
    const startedAtMs = clock.nowMs();
    const found = await retrieveInTime(
      (signal) => retrieve(query, { tenant, k: this.#limits.passagesMax, signal }),
      { clock, deadlineMs: startedAtMs + this.#limits.retrieveMs, signal: this.#signal },
    );
    this.#line.spend("retrieve");
    const { outcome } = found;
    onStage?.({ stage: "retrieve", provider: null, outcome, durationMs: clock.nowMs() - startedAtMs });
    return found.passages;
  }

  /** Asks the AI and hands its words and calls on; returns at its end. */
  async #answer(passages: Passage[]): Promise<void> {
    const { ai, clock } = this.#options;
    const { instructions, messages, tools, toolChoice, maxOutputTokens, spokenPrefix, tenant } =
      this.#request;
    const call = openScope(this.#signal);
    const startedAtMs = clock.nowMs();
    const follower = this.#line.observe(
      "ai",
      ai.name,
      () => this.#waitsFor === "ai" || this.#waitsFor === "sentence",
    );
    const { conversation, unplayedMs } = this.#control;
    const context = {
      signal: call.signal,
      deadlineMs: startedAtMs + this.#limits.aiMs,
      clock,
      tenant,
      callId: clock.randomId(9),
      observer: follower.observer,
      ...this.#line.patience(),
      ...(conversation === undefined ? {} : { conversation }),
      ...(unplayedMs === undefined ? {} : { unplayedMs: () => this.#speech?.unplayedMs() ?? unplayedMs() }),
    };
    const asked = { instructions, messages, passages, tools, toolChoice, spokenPrefix, maxOutputTokens };
    const cutter = createSentenceCutter(this.#limits.sentences);
    try {
      for await (const event of ai.stream(asked, context)) {
        if (event.type === "end") {
          addUsage(this.#usage, event.usage);
          follower.ended(event.outcome, event.provider, startedAtMs);
          if (event.outcome === "failed") this.#fault = event.error ?? nothingToSay;
          break;
        }
        if (call.signal.aborted || event.type === "writing") continue;
        if (event.type === "text") this.#write(event.delta, follower.provider, cutter.push, call);
        else if (event.type === "incomplete") this.#incomplete ??= event.reason;
        else this.#callTool(event, follower.provider, call);
        if (this.#incomplete !== null && event.type !== "incomplete") call.abort();
      }
    } finally {
      call.close();
    }
    if (this.#signal.aborted) return;
    for (const piece of cutter.flush()) this.#say(piece, () => call.abort());
    if (this.#fault === null && this.#written !== "") this.#emit({ type: "answer", text: this.#written });
  }

  /** Says what is known already. */
  #recite(recital: string): void {
    const { spokenPrefix, modality } = this.#request;
    const text = recital.startsWith(spokenPrefix) ? recital.slice(spokenPrefix.length) : recital;
    if (text.trim() === "") return;
    this.#firstTextAtMs = this.#options.clock.nowMs();
    if (modality === "text") {
      this.#reachDoor();
      return this.#emit({ type: "text", delta: text });
    }
    const cutter = createSentenceCutter(this.#limits.sentences);
    for (const piece of [...cutter.push(text), ...cutter.flush()]) this.#say(piece, () => undefined);
  }

  #write(delta: string, provider: string, cut: (delta: string) => string[], call: Scope): void {
    // Spaces before the first word say nothing.
    if (this.#firstTextAtMs === null && delta.trim() === "") return;
    this.#tellSpare(provider);
    this.#textChars += delta.length;
    this.#openWord = !/\s$/.test(delta);
    if (this.#firstTextAtMs === null) {
      this.#firstTextAtMs = this.#options.clock.nowMs();
      this.#line.spend("ai", provider);
      this.#waitsFor = "sentence";
      if (this.#request.modality === "text") this.#reachDoor();
    }
    if (this.#request.modality === "text") this.#emit({ type: "text", delta });
    else for (const piece of cut(delta)) this.#say(piece, () => call.abort());
    if (this.#textChars >= this.#limits.textCharsMax) this.#incomplete = "max_output_tokens";
  }

  /** Whose answer it is: the spare says once that it is one, at the beginning of an answer, until a vendor has answered. */
  #tellSpare(provider: string): void {
    const { spareAi, prepared } = this.#options;
    const { conversation } = this.#control;
    if (spareAi === undefined || conversation === undefined || this.#request.outOfBand) return;
    if (provider !== spareAi) {
      conversation.spareTold = false;
      return;
    }
    if (this.#firstTextAtMs !== null || this.#request.spokenPrefix !== "") return;
    const { modality, sampleRateHz, messages } = this.#request;
    const notice = prepared.sentence(spareCode);
    // The caller may have spoken over it: the history holds what was heard.
    const heard = () => messages.some((one) => one.role === "assistant" && one.text.includes(notice));
    if (conversation.spareTold === "perhaps" && heard()) conversation.spareTold = true;
    if (conversation.spareTold === true) return;
    conversation.spareTold = modality === "text" ? true : "perhaps";
    const text = `${notice} `;
    this.#firstTextAtMs = this.#options.clock.nowMs();
    this.#line.spend("ai", provider);
    if (modality === "text") {
      this.#waitsFor = "sentence";
      this.#reachDoor();
      return this.#emit({ type: "text", delta: text });
    }
    this.#say(text, () => undefined, prepared.audio(spareCode, sampleRateHz));
  }

  #callTool(event: Extract<ReplyEvent, { type: "toolCall" }>, provider: string, call: Scope): void {
    this.#toolCalls += 1;
    if (this.#toolCalls > this.#limits.toolCallsMax) {
      this.#incomplete = "max_output_tokens";
      call.abort();
      return;
    }
    if (this.#waitsFor === "ai" && this.#toolCalls === 1) {
      this.#line.spend("ai", provider);
      this.#emit({ type: "ledger", ledger: this.#line.ledger });
    }
    this.#emit(event);
  }

  /**
   * @param onFault - the voice failed: nothing more need be written
   * @param pcm - its audio, where it is there already
   */
  #say(piece: string, onFault: () => void, pcm: Int16Array | null = null): void {
    this.#written += piece;
    if (this.#speech === null) {
      this.#line.spend("sentence");
      const { clock, onStage } = this.#options;
      const durationMs = clock.nowMs() - (this.#firstTextAtMs ?? clock.nowMs());
      onStage?.({ stage: "sentence", provider: null, outcome: "completed", durationMs });
      this.#waitsFor = "tts";
      this.#speech = this.#open(0, onFault);
    }
    if (pcm === null) this.#speech.say(piece);
    else this.#speech.play(piece, pcm);
  }

  #open(firstIndex: number, onFault: () => void): Speech {
    const { tts, clock } = this.#options;
    return new Speech({
      tts,
      clock,
      limits: this.#limits,
      request: this.#request,
      control: this.#control,
      signal: this.#signal,
      line: this.#line,
      usage: this.#usage,
      firstIndex,
      sounded: this.#waitsFor === "nothing",
      emit: this.#emit,
      onSound: (provider) => {
        if (provider === null) this.#line.spend("overhead");
        else this.#line.spend("tts", provider);
        this.#reachDoor();
      },
      onFault,
    });
  }

  /** First useful output: what comes now is the session's. */
  #reachDoor(): void {
    this.#waitsFor = "nothing";
    this.#emit({ type: "ledger", ledger: this.#line.ledger });
  }

  /** A caller never meets silence: says the prepared sentence for `code`. */
  async #apologise(code: string): Promise<void> {
    const { prepared } = this.#options;
    const { modality, sampleRateHz } = this.#request;
    const text = prepared.sentence(code);
    if (modality === "text") {
      if (this.#waitsFor !== "nothing") {
        this.#line.spend("overhead");
        this.#reachDoor();
      }
      return this.#emit({ type: "text", delta: this.#openWord ? ` ${text}` : text });
    }
    const pcm = prepared.audio(code, sampleRateHz);
    if (this.#waitsFor !== "nothing") this.#waitsFor = "tts";
    const speech = this.#open(this.#speech?.nextIndex ?? 0, () => undefined);
    if (pcm === null) speech.say(text);
    else speech.play(text, pcm);
    await speech.finish();
  }
}
