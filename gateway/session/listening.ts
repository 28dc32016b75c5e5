/** The user's side: speech that begins, pauses and ends, and what becomes of it. */
import { advance, type Ledger, openLedger } from "../turn/ledger.ts";
import type { Change } from "./change.ts";
import { bargeIn } from "./ending.ts";
import type { SessionEvent } from "./events.ts";
import { onIdle } from "./idling.ts";
import { startAnswer, startReady } from "./responding.ts";
import type { DecisionStamps, TurnSoFar, Utterance } from "./state.ts";
import { judgeBargeIn } from "./turn-taking/barge-in.ts";
import { prefixPaddingMs, silenceBeforeTurnEndMs } from "./turn-taking/turn-end.ts";
import { addUserItem, audioPartIndex, maxPending, tooManyPending, withTranscript } from "./user-items.ts";

/** Samples of the session's clock in a millisecond. */
const samplesPerMs = 16;
/** The front end notices speech up to that much later than it began (160 ms). */
const backdatedSamples = 2_560;

type Event<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>;

export function onOnset(change: Change, event: Event<"onset">): void {
  const { utterance, bufferFromSample } = change.state.input;
  if (utterance?.awaitingWords) return speakAgain(change, utterance.awaitingWords, event.sample);
  if (utterance || !change.state.config.input.turnDetection) return;
  if (event.sample < bufferFromSample - backdatedSamples) {
    // It began in audio that was committed or cleared by hand, before the front end came to it. What goes on beyond
    // that is a turn of its own.
    return change.alarm("input:forget", bufferFromSample);
  }
  beginUtterance(change, event.sample, replyUnheard(change));
}

function beginUtterance(change: Change, sample: number, unheard: boolean): void {
  const detection = change.state.config.input.turnDetection;
  const { input, limits } = change.state;
  if (!detection) return;
  const fromSample = Math.max(
    input.bufferFromSample,
    change.now.keptFromSample,
    sample - prefixPaddingMs(detection) * samplesPerMs,
    0,
  );
  const overReply = detection.interruptResponse && unheard;
  const utterance: Utterance = {
    itemId: change.id("item"),
    fromSample,
    onsetSample: sample,
    lastVoicedSample: null,
    voicedSamples: 0,
    stretchFromSample: sample,
    announced: false,
    awaitingWords: null,
    ducked: false,
    words: null,
  };
  change.setInput({ utterance });
  change.effect({ type: "openUtterance", itemId: utterance.itemId, fromSample });
  change.alarm("turn:max", fromSample + limits.maxTurnMs * samplesPerMs);
  if (overReply) {
    change.alarm("barge:duck", sample + limits.duckMs * samplesPerMs);
    change.alarm("barge:commit", sample + limits.bargeInMs * samplesPerMs);
  } else {
    announceSpeech(change);
  }
}

/** A reply is being made, sent or still playing at the listener's. */
function replyUnheard(change: Change): boolean {
  return (
    change.now.playback?.unheard === true || change.state.responses.some((response) => !response.outOfBand)
  );
}

/** Says that speech began; over a reply this is the moment at which it is interrupted. */
function announceSpeech(change: Change): void {
  const { utterance } = change.state.input;
  const detection = change.state.config.input.turnDetection;
  if (!utterance || utterance.announced || !detection) return;
  change.cancelAlarm("barge:duck");
  change.cancelAlarm("barge:commit");
  // A stock SDK flushes its sound at this event, so the reply ends with it.
  if (detection.interruptResponse)
    bargeIn(change, () => sayStarted(change, utterance, prefixPaddingMs(detection)));
  else sayStarted(change, utterance, prefixPaddingMs(detection));
  change.setUtterance({ announced: true, ducked: false });
}

function sayStarted(change: Change, utterance: Utterance, paddingMs: number): void {
  change.send({
    type: "speechStarted",
    itemId: utterance.itemId,
    audioStartMs: Math.max(0, Math.round(utterance.onsetSample / samplesPerMs) - paddingMs),
  });
}

export function onPause(change: Change, event: Event<"pause">): void {
  const { utterance } = change.state.input;
  const detection = change.state.config.input.turnDetection;
  if (!utterance || !detection || utterance.awaitingWords) return;
  change.setUtterance({
    lastVoicedSample: event.sample,
    voicedSamples: utterance.voicedSamples + Math.max(0, event.sample - utterance.stretchFromSample),
  });
  change.effect({ type: "markPause", itemId: utterance.itemId, lastVoicedSample: event.sample });
  change.cancelAlarm("barge:commit");
  change.cancelAlarm("barge:duck");
  change.alarm("turn:end", event.sample + silenceBeforeTurnEndMs(detection) * samplesPerMs);
}

export function onResumed(change: Change, event: Event<"resumed">): void {
  const { utterance } = change.state.input;
  // The turn was closed between that sample and now: this is the next one's beginning.
  if (!utterance) return onOnset(change, { type: "onset", sample: event.sample });
  if (utterance.awaitingWords) return speakAgain(change, utterance.awaitingWords, event.sample);
  change.cancelAlarm("turn:end");
  change.setUtterance({ lastVoicedSample: null, stretchFromSample: event.sample });
  change.effect({ type: "markResumed", itemId: utterance.itemId, atSample: event.sample });
  if (!utterance.announced) {
    const missing = change.state.limits.bargeInMs * samplesPerMs - utterance.voicedSamples;
    change.alarm("barge:commit", event.sample + Math.max(0, missing));
  }
}

/** Whoever speaks twice over a reply wants the word. */
function speakAgain(change: Change, waiting: NonNullable<Utterance["awaitingWords"]>, sample: number): void {
  announceSpeech(change);
  const announced = change.state.input.utterance;
  if (announced) commitUtterance(change, announced, waiting.atSample, waiting.stamps, "ended");
  // The reply has just ended with that: nothing is left to interrupt.
  beginUtterance(change, sample, false);
}

export function onAlarm(change: Change, event: Event<"alarm">): void {
  if (change.state.alarms[event.key] === undefined) return;
  const { [event.key]: _fired, ...alarms } = change.state.alarms;
  change.set({ alarms });
  switch (event.key) {
    case "turn:end":
    case "turn:max":
      return endSpeech(change, event.sample, event.stamps);
    case "barge:duck":
      return duck(change);
    case "barge:commit":
      return announceSpeech(change);
    case "idle":
      return onIdle(change, event.sample);
    case "input:forget":
      if (!change.state.input.utterance) change.effect({ type: "resetSpeech" });
      return;
  }
}

function duck(change: Change): void {
  const { utterance } = change.state.input;
  if (!utterance || utterance.announced || utterance.ducked) return;
  change.setUtterance({ ducked: true });
  change.send({ type: "duck" });
}

/** The speaker was silent long enough: a turn, unless it was only a nod over the reply. */
function endSpeech(change: Change, atSample: number, stamps: DecisionStamps): void {
  // The reply ended while they spoke: a word at its end is an answer to it, not a nod.
  if (!replyUnheard(change)) announceSpeech(change);
  const { utterance } = change.state.input;
  if (!utterance) return;
  change.cancelAlarm("turn:end");
  change.cancelAlarm("turn:max");
  if (!utterance.announced) {
    change.setUtterance({ awaitingWords: { atSample, stamps } });
    change.effect({ type: "endUtterance", itemId: utterance.itemId, atSample });
    return judge(change, null);
  }
  commitUtterance(change, utterance, atSample, stamps, "open");
}

/** What a recogniser said in the end. */
type Settled = Event<"transcribed"> | Event<"transcriptionFailed">;

/** Decides on speech over a reply with what is known now; only final words (`settled`) can make it a nod. */
function judge(change: Change, settled: Settled | null): void {
  const { utterance } = change.state.input;
  if (!utterance || utterance.announced) return;
  const stretch = utterance.lastVoicedSample === null ? 0 : utterance.voicedSamples;
  const verdict = judgeBargeIn({
    spokenMs: stretch / samplesPerMs,
    commitMs: change.state.limits.bargeInMs,
    words: utterance.words,
    ended: settled !== null && utterance.awaitingWords !== null,
  });
  if (verdict === "reject") return dropSpeech(change, utterance);
  if (verdict !== "commit") return;
  const waiting = utterance.awaitingWords;
  announceSpeech(change);
  const announced = change.state.input.utterance;
  if (!waiting || !announced) return;
  commitUtterance(change, announced, waiting.atSample, waiting.stamps, settled ?? "ended");
}

/** It was no interruption: no event, no item, the reply goes on as if nothing had happened. */
function dropSpeech(change: Change, utterance: Utterance): void {
  for (const key of ["turn:end", "turn:max", "barge:duck", "barge:commit"]) change.cancelAlarm(key);
  change.effect({ type: "dropUtterance", itemId: utterance.itemId });
  change.effect({ type: "resetSpeech" });
  if (utterance.ducked) change.send({ type: "unduck" });
  const until = utterance.awaitingWords?.atSample ?? utterance.lastVoicedSample ?? utterance.onsetSample;
  change.setInput({
    utterance: null,
    bufferFromSample: Math.max(change.state.input.bufferFromSample, until),
  });
}

/** The turn is over: its item enters the conversation, its words follow. */
function commitUtterance(
  change: Change,
  utterance: Utterance,
  atSample: number,
  stamps: DecisionStamps,
  listening: "open" | "ended" | Settled,
): void {
  const detection = change.state.config.input.turnDetection;
  const audioMs = Math.max(0, atSample - utterance.fromSample) / samplesPerMs;
  change.send({
    type: "speechStopped",
    itemId: utterance.itemId,
    audioEndMs: Math.round(atSample / samplesPerMs),
  });
  const lastVoiced = utterance.lastVoicedSample ?? atSample;
  change.setInput({
    utterance: null,
    bufferFromSample: atSample,
    pending: [
      ...change.state.input.pending,
      {
        itemId: utterance.itemId,
        respond: detection?.createResponse ?? false,
        ledger: spokenLedger(stamps, (atSample - lastVoiced) / samplesPerMs),
        audioMs,
        range: { fromSample: utterance.fromSample, toSample: atSample },
      },
    ],
  });
  addUserItem(change, utterance.itemId);
  if (listening === "open") change.effect({ type: "endUtterance", itemId: utterance.itemId, atSample });
  change.effect({ type: "resetSpeech" });
  if (typeof listening === "string") return;
  if (listening.type === "transcribed") onTranscribed(change, listening);
  else onTranscriptionFailed(change, listening);
}

/** The line of time from the last voiced sample to the decision that the turn is over. */
function spokenLedger(stamps: DecisionStamps, silentMs: number): Ledger {
  let ledger = openLedger("voice", stamps.readAtMs - Math.max(0, silentMs));
  ledger = advance(ledger, "endpoint", stamps.readAtMs);
  ledger = advance(ledger, "ingress", stamps.inBusAtMs);
  ledger = advance(ledger, "gate", stamps.takenAtMs);
  return advance(ledger, "vad", stamps.decidedAtMs);
}

// ---- commits by hand -------------------------------------------------------------------------------------

export function onCommit(
  change: Change,
  atSample: number,
  clientEventId: string | null,
  readAtMs: number,
): void {
  const { input, limits } = change.state;
  const utterance = input.utterance;
  const announced = utterance?.announced === true ? utterance : null;
  const fromSample = Math.max(announced?.fromSample ?? input.bufferFromSample, change.now.keptFromSample);
  const audioMs = (atSample - fromSample) / samplesPerMs;
  if (audioMs < limits.minCommitMs) {
    return change.refuse("input_audio_buffer_commit_empty", clientEventId, {
      message: `Error committing input audio buffer: buffer too small. Expected at least ${limits.minCommitMs}ms of audio, but buffer only has ${Math.max(0, audioMs).toFixed(2)}ms of audio.`,
    });
  }
  if (input.pending.length >= maxPending) {
    return change.refuse("rate_limit_exceeded", clientEventId, { message: tooManyPending });
  }
  if (utterance) abandonSpeech(change, utterance, announced === null);
  const itemId = announced?.itemId ?? change.id("item");
  if (announced) {
    change.send({ type: "speechStopped", itemId, audioEndMs: Math.round(atSample / samplesPerMs) });
  } else {
    change.effect({ type: "openUtterance", itemId, fromSample });
  }
  const pending = {
    itemId,
    respond: false,
    ledger: openLedger("manual", readAtMs),
    audioMs,
    range: { fromSample, toSample: atSample },
  };
  change.setInput({ bufferFromSample: atSample, pending: [...change.state.input.pending, pending] });
  addUserItem(change, itemId);
  change.effect({ type: "endUtterance", itemId, atSample });
  change.effect({ type: "resetSpeech" });
}

export function onClear(change: Change, atSample: number): void {
  const { utterance } = change.state.input;
  if (utterance) abandonSpeech(change, utterance, true);
  change.setInput({ bufferFromSample: atSample });
  change.effect({ type: "resetSpeech" });
  change.send({ type: "inputCleared" });
}

/** Forgets speech that is going on: it was committed or cleared by hand, or detection was switched off. */
export function abandonSpeech(change: Change, utterance: Utterance, drop: boolean): void {
  for (const key of ["turn:end", "turn:max", "barge:duck", "barge:commit"]) change.cancelAlarm(key);
  if (utterance.ducked) change.send({ type: "unduck" });
  if (drop) change.effect({ type: "dropUtterance", itemId: utterance.itemId });
  change.setInput({ utterance: null });
}

// ---- words -----------------------------------------------------------------------------------------------

export function onWords(change: Change, event: Event<"words">): void {
  if (change.state.input.utterance?.itemId !== event.itemId) return;
  change.setUtterance({ words: event.text });
  judge(change, null);
}

/** The words of an utterance are final. */
export function onTranscribed(change: Change, event: Event<"transcribed">): void {
  const { itemId, text, provider, attempts } = event;
  const { utterance, pending } = change.state.input;
  if (utterance?.itemId === itemId) {
    change.setUtterance({ words: text });
    return judge(change, event);
  }
  const entry = pending.find((other) => other.itemId === itemId);
  if (!entry) return;
  change.setInput({ pending: pending.filter((other) => other !== entry) });
  const stored = change.item(itemId);
  const contentIndex = audioPartIndex(stored?.item);
  change.updateItem(itemId, (old) => ({ ...old, item: withTranscript(old.item, text) }));
  if (stored && change.state.config.input.transcription) {
    if (text !== "") change.send({ type: "transcriptionDelta", itemId, contentIndex, delta: text });
    change.send({
      type: "transcriptionCompleted",
      itemId,
      contentIndex,
      transcript: text,
      audioMs: Math.round(entry.audioMs),
    });
  }
  const ledger = advanceStt(entry.ledger, change.now.atMs, provider);
  settle(change, itemId, entry.respond && text.trim() !== "", { ledger, apology: null, attempts });
}

export function onTranscriptionFailed(change: Change, event: Event<"transcriptionFailed">): void {
  const { utterance, pending } = change.state.input;
  if (utterance?.itemId === event.itemId) {
    change.setUtterance({ words: "" });
    return judge(change, event);
  }
  const entry = pending.find((other) => other.itemId === event.itemId);
  if (!entry) return;
  change.setInput({ pending: pending.filter((other) => other !== entry) });
  const stored = change.item(event.itemId);
  if (stored && change.state.config.input.transcription) {
    const contentIndex = audioPartIndex(stored.item);
    const { code, message } = event;
    change.send({ type: "transcriptionFailed", itemId: event.itemId, contentIndex, code, message });
  }
  // A caller is never met with silence: the prepared sentence says what is wrong.
  const ledger = advanceStt(entry.ledger, change.now.atMs, event.provider);
  settle(change, event.itemId, entry.respond, { ledger, apology: event.code, attempts: event.attempts });
}

function advanceStt(ledger: Ledger, atMs: number, provider: string): Ledger {
  return provider === "" ? advance(ledger, "overhead", atMs) : advance(ledger, "stt", atMs, provider);
}

/** Hands the turn on: to responses that waited for these words, or to an answer of its own. */
function settle(change: Change, itemId: string, respond: boolean, turn: TurnSoFar): void {
  let answered = false;
  for (const response of change.state.responses) {
    if (!response.waitingFor.includes(itemId)) continue;
    answered ||= !response.outOfBand;
    change.updateResponse(response.id, {
      waitingFor: response.waitingFor.filter((other) => other !== itemId),
      ledger: response.ledger.kind === "text" ? response.ledger : turn.ledger,
      attempts: [...response.attempts, ...turn.attempts],
      plan: turn.apology ? { ...response.plan, apology: turn.apology } : response.plan,
    });
  }
  startReady(change);
  if (respond && !answered) startAnswer(change, turn);
}
