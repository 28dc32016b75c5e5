/** What every vendor's provider is made from; `config-vendors.ts` reads it from the environment. */
import type { Clock } from "../clock.ts";

export interface VendorOptions {
  clock: Clock;
  /**
   * Never logged, never in a fault's message. "" where the vendor needs none (a local server). For Google's
   * recogniser the path of a service account's file.
   */
  apiKey: string;
  /** Base URL in place of the vendor's own (a proxy, a stand-in); null for the vendor's. `http:` means no TLS, for gRPC too. */
  url: string | null;
  /** Name of the model; "" where voices stand for models. */
  model: string;
}

export interface VoiceVendorOptions extends VendorOptions {
  /** The vendor's name of the voice that speaks when a request's voice is none of its own. */
  voice: string;
  /** BCP 47, for requests that name no language. */
  language: string;
}

export interface EarVendorOptions extends VendorOptions {
  /** BCP 47, for requests that name no language. */
  language: string;
}

/** Google's voices know us by a file, not by a key. */
export interface GoogleAccount {
  /** The service account's file (GOOGLE_APPLICATION_CREDENTIALS); null where the address needs none (a stand-in). */
  credentialsPath: string | null;
}
