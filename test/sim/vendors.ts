/** Vendors of the simulation: the contract of providers, with faults drawn from a seed. */
import type {
  AiProvider,
  AiRequest,
  CallContext,
  EndEvent,
  Provider,
  ProviderFault,
  SttProvider,
  TtsProvider,
  Usage,
} from "../../gateway/providers/provider.ts";
import type { Dice } from "./dice.ts";
import { numberOf, soundOf, soundRateHz } from "./word-sound.ts";

/** What can befall a call. */
export type SimFault =
  | { kind: "refuse" | "reset" | "hang" | "key" | "quota" | "overload" | "empty" | "silent" | "lie" }
  | { kind: "slowFirst"; delayMs: number }
  /** After that many pieces. */
  | { kind: "stall" | "cut" | "failLate"; afterPieces: number };

export type SimFaultKind = SimFault["kind"];

export const simFaultKinds: readonly SimFaultKind[] = [
  ...(["refuse", "reset", "hang", "key", "quota", "overload", "empty", "silent", "lie"] as const),
  ...(["slowFirst", "stall", "cut", "failLate"] as const),
];

/** Faults before any output. */
const earlyKinds: ReadonlySet<SimFaultKind> = new Set(["refuse", "reset", "key", "quota", "overload"]);

/** Decides what befalls a vendor's calls; keeps count of them. */
export interface Weather {
  /** Null: the call goes well. */
  draw(vendor: string): SimFault | null;
  /** Latency of first output, ms. */
  firstMs(vendor: string): number;
  called(vendor: string): void;
  /** A call has ended or was given up. */
  left(vendor: string): void;
}

/** What the simulated people ask and what is answered. */
export interface Script {
  /** The words of the utterance between these samples of the call with this id. */
  heard(tenant: string, fromSample: number, untilSample: number): string;
  /** Numbers of the words that answer `question`, and the function that is called before, if any. */
  answer(question: string): { words: readonly number[]; text: string; toolCall: string | null };
}

const cancelled = Symbol("cancelled");

/** Waits on the call's clock. */
function wait(ms: number, { clock, signal }: CallContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (then: () => void) => {
      timer?.cancel();
      signal.removeEventListener("abort", onAbort);
      then();
    };
    const onAbort = () => end(() => reject(cancelled));
    if (signal.aborted) return reject(cancelled);
    const timer =
      ms === Number.POSITIVE_INFINITY ? null : clock.timer(clock.nowMs() + ms, () => end(resolve));
    signal.addEventListener("abort", onAbort);
  });
}

const hang = (context: CallContext) => wait(Number.POSITIVE_INFINITY, context);

function faultOf(kind: SimFaultKind): ProviderFault {
  switch (kind) {
    case "key":
      return { code: "provider_rejected", message: "key refused", retryable: false, blame: "key" };
    case "quota":
      return {
        code: "provider_overloaded",
        message: "too many calls",
        retryable: true,
        blame: "quota",
        retryAfterMs: 4_000,
      };
    case "overload":
      return { code: "provider_overloaded", message: "overloaded", retryable: true };
    // A connection that is cut says so, whenever that is; only before any output may it be asked again.
    case "reset":
    case "cut":
      return { code: "provider_unavailable", message: kind, retryable: true, reset: true };
    default:
      return { code: "provider_unavailable", message: kind, retryable: true };
  }
}

type Body<Request, Event> = (
  request: Request,
  context: CallContext,
  fault: SimFault | null,
  usage: Usage,
) => AsyncGenerator<Event, ProviderFault | null>;

function makeVendor<Request, Event>(
  name: string,
  weather: Weather,
  body: Body<Request, Event>,
): Provider<Request, Event> {
  async function* stream(request: Request, context: CallContext): AsyncGenerator<Event | EndEvent> {
    const usage: Usage = {};
    weather.called(name);
    let left = false;
    const leave = () => {
      if (!left) weather.left(name);
      left = true;
    };
    context.signal.addEventListener("abort", leave);
    if (context.signal.aborted) leave();
    const end = (rest: Pick<EndEvent, "outcome" | "error">): EndEvent => {
      leave();
      return { type: "end", usage, provider: name, ...rest };
    };
    try {
      const fault = weather.draw(name);
      if (fault?.kind === "hang") await hang(context);
      const early = fault !== null && earlyKinds.has(fault.kind);
      await wait(early ? 5 : fault?.kind === "slowFirst" ? fault.delayMs : weather.firstMs(name), context);
      const broken = early ? faultOf(fault.kind) : yield* body(request, context, fault, usage);
      yield broken ? end({ outcome: "failed", error: broken }) : end({ outcome: "completed" });
    } catch (error) {
      if (error !== cancelled) throw error;
      yield end({ outcome: "cancelled" });
    }
  }
  return { name, model: `${name}-1`, stream };
}

/** What a stream does at its piece number `pieces`: null means that it goes on. */
async function meet(
  fault: SimFault | null,
  pieces: number,
  context: CallContext,
): Promise<ProviderFault | null> {
  if (fault === null || !("afterPieces" in fault) || pieces < fault.afterPieces) return null;
  if (fault.kind === "stall") await hang(context);
  return faultOf(fault.kind);
}

/** The question that is answered: the newest user's words, or the tool's output after which it goes on. */
function questionOf({ messages }: AiRequest): { question: string; toolDone: boolean } {
  const user = messages.findLast(({ role }) => role === "user");
  return {
    question: user && "text" in user ? user.text : "",
    toolDone: messages.at(-1)?.role === "toolOutput",
  };
}

/** Answers in words that come one by one; goes on after `spokenPrefix`, now and then repeating some of it. */
export function createSimAi(name: string, weather: Weather, script: Script, dice: Dice): AiProvider {
  return makeVendor(name, weather, async function* (request, context, fault, usage) {
    const { question, toolDone } = questionOf(request);
    const answer = script.answer(question);
    if (fault?.kind === "empty" || fault?.kind === "silent") return null;
    const mayCall = request.tools.length > 0 && !toolDone && request.spokenPrefix === "";
    if (answer.toolCall !== null && mayCall) {
      const met = await meet(fault, 0, context);
      if (met) return met;
      const callId = `call_${dice.id(6)}`;
      yield { type: "toolCall", callId, name: answer.toolCall, arguments: JSON.stringify({ question }) };
      return fault?.kind === "failLate" ? faultOf("failLate") : null;
    }
    const said = new Set((request.spokenPrefix.match(/\S+/g) ?? []).map(numberOf));
    const tokens = answer.text.match(/\S+\s*/g) ?? [];
    let from = tokens.findIndex((token) => !said.has(numberOf(token)));
    if (from < 0) from = tokens.length;
    if (from > 0 && dice.chance(0.3)) from = Math.max(0, from - dice.whole(1, 6));
    let pieces = 0;
    for (const delta of tokens.slice(from)) {
      const met = await meet(fault, pieces, context);
      if (met) return met;
      yield { type: "text", delta };
      pieces += 1;
      usage.outputTokens = pieces;
      if (pieces % 8 === 0) await wait(dice.whole(5, 60), context);
    }
    return fault?.kind === "lie" ? faultOf("failLate") : null;
  });
}

/** A word at any rate; sounds are made for `soundRateHz`. */
function speak(number: number, samples: number, rateHz: number): Int16Array {
  if (rateHz === soundRateHz) return soundOf(number, samples, Math.round(samples / 5));
  const ratio = soundRateHz / rateHz;
  const sound = soundOf(number, Math.round(samples * ratio), Math.round((samples * ratio) / 5));
  return Int16Array.from({ length: samples }, (_, index) => {
    const at = Math.floor(index * ratio);
    return ((sound[at] ?? 0) + (sound[at + 1] ?? 0)) / 2;
  });
}

/** How a simulated voice speaks. */
export interface SimVoice {
  /** Tells when its words begin. */
  marks: boolean;
  wordMs: number;
}

/** Speaks words as sounds that the caller can read back. */
export function createSimTts(name: string, weather: Weather, voice: SimVoice, dice: Dice): TtsProvider {
  return makeVendor(name, weather, async function* (request, context, fault, usage) {
    const { kind } = fault ?? {};
    if (kind === "empty") return null;
    usage.characters = request.text.length;
    const rate = request.sampleRateHz;
    let fromSample = 0;
    let pieces = 0;
    for (const text of request.text.match(/\S+/g) ?? []) {
      const met = await meet(fault, pieces, context);
      if (met) return met;
      if (voice.marks && kind !== "silent") yield { type: "word", text, fromSample };
      const samples = Math.round((voice.wordMs * rate) / 1_000);
      const pcm = kind === "silent" ? new Int16Array(samples) : speak(numberOf(text), samples, rate);
      // Pieces do not end where words do.
      const cut = dice.whole(1, samples - 1);
      yield { type: "audio", pcm: pcm.subarray(0, cut) };
      yield { type: "audio", pcm: pcm.subarray(cut) };
      fromSample += samples;
      pieces += 1;
      if (pieces % 8 === 0) await wait(dice.whole(5, 40), context);
    }
    return kind === "lie" ? faultOf("failLate") : null;
  });
}

/** Knows what was said from where in the call it was said. */
export function createSimStt(name: string, weather: Weather, script: Script): SttProvider {
  return makeVendor(name, weather, async function* (request, context, fault, usage) {
    const { audio } = request;
    let pieces = 0;
    let untilSample = audio.fromSample;
    let lastVoiced: number | null = null;
    for await (const piece of audio.read(audio.fromSample, context.signal)) {
      if (context.signal.aborted) throw cancelled;
      const met = await meet(fault, pieces, context);
      if (met) return met;
      pieces += 1;
      if (piece.type === "samples") usage.audioMs = (usage.audioMs ?? 0) + piece.pcm.length / 16;
      if (piece.type === "pause") {
        lastVoiced = piece.lastVoicedSample;
        const text = script.heard(context.tenant, audio.fromSample, lastVoiced);
        yield { type: "partial", text, untilSample: lastVoiced };
      }
      if (piece.type === "end") untilSample = piece.atSample;
    }
    if (context.signal.aborted) throw cancelled;
    if (fault?.kind === "empty" || fault?.kind === "silent") return null;
    yield { type: "final", text: script.heard(context.tenant, audio.fromSample, untilSample), untilSample };
    return fault?.kind === "lie" ? faultOf("failLate") : null;
  });
}
