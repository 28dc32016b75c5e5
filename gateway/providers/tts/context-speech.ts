/** One text spoken in one context of a pooled WebSocket: what ElevenLabs and Cartesia have in common. */
import type { ProviderFault, TtsEvent, TtsRequest } from "../provider.ts";
import { faultFromError, requestFault, vendorFault } from "../vendor-fault.ts";
import type { StreamCall } from "../vendor-stream.ts";
import type { VoiceLease, VoiceMessage, VoiceSockets } from "./voice-sockets.ts";

/** Longest text of one call; the turn sends sentences. */
export const textMaxCharacters = 5000;
/** Audio may end that much before its last word does (rounding), and that much after it (silence at the end)... */
const earlyEndMs = 300;
const lateEndMs = 1000;
/** ...or by that share of it; by more, it is of another rate than was asked for. */
const earlyEndRatio = 0.2;
const lateEndRatio = 0.35;

export interface ContextSpeech {
  /** Sent when the context has its place, in order. */
  messages: readonly object[];
  /** Tells the vendor that nobody listens any more; null where there is no way. */
  farewell: object | null;
  /** Takes a message of the context; what it throws becomes the call's fault. */
  take(message: VoiceMessage): void;
  isLast(message: VoiceMessage): boolean;
  /** After the last message: a fault if what came can't be what was asked for. */
  finish(): ProviderFault | null;
  /** Hands on what it holds back, and lets go; the context is over. */
  close?(): void;
}

/**
 * Speaks; resolves when the vendor is done, failed, or the call is over.
 *
 * @param key - of the pool: contexts of one key can share a socket
 */
export async function speakInContext(
  sockets: VoiceSockets,
  key: string,
  contextId: string,
  request: TtsRequest,
  call: StreamCall<TtsEvent>,
  speech: ContextSpeech,
): Promise<ProviderFault | null> {
  if (request.text.length > textMaxCharacters) return requestFault("the text is too long for one call");
  let settle: (fault: ProviderFault | null) => void = () => {};
  const done = new Promise<ProviderFault | null>((resolve) => {
    settle = resolve;
  });
  const listener = {
    message(message: VoiceMessage) {
      try {
        speech.take(message);
        if (speech.isLast(message)) settle(speech.finish());
      } catch (err) {
        settle(faultFromError(err));
      }
    },
    lost: settle,
  };
  const lease = await sockets.acquire(key, contextId, listener, call.signal);
  if (lease === null || !isLease(lease)) return lease;
  const onAbort = () => settle(null);
  call.signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (call.signal.aborted) return null;
    call.usage.characters = request.text.length;
    for (const message of speech.messages) lease.send(message);
    return await done;
  } finally {
    call.signal.removeEventListener("abort", onAbort);
    lease.release(speech.farewell);
    speech.close?.();
  }
}

function isLease(value: VoiceLease | ProviderFault): value is VoiceLease {
  return "release" in value;
}

/**
 * Says whether audio and words are of one length. A vendor that sends another rate than it was asked for is found out so;
 * in raw samples nothing else tells.
 *
 * @param wordsEndMs - end of the last word, or how long all last together; 0 when the vendor gave none
 */
export function rateFault(audioMs: number, wordsEndMs: number): ProviderFault | null {
  if (wordsEndMs <= 0) return null;
  const isShort = wordsEndMs - audioMs > Math.max(earlyEndMs, earlyEndRatio * wordsEndMs);
  const isLong = audioMs - wordsEndMs > Math.max(lateEndMs, lateEndRatio * wordsEndMs);
  if (!isShort && !isLong) return null;
  return vendorFault("the vendor's audio is not of the rate that was asked for");
}
