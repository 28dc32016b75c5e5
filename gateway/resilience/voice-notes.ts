/** What was learned of the voices in one conversation: how fast each speaks, how loud it is beside the first one. */
import type { ConversationMemory } from "../providers/provider.ts";

export interface VoiceNotes {
  /** Durations that were expected and that it took, at speed 1, ms: their ratio is its pace. */
  expectedMs: number;
  spokenMs: number;
  /** The same of its words alone, without pauses. */
  wordsMs: number;
  voicedMs: number;
  /** Factor that makes it as loud as the voice before it; null until they were compared. */
  gain: number | null;
}

/** Voices that are kept for one conversation. */
export const voicesMax = 16;

const kept = new WeakMap<ConversationMemory, Map<string, VoiceNotes>>();

/** The notes of a voice (by its link's name); fresh ones, kept nowhere, where there is no conversation. */
export function voiceNotes(conversation: ConversationMemory | undefined, name: string): VoiceNotes {
  const fresh = { expectedMs: 0, spokenMs: 0, wordsMs: 0, voicedMs: 0, gain: null };
  if (conversation === undefined) return fresh;
  const voices = kept.get(conversation) ?? new Map<string, VoiceNotes>();
  kept.set(conversation, voices);
  const known = voices.get(name);
  if (known !== undefined) return known;
  if (voices.size < voicesMax) voices.set(name, fresh);
  return fresh;
}

/** As much as a voice must have said before its own pace counts for more than everybody's. */
const learnedMs = 1_500;

/** Share of a word that is loud enough to count; the rest is closures and fading. */
const voicedRatio = 0.9;

/** How long the voice takes for what is expected to take 1 ms; 1 until enough was heard of it. */
export function paceOf({ expectedMs, spokenMs }: VoiceNotes): number {
  return (spokenMs + learnedMs) / (expectedMs + learnedMs);
}

/** The same for words without their pauses. */
export function wordPaceOf({ wordsMs, voicedMs }: VoiceNotes): number {
  return (voicedMs + learnedMs * voicedRatio) / (wordsMs + learnedMs);
}
