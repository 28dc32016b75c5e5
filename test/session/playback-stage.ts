import type { AudioFormat } from "../../gateway/session/domain.ts";
import { Playback, type PlaybackLimits } from "../../gateway/session/playback.ts";
import { PlaybackTicker } from "../../gateway/session/playback-ticker.ts";
import type { SpokenPiece } from "../../gateway/session/state.ts";
import { createFakeClock } from "../turn/fake-clock.ts";

export const pcm16k = { type: "audio/pcm", rate: 16000 } as const;
export const samplesPerMs = 16;

/** A playback with a client that plays what it gets; a sample's value tells which piece it is of. */
export class Stage {
  readonly clock = createFakeClock(1_000);
  readonly sent: { responseId: string; itemId: string; fromMs: number; ms: number; bytes: Uint8Array }[] = [];
  readonly told: string[] = [];
  readonly known: SpokenPiece[] = [];
  readonly words: { itemId: string; text: string; fromMs: number }[] = [];
  readonly sounding: { ms: number; inMs: number }[] = [];
  readonly gone = new Set<string>();
  readonly playback: Playback;
  readonly #ticker = new PlaybackTicker(this.clock);
  readonly #bytesPerMs = new Map<string, number>();

  constructor(limits: Partial<PlaybackLimits> = {}) {
    this.playback = new Playback({
      clock: this.clock,
      limits: { aheadMs: 2_000, chunkMs: 100, heardLagMs: 200, ...limits },
      sink: {
        pieceStarted: (responseId, piece) => {
          this.told.push(`started ${piece.text} @${piece.fromMs}`);
          return this.gone.has(responseId) ? null : `item_${responseId}`;
        },
        asideSent: () => undefined,
        pieceKnown: (_responseId, piece) => void (piece.durationMs !== null && this.known.push(piece)),
        audio: (responseId, itemId, bytes, fromMs) => {
          this.sent.push({
            responseId,
            itemId,
            fromMs,
            bytes,
            ms: bytes.length / (this.#bytesPerMs.get(responseId) ?? 1),
          });
        },
        words: (_responseId, itemId, words) => this.words.push(...words.map((word) => ({ itemId, ...word }))),
        sounding: (pcm, rateHz, inMs) => this.sounding.push({ ms: (pcm.length * 1000) / rateHz, inMs }),
        drained: (responseId) => this.told.push(`drained ${responseId}`),
      },
    });
  }

  open(responseId: string, format: AudioFormat = pcm16k): void {
    const isPcm = format.type === "audio/pcm";
    this.#bytesPerMs.set(responseId, isPcm ? 32 : 8);
    this.playback.open(responseId, format, isPcm ? 16_000 : 8_000);
    this.#ticker.add(this.playback);
  }

  /** A piece whose audio is there as a whole. */
  say(responseId: string, index: number, ms: number, value = index + 1): void {
    this.playback.piece(responseId, index, `piece ${index}`);
    this.sound(responseId, index, ms, value);
    this.playback.pieceEnd(responseId, index);
  }

  sound(responseId: string, index: number, ms: number, value = index + 1): void {
    this.playback.samples(responseId, index, new Int16Array(ms * samplesPerMs).fill(value));
  }

  sentMs(responseId: string): number {
    return this.sent.filter((audio) => audio.responseId === responseId).reduce((sum, { ms }) => sum + ms, 0);
  }

  /** Values of the samples sent, one a run. */
  runs(responseId: string): { value: number; ms: number }[] {
    const runs: { value: number; ms: number }[] = [];
    for (const { bytes } of this.sent.filter((audio) => audio.responseId === responseId)) {
      const pcm = new Int16Array(bytes.slice().buffer);
      for (const value of pcm) {
        const last = runs.at(-1);
        if (last?.value === value) last.ms += 1 / samplesPerMs;
        else runs.push({ value, ms: 1 / samplesPerMs });
      }
    }
    return runs.map(({ value, ms }) => ({ value, ms: Math.round(ms) }));
  }
}
