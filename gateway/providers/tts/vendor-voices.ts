/** Which voice of a vendor speaks for a session's voice. */
import type { ProviderFault } from "../provider.ts";
import { keyFault, requestFault } from "../vendor-fault.ts";

/** One of a vendor's voices. */
export interface VendorVoice {
  /** What the vendor's calls want. */
  id: string;
  /** What people call it; "" where the id is the name. */
  name: string;
  /** BCP 47 or ISO 639, as the vendor says it; empty where it says nothing. */
  languages: readonly string[];
}

/** Voices that are kept of one vendor's list. */
export const knownVoicesMax = 5000;

/** The voices that a vendor has told of; bounded. */
export interface VoiceBook {
  readonly size: number;
  /** Replaces what was known. */
  learn(voices: Iterable<VendorVoice>): void;
  /**
   * The id that speaks for `wanted`: its own if the vendor has a voice of that id or name, else the fallback. A name that
   * is not known is never sent: anybody could have a vendor refuse it, and be taken for ill.
   */
  idOf(wanted: string): string;
  /**
   * What a refusal means of a call that was spoken with `id`. A voice that only sessions asked for is no fault of ours: it is
   * forgotten, so that the next piece is spoken by the fallback, and nobody else is refused for it.
   */
  judge(fault: ProviderFault | null, id: string): ProviderFault | null;
}

/** How a refusal begins that is about the voice, and about nothing else. */
export const refusedVoice = "the vendor does not know the voice";

export function createVoiceBook(fallbackId: string): VoiceBook {
  let ids = new Map<string, string>();
  return {
    get size() {
      return ids.size;
    },
    learn(voices) {
      const fresh = new Map<string, string>();
      let count = 0;
      for (const { id, name } of voices) {
        if (++count > knownVoicesMax) break;
        fresh.set(id.toLowerCase(), id);
        const spoken = name.toLowerCase();
        if (spoken !== "" && !fresh.has(spoken)) fresh.set(spoken, id);
      }
      ids = fresh;
    },
    judge(fault, id) {
      if (fault?.blame !== "key" || id === fallbackId || !fault.message.startsWith(refusedVoice))
        return fault;
      for (const [name, known] of ids) if (known === id) ids.delete(name);
      return requestFault("the vendor refused the session's voice");
    },
    idOf: (wanted) => (wanted === fallbackId ? fallbackId : (ids.get(wanted.toLowerCase()) ?? fallbackId)),
  };
}

/** The language without its region: "en" of "en-US". */
export function baseLanguage(language: string): string {
  return language.toLowerCase().split(/[-_]/)[0] ?? "";
}

/** What is wrong with a configured voice; null when it speaks the language, or the vendor does not say. */
export function voiceLanguageFault(voice: VendorVoice, language: string): ProviderFault | null {
  const spoken = voice.languages.map(baseLanguage).filter((one) => one !== "");
  if (language === "" || spoken.length === 0 || spoken.includes(baseLanguage(language))) return null;
  const name = voice.name === "" ? voice.id : voice.name;
  const known = [...new Set(spoken)].slice(0, 4).join(", ");
  return keyFault(
    `the voice ${printable(name)} does not speak ${printable(language)} (it speaks ${printable(known)})`,
  );
}

/** The vendor has no such voice. */
export function unknownVoiceFault(id: string): ProviderFault {
  return keyFault(`the vendor has no voice ${id === "" ? "without a name" : printable(id)}`);
}

/** A name from the settings or a vendor, fit for a log line. */
export function printable(text: string): string {
  return text.replace(/[^\p{L}\p{N} ,._:()/-]/gu, "").slice(0, 80);
}

/** `ratio` within what a vendor can do. */
export function clampSpeed(ratio: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, ratio));
}
