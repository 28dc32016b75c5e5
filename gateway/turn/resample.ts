/** Zero crossings of the kernel on either side. */
const kernelCrossings = 12;

/**
 * Changes the rate of a whole recording: windowed sinc, for what is done once and kept. Reply audio on its way
 * out is resampled elsewhere.
 *
 * @param pcm - mono int16; not modified
 * @param fromHz - its rate
 * @param toHz - the rate asked for; the same one gives the same samples
 */
export function resample(pcm: Int16Array, fromHz: number, toHz: number): Int16Array {
  if (fromHz === toHz) return pcm;
  const step = fromHz / toHz;
  /** Cutoff in cycles of the source, a little under the lower Nyquist rate. */
  const cutoff = Math.min(1, 1 / step) * 0.94;
  const reach = kernelCrossings / cutoff;
  const out = new Int16Array(Math.floor(pcm.length / step));
  for (let index = 0; index < out.length; index += 1) {
    const centre = index * step;
    let sum = 0;
    const last = Math.min(pcm.length - 1, Math.floor(centre + reach));
    for (let at = Math.max(0, Math.ceil(centre - reach)); at <= last; at += 1) {
      sum += pcm[at]! * kernel(at - centre, cutoff, reach);
    }
    out[index] = Math.max(-32768, Math.min(32767, Math.round(sum)));
  }
  return out;
}

function kernel(offset: number, cutoff: number, reach: number): number {
  if (offset === 0) return cutoff;
  const phase = Math.PI * offset * cutoff;
  const window = 0.5 + 0.5 * Math.cos((Math.PI * offset) / reach);
  return ((cutoff * Math.sin(phase)) / phase) * window;
}
