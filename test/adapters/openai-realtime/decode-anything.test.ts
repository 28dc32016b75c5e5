import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DecodeOptions, decodeClientEvent } from "../../../gateway/adapters/openai-realtime/decode.ts";
import { errorCodes } from "../../../wire/codes.ts";
import { noExtensions } from "../../../wire/extensions.ts";
import { clientEventSchemas } from "../../../wire/schemas/client-events.ts";
import { malformed } from "./malformed-events.ts";

const options = (): DecodeOptions => ({
  extensions: noExtensions,
  inputFormat: () => ({ type: "audio/pcm", rate: 24000 }),
  receivedSamples: () => 4800,
});

describe("whatever comes", () => {
  const codes: ReadonlySet<string> = new Set(errorCodes.filter((code) => code !== "internal_error"));

  /** Never throws, and a refusal is one of the table's codes with a message. */
  function checkOutcome(text: string): void {
    const decoded = decodeClientEvent(text, options());
    expect(["command", "append", "refused"]).toContain(decoded.kind);
    if (decoded.kind === "refused") expect(codes).toContain(decoded.error.code);
    // A command is plain JSON: it comes back from a copy as it is.
    if (decoded.kind === "command")
      expect(JSON.parse(JSON.stringify(decoded.command))).toStrictEqual(decoded.command);
  }

  it("decodes or refuses any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), checkOutcome));
  });

  it("decodes or refuses any JSON, also under a known type", () => {
    const types = fc.constantFrom(...Object.keys(clientEventSchemas));
    const anything = fc.oneof(
      fc.json(),
      fc
        .tuple(types, fc.dictionary(fc.string(), fc.jsonValue()))
        .map(([type, rest]) => JSON.stringify({ ...rest, session: rest, item: rest, response: rest, type })),
    );
    fc.assert(fc.property(anything, checkOutcome), { numRuns: 500 });
  });

  it("decodes or refuses known events with any value put anywhere", () => {
    const seeds: object[] = malformed
      .map(([event]) => event)
      .filter((event): event is object => typeof event === "object");
    const strange = fc.oneof(
      fc.constantFrom(null, "", 0, -1, 1e308, true, [], {}, "__proto__", "\ud800"),
      fc.jsonValue({ maxDepth: 2 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...seeds), fc.nat(), strange, (event, at, value) => {
        checkOutcome(JSON.stringify(replaceAt(event, at, value)));
      }),
      { numRuns: 1500 },
    );
  });
});

/** A copy of `event` with the `at`-th of its values (modulo their number) replaced. */
function replaceAt(event: object, at: number, value: unknown): unknown {
  const copy = structuredClone(event);
  const places: { holder: Record<string, unknown>; key: string }[] = [];
  const visit = (holder: Record<string, unknown>) => {
    for (const key of Object.keys(holder)) {
      places.push({ holder, key });
      const inner = holder[key];
      if (typeof inner === "object" && inner !== null) visit(inner as Record<string, unknown>);
    }
  };
  visit(copy as Record<string, unknown>);
  const place = places[at % Math.max(1, places.length)];
  if (place) place.holder[place.key] = value;
  return copy;
}
