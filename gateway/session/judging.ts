/** Speech over a reply while it is not clear what is meant: turned down, listened into, stopped or let go on. */
import type { Change } from "./change.ts";
import type { SessionEvent } from "./events.ts";
import { samplesPerMs, type Utterance } from "./state.ts";
import { takeFailure, takeTranscript } from "./transcripts.ts";
import { isBackchannel } from "./turn-taking/backchannels.ts";
import { interruptingMs, judgeBargeIn, probeAfterNodAtMs, probeAtMs } from "./turn-taking/barge-in.ts";
import { announceSpeech, commitUtterance, dropSpeech } from "./utterances.ts";

type Event<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>;

/** What a recogniser said in the end. */
type Settled = Event<"transcribed"> | Event<"transcriptionFailed">;

/** Without a voice for that long, speech may be over, … */
const silenceMs = 40;
/** … which is looked at again after that, … */
const doubtMs = 24;
/** … and no longer than this: the VAD notices a pause within it. */
const longestDoubtMs = 160;
/** Words of that much of a stretch of speech are words of it. */
const tellingMs = 150;

/** Speech begins over a reply that sounds: when to turn it down, to ask for words and to stop it. */
export function startJudging(change: Change, onsetSample: number): void {
  const { ducks, limits } = change.state;
  if (ducks) {
    change.alarm("barge:duck", onsetSample + limits.duckMs * samplesPerMs);
    setProbe(change, onsetSample, 0);
  }
  const commitMs = interruptingMs(limits.bargeInMs, ducks, null);
  change.alarm("barge:commit", onsetSample + commitMs * samplesPerMs);
}

/** Speech over a reply goes on after a pause; what was a nod before it does not count any more. */
export function resumeJudging(change: Change, utterance: Utterance, atSample: number): void {
  const { ducks, limits } = change.state;
  const nodded = coversPause(utterance) && isBackchannel(utterance.words ?? "");
  const noddedSamples = nodded ? utterance.voicedSamples : utterance.noddedSamples;
  change.setUtterance({ noddedSamples, held: false, probes: 0 });
  if (ducks && !utterance.ducked) change.alarm("barge:duck", atSample + limits.duckMs * samplesPerMs);
  if (ducks) setProbe(change, atSample, 0);
  const commitMs = interruptingMs(limits.bargeInMs, ducks, null);
  const missing = commitMs * samplesPerMs - (utterance.voicedSamples - noddedSamples);
  change.alarm("barge:commit", atSample + Math.max(0, missing));
}

/** True when the words are of everything up to the pause that the speaker makes now. */
export function coversPause({ lastVoicedSample, words, wordsUntilSample }: Utterance): boolean {
  return (
    lastVoicedSample !== null &&
    words !== null &&
    wordsUntilSample !== null &&
    wordsUntilSample >= lastVoicedSample
  );
}

/** @param fromSample - where the current stretch of speech began */
function setProbe(change: Change, fromSample: number, index: number): void {
  const afterNod = (change.state.input.utterance?.noddedSamples ?? 0) > 0;
  const atMs = (afterNod ? probeAfterNodAtMs : probeAtMs)[index];
  if (atMs !== undefined) change.alarm("barge:probe", fromSample + atMs * samplesPerMs);
}

export function duck(change: Change): void {
  const { utterance } = change.state.input;
  if (!utterance || utterance.announced || utterance.ducked) return;
  change.setUtterance({ ducked: true });
  change.send({ type: "duck" });
}

function liftDuck(change: Change, utterance: Utterance): void {
  if (!utterance.ducked) return;
  change.setUtterance({ ducked: false });
  change.send({ type: "unduck" });
}

/** Speech over a reply goes on: its words so far are asked for. */
export function probe(change: Change, atSample: number): void {
  const { utterance } = change.state.input;
  if (!utterance || utterance.announced || utterance.lastVoicedSample !== null) return;
  const probes = utterance.probes + 1;
  change.setUtterance({ probes });
  change.effect({ type: "probeUtterance", itemId: utterance.itemId, atSample });
  setProbe(change, utterance.stretchFromSample, probes);
}

/** Speech over a reply was long enough to interrupt it, if its words so far give it no more time. */
export function onLongSpeech(change: Change, event: Event<"alarm">): void {
  const { utterance } = change.state.input;
  const { ducks, limits } = change.state;
  if (!utterance || utterance.announced) return;
  const { sample: atSample, voicedUntilSample = atSample } = event;
  const { voicedSamples, noddedSamples, stretchFromSample } = utterance;
  const spokenSamples = voicedSamples - noddedSamples + atSample - stretchFromSample;
  const words = ofThisStretch(utterance) ? utterance.words : null;
  const neededSamples = interruptingMs(limits.bargeInMs, ducks, words) * samplesPerMs;
  let missing = neededSamples - spokenSamples;
  const held = missing > 0;
  // It has fallen silent: whether that is a pause is known within a moment, and then its words decide.
  const isSilent = atSample - voicedUntilSample >= silenceMs * samplesPerMs;
  if (ducks && isSilent && spokenSamples - neededSamples < longestDoubtMs * samplesPerMs)
    missing = Math.max(missing, doubtMs * samplesPerMs);
  if (missing <= 0) return announceSpeech(change);
  change.setUtterance({ held });
  change.alarm("barge:commit", atSample + missing);
}

/** Who goes on after a pause does not draw a nod out, if the words are not of that, too. */
function ofThisStretch({ stretchFromSample, onsetSample, wordsUntilSample }: Utterance): boolean {
  if (stretchFromSample === onsetSample) return true;
  return wordsUntilSample !== null && wordsUntilSample - stretchFromSample >= tellingMs * samplesPerMs;
}

/** Decides on speech over a reply with what is known now; only final words (`settled`) can make it a nod. */
export function judge(change: Change, settled: Settled | null): void {
  const { utterance } = change.state.input;
  if (!utterance || utterance.announced) return;
  const waiting = utterance.awaitingWords;
  const spokenMs = (utterance.voicedSamples - utterance.noddedSamples) / samplesPerMs;
  const verdict = judgeBargeIn({
    words: utterance.words,
    heardMs: heardMs(utterance, settled),
    paused: coversPause(utterance),
    ended: settled !== null && waiting !== null,
    held: utterance.held,
    afterNod: utterance.noddedSamples > 0,
    short: utterance.lastVoicedSample !== null && spokenMs < change.state.limits.bargeInMs,
  });
  if (verdict === "resume") return liftDuck(change, utterance);
  if (verdict === "reject") return dropSpeech(change, utterance);
  if (verdict !== "commit") return;
  announceSpeech(change);
  const announced = change.state.input.utterance;
  if (!waiting || !announced) return;
  commitUtterance(change, announced, waiting.atSample, waiting.stamps, "wasEnded");
  if (settled?.type === "transcribed") takeTranscript(change, settled);
  else if (settled) takeFailure(change, settled);
}

/** Speech that the words were made of; all of it where the recogniser does not say. */
function heardMs({ onsetSample, wordsUntilSample }: Utterance, settled: Settled | null): number {
  if (settled !== null || wordsUntilSample === null) return Number.POSITIVE_INFINITY;
  return (wordsUntilSample - onsetSample) / samplesPerMs;
}

/** The words of an utterance are final. */
export function onTranscribed(change: Change, event: Event<"transcribed">): void {
  if (change.state.input.utterance?.itemId !== event.itemId) return takeTranscript(change, event);
  change.setUtterance({ words: event.text });
  judge(change, event);
}

export function onTranscriptionFailed(change: Change, event: Event<"transcriptionFailed">): void {
  if (change.state.input.utterance?.itemId !== event.itemId) return takeFailure(change, event);
  change.setUtterance({ words: "" });
  judge(change, event);
}
