/** What people say in the simulation and what is answered: words with numbers, none twice in an answer. */
import { createDice } from "./dice.ts";
import type { Script } from "./vendors.ts";
import { wordOf, wordsMax } from "./word-sound.ts";

const answerWordsMax = 60;

/** A question by its number; the answer follows from it. */
export function questionOf(number: number): string {
  return `question ${number}`;
}

/** Numbers and text of the answer to a question; always the same. */
export function answerTo(question: string): ReturnType<Script["answer"]> {
  const seed = Number(/question (\d+)/.exec(question)?.[1] ?? 0);
  const dice = createDice(seed * 7919 + 17);
  const count = dice.whole(1, dice.chance(0.5) ? 12 : answerWordsMax);
  const from = dice.whole(1, wordsMax - 1);
  const step = 331;
  const words: number[] = [];
  let text = "";
  let sentence = 0;
  let sentenceWords = dice.whole(2, 14);
  for (let index = 0; index < count; index++) {
    const number = ((from + index * step) % wordsMax) + 1;
    words.push(number);
    const word = wordOf(number);
    sentence += 1;
    const ends = sentence === sentenceWords || index === count - 1;
    const first = sentence === 1;
    text += `${first ? word[0]!.toUpperCase() + word.slice(1) : word}${ends ? "." : dice.chance(0.15) ? "," : ""} `;
    if (ends) {
      sentence = 0;
      sentenceWords = dice.whole(2, 14);
    }
  }
  return { words, text: text.trimEnd(), toolCall: dice.chance(0.12) ? "look_up" : null };
}
