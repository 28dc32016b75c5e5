/**
 * What of a request a model takes: one model's only way of not thinking aloud is another's bad request, and nobody knows
 * tomorrow's names. So there is a guess by the name, and a refusal that names the parameter moves on to the next way, at
 * once and for good: that is no second try of the same call, which is the chain's to decide.
 */
import type { ProviderFault } from "../provider.ts";
import { faultFromError, requestFault } from "../vendor-fault.ts";

/** What a refusal's body blames; a provider's `readRefusal` tells it by this fault. */
export function parameterFault(parameter: string): ProviderFault {
  return requestFault(`the vendor's model does not take ${parameter} as it was asked (400)`);
}

/** Ways to say one thing, the likeliest first; the last should be to say nothing. */
export class ModelFit<Way> {
  readonly #parameter: string;
  readonly #ways: Way[];

  constructor(parameter: string, ways: readonly [Way, ...Way[]]) {
    this.#parameter = parameter;
    this.#ways = [...ways];
  }

  get way(): Way {
    return this.#ways[0] as Way;
  }

  /** True when `err` refuses `way`, and there is another now. */
  learns(err: unknown, way: Way): boolean {
    if (faultFromError(err).message !== parameterFault(this.#parameter).message) return false;
    // Another call has learnt it already.
    if (way !== this.way) return true;
    if (this.#ways.length === 1) return false;
    this.#ways.shift();
    return true;
  }
}
