/** The page's entry point: one button, both sides' words, and plain words for whatever goes wrong. */
import type { TurnEvent } from "../../wire/extensions.ts";
import type { ConversationState } from "../conversation-state.ts";
import { ParleyClient } from "../parley-client.ts";
import { ParleyError } from "../parley-error.ts";
import { VoiceCall } from "../voice-call.ts";
import { ConversationView, type ShownTurn } from "./conversation-view.ts";

/** Put in by the bundler: the worklets' hashed addresses. */
declare const MICROPHONE_WORKLET_URL: string;
declare const PLAYER_WORKLET_URL: string;

/** A debugging aid: `window.parley` in the console. */
export interface PageProbe {
  readonly state: ConversationState;
  readonly turns: ShownTurn[];
  /** Codes of the errors since the page was opened (the newest 100). */
  readonly errors: readonly string[];
  /** Reports of the latest 100 turns (where their time went). */
  readonly reports: readonly TurnEvent[];
  /** With `?record=1` in the page's address: what was played so far, int16 mono at 24 kHz. */
  recording(): Int16Array;
}

declare global {
  interface Window {
    parley: PageProbe;
  }
}

const keyName = "parley.api-key";
const maxKept = 100;
const statusWords: Readonly<Record<ConversationState, string>> = {
  closed: "Press Talk and ask something.",
  connecting: "Connecting…",
  listening: "Listening. Say something.",
  hearing: "I hear you…",
  thinking: "Thinking…",
  speaking: "Speaking. Talk over it to interrupt.",
};

function find<Type extends HTMLElement>(id: string): Type {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element as Type;
}

const talk = find<HTMLButtonElement>("talk");
const talkLabel = find("talk-label");
const status = find("status");
const problem = find("problem");
const figures = find("figures");
const keyForm = find<HTMLFormElement>("key-form");
const keyInput = find<HTMLInputElement>("key");
const view = new ConversationView({
  list: find("turns"),
  hint: find("hint"),
  scroller: find("conversation"),
});
const errors: string[] = [];
const reports: TurnEvent[] = [];
let call: VoiceCall | null = null;

function createCall(): VoiceCall {
  const client = new ParleyClient({
    url: new URL("/v1/realtime", location.href).href,
    apiKey: () => sessionStorage.getItem(keyName) ?? "",
    audio: "binary",
    extensions: { duck: true, debug: true },
  });
  const made = new VoiceCall({
    client,
    workletUrls: { microphone: MICROPHONE_WORKLET_URL, player: PLAYER_WORKLET_URL },
    record: new URLSearchParams(location.search).get("record") === "1",
  });
  client.on("state", ({ state }) => showState(state));
  client.on("input_audio_buffer.committed", (event) => view.reserve("user", event.item_id));
  client.on("userTranscript", (words) => view.show({ ...words, speaker: "user", interrupted: false }));
  client.on("conversation.item.input_audio_transcription.failed", (event) =>
    view.show({
      itemId: event.item_id,
      speaker: "user",
      text: "(not understood)",
      final: true,
      interrupted: false,
    }),
  );
  client.on("replyTranscript", (words) => view.show({ ...words, speaker: "reply" }));
  client.on("reconnecting", ({ cause }) => tell(`${cause.message} Connecting again…`));
  client.on("restarted", ({ message }) => {
    tell("");
    view.divide(message);
  });
  client.on("parley.turn", showFigures);
  made.on("level", showLevel);
  made.on("error", complain);
  made.on("ended", ({ error }) => {
    if (error !== null) complain(error);
    showLevel(0);
  });
  return made;
}

async function begin(): Promise<void> {
  tell("");
  keyForm.hidden = true;
  talk.dataset.state = "connecting";
  showWords("connecting", "Asking for the microphone…");
  call = createCall();
  const begun = call;
  try {
    await begun.start();
  } catch (error) {
    if (call === begun) showState("closed");
    if (error instanceof ParleyError && error.code === "closed_by_caller") return;
    complain(
      error instanceof ParleyError ? error : new ParleyError("internal_error", { detail: String(error) }),
    );
  }
}

function end(): void {
  call?.stop();
  showState("closed");
}

function showState(state: ConversationState): void {
  showWords(state, statusWords[state]);
  if (state !== "closed" && state !== "connecting") tell("");
}

function showWords(state: ConversationState, words: string): void {
  talk.dataset.state = state;
  talkLabel.textContent = state === "closed" ? "Talk" : "End";
  if (status.textContent !== words) status.textContent = words;
}

function showLevel(levelRatio: number): void {
  // Speech lies around 0.02 to 0.2; the root spreads that over the ring's width.
  talk.style.setProperty("--level", Math.min(1, Math.sqrt(levelRatio) * 2).toFixed(2));
}

function showFigures(report: TurnEvent): void {
  reports.push(report);
  if (reports.length > maxKept) reports.shift();
  if (report.kind !== "voice") return;
  const { turn_ms: turnMs, infra_ms: infraMs } = report.totals;
  figures.textContent = `Answered ${(turnMs / 1000).toFixed(1)} s after your last word; ${Math.round(infraMs)} ms of it were Parley's own.`;
}

function tell(words: string): void {
  if (problem.textContent !== words) problem.textContent = words;
}

function complain(error: ParleyError): void {
  errors.push(error.code);
  if (errors.length > maxKept) errors.shift();
  tell(error.message);
  if (
    error.code !== "missing_api_key" &&
    error.code !== "invalid_api_key" &&
    error.code !== "api_key_unusable"
  )
    return;
  sessionStorage.removeItem(keyName);
  keyForm.hidden = false;
  keyInput.value = "";
  keyInput.focus();
}

talk.addEventListener("click", () => {
  if (talk.dataset.state === "closed") void begin();
  else end();
});

keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(keyName, keyInput.value.trim());
  talk.focus();
  void begin();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && talk.dataset.state === "speaking") void call?.interrupt();
});

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible" || call === null) return;
  void call.microphone.wake();
  void call.player.wake();
});

window.parley = {
  get state() {
    return call?.client.state ?? "closed";
  },
  get turns() {
    return view.turns;
  },
  errors,
  reports,
  recording: () => call?.player.recording() ?? new Int16Array(0),
};
