import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { startAdmin } from "../../loadtest/standins/admin.ts";
import type { Standin, StandinName } from "../../loadtest/standins/standin.ts";
import { createWorld } from "../../loadtest/standins/world.ts";

const world = createWorld({ seed: 1 });
const listening: string[] = [];
const standins = new Map<StandinName, Standin>(
  (["gemini", "google-tts"] as const).map((name) => [
    name,
    {
      name,
      url: `http://127.0.0.1:1/${name}`,
      async setListening(open) {
        listening.push(`${name} ${open}`);
      },
      async close() {},
    },
  ]),
);
world.faults.onListening(async (name, open) => standins.get(name)?.setListening(open));
const admin = await startAdmin(world, standins, 0);
afterAll(async () => {
  await admin.close();
  await world.close();
});
beforeEach(() => world.reset());

async function ask(method: string, path: string, body?: unknown) {
  const response = await fetch(`${admin.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

describe("the admin port", () => {
  it("lists the stand-ins with their faults", async () => {
    await ask("PUT", "/faults/gemini", { kind: "stall", afterPieces: 3 });
    expect(await ask("GET", "/standins")).toEqual({
      status: 200,
      body: [
        { name: "gemini", url: "http://127.0.0.1:1/gemini", fault: { kind: "stall", afterPieces: 3 } },
        { name: "google-tts", url: "http://127.0.0.1:1/google-tts", fault: null },
      ],
    });
    await ask("DELETE", "/faults/gemini");
    expect(world.faults.get("gemini")).toBeNull();
  });

  it("takes all of them down at once, or those that are named, and brings them back", async () => {
    await ask("PUT", "/faults", { kind: "refuse" });
    expect([...standins.keys()].map((name) => world.faults.get(name)?.kind)).toEqual(["refuse", "refuse"]);
    expect(listening.splice(0)).toEqual(["gemini false", "google-tts false"]);
    await ask("DELETE", "/faults");
    expect(listening.splice(0)).toEqual(["gemini true", "google-tts true"]);
    await ask("PUT", "/faults", { kind: "hang", standins: ["google-tts"] });
    expect(world.faults.get("gemini")).toBeNull();
    expect(world.faults.get("google-tts")?.kind).toBe("hang");
  });

  it("lists calls without their samples, all or those after one, of one stand-in", async () => {
    const call = world.begin("google-tts");
    call.note({ text: "Hello.", sampleRateHz: 16_000, pcm: new Int16Array(320) });
    call.end("completed");
    world.begin("gemini");
    const { body } = await ask("GET", "/calls");
    expect(body).toHaveLength(2);
    expect(body[0]).toMatchObject({
      standin: "google-tts",
      outcome: "completed",
      text: "Hello.",
      samples: 320,
    });
    expect(body[0]).not.toHaveProperty("pcm");
    expect((await ask("GET", `/calls?after=${body[0].id}`)).body).toHaveLength(1);
    expect((await ask("GET", "/calls?standin=gemini")).body).toHaveLength(1);
  });

  it("learns utterances, as texts and as recordings", async () => {
    const learnt = await ask("POST", "/utterances", { text: "Kick the ball straight.", voice: "rms" });
    expect(learnt).toEqual({ status: 200, body: { text: "Kick the ball straight.", utterances: 1 } });
    const { pcm } = await world.speak("Kick the ball straight.", {
      voice: "rms",
      sampleRateHz: 16_000,
      speedRatio: 1,
    });
    expect(world.hear(pcm).text).toBe("Kick the ball straight.");
    const base64 = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength - 2).toString("base64");
    expect((await ask("POST", "/utterances", { text: "Again.", pcm: base64 })).body.utterances).toBe(2);
  });

  it("forgets calls and faults when it is reset", async () => {
    world.begin("gemini");
    await ask("PUT", "/faults/gemini", { kind: "hang" });
    expect((await ask("POST", "/reset")).status).toBe(200);
    expect((await ask("GET", "/calls")).body).toEqual([]);
    expect(world.faults.get("gemini")).toBeNull();
  });

  it.each([
    ["an unknown path", "GET", "/weather", undefined, 404],
    ["a path too deep", "GET", "/faults/gemini/today", undefined, 404],
    ["a method that a path doesn't take", "POST", "/faults", {}, 405],
    ["an unknown stand-in", "PUT", "/faults/siri", { kind: "hang" }, 404],
    ["an unknown stand-in among others", "PUT", "/faults", { kind: "hang", standins: ["siri"] }, 404],
    ["names that are no list", "PUT", "/faults", { kind: "hang", standins: "gemini" }, 400],
    ["an unknown fault", "PUT", "/faults/gemini", { kind: "boredom" }, 400],
    ["a number out of bounds", "PUT", "/faults/gemini", { kind: "stall", afterPieces: -1 }, 400],
    ["what is no JSON", "PUT", "/faults/gemini", "{", 400],
    ["a name that is no text", "PUT", "/faults/%E0%A4%A", { kind: "hang" }, 404],
    ["an utterance without text", "POST", "/utterances", { text: " " }, 400],
    ["an utterance in no known voice", "POST", "/utterances", { text: "Hi.", voice: "siri" }, 400],
    ["an utterance with more than it has", "POST", "/utterances", { text: "Hi.", mood: 1 }, 400],
    ["half a sample", "POST", "/utterances", { text: "Hi.", pcm: "AAAA" }, 400],
    ["a recording without sound", "POST", "/utterances", { text: "Hi.", pcm: "AAAAAAAA" }, 400],
    ["a list for an utterance", "POST", "/utterances", [], 400],
    ["a body too long", "POST", "/utterances", { text: "a".repeat(3_000_000) }, 413],
    ["a call's number that is none", "GET", "/calls?after=x", undefined, 400],
    ["calls of an unknown stand-in", "GET", "/calls?standin=siri", undefined, 400],
  ])("refuses %s", async (_, method, path, body, status) => {
    const answer = await ask(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatch(/\w+ \w+/);
  });
});
