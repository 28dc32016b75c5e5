/** A reply as it sounded at the caller's: what came, when it came, with silence where nothing was there to be played. */
import { resampleWhole } from "../../workers/speech/resample.ts";
import type { TurnRecord } from "../callers/turn-record.ts";
import { finderRateHz } from "./speech-waveform.ts";

export interface ReplyAudio {
  /** Mono int16 at 16 kHz, from the first piece that came. */
  pcm: Int16Array;
  /** When it began to play (performance.now). */
  startedAtMs: number;
  /** Silence for want of audio. */
  underrunMs: number;
}

/** Longest reply that is looked at: three minutes. */
const maxReplySeconds = 180;

/** Plays a turn's pieces as a client does. */
export function playReply(turn: TurnRecord, rateHz: number): ReplyAudio {
  const startedAtMs = turn.replyPiecesAtMs[0] ?? turn.lastVoicedAtMs;
  const out = new Int16Array(maxReplySeconds * rateHz);
  let length = 0;
  let underrun = 0;
  for (const [index, piece] of turn.replyPieces.entries()) {
    const dueAt = Math.round(((turn.replyPiecesAtMs[index]! - startedAtMs) * rateHz) / 1000);
    if (dueAt > length) {
      underrun += dueAt - length;
      length = dueAt;
    }
    if (length + piece.length > out.length) break;
    out.set(piece, length);
    length += piece.length;
  }
  return {
    pcm: resampleWhole(out.slice(0, length), rateHz, finderRateHz),
    startedAtMs,
    underrunMs: (underrun * 1000) / rateHz,
  };
}
