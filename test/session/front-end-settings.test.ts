import { describe, expect, it } from "vitest";
import type { SessionConfig } from "../../gateway/session/domain.ts";
import { frontEndSettings, type ListeningSettings } from "../../gateway/session/front-end-settings.ts";
import { sessionConfig } from "./session-fixtures.ts";

function settingsFor(
  noiseReduction: SessionConfig["input"]["noiseReduction"],
  listening: Partial<ListeningSettings>,
) {
  const config = sessionConfig({});
  const gating = { ...config, input: { ...config.input, noiseReduction } };
  return frontEndSettings(gating, { vadInput: "raw", sttInput: "raw", ...listening });
}

describe("what the audio thread is told of a session", () => {
  it.each(["near_field", "far_field"] as const)(
    "has speech detection and the recogniser each take the gated signal where it is set so, %s",
    (noiseReduction) => {
      const heard = ({ vadInput, keepGated }: ReturnType<typeof settingsFor>) => [vadInput, keepGated];
      expect(heard(settingsFor(noiseReduction, {}))).toEqual(["raw", false]);
      expect(heard(settingsFor(noiseReduction, { vadInput: "gated" }))).toEqual(["gated", false]);
      expect(heard(settingsFor(noiseReduction, { sttInput: "gated" }))).toEqual(["raw", true]);
      expect(settingsFor(noiseReduction, {}).noiseReduction).toBe(noiseReduction);
    },
  );

  it("has both take the raw signal of a session without noise reduction, whatever is set", () => {
    expect(settingsFor(null, { vadInput: "gated", sttInput: "gated" })).toMatchObject({
      noiseReduction: null,
      vadInput: "raw",
      keepGated: false,
    });
  });

  it("expects an echo and reports levels for a client that asked for that, and for no other", () => {
    expect(settingsFor(null, {})).toMatchObject({ echoGuard: false, levelIntervalMs: null });
    expect(settingsFor(null, { echoGuard: true, levels: true })).toMatchObject({
      echoGuard: true,
      levelIntervalMs: 96,
    });
  });
});
