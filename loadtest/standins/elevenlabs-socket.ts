/** One client's socket at ElevenLabs: contexts that hold text until it is flushed, five at most. */
import {
  hangOn,
  type SpeechPiece,
  type SpokenWord,
  speakInPieces,
  statusOfFault,
  wireBytes,
} from "./speech-pieces.ts";
import type { CallPlan, StandinWorld } from "./standin.ts";
import type { VoiceClient, VoiceClientEvents } from "./voice-socket-server.ts";

/** What a socket is bound to by its address; null and 0 for what the vendor does not know. */
export interface SocketSettings {
  hasKey: boolean;
  voiceId: string | null;
  modelId: string | null;
  sampleRateHz: number;
  /** Its model speaks the language that was named, or none was. */
  hasLanguage: boolean;
  hasAlignment: boolean;
  inactivityMs: number;
}

/** The vendor's own limit. */
export const contextsMax = 5;
/** Texts of a context that may wait to be spoken. */
const flushedMax = 64;
/** The context of messages that name none. */
const unnamed = "default";

interface Context {
  /** Text that was not flushed yet. */
  text: string;
  flushed: string[];
  speedRatio: number;
  speaking: CallPlan | null;
  /** Ends when all that was flushed is spoken. */
  closing: boolean;
}

/** Codes of per-call faults, by HTTP's status. */
const codes: Readonly<Record<number, string>> = {
  400: "content_policy_violation",
  403: "missing_permissions",
  404: "model_id_does_not_exist",
  408: "request_timeout",
  413: "max_character_limit_exceeded",
  429: "too_many_concurrent_requests",
  500: "internal_server_error",
  503: "system_busy",
};

export class ElevenLabsSocket implements VoiceClientEvents {
  readonly #world: StandinWorld;
  readonly #client: VoiceClient;
  readonly #settings: SocketSettings;
  readonly #contexts = new Map<string, Context>();
  #idle: NodeJS.Timeout;

  constructor(world: StandinWorld, client: VoiceClient, settings: SocketSettings) {
    this.#world = world;
    this.#client = client;
    this.#settings = settings;
    this.#idle = this.#watch();
  }

  closed(): void {
    clearTimeout(this.#idle);
    for (const { speaking } of this.#contexts.values()) speaking?.cancel();
    this.#contexts.clear();
  }

  message(message: Record<string, unknown> | null): void {
    clearTimeout(this.#idle);
    this.#idle = this.#watch();
    const refusal = this.#refusalOf(message);
    if (refusal !== null) return this.#end(refusal.code, refusal.message);
    const { context_id: named, text, flush, close_context: closes, close_socket: ends } = message!;
    if (ends === true) return this.#client.close(1000);
    // Keeps the socket awake, and is nobody's.
    if (named === undefined && (text === "" || text === undefined)) return;
    const id = typeof named === "string" ? named : unnamed;
    const context = this.#contexts.get(id) ?? this.#open(id, message!);
    if (context === null) return;
    if (typeof text === "string") context.text += text;
    if (flush === true || closes === true) this.#flush(context);
    if (closes === true) context.closing = true;
    void this.#speakNext(id, context);
  }

  #watch(): NodeJS.Timeout {
    return setTimeout(() => {
      if ([...this.#contexts.values()].some(({ speaking }) => speaking !== null)) this.#idle = this.#watch();
      else this.#end("input_timeout_exceeded", "Have not received a new text input within the timeout.");
    }, this.#settings.inactivityMs);
  }

  /** The real one opens the socket in any case and says what is wrong at the first message. */
  #refusalOf(message: Record<string, unknown> | null): { code: string; message: string } | null {
    const { hasKey, voiceId, modelId, sampleRateHz } = this.#settings;
    if (!hasKey) return { code: "authentication_required", message: "No key was given." };
    if (this.#world.faultOn("elevenlabs")?.kind === "unauthorized")
      return { code: "invalid_api_key", message: "Invalid API key" };
    if (voiceId === null)
      return { code: "voice_id_does_not_exist", message: "A voice with that id does not exist." };
    if (!this.#settings.hasLanguage)
      return { code: "unsupported_language", message: "The model does not speak that language." };
    if (modelId === null) return { code: "model_id_does_not_exist", message: "That model does not exist." };
    if (sampleRateHz === 0)
      return { code: "output_format_not_allowed", message: "That format is not given out." };
    if (message === null) return { code: "invalid_message", message: "The message is no JSON object." };
    return null;
  }

  #open(id: string, first: Record<string, unknown>): Context | null {
    if (this.#contexts.size >= contextsMax) {
      this.#end(
        "max_active_conversations",
        `Maximum simultaneous contexts per WebSocket connection exceeded (${contextsMax}). Please close an existing context before opening a new one.`,
      );
      return null;
    }
    const { speed = 1 } = (first.voice_settings ?? {}) as { speed?: number };
    if (!(speed >= 0.7 && speed <= 1.2)) {
      this.#end("invalid_voice_settings", "speed must be between 0.7 and 1.2");
      return null;
    }
    const context = { text: "", flushed: [], speedRatio: speed, speaking: null, closing: false };
    this.#contexts.set(id, context);
    return context;
  }

  #flush(context: Context): void {
    const text = context.text.trim();
    context.text = "";
    if (text !== "" && context.flushed.length < flushedMax) context.flushed.push(text);
  }

  async #speakNext(id: string, context: Context): Promise<void> {
    while (context.speaking === null && this.#contexts.get(id) === context) {
      const text = context.flushed.shift();
      if (text === undefined) {
        if (!context.closing) return;
        this.#contexts.delete(id);
        return this.#client.send({ isFinal: true, contextId: id });
      }
      const plan = this.#world.begin("elevenlabs");
      context.speaking = plan;
      const goesOn = await this.#speak(id, context, text, plan);
      context.speaking = null;
      if (!goesOn) this.#contexts.delete(id);
    }
  }

  /** @returns false when the context is over */
  async #speak(id: string, context: Context, text: string, plan: CallPlan): Promise<boolean> {
    const { fault } = plan;
    if (fault?.kind === "hang") return hangOn(plan);
    if (fault?.kind === "reset") {
      plan.end("failed");
      this.#client.reset();
      return false;
    }
    const status = statusOfFault(fault);
    if (status !== null) {
      plan.end("failed");
      if (status === 401) this.#end("invalid_api_key", "Invalid API key");
      else this.#fail(id, codes[status] ?? "internal_server_error");
      return false;
    }
    let isOver = false;
    const { sampleRateHz, voiceId } = this.#settings;
    const asked = { text, voice: voiceId ?? "", sampleRateHz, speedRatio: context.speedRatio };
    await speakInPieces(this.#world, plan, "elevenlabs", asked, {
      piece: (piece) => this.#client.send(this.#audioOf(id, piece)),
      fail: (kind, piece) => {
        isOver = true;
        if (kind === "cut" && piece) this.#client.cut(this.#audioOf(id, piece));
        else if (kind === "malformed") this.#client.sendMalformed();
        else if (kind === "truncated_utf8") this.#client.sendTruncatedUtf8();
        else this.#fail(id, "internal_server_error");
      },
      done() {},
    });
    return !isOver && !plan.signal.aborted;
  }

  #audioOf(id: string, { pcm, words, fromMs }: SpeechPiece): object {
    const alignment = this.#settings.hasAlignment && words.length > 0 ? alignmentOf(words, fromMs) : null;
    return {
      audio: wireBytes(pcm).toString("base64"),
      isFinal: null,
      alignment,
      normalizedAlignment: alignment,
      contextId: id,
    };
  }

  #fail(id: string, code: string): void {
    this.#client.send({ message: "Refused.", error: code, code: 1008, contextId: id });
  }

  /** The socket ends, with all its contexts. */
  #end(code: string, message: string): void {
    this.#client.send({ message, error: code, code: 1008 });
    this.#client.close(1008, message.slice(0, 120));
  }
}

/** Characters spread evenly over their words; times from the piece's beginning. */
function alignmentOf(words: readonly SpokenWord[], pieceFromMs: number): object {
  const chars: string[] = [];
  const charStartTimesMs: number[] = [];
  const charDurationsMs: number[] = [];
  for (const { text, fromMs, toMs } of words) {
    const letters = [...text, " "];
    const each = Math.max(0, (toMs - fromMs) / letters.length);
    for (const [at, letter] of letters.entries()) {
      chars.push(letter);
      charStartTimesMs.push(Math.max(0, Math.round(fromMs - pieceFromMs + at * each)));
      charDurationsMs.push(Math.round(each));
    }
  }
  return { chars, charStartTimesMs, charDurationsMs };
}
