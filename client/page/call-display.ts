import type { TurnEvent } from "../../wire/extensions.ts";
import type { ConversationState } from "../conversation-state.ts";
import type { VoiceCall } from "../voice-call.ts";
import type { CaptionRecord, CaptionsView, ShownTurn } from "./captions-view.ts";
import type { Dial } from "./dial.ts";
import { secondsOf } from "./figures.ts";
import type { GatePicture } from "./gate-picture.ts";
import type { TotalsView } from "./totals-view.ts";
import { writeTranscript } from "./transcript-export.ts";
import { TurnBook, type TurnRecord } from "./turn-book.ts";
import type { WaterfallView } from "./waterfall-view.ts";

export interface DisplayViews {
  captions: CaptionsView;
  waterfall: WaterfallView;
  totals: TotalsView;
  gate: GatePicture;
  dial: Dial;
}

/** Reports and waits that are kept for the console. */
const maxKept = 100;
/** A microphone frame. */
const frameMs = 20;
/** Totals are written anew at most that often while sound is sent. */
const totalsEveryMs = 1000;
const newConversation = "A new conversation: what was said before is forgotten.";

/** Everything that is shown of calls, one after another: words, sound, measures. */
export class CallDisplay {
  readonly reports: TurnEvent[] = [];
  readonly waits: number[] = [];
  readonly #views: DisplayViews;
  readonly #book = new TurnBook();
  #state: ConversationState = "closed";
  #countedAtMs = 0;

  constructor(views: DisplayViews) {
    this.#views = views;
  }

  get turns(): ShownTurn[] {
    return this.#views.captions.turns;
  }

  get records(): readonly CaptionRecord[] {
    return this.#views.captions.records;
  }

  /** The conversation and its measures as Markdown. */
  transcript(): string {
    return writeTranscript(this.records, this.#book.turns, this.#book.totals());
  }

  showState(state: ConversationState): void {
    const { captions, dial, gate } = this.#views;
    dial.voice = state === "speaking" ? "reply" : "microphone";
    if (state === "closed" || state === "connecting") this.#abandon();
    else if (this.#state === "speaking" && state !== "speaking") captions.settle();
    this.#state = state;
    if (state !== "closed") return;
    dial.rest();
    gate.rest();
    this.#showTotals();
  }

  /** Shows what that call tells from now on. */
  listen(call: VoiceCall): void {
    const { captions, gate, dial } = this.#views;
    const { client } = call;
    client.once("session.created", () => this.records.length > 0 && captions.divide(newConversation));
    client.on("input_audio_buffer.committed", ({ item_id: itemId }) => {
      captions.reserve("user", itemId);
      this.#book.noteCommitted(itemId);
    });
    client.on("userTranscript", (words) => {
      captions.show({ ...words, speaker: "user", interrupted: false });
      if (words.final && words.text !== "") this.#noteAsked(words.itemId, words.text);
    });
    client.on("conversation.item.input_audio_transcription.failed", ({ item_id: itemId }) =>
      captions.show({ itemId, speaker: "user", text: "(not understood)", final: true, interrupted: false }),
    );
    client.on("response.created", ({ response }) => this.#book.noteCreated(response.id));
    client.on("response.content_part.added", (event) =>
      this.#book.noteItem(event.response_id, event.item_id),
    );
    client.on("replyTranscript", (words) => captions.show({ ...words, speaker: "reply" }));
    client.on("response.done", ({ response }) => {
      if (response.status === "cancelled" || response.status === "failed") this.#book.noteBroken(response.id);
    });
    client.on("restarted", ({ message }) => captions.divide(message));
    client.on("parley.turn", (report) => {
      keep(this.reports, report);
      this.#showTurn(this.#book.noteReport(report));
    });
    client.on("gateLevel", (level) => gate.show(level));
    call.on("level", (ratio) => {
      if (!client.connected) return;
      dial.hear("microphone", call.muted ? 0 : ratio);
      if (call.mode === "hands-free" || call.pressed) this.#countSpoken();
    });
    call.on("playerLevel", (ratio) => dial.hear("reply", ratio));
    call.on("heard", ({ itemId, playedMs, wordIndex }) => {
      captions.light(itemId, wordIndex);
      this.#book.noteHeard(itemId, playedMs);
    });
    call.on("interrupted", ({ itemId }) => {
      this.#book.noteInterrupted(itemId);
      this.#refresh();
    });
    call.on("answered", ({ itemId, waitMs }) => {
      keep(this.waits, waitMs);
      captions.remark(itemId, `heard after ${secondsOf(waitMs)} s`);
      this.#showTurn(this.#book.noteAnswered(itemId, waitMs));
    });
  }

  #showTurn(turn: TurnRecord | null): void {
    if (turn === null) return;
    this.#views.waterfall.show(turn);
    this.#refresh();
    if (turn.waitMs !== null)
      this.#views.totals.showLatest(turn.waitMs, turn.report?.totals.infra_ms ?? null);
  }

  #noteAsked(itemId: string, text: string): void {
    this.#book.noteAsked(itemId, text);
    this.#refresh();
  }

  #abandon(): void {
    this.#book.noteOver(this.#views.captions.abandon());
    this.#refresh();
  }

  /** Shows what is new about the turns that are shown already. */
  #refresh(): void {
    this.#views.waterfall.refresh(this.#book.turns);
    this.#showTotals();
  }

  #countSpoken(): void {
    this.#book.noteSpoken(frameMs);
    const now = performance.now();
    if (now - this.#countedAtMs < totalsEveryMs) return;
    this.#countedAtMs = now;
    this.#showTotals();
  }

  #showTotals(): void {
    this.#views.totals.show(this.#book.totals());
  }
}

function keep<Value>(list: Value[], value: Value): void {
  list.push(value);
  if (list.length > maxKept) list.shift();
}
