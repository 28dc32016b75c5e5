/** Settings that a client changes in a live session. */
import type { Change } from "./change.ts";
import type { SessionConfig, SessionPatch, Tool, ToolChoice } from "./domain.ts";
import { abandonSpeech } from "./utterances.ts";

/** A configuration with a patch laid over it; absent settings stay as they are. */
export function applyPatch(config: SessionConfig, patch: SessionPatch): SessionConfig {
  const { input, output, echoed, ...plain } = patch;
  return {
    ...config,
    ...plain,
    input: { ...config.input, ...input },
    output: { ...config.output, ...output },
    echoed: { ...config.echoed, ...echoed },
  };
}

/** What is wrong with a choice of a function; null where nothing is. */
export function choiceFault(choice: ToolChoice | undefined, tools: readonly Tool[]): string | null {
  if (typeof choice !== "object" || tools.some(({ name }) => name === choice.name)) return null;
  return `Tool choice '${choice.name}' is not among the tools.`;
}

export function onConfigure(change: Change, patch: SessionPatch, clientEventId: string | null): void {
  const before = change.state.config;
  const config = applyPatch(before, patch);
  const fault = choiceFault(patch.toolChoice, config.tools);
  if (fault !== null) {
    return change.refuse("invalid_value", clientEventId, { message: fault, param: "session.tool_choice" });
  }
  // The tools were changed under an older choice.
  if (choiceFault(config.toolChoice, config.tools) !== null) config.toolChoice = "auto";
  change.set({ config });
  if (patch.input && JSON.stringify(before.input) !== JSON.stringify(config.input)) {
    const { utterance } = change.state.input;
    if (utterance && !config.input.turnDetection) {
      // Speech that was announced stays in the buffer, to be committed by hand.
      abandonSpeech(change, utterance, true);
      change.setInput({ bufferFromSample: utterance.fromSample });
    }
    // It is set again for what is allowed now.
    change.cancelAlarm("idle");
    change.effect({ type: "configureAudio" });
  }
  const { id: sessionId, expiresAtMs } = change.state;
  change.send({ type: "sessionUpdated", sessionId, config, expiresAtMs });
}
