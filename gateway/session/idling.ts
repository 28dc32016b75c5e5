/** Nobody says anything: how long a client lets that be. */
import { openLedger } from "../turn/ledger.ts";
import type { Change } from "./change.ts";
import { startAnswer } from "./responding.ts";
import { samplesPerMs } from "./state.ts";
import { addUserItem } from "./user-items.ts";

/**
 * Keeps the idle deadline as the state wants it: from the end of the last reply's playback on (on the clock of
 * samples), and never while anything is said, waited for or answered. Called after every step.
 */
export function keepIdle(change: Change): void {
  const { config, input, owedReply, lastResponseId, alarms } = change.state;
  const detection = config.input.turnDetection;
  const timeoutMs = detection?.type === "server_vad" ? detection.idleTimeoutMs : null;
  const busy = input.utterance || input.pending.length > 0 || change.inBand || owedReply;
  if (timeoutMs === null || lastResponseId === null || busy) return change.cancelAlarm("idle");
  if (alarms.idle !== undefined) return;
  change.alarm(
    "idle",
    change.now.receivedSamples + Math.ceil((unheardMs(change) + timeoutMs) * samplesPerMs),
  );
}

/** Reply audio that the listener has still before them. */
function unheardMs(change: Change): number {
  const { playback } = change.now;
  if (!playback?.unheard) return 0;
  const waiting = (playback.others ?? []).filter((other) => other.unheard);
  return [playback, ...waiting].reduce((sum, { sentMs, heardMs }) => sum + sentMs - heardMs, 0);
}

/** Nothing was said for as long as the client allows after a reply was heard. */
export function onIdle(change: Change, atSample: number): void {
  const detection = change.state.config.input.turnDetection;
  if (detection?.type !== "server_vad" || detection.idleTimeoutMs === null) return;
  if (change.state.input.utterance || change.inBand) return;
  const itemId = change.id("item");
  const audioEndMs = Math.round(atSample / samplesPerMs);
  const audioStartMs = Math.max(0, audioEndMs - detection.idleTimeoutMs);
  change.send({ type: "inputTimeout", itemId, audioStartMs, audioEndMs });
  addUserItem(change, itemId, "");
  change.setInput({ bufferFromSample: atSample });
  startAnswer(change, { ledger: openLedger("manual", change.now.atMs), apology: null, attempts: [] });
}
