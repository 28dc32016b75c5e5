import { ParleyError } from "./parley-error.ts";

/**
 * Loads a worklet's file into the audio thread.
 *
 * @throws {ParleyError} `server_unreachable`: the browser doesn't say why, and a file that was bundled along is missing
 *   only when its server is
 */
export async function loadWorklet(context: AudioContext, url: string): Promise<void> {
  try {
    await context.audioWorklet.addModule(url);
  } catch (error) {
    throw new ParleyError("server_unreachable", { detail: `${url}: ${String(error)}` });
  }
}
