/** Words by which a listener says "I'm listening", and words by which one asks for the floor: pure, on transcripts. */

/** Said alone or after one another they are a nod. */
const nods = [
  ..."ah aha alright amazing awesome cool correct exactly fine good great interesting nice oh ok okay perfect really".split(
    " ",
  ),
  ..."right sure true uh um wow yeah yep yes yup".split(" "),
  ...["i see", "i know", "got it", "gotcha", "all right", "of course", "go on", "go ahead", "that's right"],
  ...["makes sense", "that makes sense", "sounds good", "very good", "very nice"],
];

/** What Whisper makes of nods: pieces of words that nobody would take the floor with. */
const misheardNods = [
  ..."a an and here hi i i'm it l m n so the you yet".split(" "),
  ...["you are", "over really", "m h m", "m m h m"],
];

const phrases = new Set([...nods, ...misheardNods]);
const longestPhraseWords = 4;
/** "Yes yes yes yes" wants to say something. */
const maxNods = 3;
/** Hums are spelled in many ways: "Mm-hmm", "Uh-huh", "Hmm", "Mhm". */
const hum = /^[mhu]+(?:-[mhu]+)*$/;

/** Words that ask for the floor however short they are: objections, questions, commands ("step" is Whisper's "stop"). */
const interrupters = new Set(
  (
    "actually again agent back be but can cancel change could don't enough excuse exit faster goodbye hang " +
    "hello help hey hold how human let listen look louder moment nah never next no nope not operator pardon pause " +
    "please question quiet quit repeat second shush shut skip slower softer sorry start step stop wait what what's when where " +
    "which who whoa who's why would wrong zero one two three four five six seven eight nine ten"
  ).split(" "),
);
const number = /^\d+$/;

function isInterrupter(word: string | undefined): boolean {
  return word !== undefined && (interrupters.has(word) || number.test(word));
}

/** Lower case; what stands in brackets (a recogniser's word for noise) is gone, and so is punctuation, but hyphens inside words. */
function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/[’]/g, "'")
    .replace(/\[[^\]]*(?:\]|$)|\([^)]*(?:\)|$)|\*[^*]*\*/g, " ")
    .replace(/[^\p{L}\p{N}\s'-]/gu, " ")
    .split(/\s+/)
    .map((word) => word.replace(/^[-']+|[-']+$/g, ""))
    .filter((word) => word !== "");
}

/** The nods that the words begin with: how many, and how many words they take. */
function leadingNods(words: readonly string[]): { count: number; words: number } {
  let count = 0;
  let at = 0;
  for (; at < words.length; count++) {
    let length = hum.test(words[at] ?? "") ? 1 : 0;
    for (let tried = Math.min(longestPhraseWords, words.length - at); tried > length; tried--) {
      if (phrases.has(words.slice(at, at + tried).join(" "))) length = tried;
    }
    if (length === 0) break;
    at += length;
  }
  return { count, words: at };
}

/** True when nothing was said: no words, or a recogniser's remark on a noise ("[BLANK_AUDIO]"). */
export function isWordless(text: string): boolean {
  return wordsOf(text).length === 0;
}

/** True when the words are nothing but encouragement ("mm-hm", "yeah, okay") or no words at all. */
export function isBackchannel(text: string): boolean {
  const words = wordsOf(text);
  const nods = leadingNods(words);
  return nods.words === words.length && nods.count <= maxNods;
}

/** True when the first word that is no nod asks for the floor ("stop", "okay, wait"). */
export function opensWithRequest(text: string): boolean {
  const words = wordsOf(text);
  const nods = leadingNods(words);
  return isInterrupter(words[nods.words]) || (nods.words === words.length && nods.count > maxNods);
}

/** They lead from a nod to what somebody has to say; alone they are what Whisper makes of a hum. */
const links = new Set(["and", "but", "so"]);

/** True when a nod leads on to something ("okay, and"); only for speech that goes on after a nod and a pause. */
export function goesOnAfterNod(text: string): boolean {
  const words = wordsOf(text);
  const at = words.findIndex((word, index) => index > 0 && links.has(word));
  return at > 0 && leadingNods(words.slice(0, at)).words === at;
}

/** Words that are no nod when speech was cut off after that many, so many of them beyond its nods … */
const tellingWords = 3;
const tellingOthers = 2;
/** … and within less than that nobody says so many: the recogniser guessed. */
const tellingMs = 500;

/**
 * True when the beginning of speech that goes on asks for the floor. Its last word may be half a word, and a recogniser
 * that heard a third of a second guesses: so one or two unknown words are no proof yet.
 *
 * @param heardMs - speech that the words were made of
 */
export function asksForFloor(text: string, heardMs: number): boolean {
  if (opensWithRequest(text)) return true;
  const words = wordsOf(text);
  const others = words.length - leadingNods(words).words;
  return heardMs >= tellingMs && words.length >= tellingWords && others >= tellingOthers;
}

/** True when all of the beginning is nods, the last of them perhaps not whole ("yeah, of"). */
export function mayBeNod(text: string): boolean {
  const words = wordsOf(text);
  const nods = leadingNods(words);
  if (nods.count > maxNods) return false;
  const rest = words.slice(nods.words).join(" ");
  return rest === "" || [...phrases].some((phrase) => phrase.startsWith(rest));
}
