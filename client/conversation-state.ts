/** What a person would say is going on. */
export type ConversationState = "connecting" | "listening" | "hearing" | "thinking" | "speaking" | "closed";

/** The facts that the state follows from; each is kept up to date by the event that changes it. */
export interface ConversationFacts {
  link: "closed" | "connecting" | "open";
  /** Between `speech_started` and `speech_stopped`. */
  userSpeaking: boolean;
  /** The user's turn is over and its answer has not begun. */
  awaitingReply: boolean;
  /** Between `response.created` and `response.done`. */
  responding: boolean;
  /** The response in progress has sent audio. */
  replyAudible: boolean;
  /** Sound of a reply is coming out of the speaker, or waiting to. */
  playing: boolean;
}

export const initialFacts: Readonly<ConversationFacts> = {
  link: "closed",
  userSpeaking: false,
  awaitingReply: false,
  responding: false,
  replyAudible: false,
  playing: false,
};

/** Names the state: the user's voice goes before the reply's, sound before silence. */
export function stateOf(facts: ConversationFacts): ConversationState {
  if (facts.link !== "open") return facts.link;
  if (facts.userSpeaking) return "hearing";
  if (facts.playing || (facts.responding && facts.replyAudible)) return "speaking";
  if (facts.responding || facts.awaitingReply) return "thinking";
  return "listening";
}

/** The few fields of server events that the facts depend on. */
export interface StateEvent {
  type: string;
  transcript?: unknown;
}

/** The facts after a server event; the same object if nothing changed. */
export function applyEvent(facts: ConversationFacts, event: StateEvent): ConversationFacts {
  switch (event.type) {
    case "session.created":
      return { ...initialFacts, link: "open", playing: facts.playing };
    case "input_audio_buffer.speech_started":
      return { ...facts, userSpeaking: true, awaitingReply: false };
    case "input_audio_buffer.speech_stopped":
      return { ...facts, userSpeaking: false, awaitingReply: true };
    case "input_audio_buffer.committed":
      return { ...facts, userSpeaking: false };
    case "input_audio_buffer.cleared":
      return { ...facts, userSpeaking: false, awaitingReply: false };
    case "conversation.item.input_audio_transcription.completed":
      // Nothing was said after all: no answer comes.
      return event.transcript === "" ? { ...facts, awaitingReply: false } : facts;
    case "conversation.item.input_audio_transcription.failed":
      return { ...facts, awaitingReply: false };
    case "response.created":
      return { ...facts, awaitingReply: false, responding: true, replyAudible: false };
    case "response.output_audio.delta":
      return facts.replyAudible ? facts : { ...facts, replyAudible: true };
    case "response.done":
      return { ...facts, responding: false, replyAudible: false };
    default:
      return facts;
  }
}
