import { describe, expect, it } from "vitest";
import { noExtensions, readExtensions } from "../../wire/extensions.ts";

describe("readExtensions", () => {
  it.each([
    ["", {}],
    ["model=x&audio=opus&duck=0&debug=yes", {}],
    ["audio=binary", { binaryAudio: true }],
    ["resume=1", { resume: true }],
    ["resume=some-token&last_seq=4", { resume: true }],
    ["resume=", {}],
    ["resume=0", {}],
    ["duck=1&debug=1", { duck: true, debug: true }],
    ["words=1&captions=1&level=1", { words: true, captions: true, level: true }],
    ["words=yes&level=", {}],
    ["aec=none", { echoGuard: true }],
    ["aec=client", {}],
  ])("reads '%s'", (query, asked) => {
    expect(readExtensions(new URLSearchParams(query))).toEqual({ ...noExtensions, ...asked });
  });
});
