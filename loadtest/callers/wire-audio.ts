/** A caller's audio settings and how reply audio looks on its wire. */
import { decodeFrame } from "../../wire/binary-frames.ts";
import { decodeMulaw } from "../../wire/g711.ts";
import { samplesOf } from "./samples.ts";
import { type CallerAudio, callerAudioRates } from "./utterance.ts";

/** `session` for a hands-free call in that format. */
export function sessionFor(audio: CallerAudio, silenceMs: number): Record<string, unknown> {
  const format =
    audio === "base64-mulaw8k"
      ? { type: "audio/pcmu" }
      : { type: "audio/pcm", rate: callerAudioRates[audio] };
  return {
    type: "realtime",
    output_modalities: ["audio"],
    audio: {
      input: {
        format,
        transcription: { model: "default" },
        turn_detection: {
          type: "server_vad",
          silence_duration_ms: silenceMs,
          create_response: true,
          interrupt_response: true,
        },
      },
      output: { format },
    },
  };
}

/** Samples of a `response.output_audio.delta`. */
export function decodeReplyAudio(delta: string, audio: CallerAudio): Int16Array {
  const bytes = Buffer.from(delta, "base64");
  return audio === "base64-mulaw8k" ? decodeMulaw(bytes) : samplesOf(bytes);
}

/**
 * Samples of a binary reply frame, without its header.
 *
 * @throws {Error} when it is no such frame
 */
export function decodeReplyFrame(message: Uint8Array, audio: CallerAudio): Int16Array {
  const decoded = decodeFrame(message);
  if (!decoded.ok) throw new Error(decoded.message);
  const { samples } = decoded.frame;
  return audio === "base64-mulaw8k" ? decodeMulaw(samples) : samplesOf(samples);
}
