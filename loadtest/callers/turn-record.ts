/** What one turn looked like from outside, on the caller's own clock (`performance.now`, ms). */
import type { TurnEvent } from "../../wire/extensions.ts";

export interface TurnRecord {
  index: number;
  text: string;
  /** When the last voiced sample was spoken, by the schedule. */
  lastVoicedAtMs: number;
  /** When the frame that holds it was due on the wire (up to one frame later: a microphone's own delay). */
  lastVoicedDueMs: number;
  responseId: string | null;
  transcript: string | null;
  /** First reply audio, of any kind, and first with sound in it. */
  firstAudioAtMs: number | null;
  firstSoundAtMs: number | null;
  doneAtMs: number | null;
  /** `response.done`'s status; null until then. */
  status: string | null;
  /** What was to be heard, by `response.output_audio_transcript.done`. */
  replyText: string;
  /** Playing stood still for that long inside the reply, for want of audio. */
  underrunMs: number;
  /** Only when the caller keeps audio; mono int16 at the caller's rate. */
  replyPieces: Int16Array[];
  /** When each of them came. */
  replyPiecesAtMs: number[];
  /** The gateway's own account of the turn, from `parley.turn` (only with `debug`). */
  report: TurnEvent | null;
  /** The reply began before the caller had finished speaking. */
  cutIn: boolean;
}

/** An empty record for a line that begins. */
export function openTurn(
  index: number,
  text: string,
  lastVoicedAtMs: number,
  lastVoicedDueMs: number,
): TurnRecord {
  return {
    index,
    text,
    lastVoicedAtMs,
    lastVoicedDueMs,
    responseId: null,
    transcript: null,
    firstAudioAtMs: null,
    firstSoundAtMs: null,
    doneAtMs: null,
    status: null,
    replyText: "",
    underrunMs: 0,
    replyPieces: [],
    replyPiecesAtMs: [],
    report: null,
    cutIn: false,
  };
}

/** Spoken end to first sound heard, ms; null when no reply was heard or it came before the end. */
export function turnLatencyMs(turn: TurnRecord, from: "spoken" | "due" = "spoken"): number | null {
  if (turn.firstSoundAtMs === null || turn.cutIn) return null;
  return turn.firstSoundAtMs - (from === "spoken" ? turn.lastVoicedAtMs : turn.lastVoicedDueMs);
}
