/** What needs no knowledge: greetings, thanks, the time, sums, repeating. Rules over normalised words. */
import { asksToWait } from "../../../language/cues.ts";
import { normalise } from "../../../language/words.ts";
import { answerArithmetic, answerCount, writeOperators } from "./numbers.ts";
import type { Persona } from "./persona.ts";
import { introduce } from "./persona.ts";
import { choose } from "./speech.ts";
import { sayDate, sayTime } from "./time.ts";

/** What a rule may look at. */
export interface Situation {
  /** The user's words as transcribed. */
  text: string;
  /** The same normalised, fillers at both ends taken off. */
  plain: string;
  persona: Persona;
  /** Everything that the assistant said so far, as heard. */
  said: string;
  /** Earlier words of the user, oldest first. */
  userTexts: readonly string[];
  epochMs: number;
  timeZone: string;
}

type Rule = (situation: Situation) => string | null;

const polite = "(?: (?:please|parley|then|now|for me|today|again))*";

/** A rule that answers when the whole utterance matches. */
function whole(pattern: string, answer: (situation: Situation) => string): Rule {
  const matcher = new RegExp(`^(?:${pattern})${polite}$`);
  return (situation) => (matcher.test(situation.plain) ? answer(situation) : null);
}

const jokes = [
  "Why did the web developer leave the restaurant? Because of the table layout.",
  "There are ten kinds of people: those who understand binary, and those who don't.",
  "Why do programmers mix up Halloween and Christmas? Because octal 31 equals decimal 25.",
  "A packet walks into a bar. Nobody acknowledges it, so it walks into the bar again.",
  "I would tell you a joke about latency, but you would have to wait for it.",
];

const canDo =
  "I answer questions from the documents that I was given, tell the time and the date, reckon, count, spell, and repeat what you say. Ask me something, and interrupt me whenever you like.";

const rules: readonly Rule[] = [
  whole(
    "(?:(?:hello|hi|hey|hiya|howdy|greetings|hallo|good (?:morning|afternoon|evening|day)|hello there|hi there|hey there|is anybody there|is anyone there|anybody there|are you there|can you hear me|do you hear me|testing|test|mic check|one two three|testing one two three)(?: |$))+",
    ({ plain, persona }) => {
      if (/hear me|there$|test|check|one two/.test(plain) && !/^(?:hello|hi|hey) there$/.test(plain))
        return "Yes, I can hear you. How can I help you?";
      const day = /good (morning|afternoon|evening|day)/.exec(plain)?.[0];
      const hello = day === undefined ? "Hello" : `${day[0]?.toUpperCase()}${day.slice(1)}`;
      if (persona.greeting !== null) return persona.greeting;
      return persona.name === null
        ? `${hello}! What would you like to know?`
        : `${hello}, this is ${persona.name}. What would you like to know?`;
    },
  ),
  whole(
    "(?:hello |hi |hey )?(?:nice|good|pleased) to (?:meet|see|hear|talk to) you(?: too)?",
    () => "It is nice to meet you, too. What would you like to know?",
  ),
  whole(
    "(?:(?:hello|hi|hey|good morning|good evening) )?(?:how are you|how are you doing|how do you do|how is it going|how are things|what is up|how have you been|are you (?:ok|okay|well|fine|all right|alright))(?: doing| feeling)?(?: today)?",
    () => "I am doing fine, thank you. What would you like to know?",
  ),
  whole(
    "(?:(?:ok|okay|great|cool|perfect|wonderful|all right|alright|no|yes|super|excellent|many|well) )*(?:thanks|thank you|thank you very much|thanks a lot|thank you so much|much appreciated|cheers|i appreciate it|thanks for (?:your|the) help|thank you for (?:your|the) (?:help|answer|time)|that is (?:all|it|everything)(?: thank you| thanks)?|that was helpful)(?: (?:very much|so much|a lot))?",
    ({ plain }) =>
      choose(["You are welcome.", "My pleasure.", "You are welcome. Is there anything else?"], plain),
  ),
  whole(
    "(?:(?:ok|okay|thanks|thank you|well|all right|alright) )*(?:(?:good )?bye|good ?bye|bye bye|goodbye|see you(?: later| soon)?|good night|have a (?:nice|good|great) (?:day|evening|night|one|weekend)|talk to you later|farewell|ciao|i have to go|i am (?:done|leaving))(?: (?:and )?(?:bye|goodbye|thanks|thank you))*",
    ({ plain }) =>
      choose(["Goodbye.", "Goodbye, and have a nice day.", "Bye. It was nice talking to you."], plain),
  ),
  whole(
    "(?:and )?(?:who|what)(?: the hell| exactly)? are you|who am i (?:talking|speaking) (?:to|with)|(?:and )?what is your name|(?:what|how) (?:do they|should i|can i|may i|do i|are you) call(?:ed)?(?: you)?|do you have a name|introduce yourself|tell me (?:about yourself|your name|who you are)|who is (?:this|there|speaking|talking)|may i (?:ask|know) (?:who (?:i am (?:talking|speaking) (?:to|with)|you are)|your name)",
    ({ persona }) => introduce(persona),
  ),
  whole(
    "are you (?:a )?(?:human|real|real person|person|robot|machine|computer|bot|alive|an ai|ai)(?: or .*)?",
    ({ persona }) =>
      persona.name === null
        ? "I am a machine: a small answerer that is built into Parley."
        : `I am ${persona.name}, and I am a machine, not a person.`,
  ),
  whole(
    "help(?: me)?|i need (?:some )?help|can you help(?: me)?|what can you do(?: for me)?|how can you help(?: me)?|what (?:can|could|should|may) i (?:ask|say|do)(?: you)?(?: to you)?|what do you know|what are you (?:able to do|capable of|good at)|what (?:questions|things) can i ask(?: you)?|what (?:are )?your (?:abilities|skills|capabilities)",
    () => canDo,
  ),
  whole(
    "what(?: is the)? time(?: is it| do you have)?|what is the current time|(?:do|can|could) you (?:have|tell me|give me|know) (?:the time|what time it is)|tell me (?:the time|what time it is)|the time|how late is it|what is the time(?: right)?",
    ({ epochMs, timeZone }) => sayTime(epochMs, timeZone),
  ),
  whole(
    "(?:what|which)(?: is)? (?:(?:the|todays|today s) )?(?:date|day)(?: is it| is today| of the (?:week|month)| today| tomorrow| is tomorrow| was yesterday| was it yesterday| of today)*|what is today(?:s date)?|tell me (?:the|todays) (?:date|day)|what (?:year|month) is it|what day (?:is|was) (?:it )?(?:today|tomorrow|yesterday)|what is the (?:year|month)",
    ({ plain, epochMs, timeZone }) =>
      sayDate(epochMs, timeZone, /tomorrow/.test(plain) ? 1 : /yesterday/.test(plain) ? -1 : 0),
  ),
  whole(
    "(?:(?:can|could|will|would) you )?(?:please )?(?:tell|say|do you know|know|give)(?: me| us)?(?: another| one more| a| any| some)?(?: (?:good|funny|clean|other|more|new))* jokes?|make me laugh|another joke|(?:another one|one more) joke|(?:do )?you know (?:a|any) jokes?|tell me something funny",
    ({ text, said, userTexts }) => {
      const fresh = jokes.filter((joke) => !said.includes(joke));
      return fresh.length === 0
        ? "Those were all the jokes that I know."
        : choose(fresh, text + userTexts.length);
    },
  ),
  whole(
    "(?:(?:can|could|would) you )?(?:please )?(?:speak|talk|be|go|get|say (?:it|that)|make it|a (?:bit|little)|not so)?(?: a)?(?: little| bit| lot)?(?: bit)?(?: more)? ?(?:louder|loudly|quieter|quietly|softer|softly|slower|slowly|faster|quicker|quickly|fast|loud|up)|(?:turn|change) (?:up |down )?(?:the |your )?(?:volume|speed)(?: up| down)?|slow down|speed up|speak up|(?:you are|you speak|you talk) (?:too|very|so) (?:fast|slow|slowly|loud|quiet|quietly|quickly)|i can not hear you(?: very)?(?: well)?",
    () =>
      "I can't change that myself: your device sets the volume, and the application sets how fast I speak.",
  ),
  whole(
    "(?:what|do you know what) is my name|who am i|do you (?:know|remember) my name|(?:how|what) (?:am i|do you call me) called",
    ({ userTexts }) => {
      const name = userTexts.map(findName).findLast((found) => found !== null);
      return name ? `Your name is ${name}.` : "You have not told me your name.";
    },
  ),
  ({ text, plain }) => {
    const name = findName(text);
    if (name === null || plain.split(" ").length > 9) return null;
    return `Nice to meet you, ${name}. What would you like to know?`;
  },
  whole(
    "(?:what|which question) did i (?:just |last )?(?:say|ask|tell)(?: you)?(?: before)?|repeat what i (?:just )?said",
    ({ userTexts }) => {
      const last = userTexts.at(-1);
      return last === undefined
        ? "You have not said anything before that."
        : `You said: ${last.replace(/[.!]?$/, (mark) => mark || ".")}`;
    },
  ),
  ({ text }) => repeatAfter(text),
  ({ plain }) => answerCount(plain),
  ({ text }) => answerArithmetic(normalise(writeOperators(text))),
  ({ text }) => spell(text),
  whole(
    "(?:you are|that is|that was|very|pretty|so|how)? ?(?:great|good|nice|cool|awesome|amazing|smart|funny|interesting|wonderful|impressive|brilliant|not bad|a good one|well done|good job|excellent|perfect|lovely)(?: job)?",
    ({ plain }) =>
      choose(["Thank you. What else would you like to know?", "I am glad to hear that. What else?"], plain),
  ),
  whole(
    "(?:you are|that is|that was)? ?(?:stupid|dumb|useless|terrible|awful|bad|annoying|wrong|not (?:right|true|correct|helpful|what i (?:asked|meant|wanted))|not what i (?:asked|meant|wanted)(?: to know)?)",
    () => "I am sorry about that. Try to ask in other words, please.",
  ),
  whole(
    "sorry|i am sorry|excuse me|my (?:bad|mistake|apologies)|never mind sorry",
    () => "No problem. What would you like to know?",
  ),
  ({ plain }) => (asksToWait(plain) ? "Take your time." : null),
];

/** @returns what to say, or null if this is no small talk */
export function talkSmall(situation: Situation): string | null {
  for (const rule of rules) {
    const answer = rule(situation);
    if (answer !== null) return answer;
  }
  return null;
}

function findName(text: string): string | null {
  const found = /\b(?:my name is|my name's|call me|i am called|i'm called)\s+([\p{L}'-]+)/iu.exec(text)?.[1];
  if (found === undefined || /^(?:a|the|not|when|if|back|later|at|on|what|is)$/i.test(found)) return null;
  return found[0]?.toUpperCase() + found.slice(1);
}

/** Longest text that is said after the caller. */
const repeatCharsMax = 600;

function repeatAfter(text: string): string | null {
  const found =
    /^(?:(?:please|okay|ok|now|parley|can you|could you)[\s,]+)*repeat after me[\s,:;.]+(.+)$/is.exec(
      text,
    )?.[1] ??
    /^(?:(?:please|okay|ok|now|parley|can you|could you)[\s,]+)*(?:say|repeat)(?: after me| the words?| the sentence| the following)?[\s,:]+(?!(?:it|that|this|again|something|anything|nothing|more|what|please|your|after|yourself|in|me)\b)(.+)$/is.exec(
      text,
    )?.[1];
  if (found === undefined) return null;
  const words = found
    .trim()
    .slice(0, repeatCharsMax)
    .replace(/^["“”']+|["“”']+$/g, "");
  if (!/[\p{L}\p{N}]/u.test(words)) return null;
  const capital = (words[0] ?? "").toUpperCase() + words.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

function spell(text: string): string | null {
  const word =
    /\b(?:spell|how (?:do|would) you (?:spell|write)|how is) (?:(?:the|a) )?(?:(?:word|name) )?["“]?([\p{L}'-]{2,30})["”]?(?: spelled| spelt| written)?(?: for me)?(?: please)?[?.!]*$/iu.exec(
      text.trim(),
    );
  if (!word || (/\bhow is\b/i.test(text) && !/\b(?:spelled|spelt|written)\b/i.test(text))) return null;
  const spelled = word[1] ?? "";
  if (/^(?:it|that|this|you|things?)$/i.test(spelled)) return null;
  return `${spelled[0]?.toUpperCase()}${spelled.slice(1)}: ${[...spelled.toUpperCase()].filter((letter) => /\p{L}/u.test(letter)).join(", ")}.`;
}
