/** One caller of a drill: speaks phase by phase, answers functions, and reads the history before hanging up. */
import { Caller, type WireEvent } from "../callers/caller.ts";
import type { Pacer } from "../callers/pacer.ts";
import type { Line } from "../callers/script.ts";
import type { TurnRecord } from "../callers/turn-record.ts";
import { type CallerAudio, callerAudioRates, type Utterance } from "../callers/utterance.ts";
import type { Talk } from "./drill.ts";
import type { Interruption } from "./measures.ts";
import type { Questions } from "./questions.ts";

export type Phase = "before" | "during" | "after";

const audio: CallerAudio = "base64-pcm24k";
/** Of what callers of drills hear. */
export const drillRateHz = callerAudioRates[audio];
const thinkMs = 700;
/** Into a reply, before the caller interrupts it. */
const bargeInMs = 2600;
const historyWaitMs = 5000;
const weather = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } } },
};
const weatherNow = JSON.stringify({ sky: "cloudy", wind: "gentle" });

export interface DrillTurn {
  phase: Phase;
  record: TurnRecord;
  history: string | null;
  /** When the caller was told of their next speech (performance.now). */
  spokenAgainAtMs: number | null;
  /** Of the reply, when the caller began to interrupt it. */
  interruptedAtMs: number | null;
  interruption: Interruption | null;
  toolCalls: number;
}

interface Note {
  itemIds: string[];
  interruptedAtMs: number | null;
  toolCalls: number;
}

export class DrillCaller {
  readonly #caller: Caller;
  readonly #notes: Map<string, Note>;
  readonly #history: Map<string, string>;
  readonly #phases: Phase[] = [];
  /** When each line's voice begins, before its last voiced sample; null for one that interrupts nothing. */
  readonly #interruptsMs: (number | null)[] = [];
  #turns: TurnRecord[] = [];
  #errors: { code: string; message: string }[] = [];
  #closedEarly: { code: number; reason: string } | null = null;
  readonly #utterances: Utterance[] = [];

  private constructor(caller: Caller, notes: Map<string, Note>, history: Map<string, string>) {
    this.#caller = caller;
    this.#notes = notes;
    this.#history = history;
  }

  static async connect(wsUrl: string, pacer: Pacer, talk: Talk): Promise<DrillCaller> {
    const notes = new Map<string, Note>();
    const history = new Map<string, string>();
    let send: (event: Record<string, unknown>) => void = () => {};
    let lastResponse = "";
    const onEvent = (event: WireEvent, atMs: number) => {
      switch (event.type) {
        case "response.created": {
          // A response that only calls functions is the beginning of the one that answers.
          const last = notes.get(lastResponse);
          const toolCalls = last !== undefined && last.itemIds.length === 0 ? last.toolCalls : 0;
          lastResponse = (event.response as { id: string }).id;
          notes.set(lastResponse, { itemIds: [], interruptedAtMs: null, toolCalls });
          break;
        }
        case "response.output_item.added": {
          const item = event.item as { id: string; type: string };
          const note = notes.get(event.response_id as string);
          if (item.type === "message") note?.itemIds.push(item.id);
          break;
        }
        case "response.function_call_arguments.done": {
          const note = notes.get(event.response_id as string);
          if (note) note.toolCalls++;
          const output = { type: "function_call_output", call_id: event.call_id, output: weatherNow };
          send({ type: "conversation.item.create", item: output });
          break;
        }
        case "response.done": {
          const { output = [] } = event.response as { output?: { type: string }[] };
          if (output.some(({ type }) => type === "function_call")) send({ type: "response.create" });
          break;
        }
        case "input_audio_buffer.speech_started": {
          const note = notes.get(lastResponse);
          if (note) note.interruptedAtMs ??= atMs;
          break;
        }
        case "conversation.item.retrieved": {
          const item = event.item as { id: string; content?: { transcript?: string; text?: string }[] };
          const texts = (item.content ?? []).map((part) => part.transcript ?? part.text ?? "");
          history.set(item.id, texts.join(" ").trim());
          break;
        }
      }
    };
    const caller = await Caller.connect({
      wsUrl,
      audio,
      script: [],
      pacer,
      debug: true,
      keepAudio: true,
      onEvent,
      ...(talk === "tool" ? { session: { tools: [weather], tool_choice: "auto" } } : {}),
    });
    send = (event) => caller.send(event);
    return new DrillCaller(caller, notes, history);
  }

  /** Speaks a phase's lines from `startMs` (performance.now) on; resolves when the last reply has ended. */
  async speak(phase: Phase, lines: readonly Line[], startMs: number): Promise<void> {
    this.#utterances.push(...lines.map((line) => line.utterance));
    const before = this.#turns.length;
    const result = await this.#caller.speak(startMs, lines);
    this.#turns = result.turns;
    this.#errors = result.errors;
    this.#closedEarly = result.closedEarly;
    for (let index = before; index < result.turns.length; index++) {
      const line = lines[index - before];
      this.#phases.push(phase);
      this.#interruptsMs.push(line?.cue.after === "reply-start" ? voicedMs(line.utterance) : null);
    }
  }

  /** Reads what stands in the history of each reply; what doesn't come within 5 s stays unknown. */
  async readHistory(): Promise<void> {
    const ids = [...this.#notes.values()].flatMap((note) => note.itemIds);
    for (const item_id of ids) this.#caller.send({ type: "conversation.item.retrieve", item_id });
    const untilMs = performance.now() + historyWaitMs;
    while (ids.some((id) => !this.#history.has(id)) && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Whether it joined when the faults were over. */
  get isNewcomer(): boolean {
    return this.#phases.length > 0 && this.#phases.every((phase) => phase === "after");
  }

  close(): void {
    this.#caller.close();
  }

  get errors(): readonly { code: string; message: string }[] {
    return this.#errors;
  }

  get closedEarly(): { code: number; reason: string } | null {
    return this.#closedEarly;
  }

  /** What was said by the caller, in the turns' order. */
  get utterances(): readonly Utterance[] {
    return this.#utterances;
  }

  /** @param toldAtMs - when the caller was told that speech over this reply had begun */
  #interruption(index: number, toldAtMs: number | null): Interruption | null {
    const next = this.#turns[index + 1];
    const voiced = this.#interruptsMs[index + 1];
    if (next === undefined || voiced === undefined || voiced === null) return null;
    const isObeyed = this.#turns[index]?.status === "cancelled";
    return { isObeyed, afterMs: toldAtMs === null ? null : toldAtMs - (next.lastVoicedAtMs - voiced) };
  }

  turns(): DrillTurn[] {
    return this.#turns.map((record, index) => {
      const note = record.responseId === null ? undefined : this.#notes.get(record.responseId);
      const texts = note?.itemIds.map((id) => this.#history.get(id)) ?? [];
      const begunAtMs = record.replyPiecesAtMs[0];
      const interrupted = note?.interruptedAtMs ?? null;
      const within = interrupted !== null && begunAtMs !== undefined && record.status === "cancelled";
      return {
        phase: this.#phases[index] ?? "after",
        record,
        history: texts.includes(undefined) ? null : texts.join(" ").trim(),
        interruptedAtMs: within ? interrupted - begunAtMs : null,
        spokenAgainAtMs: interrupted,
        interruption: this.#interruption(index, interrupted),
        toolCalls: note?.toolCalls ?? 0,
      };
    });
  }
}

function voicedMs({ firstVoicedSample, lastVoicedSample, rateHz }: Utterance): number {
  return ((lastVoicedSample - firstVoicedSample) * 1000) / rateHz;
}

/** The lines of one phase, for one caller. */
export async function linesFor(
  phase: Phase,
  talk: Talk,
  { count, quick, questions }: { count: number; quick: boolean; questions: Questions },
): Promise<Line[]> {
  const lines: Line[] = [];
  const long = quick ? "fairlyLong" : "long";
  for (let index = 0; index < count; index++) {
    const kind = phase === "during" && talk !== "short" ? (talk === "tool" ? "tool" : long) : "short";
    const after = lines.length === 0 ? ("line" as const) : ("reply" as const);
    lines.push({ utterance: await questions.next(kind), cue: { after, delayMs: thinkMs } });
    if (phase !== "during" || talk !== "barge-in") continue;
    const cue = { after: "reply-start" as const, delayMs: bargeInMs };
    lines.push({ utterance: await questions.next("interruption"), cue });
  }
  return lines;
}
