/** Servers that speak like a vendor and are not quite it, wishes that a vendor can't grant, and connections that die silently. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createOpenAiTts } from "../../gateway/providers/tts/openai.ts";
import { openPath } from "../support/path.ts";
import { clock, contextOf, hear, openStage, requestOf, say, voices } from "./voice-stage.ts";

let close: () => Promise<void> = async () => {};
afterEach(() => close());

type Answer = (voice: string, response: ServerResponse) => void;

/** A voice by a server that answers so; `asked` fills with the voices that it was asked for. */
async function serve(answer: Answer) {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { voice } = JSON.parse(Buffer.concat(chunks).toString()) as { voice: string };
    asked.push(voice);
    answer(voice, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const provider = createOpenAiTts({
    clock,
    apiKey: "",
    url,
    model: "tts-1",
    voice: "alloy",
    language: "en",
  });
  close = async () => {
    await provider.close?.();
    server.closeAllConnections();
    server.close();
  };
  const speak = (voice: string) => hear(provider.stream(requestOf({ voice }), contextOf()));
  return { asked, speak };
}

function wav(rateHz: number, samples: number): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + 2 * samples, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rateHz, 24);
  header.writeUInt32LE(2 * rateHz, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(2 * samples, 40);
  return Buffer.concat([header, Buffer.alloc(2 * samples, 7)]);
}

describe("a server that speaks like OpenAI's voices", () => {
  it("is played at its own rate when it sends a WAV file", async () => {
    const { speak } = await serve((_voice, response) => {
      response.writeHead(200, { "content-type": "audio/wav" });
      response.end(wav(22_050, 22_050));
    });
    const { pcm, end } = await speak("alloy");
    expect(end.outcome).toBe("completed");
    expect(Math.abs(pcm.length - 24_000)).toBeLessThan(100);
  });

  it("is not heard when it sends compressed audio", async () => {
    const { speak } = await serve((_voice, response) => {
      response.writeHead(200, { "content-type": "audio/mpeg" });
      response.end(Buffer.alloc(24_000, 9));
    });
    const { pcm, end } = await speak("alloy");
    expect(pcm).toHaveLength(0);
    expect(end.error).toMatchObject({ blame: "key", message: expect.stringContaining("compressed") });
  });

  it("speaks in the configured voice when it does not have the session's, and is asked for that once", async () => {
    const { asked, speak } = await serve((voice, response) => {
      const known = voice === "alloy";
      response.writeHead(known ? 200 : 400, { "content-type": known ? "audio/pcm" : "application/json" });
      response.end(
        known ? Buffer.alloc(4800, 7) : JSON.stringify({ error: { param: "voice", message: "no" } }),
      );
    });
    expect((await speak("marin")).end.outcome).toBe("completed");
    expect((await speak("marin")).end.outcome).toBe("completed");
    expect(asked).toEqual(["marin", "alloy", "alloy"]);
  });

  it("is to blame as before when it refuses the configured voice, too", async () => {
    const { speak } = await serve((_voice, response) => {
      response.writeHead(401, { "content-type": "application/json" });
      response.end("{}");
    });
    expect((await speak("marin")).end.error).toMatchObject({ blame: "key" });
  });
});

describe("a language that Cartesia does not speak", () => {
  it("is the conversation's fault, and nobody else's", async () => {
    const stage = await openStage(voices.cartesia!);
    close = () => stage.close();
    expect((await say(stage, { language: "tlh" })).end.error).toMatchObject({ blame: "request" });
    expect((await say(stage)).end.outcome).toBe("completed");
  });
});

describe.each(["google streaming", "google at once"])("a connection of %s", (name) => {
  it("that has fallen silent fails one call, and the next has a new one", async () => {
    const stage = await openStage(voices[name]!);
    const path = await openPath(stage.standin.url);
    const provider = voices[name]!.make(path.url);
    close = async () => {
      await provider.close?.();
      await path.close();
      await stage.close();
    };
    const speak = async (timeoutMs: number) =>
      (await hear(provider.stream(requestOf(), contextOf(undefined, timeoutMs)))).end.outcome;
    expect(await speak(20_000)).toBe("completed");
    path.fallSilent();
    expect(await speak(1_200)).toBe("failed");
    expect(await speak(20_000)).toBe("completed");
    expect(path.accepted).toBe(2);
  });
});
