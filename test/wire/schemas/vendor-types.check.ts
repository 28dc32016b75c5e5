/**
 * Checked by the compiler alone: what we take and send fits the vendor's own types. A line here that doesn't
 * compile means that the vendor's protocol and ours have parted.
 */
import type {
  ConversationItem,
  RealtimeClientEvent,
  RealtimeResponse,
  RealtimeResponseUsage,
  RealtimeServerEvent,
  RealtimeSessionCreateRequest,
  ResponseCreateEventWithReferencesParam,
} from "openai/resources/realtime/realtime";
import type { z } from "zod";
import type {
  ClientEvent,
  SentItem,
  SentResponse,
  SentSession,
  SentUsage,
  ServerEvent,
} from "../../../wire/events.ts";
import type { ExtensionServerEvent, PlaybackEvent } from "../../../wire/extensions.ts";
import type { clientEventSchemas } from "../../../wire/schemas/client-events.ts";

type Expect<Holds extends true> = Holds;
type Fits<Given, Wanted> = [Given] extends [Wanted] ? true : false;
type Schemas = typeof clientEventSchemas;
type Taken<Name extends keyof Schemas> = z.input<Schemas[Name]>;
type VendorEvent<Type extends RealtimeClientEvent["type"]> = Extract<RealtimeClientEvent, { type: Type }>;

/** The vendor's type with nulls wherever a field is optional. */
type AsSent<Value> = Value extends string | number | boolean
  ? Value
  : Value extends readonly (infer Element)[]
    ? AsSent<Element>[]
    : Value extends object
      ? { [Key in keyof Value]: AsSent<Value[Key]> | (object extends Pick<Value, Key> ? null : never) }
      : Value;

/** The vendor's event fits what its schema takes, one check an event type, so that an error names it. */
type TakesEvery = {
  [Type in RealtimeClientEvent["type"]]: Fits<VendorEvent<Type>, Taken<Type>>;
};

/** The same with nulls where the vendor has optional fields: they mean "left out". */
type TakesNulls = {
  [Type in RealtimeClientEvent["type"]]: Fits<AsSent<VendorEvent<Type>>, Taken<Type>>;
};

type AllTrue<Checks> = Checks[keyof Checks] extends true ? true : false;

/** Events without free shapes inside: what the schema lets through is the vendor's event again. */
type StrictNames = Exclude<
  RealtimeClientEvent["type"],
  "session.update" | "conversation.item.create" | "response.create"
>;
type GivesVendors = {
  [Type in StrictNames]: Fits<WithoutOptionals<z.output<Schemas[Type]>>, WithoutOptionals<VendorEvent<Type>>>;
};
/** Optional fields may be `undefined` after the check, which the vendor's types don't say. */
type WithoutOptionals<Event> = {
  [Key in keyof Event as undefined extends Event[Key] ? never : Key]: Event[Key];
};

/** Of our own narrowing: nulls gone, rates the vendor's, the rest must fit as it stands. */
type AsVendors<Value> = Value extends readonly (infer Element)[]
  ? AsVendors<Element>[]
  : Value extends { type: "audio/pcm" }
    ? { type: "audio/pcm"; rate: 24000 }
    : Value extends object
      ? {
          [Key in keyof Value as Value[Key] extends null ? never : Key]: AsVendors<Exclude<Value[Key], null>>;
        }
      : Value;

type ProtocolEvents = Exclude<ServerEvent, ExtensionServerEvent>;

export type Checks = [
  Expect<AllTrue<TakesEvery>>,
  Expect<AllTrue<TakesNulls>>,
  Expect<AllTrue<GivesVendors>>,
  Expect<Fits<ResponseCreateEventWithReferencesParam, Taken<"response.create">>>,
  Expect<Fits<PlaybackEvent, Taken<"parley.playback">>>,
  // Every event type of the vendor's has a schema, and there is none beside them but ours.
  Expect<Fits<RealtimeClientEvent["type"] | "parley.playback", keyof Schemas>>,
  Expect<Fits<keyof Schemas, RealtimeClientEvent["type"] | "parley.playback">>,
  Expect<Fits<RealtimeClientEvent, ClientEvent>>,
  // What we send is what the vendor's clients expect.
  Expect<Fits<ProtocolEvents["type"], RealtimeServerEvent["type"]>>,
  Expect<Fits<AsVendors<ProtocolEvents>, RealtimeServerEvent>>,
  Expect<Fits<AsVendors<SentItem>, ConversationItem>>,
  Expect<Fits<AsVendors<SentResponse>, RealtimeResponse>>,
  Expect<Fits<AsVendors<SentUsage>, RealtimeResponseUsage>>,
  Expect<Fits<AsVendors<SentSession>, RealtimeSessionCreateRequest>>,
];

/** The checks can fail: these are false, and saying otherwise does not compile. */
export type Canaries = [
  // @ts-expect-error nulls are really added
  Expect<Fits<AsSent<{ a?: string }>, { a?: string }>>,
  // @ts-expect-error a word is no number
  Expect<Fits<{ type: "response.cancel"; response_id: number }, Taken<"response.cancel">>>,
  // @ts-expect-error an item needs its id to be truncated
  Expect<Fits<{ type: "conversation.item.truncate" }, Taken<"conversation.item.truncate">>>,
  // @ts-expect-error an item has a type
  Expect<Fits<AsVendors<Omit<SentItem, "type">>, ConversationItem>>,
  // @ts-expect-error an event of ours is none of the vendor's
  Expect<Fits<ExtensionServerEvent["type"], RealtimeServerEvent["type"]>>,
];
