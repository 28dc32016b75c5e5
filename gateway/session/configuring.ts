/** Settings that a client changes in a live session. */
import type { Change } from "./change.ts";
import type { SessionConfig, SessionPatch } from "./domain.ts";
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

export function onConfigure(change: Change, patch: SessionPatch): void {
  const before = change.state.config;
  const config = applyPatch(before, patch);
  change.set({ config });
  if (patch.input && JSON.stringify(before.input) !== JSON.stringify(config.input)) {
    const { utterance } = change.state.input;
    if (utterance && !config.input.turnDetection) {
      // Speech that was announced stays in the buffer, to be committed by hand.
      abandonSpeech(change, utterance, true);
      change.setInput({ bufferFromSample: utterance.fromSample });
    }
    change.effect({ type: "configureAudio" });
  }
  const { id: sessionId, expiresAtMs } = change.state;
  change.send({ type: "sessionUpdated", sessionId, config, expiresAtMs });
}
