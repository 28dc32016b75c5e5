/** Recorded sequences of server events, as a gateway sends them. */
import type { SentResponse } from "../../wire/events.ts";
import type { FakePeer } from "./fake-gateway.ts";

/** A response as `response.created` and `response.done` show it. */
export function responseWith(id: string, fields: Partial<SentResponse> = {}): SentResponse {
  return {
    id,
    object: "realtime.response",
    status: "in_progress",
    status_details: null,
    output: [],
    conversation_id: "conv_1",
    output_modalities: ["audio"],
    max_output_tokens: "inf",
    audio: { output: { format: { type: "audio/pcm", rate: 24000 }, voice: "slt" } },
    usage: null,
    metadata: null,
    ...fields,
  };
}

/** The user speaks and is written down. */
export function sendUserTurn(peer: FakePeer, itemId: string, words: string): void {
  peer.send({ type: "input_audio_buffer.speech_started", item_id: itemId, audio_start_ms: 100 });
  peer.send({ type: "input_audio_buffer.speech_stopped", item_id: itemId, audio_end_ms: 900 });
  peer.send({ type: "input_audio_buffer.committed", item_id: itemId, previous_item_id: null });
  peer.send({
    type: "conversation.item.input_audio_transcription.completed",
    item_id: itemId,
    content_index: 0,
    transcript: words,
    usage: { type: "duration", seconds: 1 },
  });
}

/** A reply begins. */
export function beginReply(peer: FakePeer, responseId: string, itemId: string): void {
  const at = { response_id: responseId, item_id: itemId, output_index: 0, content_index: 0 };
  peer.send({ type: "response.created", response: responseWith(responseId) });
  peer.send({ type: "response.content_part.added", ...at, part: { type: "audio", transcript: "" } });
}

/** More of its words. */
export function sendWords(peer: FakePeer, responseId: string, itemId: string, delta: string): void {
  const at = { response_id: responseId, item_id: itemId, output_index: 0, content_index: 0 };
  peer.send({ type: "response.output_audio_transcript.delta", ...at, delta });
}

/** Its end. */
export function endReply(
  peer: FakePeer,
  responseId: string,
  itemId: string,
  transcript: string,
  status: SentResponse["status"] = "completed",
): void {
  const at = { response_id: responseId, item_id: itemId, output_index: 0, content_index: 0 };
  peer.send({ type: "response.output_audio.done", ...at });
  peer.send({ type: "response.output_audio_transcript.done", ...at, transcript });
  peer.send({
    type: "response.done",
    response: responseWith(responseId, {
      status,
      output: [
        {
          type: "message",
          id: itemId,
          object: "realtime.item",
          status: "completed",
          role: "assistant",
          content: [{ type: "output_audio", transcript }],
        },
      ],
    }),
  });
}
