/** Our request in Gemini's words. */
import type { Content, FunctionCallingConfig, GenerateContentParameters, Part } from "@google/genai";
import { FunctionCallingConfigMode, ThinkingLevel } from "@google/genai";
import type { AiRequest } from "../provider.ts";
import type { DialogueCall, DialogueTurn } from "./dialogue.ts";
import { readDialogue, schemaOf, vendorFunctionName } from "./dialogue.ts";

/** Which thought stands behind a function call: newer models want it back with the call. */
export type SignatureOf = (callId: string) => string | undefined;

/** In place of a signature for calls that another model made, or that were made long ago; Google's own words for it. */
const noSignature = "skip_thought_signature_validator";

/** What `generateContentStream` takes; the signal is added by who calls. */
export function geminiRequest(
  request: AiRequest,
  model: string,
  signatureOf: SignatureOf,
): GenerateContentParameters & { config: NonNullable<GenerateContentParameters["config"]> } {
  const declarations = request.tools.map(({ name, description, parameters }) => ({
    ...{ name: vendorFunctionName(name), parametersJsonSchema: schemaOf(parameters) },
    ...(description === undefined ? {} : { description }),
  }));
  const { instructions, maxOutputTokens } = request;
  return {
    model,
    contents: geminiContents(readDialogue(request), model, signatureOf),
    config: {
      ...(instructions === "" ? {} : { systemInstruction: instructions }),
      ...(maxOutputTokens === null ? {} : { maxOutputTokens }),
      ...(declarations.length === 0
        ? {}
        : {
            tools: [{ functionDeclarations: declarations }],
            toolConfig: { functionCallingConfig: toolChoice(request.toolChoice) },
          }),
      ...thinking(model),
    },
  };
}

/** A voice can't wait for thoughts: as few as the model allows. */
function thinking(model: string): Pick<NonNullable<GenerateContentParameters["config"]>, "thinkingConfig"> {
  if (/^gemini-2\.5-flash/.test(model)) return { thinkingConfig: { thinkingBudget: 0 } };
  if (thinksInLevels(model)) return { thinkingConfig: { thinkingLevel: ThinkingLevel.LOW } };
  return {};
}

function thinksInLevels(model: string): boolean {
  return /^gemini-([3-9]|\d\d|flash-|pro-)/.test(model);
}

function toolChoice(choice: AiRequest["toolChoice"]): FunctionCallingConfig {
  switch (choice) {
    case "auto":
      return { mode: FunctionCallingConfigMode.AUTO };
    case "none":
      return { mode: FunctionCallingConfigMode.NONE };
    case "required":
      return { mode: FunctionCallingConfigMode.ANY };
  }
  const allowedFunctionNames = [vendorFunctionName(choice.name)];
  return { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames };
}

function geminiContents(turns: readonly DialogueTurn[], model: string, signatureOf: SignatureOf): Content[] {
  const contents: Content[] = [];
  for (const turn of turns) {
    if (turn.role === "user") {
      contents.push({ role: "user", parts: turn.texts.map((text) => ({ text })) });
      continue;
    }
    const words: Part[] = turn.text === "" ? [] : [{ text: turn.text }];
    const calls = turn.calls.map((call) => callPart(call, model, signatureOf));
    contents.push({ role: "model", parts: [...words, ...calls] });
    // As many outputs as calls, in a turn of their own right behind them.
    if (calls.length > 0) contents.push({ role: "user", parts: turn.calls.map(outputPart) });
  }
  return contents;
}

function callPart(
  { callId, name, arguments: args }: DialogueCall,
  model: string,
  signatureOf: SignatureOf,
): Part {
  const signature = signatureOf(callId) ?? (thinksInLevels(model) ? noSignature : undefined);
  return {
    functionCall: { id: callId, name: vendorFunctionName(name), args },
    ...(signature === undefined ? {} : { thoughtSignature: signature }),
  };
}

function outputPart({ callId, name, output }: DialogueCall): Part {
  return { functionResponse: { id: callId, name: vendorFunctionName(name), response: { output } } };
}
