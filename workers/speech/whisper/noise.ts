/** How noisy an utterance is, from its own loud and quiet frames. */

const frameSamples = 320;
/** Share of frames that are quieter than what counts as quiet, and as loud. */
const quietRatio = 0.1;
const loudRatio = 0.9;
const lowestDb = -100;

/**
 * Distance between the loud and the quiet frames (20 ms each) of an utterance with a little of the room around it. Speech
 * without noise has 40 dB and more.
 *
 * @param pcm - mono at 16 kHz
 * @returns dB; 0 for less than two frames
 */
export function measureSnrDb(pcm: Int16Array): number {
  const levels = new Float64Array(Math.floor(pcm.length / frameSamples));
  if (levels.length < 2) return 0;
  for (let frame = 0; frame < levels.length; frame++) {
    let sum = 0;
    for (let i = frame * frameSamples; i < (frame + 1) * frameSamples; i++) sum += pcm[i]! * pcm[i]!;
    levels[frame] = Math.max(lowestDb, 10 * Math.log10(sum / frameSamples / 32768 ** 2 + 1e-12));
  }
  levels.sort();
  const at = (ratio: number) => levels[Math.round(ratio * (levels.length - 1))]!;
  return at(loudRatio) - at(quietRatio);
}
