/** How much a client's event may hold. Numbers that the vendor documents are the vendor's. */
export const eventLimits = {
  /** Characters of an `event_id` (the vendor's). */
  eventIdChars: 512,
  /** Characters of an item's, a call's or a response's id. */
  idChars: 128,
  instructionsChars: 200_000,
  /** Characters of one text part, transcript, function call's arguments or output. */
  textChars: 262_144,
  /** Decoded bytes of one append, as the vendor has it. */
  audioBytes: 15 * 1024 * 1024,
  /** The same in base64. */
  audioBase64Chars: 20 * 1024 * 1024,
  /** Parts of one message. */
  partCount: 64,
  /** Items of one response's `input`. */
  inputItemCount: 512,
  toolCount: 128,
  /** Characters of a tool's name (the vendor's). */
  toolNameChars: 64,
  toolDescriptionChars: 16_384,
  voiceChars: 128,
  modelChars: 256,
  languageChars: 35,
  transcriptionPromptChars: 4_096,
  /** Entries, key and value lengths of a response's metadata (the vendor's). */
  metadataCount: 16,
  metadataKeyChars: 64,
  metadataValueChars: 512,
  /** Nesting and values of a free JSON value, such as a tool's parameters. */
  jsonDepth: 32,
  jsonValueCount: 10_000,
  maxOutputTokens: 4_096,
  speedRatio: { min: 0.25, max: 1.5 },
  paddingMs: { min: 0, max: 10_000 },
  silenceMs: { min: 0, max: 10_000 },
  /** The vendor's. */
  idleTimeoutMs: { min: 5_000, max: 30_000 },
  /** A day: no item is longer. */
  mediaTimeMs: 86_400_000,
  contentIndex: 1_023,
} as const;
