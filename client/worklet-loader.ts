import { ParleyError } from "./parley-error.ts";

const askTimeoutMs = 4000;

/**
 * Loads a worklet's file into the audio thread.
 *
 * @throws {ParleyError} `page_outdated` if the server doesn't have the file any more, else `server_unreachable`: a file
 *   that was bundled along is missing only when its server is
 */
export async function loadWorklet(context: AudioContext, url: string): Promise<void> {
  try {
    await context.audioWorklet.addModule(url);
  } catch (error) {
    const code = (await isGone(url)) ? "page_outdated" : "server_unreachable";
    throw new ParleyError(code, { detail: `${url}: ${String(error)}` });
  }
}

/** The browser doesn't say why it couldn't load something. What is above 499 may come from a proxy whose server is away. */
async function isGone(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(askTimeoutMs) });
    return status >= 400 && status < 500;
  } catch {
    return false;
  }
}
