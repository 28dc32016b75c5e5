/** What one caller said and heard, as a WAV: their own voice on the left, the gateway's on the right. */
import type { DrillCaller } from "./drill-caller.ts";
import { drillRateHz } from "./drill-caller.ts";
import { playReply } from "./reply-audio.ts";
import { finderRateHz } from "./speech-waveform.ts";

const channels = 2;
const headerBytes = 44;
/** Ten minutes. */
const maxSamples = 600 * finderRateHz;
const tailSamples = finderRateHz / 2;

function writeHeader(bytes: Buffer): void {
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(finderRateHz, 24);
  bytes.writeUInt32LE(finderRateHz * 2 * channels, 28);
  bytes.writeUInt16LE(2 * channels, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(bytes.length - headerBytes, 40);
}

/**
 * Makes the recording.
 *
 * @param fromMs - performance.now() of its beginning
 */
export function recordCall(caller: DrillCaller, fromMs: number): Buffer {
  const at = (ms: number) => Math.max(0, Math.round(((ms - fromMs) * finderRateHz) / 1000));
  const parts: { pcm: Int16Array; at: number; channel: number }[] = [];
  for (const [index, { record }] of caller.turns().entries()) {
    const utterance = caller.utterances[index];
    if (utterance !== undefined) {
      const spokenMs = (utterance.lastVoicedSample * 1000) / utterance.rateHz;
      parts.push({ pcm: utterance.pcm, at: at(record.lastVoicedAtMs - spokenMs), channel: 0 });
    }
    if (record.replyPieces.length === 0) continue;
    const reply = playReply(record, drillRateHz);
    parts.push({ pcm: reply.pcm, at: at(reply.startedAtMs), channel: 1 });
  }
  const end = parts.reduce((most, part) => Math.max(most, part.at + part.pcm.length), 0) + tailSamples;
  const samples = Math.min(maxSamples, end);
  const bytes = Buffer.alloc(headerBytes + samples * 2 * channels);
  writeHeader(bytes);
  for (const part of parts) {
    const length = Math.min(part.pcm.length, samples - part.at);
    for (let index = 0; index < length; index++) {
      bytes.writeInt16LE(part.pcm[index]!, headerBytes + ((part.at + index) * channels + part.channel) * 2);
    }
  }
  return bytes;
}
