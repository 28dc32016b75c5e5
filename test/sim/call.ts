/** One simulated conversation: a person who speaks, listens, interrupts, and remembers every word that sounded. */
import type { Output, ReplyAudio } from "../../gateway/session/domain.ts";
import { Session } from "../../gateway/session/session.ts";
import type { SessionDependencies } from "../../gateway/session/session-parts.ts";
import { openSession } from "../../gateway/session/state.ts";
import { sessionConfig, sessionLimits } from "../session/session-fixtures.ts";
import { SimChannel } from "./channel.ts";
import type { Dice } from "./dice.ts";
import { ReplySound } from "./ear.ts";
import { questionOf } from "./script.ts";
import { numberOf, otherWord, soundRateHz } from "./word-sound.ts";

/** After a turn's end a reply must have begun to sound within this, whatever fails. */
export const replyMaxMs = 60_000;
/** And have ended within this. */
export const turnMaxMs = 180_000;

/** What was over so long before a cut is to be remembered: the gateway knows words by the beginning of the next one. */
const surelyHeardMs = 700;

/** One reply as the person got it. */
export interface HeardReply {
  responseId: string;
  /** What was asked; null for a reply that nobody can place. */
  question: string | null;
  status: string;
  /** Numbers of the words that were sent, in order, `otherWord` for kept sentences. */
  sent: number[];
  /** So many of them had begun to play when it was cut off, all of them if it wasn't; some were over well before. */
  played: { begun: number; over: number };
  /** Speech cut it off, while it was made or while its end played. */
  wasCut: boolean;
  /** Numbers of the words in the conversation's item. */
  remembered: number[];
  audible: boolean;
  toolCalls: number;
  providers: { stage: string; provider: string; outcome: string }[];
  /** How often a voice broke off meanwhile. */
  brokenVoices: number;
}

/** What a call is held with. */
export interface CallDependencies extends SessionDependencies {
  brokenVoices(tenant: string): number;
  /** The spare recogniser knows the callers' language: with it nobody need be asked to say it again. */
  spareUnderstands: boolean;
}

export interface CallReport {
  tenant: string;
  turns: number;
  replies: HeardReply[];
  problems: string[];
}

interface OpenReply {
  responseId: string;
  question: string | null;
  sound: ReplySound;
  toolCalls: string[];
  providers: HeardReply["providers"];
  brokenBefore: number;
}

export class SimCall {
  readonly tenant: string;
  readonly problems: string[] = [];
  readonly replies: HeardReply[] = [];
  /** What this person said, in samples. */
  readonly #said: { fromSample: number; untilSample: number; text: string }[] = [];
  readonly #dice: Dice;
  readonly #deps: CallDependencies;
  readonly #channel: SimChannel;
  readonly #session: Session;
  readonly #open = new Map<string, OpenReply>();
  /** Replies that were done while their end still played. */
  #tails: { reply: HeardReply; sound: ReplySound }[] = [];
  #turns = 0;
  #wake: (() => void) | null = null;
  #outputs: Output[] = [];

  constructor(tenant: string, dice: Dice, deps: CallDependencies) {
    this.tenant = tenant;
    this.#dice = dice;
    this.#deps = deps;
    this.#channel = new SimChannel(deps.clock);
    const config = sessionConfig({});
    config.input.format = { type: "audio/pcm", rate: soundRateHz };
    config.output.format = { type: "audio/pcm", rate: soundRateHz };
    // With tools no second vendor is started beside a slow one: each might call them.
    if (dice.chance(0.5)) config.tools = [{ name: "look_up" }];
    const state = openSession({
      id: `sess_${dice.id(9)}`,
      tenant,
      expiresAtMs: Number.MAX_SAFE_INTEGER,
      config,
      limits: { ...sessionLimits, maxItems: 1_000 },
      ducks: dice.chance(0.5),
    });
    const observer = {
      ...deps.observer,
      turnClosed: (turn: Parameters<SessionDependencies["observer"]["turnClosed"]>[0]) => {
        const reply =
          this.#open.get(turn.responseId) ?? this.replies.find((one) => one.responseId === turn.responseId);
        if (reply) reply.providers = [...turn.attempts];
      },
      failed: (error: unknown, during: string) => this.problems.push(`a step failed in ${during}: ${error}`),
    };
    this.#session = new Session(
      state,
      this.#channel,
      { send: (output) => this.#take(output), sendAudio: (audio) => this.#hear(audio) },
      { ...deps, observer },
    );
    this.#session.open();
  }

  /** What was said between two samples. */
  heard(fromSample: number, untilSample: number): string {
    return this.#said
      .filter((part) => part.fromSample < untilSample && part.untilSample > fromSample)
      .map(({ text }) => text)
      .join(" ");
  }

  /** Holds the conversation; ends by itself. */
  async run(turns: number): Promise<CallReport> {
    await this.#pause(this.#dice.whole(0, 3_000));
    let interrupted = false;
    for (let turn = 0; turn < turns; turn++) {
      if (!interrupted) await this.#pause(this.#dice.whole(100, 1_500));
      interrupted = await this.#holdTurn(turn + 1 < turns && this.#dice.chance(0.2));
    }
    this.#session.close();
    return { tenant: this.tenant, turns: this.#turns, replies: this.replies, problems: this.problems };
  }

  /** @returns whether the reply was interrupted by the next question */
  async #holdTurn(interrupts: boolean): Promise<boolean> {
    this.#turns += 1;
    const question = questionOf(this.#dice.whole(1, 1_000_000));
    const before = this.replies.length;
    const speakMs = this.#dice.whole(700, 2_500);
    const { fromSample, untilSample } = this.#channel.speak(speakMs);
    this.#said.push({ fromSample, untilSample, text: question });
    const clock = this.#deps.clock;
    const askedAtMs = clock.nowMs() + speakMs;
    // To what nobody understood there is an apology.
    const isTo = (reply: { question: string | null }) =>
      reply.question === question || (reply.question === null && !this.#deps.spareUnderstands);
    const answered = () => this.replies.slice(before).some((reply) => isTo(reply) && reply.toolCalls === 0);
    const sounds = () => [...this.#open.values()].find(isTo);
    const cutAfterMs = this.#dice.whole(300, 4_000);
    const sounded = await this.#until(
      () => answered() || (sounds()?.sound.reader.anything ?? false),
      askedAtMs + replyMaxMs,
    );
    if (!sounded) {
      this.problems.push(`silent turn: "${question}" got no sound`);
      return false;
    }
    if (interrupts) {
      await this.#pause(cutAfterMs);
      if (!answered() || this.#playedUntilMs > clock.nowMs()) return true;
    }
    if (!(await this.#until(answered, askedAtMs + turnMaxMs))) {
      this.problems.push(`lost turn: "${question}" was not answered to its end`);
    }
    // The person listens to the end.
    const last = this.replies.findLast(isTo);
    if (last) await this.#pause(Math.max(0, this.#playedUntilMs - clock.nowMs()) + 300);
    return false;
  }

  #playedUntilMs = 0;

  // ---- what the client gets ----

  #take(output: Output): void {
    this.#outputs.push(output);
    if (this.#outputs.length > 60) this.#outputs.shift();
    switch (output.type) {
      case "responseCreated":
        this.#open.set(output.response.id, {
          responseId: output.response.id,
          question: this.#lastQuestion(),
          sound: new ReplySound(),
          toolCalls: [],
          providers: [],
          brokenBefore: this.#deps.brokenVoices(this.tenant),
        });
        break;
      case "speechStarted":
        this.#fallSilent();
        break;
      case "functionArgumentsDone":
        this.#open.get(output.responseId)?.toolCalls.push(output.callId);
        break;
      case "responseDone":
        this.#close(output.response.id, output.response.status, output.response.error?.code ?? null);
        break;
      case "error":
        this.problems.push(`error event: ${output.code} ${output.message}`);
        break;
    }
    this.#wake?.();
  }

  /** The user's newest words in the conversation: what a response answers. */
  #lastQuestion(): string | null {
    const item = this.#session.state.items.findLast(
      ({ item: one }) => one.type === "message" && one.role === "user",
    )?.item;
    if (item?.type !== "message") return null;
    const part = item.parts.find((one) => one.type === "input_audio");
    return part?.type === "input_audio" ? part.transcript : null;
  }

  #hear(audio: ReplyAudio): void {
    const reply = this.#open.get(audio.responseId);
    if (!reply) return void this.problems.push(`audio of a response that is not open: ${audio.responseId}`);
    const pcm = new Int16Array(audio.bytes.buffer, audio.bytes.byteOffset, audio.bytes.byteLength >> 1);
    reply.sound.itemIds.add(audio.itemId);
    reply.sound.push(pcm, Math.max(this.#deps.clock.nowMs(), this.#playedUntilMs));
    this.#playedUntilMs = reply.sound.endsAtMs;
    this.#wake?.();
  }

  /** The client drops what it was sent and did not play. */
  #fallSilent(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const { sound } of this.#open.values()) sound.cut(nowMs);
    for (const { reply, sound } of this.#tails) {
      if (sound.endsAtMs <= nowMs) continue;
      sound.cut(nowMs);
      Object.assign(reply, this.#hearing(sound));
    }
    this.#tails = [];
    this.#playedUntilMs = Math.min(this.#playedUntilMs, nowMs);
  }

  /** What came of it, what was played, what is remembered. */
  #hearing(sound: ReplySound): Pick<HeardReply, "sent" | "played" | "wasCut" | "remembered"> {
    const { heard } = sound.reader;
    return {
      sent: heard.map(({ number }) => number),
      played: sound.played(heard, surelyHeardMs),
      wasCut: sound.wasCut,
      remembered: this.#remembered(sound.itemIds),
    };
  }

  #close(responseId: string, status: string, code: string | null): void {
    const reply = this.#open.get(responseId);
    if (!reply) return;
    this.#open.delete(responseId);
    const heardReply: HeardReply = {
      responseId,
      question: reply.question ?? this.#lastQuestion(),
      status: code === null ? status : `${status}:${code}`,
      ...this.#hearing(reply.sound),
      audible: reply.sound.reader.anything,
      toolCalls: reply.toolCalls.length,
      providers: reply.providers,
      brokenVoices: this.#deps.brokenVoices(this.tenant) - reply.brokenBefore,
    };
    this.replies.push(heardReply);
    this.#tails.push({ reply: heardReply, sound: reply.sound });
    if (this.#tails.length > 2) this.#tails.shift();
    for (const callId of reply.toolCalls) this.#answerTool(callId);
  }

  #remembered(itemIds: ReadonlySet<string>): number[] {
    const numbers: number[] = [];
    for (const { item } of this.#session.state.items) {
      if (item.type !== "message" || !itemIds.has(item.id)) continue;
      for (const part of item.parts) {
        if (part.type !== "output_audio") continue;
        for (const word of part.transcript.match(/\S+/g) ?? []) numbers.push(numberOf(word));
      }
    }
    return numbers.filter((number) => number !== otherWord);
  }

  #answerTool(callId: string): void {
    const { clock } = this.#deps;
    clock.timer(clock.nowMs() + 50, () => {
      const output = { type: "function_call_output", callId, output: "found" } as const;
      this.#session.command(
        { type: "createItem", item: output, previousItemId: null, clientEventId: null },
        clock.nowMs(),
      );
      this.#session.command(
        { type: "createResponse", params: { outOfBand: false }, clientEventId: null },
        clock.nowMs(),
      );
    });
  }

  // ---- time ----

  #pause(ms: number): Promise<void> {
    const { clock } = this.#deps;
    return new Promise((resolve) => void clock.timer(clock.nowMs() + ms, resolve));
  }

  #until(done: () => boolean, untilMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (result: boolean) => {
        late.cancel();
        this.#wake = null;
        resolve(result);
      };
      const late = this.#deps.clock.timer(untilMs, () => end(done()));
      this.#wake = () => {
        if (done()) end(true);
      };
      this.#wake();
    });
  }
}
