/** Audio as a WAV file, for vendors that take files. */

const headerBytes = 44;

/**
 * @param pcm - mono int16 at 16 kHz
 * @returns a RIFF file of 44 bytes more than the samples take
 */
export function wavOf(pcm: Int16Array): Uint8Array<ArrayBuffer> {
  const sampleRateHz = 16_000;
  const dataBytes = pcm.length * 2;
  const file = new Uint8Array(headerBytes + dataBytes);
  const view = new DataView(file.buffer);
  const tag = (at: number, text: string) => file.set(new TextEncoder().encode(text), at);
  tag(0, "RIFF");
  view.setUint32(4, headerBytes - 8 + dataBytes, true);
  tag(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, sampleRateHz * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  tag(36, "data");
  view.setUint32(40, dataBytes, true);
  new Int16Array(file.buffer, headerBytes).set(pcm);
  return file;
}
