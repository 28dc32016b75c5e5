/** The protocol's session object ⇄ the session's own configuration, and the settings that responses share. */
import type { SentSession, SentTurnDetection, WireAudioFormat } from "../../../wire/events.ts";
import type {
  AudioFormatSettings,
  SessionSettings,
  ToolChoiceSettings,
  ToolSettings,
  TurnDetectionSettings,
} from "../../../wire/schemas/session.ts";
import type {
  AudioFormat,
  Json,
  SessionConfig,
  SessionPatch,
  Tool,
  ToolChoice,
  TurnDetection,
} from "../../session/domain.ts";
import { missing, notOneOf, Refusal, unsupported } from "./decode-refusal.ts";
import { definedFields } from "./defined-fields.ts";

/** What the vendor assumes where a client is silent. */
export const serverVadDefaults = {
  type: "server_vad",
  thresholdRatio: 0.5,
  prefixPaddingMs: 300,
  silenceDurationMs: 500,
  idleTimeoutMs: null,
  createResponse: true,
  interruptResponse: true,
} as const satisfies TurnDetection;

/** Settings that are kept and shown but change nothing here. */
const echoedKeys = ["tracing", "truncation", "include", "reasoning", "parallel_tool_calls"] as const;

/** What the mapping must know of the connection. */
export interface FormatRules {
  /** 16 kHz PCM is for clients of binary audio. */
  allow16kHz: boolean;
}

/**
 * Maps a checked session object to what it changes. Turn detection is set as a whole: fields left out take the
 * vendor's defaults.
 *
 * @throws {Refusal} `unsupported_feature` (transcription sessions, MCP, stored prompts), `invalid_value`, `missing_required_parameter`
 */
export function patchFromSession(session: SessionSettings, rules: FormatRules): SessionPatch {
  if (session.type === "transcription") throw unsupported("session.type", "Transcription sessions are");
  if (session.prompt) throw unsupported("session.prompt", "Stored prompts are");
  const input = session.audio?.input;
  const output = session.audio?.output;
  const patch = definedFields({
    model: session.model,
    instructions: session.instructions,
    outputModality: modalityFromWire(session.output_modalities, "session.output_modalities"),
    input:
      input &&
      definedFields({
        format: formatFromWire(input.format, rules, "session.audio.input.format"),
        noiseReduction: input.noise_reduction?.type === "none" ? null : input.noise_reduction?.type,
        transcription: input.transcription && definedFields(input.transcription),
        turnDetection: input.turn_detection && turnDetectionFromWire(input.turn_detection),
      }),
    output:
      output &&
      definedFields({
        format: formatFromWire(output.format, rules, "session.audio.output.format"),
        voice: voiceFromWire(output.voice),
        speedRatio: output.speed,
      }),
    tools: toolsFromWire(session.tools, "session.tools"),
    toolChoice: toolChoiceFromWire(session.tool_choice, "session.tool_choice"),
    maxOutputTokens: maxTokensFromWire(session.max_output_tokens),
    echoed: echoedFromSession(session),
  });
  return patch;
}

/** The whole session as the client sees it; `expiresAtMs` is Unix time. */
export function sessionToWire(sessionId: string, config: SessionConfig, expiresAtMs: number): SentSession {
  const { input, output, echoed } = config;
  return {
    type: "realtime",
    object: "realtime.session",
    id: sessionId,
    model: config.model,
    expires_at: Math.floor(expiresAtMs / 1000),
    output_modalities: [config.outputModality],
    instructions: config.instructions,
    audio: {
      input: {
        format: formatToWire(input.format),
        transcription: input.transcription && transcriptionToWire(input.transcription),
        noise_reduction: input.noiseReduction && { type: input.noiseReduction },
        turn_detection: input.turnDetection && turnDetectionToWire(input.turnDetection),
      },
      output: { format: formatToWire(output.format), voice: output.voice, speed: output.speedRatio },
    },
    tools: config.tools.map((tool) => ({ type: "function", ...tool })),
    // Some clients know only words here; a choice of one function requires a call, so that is the word for it.
    tool_choice: typeof config.toolChoice === "string" ? config.toolChoice : "required",
    max_output_tokens: config.maxOutputTokens ?? "inf",
    prompt: null,
    ...echoedToWire(echoed),
  };
}

/**
 * @returns undefined if `format` is
 * @throws {Refusal} `invalid_value` for a rate that the connection may not use
 */
export function formatFromWire(
  format: AudioFormatSettings | undefined,
  rules: FormatRules,
  param: string,
): AudioFormat | undefined {
  if (format === undefined) return undefined;
  // G.711 has one rate; whatever is said about it changes nothing.
  if (format.type === "audio/pcmu" || format.type === "audio/pcma") return { type: format.type };
  const rate = format.rate ?? 24_000;
  if (rate === 24_000 || (rate === 16_000 && rules.allow16kHz)) return { type: "audio/pcm", rate };
  throw notOneOf(`${param}.rate`, rate, rules.allow16kHz ? [16_000, 24_000] : [24_000]);
}

export function formatToWire(format: AudioFormat): WireAudioFormat {
  return format.type === "audio/pcm" ? { type: "audio/pcm", rate: format.rate } : { type: format.type };
}

/** @throws {Refusal} `invalid_value` unless it is exactly one modality */
export function modalityFromWire(
  modalities: ("text" | "audio")[] | undefined,
  param: string,
): "text" | "audio" | undefined {
  if (modalities === undefined) return undefined;
  const [only] = modalities;
  if (only !== undefined && modalities.length === 1) return only;
  const given = modalities.map((modality) => `'${modality}'`).join(", ");
  throw new Refusal(
    "invalid_value",
    `Invalid modalities: [${given}]. Supported combinations are: ['text'] and ['audio'].`,
    param,
  );
}

export function voiceFromWire(voice: string | { id: string } | undefined): string | undefined {
  return typeof voice === "object" ? voice.id : voice;
}

/** `"inf"` becomes null: no limit. */
export function maxTokensFromWire(limit: number | "inf" | undefined): number | null | undefined {
  return limit === "inf" ? null : limit;
}

/** @throws {Refusal} for a tool that is no function, a function without a name, or with one that another has */
export function toolsFromWire(tools: ToolSettings[] | undefined, param: string): Tool[] | undefined {
  const names = new Set<string>();
  return tools?.map((tool, index) => {
    if (tool.type === "mcp") throw unsupported(`${param}[${index}].type`, "MCP tools are");
    if (tool.name === undefined) throw missing(`${param}[${index}].name`);
    if (names.has(tool.name)) {
      const message = `Invalid value: two tools are named '${tool.name}'.`;
      throw new Refusal("invalid_value", message, `${param}[${index}].name`);
    }
    names.add(tool.name);
    return definedFields({ name: tool.name, description: tool.description, parameters: tool.parameters });
  });
}

/** @throws {Refusal} for a choice of an MCP server */
export function toolChoiceFromWire(
  choice: ToolChoiceSettings | undefined,
  param: string,
): ToolChoice | undefined {
  if (typeof choice !== "object") return choice;
  if (choice.type === "mcp") throw unsupported(`${param}.type`, "MCP tools are");
  return { name: choice.name };
}

function turnDetectionFromWire(detection: TurnDetectionSettings): TurnDetection {
  const createResponse = detection.create_response ?? true;
  const interruptResponse = detection.interrupt_response ?? true;
  if (detection.type === "semantic_vad") {
    return {
      type: "semantic_vad",
      eagerness: detection.eagerness ?? "auto",
      createResponse,
      interruptResponse,
    };
  }
  return {
    type: "server_vad",
    thresholdRatio: detection.threshold ?? serverVadDefaults.thresholdRatio,
    prefixPaddingMs: detection.prefix_padding_ms ?? serverVadDefaults.prefixPaddingMs,
    silenceDurationMs: detection.silence_duration_ms ?? serverVadDefaults.silenceDurationMs,
    idleTimeoutMs: detection.idle_timeout_ms ?? serverVadDefaults.idleTimeoutMs,
    createResponse,
    interruptResponse,
  };
}

function turnDetectionToWire(detection: TurnDetection): SentTurnDetection {
  const create_response = detection.createResponse;
  const interrupt_response = detection.interruptResponse;
  if (detection.type === "semantic_vad") {
    return { type: "semantic_vad", eagerness: detection.eagerness, create_response, interrupt_response };
  }
  return {
    type: "server_vad",
    threshold: detection.thresholdRatio,
    prefix_padding_ms: Math.round(detection.prefixPaddingMs),
    silence_duration_ms: Math.round(detection.silenceDurationMs),
    idle_timeout_ms: detection.idleTimeoutMs === null ? null : Math.round(detection.idleTimeoutMs),
    create_response,
    interrupt_response,
  };
}

/** Exactly these three: some clients refuse a fourth. */
function transcriptionToWire(
  transcription: NonNullable<SessionConfig["input"]["transcription"]>,
): NonNullable<SentSession["audio"]["input"]["transcription"]> {
  const { model, language, prompt } = transcription;
  return definedFields({ model, language, prompt });
}

function echoedFromSession(session: SessionSettings): { [key: string]: Json } | undefined {
  const echoed: { [key: string]: Json } = {};
  for (const key of echoedKeys) {
    // Through JSON, so that fields left out inside are gone and the value is plain.
    if (session[key] !== undefined) echoed[key] = JSON.parse(JSON.stringify(session[key]));
  }
  return Object.keys(echoed).length === 0 ? undefined : echoed;
}

type EchoedSettings = Pick<
  SentSession,
  "tracing" | "truncation" | "include" | "reasoning" | "parallel_tool_calls"
>;

/** Only `echoedFromSession` fills these settings, so their shapes are those that the schema let through. */
function echoedToWire(echoed: { [key: string]: Json }): EchoedSettings {
  const known: { [key: string]: Json } = { tracing: null, truncation: "auto", include: null };
  for (const key of echoedKeys) {
    const value = echoed[key];
    if (value !== undefined) known[key] = value;
  }
  return known as unknown as EchoedSettings;
}
