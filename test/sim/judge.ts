/** What was promised to callers, checked on what one of them heard. */
import type { CallReport, HeardReply } from "./call.ts";
import { answerTo } from "./script.ts";
import { numberOf, otherWord } from "./word-sound.ts";

/** @returns a line for every promise that was broken */
export function judge(report: CallReport, voicesTellWords: boolean): string[] {
  return report.replies.flatMap((reply) => {
    const broken = judgeReply(reply, voicesTellWords);
    return broken.map((line) => `${report.tenant} ${reply.question} [${describe(reply)}] ${line}`);
  });
}

function describe({ status, providers }: HeardReply): string {
  return `${status}; ${providers.map(({ stage, provider, outcome }) => `${stage}:${provider}:${outcome}`).join(" ")}`;
}

function judgeReply(reply: HeardReply, voicesTellWords: boolean): string[] {
  const broken: string[] = [];
  const expected = reply.question === null ? [] : answerTo(reply.question).words;
  const sent = reply.sent.filter((number) => number !== otherWord);
  // Where a voice does not tell its words, a switch may cost or repeat one.
  const slack = voicesTellWords ? 0 : reply.brokenVoices;
  const { missing, repeated, foreign } = compare(sent, expected);
  if (foreign.length > 0) broken.push(`words of no answer: ${foreign.join(" ")}`);
  if (repeated.length > slack) broken.push(`spoken twice: ${repeated.join(" ")} of ${expected.join(" ")}`);
  // An answerer that says it is done after a whole sentence is believed.
  const aiFailed = reply.providers.some(({ outcome, stage }) => outcome === "failed" && stage === "ai");
  const mayEndEarly =
    reply.status !== "completed" || reply.toolCalls > 0 || (aiFailed && endsSentence(sent.at(-1), reply));
  const lost = mayEndEarly ? missing.inside : [...missing.inside, ...missing.atEnd];
  if (lost.length > slack)
    broken.push(`left out: ${lost.join(" ")} of ${expected.join(" ")}; sent ${sent.join(" ")}`);
  if (!reply.audible && reply.toolCalls === 0 && reply.status !== "cancelled") broken.push("silent");
  broken.push(...judgeMemory(reply, slack));
  return broken;
}

function endsSentence(last: number | undefined, { question }: HeardReply): boolean {
  if (last === undefined || question === null) return false;
  const word = answerTo(question)
    .text.match(/\S+/g)
    ?.find((one) => numberOf(one) === last);
  return word?.endsWith(".") ?? false;
}

/** What is remembered is what was heard. */
function judgeMemory(reply: HeardReply, slack: number): string[] {
  const { begun, over } = reply.played;
  const played = reply.sent.slice(0, begun).filter((number) => number !== otherWord);
  const unheard = reply.remembered.filter((number) => !played.includes(number));
  if (unheard.length > slack)
    return [`remembered but not heard: ${unheard.join(" ")}; heard ${played.join(" ")}`];
  if (reply.status !== "completed" && !reply.wasCut) return [];
  const surelyHeard = reply.sent.slice(0, over).filter((number) => number !== otherWord);
  const forgotten = surelyHeard.filter((number) => !reply.remembered.includes(number));
  return forgotten.length > slack ? [`heard but not remembered: ${forgotten.join(" ")}`] : [];
}

function compare(sent: readonly number[], expected: readonly number[]) {
  const repeated: number[] = [];
  const foreign: number[] = [];
  const seen = new Set<number>();
  let furthest = -1;
  for (const number of sent) {
    const place = expected.indexOf(number);
    if (place < 0) foreign.push(number);
    else if (seen.has(number)) repeated.push(number);
    else {
      seen.add(number);
      furthest = Math.max(furthest, place);
    }
  }
  const inside = expected.slice(0, furthest + 1).filter((number) => !seen.has(number));
  return { repeated, foreign, missing: { inside, atEnd: expected.slice(furthest + 1) } };
}
