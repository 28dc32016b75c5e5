/** The user's side: speech that begins, pauses and ends, on the clock of samples, and what clients commit by hand. */
import { openLedger } from "../turn/ledger.ts";
import type { Change } from "./change.ts";
import type { TurnDetection } from "./domain.ts";
import type { SessionEvent } from "./events.ts";
import { onIdle } from "./idling.ts";
import { coversPause, duck, judge, onLongSpeech, probe, resumeJudging, startJudging } from "./judging.ts";
import { type DecisionStamps, samplesPerMs, type Utterance } from "./state.ts";
import { isBackchannel } from "./turn-taking/backchannels.ts";
import { learnPause, longestWaitMs, prefixPaddingMs } from "./turn-taking/turn-end.ts";
import { addUserItem, maxPending, tooManyPending } from "./user-items.ts";
import {
  abandonSpeech,
  announceSpeech,
  cancelUtteranceAlarms,
  commitUtterance,
  dropSpeech,
  replySounds,
} from "./utterances.ts";

/** The front end notices speech up to that much later than it began (160 ms). */
const backdatedSamples = 2_560;
/** Speech so soon after a turn that nothing was said to yet goes on with it: the turn was ended too early. */
const sameTurnSamples = 3_000 * samplesPerMs;

type Event<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>;
type SpeechBegan = Pick<Event<"onset">, "sample" | "echoUntilSample">;

export function onOnset(change: Change, event: Event<"onset">): void {
  const { utterance, bufferFromSample, clearedAtSample } = change.state.input;
  if (utterance?.awaitingWords) return speakAgain(change, utterance.awaitingWords, event);
  if (utterance || !change.state.config.input.turnDetection) return;
  if (event.sample < Math.max(bufferFromSample - backdatedSamples, clearedAtSample)) {
    // It began in audio that was committed or cleared by hand, before the front end came to it. What goes on beyond
    // that is a turn of its own.
    return change.alarm("input:forget", bufferFromSample);
  }
  beginUtterance(change, event, replySounds(change));
}

function beginUtterance(change: Change, began: SpeechBegan, overReply: boolean): void {
  const { sample, echoUntilSample = 0 } = began;
  const detection = change.state.config.input.turnDetection;
  const { input, limits } = change.state;
  if (!detection) return;
  learnFromCutTurn(change, sample);
  const fromSample = Math.max(
    input.bufferFromSample,
    change.now.keptFromSample,
    sample - prefixPaddingMs(detection) * samplesPerMs,
    echoUntilSample,
  );
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
    wordsUntilSample: null,
    noddedSamples: 0,
    probes: 0,
    held: false,
  };
  change.setInput({ utterance });
  change.effect({ type: "openUtterance", itemId: utterance.itemId, fromSample });
  change.alarm("turn:max", fromSample + limits.maxTurnMs * samplesPerMs);
  if (overReply && detection.interruptResponse) startJudging(change, sample);
  else announceSpeech(change);
}

/** A turn that its speaker went on with before anything was said to it was ended within one of their pauses. */
function learnFromCutTurn(change: Change, onsetSample: number): void {
  const { unansweredSample, habit } = change.state.input;
  if (unansweredSample === null) return;
  const pauseSamples = onsetSample - unansweredSample;
  const wentOn = pauseSamples >= 0 && pauseSamples <= sameTurnSamples;
  change.setInput({
    unansweredSample: null,
    habit: wentOn ? learnPause(habit, pauseSamples / samplesPerMs, true) : habit,
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
  for (const key of ["barge:commit", "barge:duck", "barge:probe"]) change.cancelAlarm(key);
  change.alarm("turn:end", event.sample + silenceMs(change, detection) * samplesPerMs);
}

/** How long the speaker must be silent, as far as is known of the words that the pause follows. */
function silenceMs(change: Change, detection: TurnDetection): number {
  if (detection.type === "server_vad") return detection.silenceDurationMs;
  const { utterance, habit } = change.state.input;
  const { eagerness } = detection;
  const voicedMs = (utterance?.voicedSamples ?? 0) / samplesPerMs;
  const words = utterance && coversPause(utterance) ? utterance.words : null;
  const waitMs = change.now.turnEnds.waitMs({ words, voicedMs, habit }, eagerness);
  // A detector can be exchanged: whatever it says, the turn ends.
  const longestMs = longestWaitMs[eagerness];
  return Number.isFinite(waitMs) ? Math.round(Math.min(longestMs, Math.max(0, waitMs))) : longestMs;
}

export function onResumed(change: Change, event: Event<"resumed">): void {
  const { utterance, habit } = change.state.input;
  // The turn was closed between that sample and now: this is the next one's beginning.
  if (!utterance) return onOnset(change, { ...event, type: "onset" });
  if (utterance.awaitingWords) return speakAgain(change, utterance.awaitingWords, event);
  change.cancelAlarm("turn:end");
  if (!utterance.announced) resumeJudging(change, utterance, event.sample);
  if (utterance.lastVoicedSample !== null) {
    const pauseMs = (event.sample - utterance.lastVoicedSample) / samplesPerMs;
    change.setInput({ habit: learnPause(habit, pauseMs, true) });
  }
  change.setUtterance({ lastVoicedSample: null, stretchFromSample: event.sample });
  change.effect({ type: "markResumed", itemId: utterance.itemId, atSample: event.sample });
}

/** Whoever speaks twice over a reply wants the word, but for two nods. */
function speakAgain(
  change: Change,
  waiting: NonNullable<Utterance["awaitingWords"]>,
  began: SpeechBegan,
): void {
  const { utterance } = change.state.input;
  if (utterance && coversPause(utterance) && isBackchannel(utterance.words ?? "")) {
    dropSpeech(change, utterance);
    return beginUtterance(change, began, replySounds(change));
  }
  announceSpeech(change);
  const announced = change.state.input.utterance;
  if (announced) commitUtterance(change, announced, waiting.atSample, waiting.stamps, "wasEnded");
  // The reply has just ended with that: nothing is left to interrupt.
  beginUtterance(change, began, false);
}

/** Words so far: they may show what speech over a reply is meant for, and whether a pause ends the turn. */
export function onWords(change: Change, event: Event<"words">): void {
  if (change.state.input.utterance?.itemId !== event.itemId) return;
  change.setUtterance({ words: event.text, wordsUntilSample: event.untilSample });
  judge(change, null);
  tellWords(change);
  const { utterance } = change.state.input;
  const detection = change.state.config.input.turnDetection;
  if (utterance?.itemId !== event.itemId || detection?.type !== "semantic_vad") return;
  const { lastVoicedSample, awaitingWords } = utterance;
  if (lastVoicedSample === null || awaitingWords || !coversPause(utterance)) return;
  const endSample = lastVoicedSample + silenceMs(change, detection) * samplesPerMs;
  // Silence that was long enough before the words came ends the turn where they come.
  const atSample = Math.max(endSample, change.now.readableSamples);
  if (change.state.alarms["turn:end"] !== atSample) change.alarm("turn:end", atSample);
}

/** What the caller has said so far, where they want to read it. */
function tellWords(change: Change): void {
  const { utterance } = change.state.input;
  if (utterance?.announced !== true || !utterance.words || !change.state.config.input.transcription) return;
  change.send({ type: "callerWords", itemId: utterance.itemId, text: utterance.words });
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
    case "barge:probe":
      return probe(change, event.sample);
    case "barge:commit":
      return onLongSpeech(change, event);
    case "idle":
      return onIdle(change, event.sample);
    case "input:forget":
      if (!change.state.input.utterance) change.effect({ type: "resetSpeech" });
      return;
  }
}

/** The speaker was silent long enough: a turn, unless it was only a nod over the reply. */
function endSpeech(change: Change, atSample: number, stamps: DecisionStamps): void {
  // The reply ended while they spoke: a word at its end is an answer to it, not a nod.
  if (!replySounds(change)) announceSpeech(change);
  const { utterance } = change.state.input;
  if (!utterance) return;
  cancelUtteranceAlarms(change);
  if (!utterance.announced) {
    change.setUtterance({ awaitingWords: { atSample, stamps } });
    change.effect({ type: "endUtterance", itemId: utterance.itemId, atSample });
    return judge(change, null);
  }
  commitUtterance(change, utterance, atSample, stamps, "goesOn");
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
  change.setInput({
    bufferFromSample: atSample,
    unansweredSample: null,
    pending: [...change.state.input.pending, pending],
  });
  addUserItem(change, itemId);
  change.effect({ type: "endUtterance", itemId, atSample });
  change.effect({ type: "resetSpeech" });
}

export function onClear(change: Change, atSample: number): void {
  const { utterance } = change.state.input;
  if (utterance) abandonSpeech(change, utterance, true);
  change.setInput({ bufferFromSample: atSample, clearedAtSample: atSample });
  change.effect({ type: "resetSpeech" });
  change.send({ type: "inputCleared" });
}
