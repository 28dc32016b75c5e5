/** Somebody makes a sound over a reply, long and voice-like enough to stop it: it depends on the words what follows. */
import { afterEach, describe, expect, test } from "vitest";
import { defaultPlaybackLimits } from "../../gateway/session/playback.ts";
import { RealtimeClient, type ServerEvent } from "../support/realtime-client.ts";
import { sayRecording, sayUtterance } from "../support/speech.ts";
import { type SteppedGateway, startSteppedGateway } from "../support/stepped-gateway.ts";
import { heardWords, voiceSession } from "./scripted-gateway.ts";

const sentences = [
  "The quick brown fox jumps over the lazy dog.",
  "I would like a table for two at eight tonight.",
  "Your order left the house this morning and will be with you on Friday.",
] as const;
const otherReply = "That is another matter.";
/** So much of the second sentence is heard before the sound. */
const intoSentenceMs = 700;
const stepMs = 100;
const longestMs = 60_000;

let gateway: SteppedGateway | null = null;
let client: RealtimeClient;
afterEach(async () => {
  client?.close();
  await gateway?.stop();
  gateway = null;
});

/** How long it takes flite to say these. */
async function spokenMs(texts: readonly string[]): Promise<number> {
  const said = await Promise.all(texts.map((text) => sayUtterance(text)));
  return said.reduce((sum, { pcm, rateHz }) => sum + (pcm.length * 1000) / rateHz, 0);
}

/** What the caller gets for a sound in the middle of the second sentence in which the recogniser hears `words`. */
async function interrupt(
  words: string,
): Promise<{ cut: ServerEvent; transcript: string; next: ServerEvent }> {
  const rules = [{ match: heardWords.slice(0, 8), reply: otherReply, toolCall: undefined }];
  gateway = await startSteppedGateway({ transcripts: [words], reply: sentences.join(" "), rules });
  const { clock, wsUrl } = gateway;
  client = await RealtimeClient.session(wsUrl, voiceSession);
  client.say("Tell me all.");
  client.send({ type: "response.create" });
  await client.next("response.output_audio.delta");
  await clock.advance((await spokenMs(sentences.slice(0, 1))) + intoSentenceMs);
  await clock.advance(defaultPlaybackLimits.heardLagMs);
  client.append(await sayRecording("Aaaaah, mmmmm, aaaaah."));
  await client.next("input_audio_buffer.speech_started");
  const cut = await client.next("response.done");
  const { transcript } = await client.next("conversation.item.input_audio_transcription.completed");
  await client.next("response.created");
  for (let ms = 0; client.all("response.done").length < 2 && ms < longestMs; ms += stepMs) {
    await clock.advance(stepMs);
    await client.probe();
  }
  return { cut: cut.response, transcript, next: (await client.next("response.done")).response };
}

const wordsOf = (response: ServerEvent): string => response.output[0].content[0].transcript.trim();

describe("a sound that stops a reply", () => {
  test("and holds no words: a new response says the rest, from the sentence that was cut", async () => {
    const { cut, transcript, next } = await interrupt("");
    expect(cut).toMatchObject({ status: "cancelled", status_details: { reason: "turn_detected" } });
    expect(wordsOf(cut)).toMatch(/^The quick brown fox jumps over the lazy dog\. I would like\b[\w ]*$/);
    expect(transcript).toBe("");
    expect(next.status).toBe("completed");
    expect(next.id).not.toBe(cut.id);
    expect(wordsOf(next)).toBe(sentences.slice(1).join(" "));
    const heardMs = client.audioOf(next.output[0].id).length / 48;
    expect(Math.abs(heardMs - (await spokenMs(sentences.slice(1))))).toBeLessThan(stepMs);
  });

  test("and holds words: they are answered, and the rest is not said", async () => {
    const { cut, transcript, next } = await interrupt(heardWords);
    expect(cut.status).toBe("cancelled");
    expect(transcript).toBe(heardWords);
    expect(wordsOf(next)).toBe(otherReply);
  });
});
