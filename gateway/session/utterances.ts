/** An utterance's way: announced, committed as a turn, or dropped. */
import { advance, type Ledger, openLedger } from "../turn/ledger.ts";
import type { Change } from "./change.ts";
import { bargeIn } from "./ending.ts";
import { type DecisionStamps, samplesPerMs, type Utterance } from "./state.ts";
import { prefixPaddingMs } from "./turn-taking/turn-end.ts";
import { addUserItem } from "./user-items.ts";

/** Deadlines that an utterance may have set. */
const utteranceAlarms = ["turn:end", "turn:max", "barge:duck", "barge:probe", "barge:commit"] as const;

export function cancelUtteranceAlarms(change: Change): void {
  for (const key of utteranceAlarms) change.cancelAlarm(key);
}

/** Reply audio that was sent is not heard yet: who speaks now speaks over it. */
export function replySounds(change: Change): boolean {
  return change.now.playback?.unheard === true;
}

/** Says that speech began; over a reply this is the moment at which it is interrupted. */
export function announceSpeech(change: Change): void {
  const { utterance } = change.state.input;
  const detection = change.state.config.input.turnDetection;
  if (!utterance || utterance.announced || !detection) return;
  for (const key of ["barge:duck", "barge:probe", "barge:commit"]) change.cancelAlarm(key);
  const sayStarted = () =>
    change.send({
      type: "speechStarted",
      itemId: utterance.itemId,
      audioStartMs: Math.max(
        0,
        Math.round(utterance.onsetSample / samplesPerMs) - prefixPaddingMs(detection),
      ),
    });
  // A stock SDK flushes its sound at this event, so the reply ends with it.
  if (detection.interruptResponse) bargeIn(change, utterance.itemId, sayStarted);
  else sayStarted();
  change.setUtterance({ announced: true, ducked: false });
}

/** The turn is over: its item enters the conversation, its words follow. */
export function commitUtterance(
  change: Change,
  utterance: Utterance,
  atSample: number,
  stamps: DecisionStamps,
  recogniser: "goesOn" | "wasEnded",
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
    unansweredSample: lastVoiced,
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
  if (recogniser === "goesOn") change.effect({ type: "endUtterance", itemId: utterance.itemId, atSample });
  change.effect({ type: "resetSpeech" });
}

/** The line of time from the last voiced sample to the decision that the turn is over. */
function spokenLedger(stamps: DecisionStamps, silentMs: number): Ledger {
  let ledger = openLedger("voice", stamps.readAtMs - Math.max(0, silentMs));
  ledger = advance(ledger, "endpoint", stamps.readAtMs);
  ledger = advance(ledger, "ingress", stamps.inBusAtMs);
  ledger = advance(ledger, "gate", stamps.takenAtMs);
  return advance(ledger, "vad", stamps.decidedAtMs);
}

/** It was no interruption: no event, no item, the reply goes on as if nothing had happened. */
export function dropSpeech(change: Change, utterance: Utterance): void {
  forget(change, utterance, true);
  change.effect({ type: "resetSpeech" });
  const until = utterance.awaitingWords?.atSample ?? utterance.lastVoicedSample ?? utterance.onsetSample;
  change.setInput({ bufferFromSample: Math.max(change.state.input.bufferFromSample, until) });
}

/** Forgets speech that is going on: it was committed or cleared by hand, or detection was switched off. */
export function abandonSpeech(change: Change, utterance: Utterance, drop: boolean): void {
  forget(change, utterance, drop);
  if (change.state.brokenReply?.byItemId === utterance.itemId) change.set({ brokenReply: null });
}

function forget(change: Change, utterance: Utterance, drop: boolean): void {
  cancelUtteranceAlarms(change);
  if (drop) change.effect({ type: "dropUtterance", itemId: utterance.itemId });
  if (utterance.ducked) change.send({ type: "unduck" });
  change.setInput({ utterance: null });
}
