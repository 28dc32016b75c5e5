import { describe, expect, it } from "vitest";
import { clientEventSchemas } from "../../../wire/schemas/client-events.ts";
import { eventLimits } from "../../../wire/schemas/limits.ts";

describe("client event schemas", () => {
  it("are named by the type that they take", () => {
    for (const [name, schema] of Object.entries(clientEventSchemas))
      expect(schema.shape.type.value).toBe(name);
  });

  it("take an append within its limit", () => {
    const append = clientEventSchemas["input_audio_buffer.append"];
    const event = { type: "input_audio_buffer.append" };
    expect(append.safeParse({ ...event, audio: "AAAA" }).success).toBe(true);
    expect(append.safeParse({ ...event, audio: "A".repeat(eventLimits.audioBase64Chars + 1) }).success).toBe(
      false,
    );
  });
});
