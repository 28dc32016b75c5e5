/** A word of a spoken reply. */
export interface SpokenWord {
  /** As it stands in the reply's text, punctuation included. */
  text: string;
  /** When it begins to sound, media time of its item. */
  startMs: number;
}
