import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ParleyClient } from "../../client/parley-client.ts";
import { clientErrorCodes, ParleyError } from "../../client/parley-error.ts";
import { VoiceCall } from "../../client/voice-call.ts";
import { errorCodes } from "../../wire/codes.ts";

const readReadme = () => readFile(new URL("../../client/README.md", import.meta.url), "utf8");
const sourceOf = (name: string) => readFile(new URL(`../../client/${name}`, import.meta.url), "utf8");

/** Field names of an exported interface, read from its source. */
async function fieldsOf(file: string, name: string): Promise<string[]> {
  const source = await sourceOf(file);
  const body = source.slice(source.indexOf(`export interface ${name} {`)).split("\n}", 1)[0]!;
  return [...body.matchAll(/^ {2}(\w+)\??:/gm)].map((match) => match[1]!);
}

function methodsOf(type: { prototype: object }): string[] {
  return Object.getOwnPropertyNames(type.prototype).filter((name) => name !== "constructor");
}

describe("the README", () => {
  it("explains every code that the client can tell, and each has words for people", async () => {
    const readme = await readReadme();
    for (const code of clientErrorCodes) {
      expect(readme, code).toContain(`\`${code}\``);
      expect(new ParleyError(code).message, code).not.toBe(`Something went wrong (${code}).`);
    }
  });

  it("names no code that doesn't exist", async () => {
    const table = (await readReadme()).split("## Error codes")[1]!;
    const known: readonly string[] = [...clientErrorCodes, ...errorCodes];
    const named = [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap((row) =>
      [...row[1]!.matchAll(/`(\w+)`/g)].map((match) => match[1]!),
    );
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((code) => !known.includes(code))).toEqual([]);
  });

  it.each([
    ["client-events.ts", "ParleyClientOptions"],
    ["client-events.ts", "ClientExtensions"],
    ["client-events.ts", "ClientEvents"],
    ["voice-call-events.ts", "VoiceCallOptions"],
    ["voice-call-events.ts", "VoiceCallEvents"],
    ["voice-call-events.ts", "MicrophoneSettings"],
  ])("tells every field of %s's %s", async (file, name) => {
    const readme = await readReadme();
    const fields = await fieldsOf(file, name);
    expect(fields.length).toBeGreaterThan(2);
    for (const field of fields) expect(readme, field).toContain(`\`${field}\``);
  });

  it("tells every method", async () => {
    const readme = await readReadme();
    for (const method of [...methodsOf(ParleyClient), ...methodsOf(VoiceCall)])
      expect(readme, method).toMatch(new RegExp(`\`${method}[\`(]`));
  });
});
