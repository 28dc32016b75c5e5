/** Faults of our own that the simulation must find: a check that cannot fail is none. */
import type { AiProvider, ProviderFault, TtsEvent, TtsRequest } from "../../gateway/providers/provider.ts";
import type { ChainPolicy, Continuation } from "../../gateway/resilience/continuation.ts";
import type { Admission, Guard, Guards } from "../../gateway/resilience/guard.ts";
import type { PlaybackLimits } from "../../gateway/session/playback.ts";

export type Mutant =
  | "skips a word"
  | "repeats a word"
  | "repeats sentences"
  | "begins anew beside another"
  | "drops the floor"
  | "asks dead vendors"
  | "forgives failures"
  | "probes too early"
  | "forgets when to come back"
  | "tries refused keys"
  | "calls full vendors"
  | "blames who is well"
  | "hedges without budget"
  | "retries without budget"
  | "hedges where tools are offered"
  | "remembers unheard words"
  | "forgets heard words";

/** What the next voice is asked to say in place of the rest of a text. */
const rests: Partial<Record<Mutant, (rest: string, whole: string) => string>> = {
  "skips a word": (rest) => rest.replace(/^\S+\s+/, ""),
  "repeats a word": (rest, whole) => whole.slice(whole.slice(0, -rest.length).search(/\S+\s*$/)),
  "repeats sentences": (_rest, whole) => whole,
  "begins anew beside another": (rest) => rest,
};

type SpeechCall = Continuation<TtsRequest, TtsEvent>;

/** A voice's policy that asks the next one for too much or too little. */
export function spoilPolicy(policy: ChainPolicy<TtsRequest, TtsEvent>, mutant: Mutant | undefined) {
  const change = mutant === undefined ? undefined : rests[mutant];
  if (change === undefined) return policy;
  const spoil = (call: SpeechCall, request: TtsRequest): SpeechCall => {
    const { beside } = call;
    const goesOn = beside !== undefined && mutant !== "begins anew beside another";
    return {
      nextRequest(link) {
        const asked = call.nextRequest(link);
        if (asked === null || asked.text === request.text) return asked;
        return { ...asked, text: change(asked.text, request.text) };
      },
      ...(goesOn ? { beside: () => spoil(beside.call(call), request) } : {}),
      take: (event, out) => call.take(event, out),
      complete: (...at) => call.complete(...at),
      fail: (out) => call.fail(out),
      dueAtMs: (...at) => call.dueAtMs(...at),
      get useful() {
        return call.useful;
      },
    };
  };
  const spoilt: ChainPolicy<TtsRequest, TtsEvent> = {
    ...policy,
    begin: (request, ...rest) => spoil(policy.begin(request, ...rest), request),
  };
  return spoilt;
}

/** An answerer's chain that does not know of tools. */
export function spoilChain(chain: AiProvider, mutant: Mutant | undefined): AiProvider {
  if (mutant !== "hedges where tools are offered") return chain;
  return { ...chain, stream: (request, context) => chain.stream({ ...request, tools: [] }, context) };
}

/** What is told of a fault in place of it. */
const belittlings: Partial<Record<Mutant, (fault: ProviderFault) => ProviderFault>> = {
  "forgives failures": (fault) => (fault.blame === undefined ? { ...fault, blame: "request" } : fault),
  "forgets when to come back": (fault) => (fault.blame === "quota" ? { ...fault, retryAfterMs: 0 } : fault),
  "tries refused keys": (fault) => (fault.blame === "key" ? { ...fault, blame: "request" } : fault),
};

/** Budgets that never run out; admissions that count every end as a failure, or take faults for less than they are. */
export function spoilGuards(guards: Guards, mutant: Mutant | undefined): Guards {
  const belittle = mutant === undefined ? undefined : belittlings[mutant];
  const endless = { earn: () => undefined, take: () => true };
  switch (mutant) {
    case "retries without budget":
      return { ...guards, retries: endless };
    case "hedges without budget":
      return { ...guards, hedges: { ...endless, spend: () => undefined, spentUsd: 0 } };
    case "blames who is well":
      return changingAdmissions(guards, (admission) => ({
        ...admission,
        end: () => admission.fail(noFault),
      }));
    default:
      return belittle === undefined
        ? guards
        : changingAdmissions(guards, (admission) => ({
            ...admission,
            fail: (fault) => admission.fail(belittle(fault)),
          }));
  }
}

const noFault: ProviderFault = { code: "provider_timeout", message: "not to blame", retryable: true };

function changingAdmissions(guards: Guards, change: (admission: Admission) => Admission): Guards {
  const changing = (guard: Guard): Guard => {
    const admit = (): Admission | "open" | "full" => {
      const admission = guard.admit();
      return typeof admission === "string" ? admission : change(admission);
    };
    return Object.assign(Object.create(guard) as Guard, { admit });
  };
  return { ...guards, of: (stage, name) => changing(guards.of(stage, name)) };
}

/** A playback that takes what it has only just sent as heard, or what was heard long ago as not. */
export function spoilPlayback(limits: PlaybackLimits, mutant: Mutant | undefined): PlaybackLimits {
  const lags: Partial<Record<Mutant, number>> = {
    "remembers unheard words": -limits.aheadMs,
    "forgets heard words": limits.heardLagMs + limits.aheadMs,
  };
  const heardLagMs = mutant === undefined ? undefined : lags[mutant];
  return heardLagMs === undefined ? limits : { ...limits, heardLagMs };
}
