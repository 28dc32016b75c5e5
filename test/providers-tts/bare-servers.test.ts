/** A server in a vendor's place may speak and have no list of voices or models: it is believed until it is asked to speak. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, expect, it } from "vitest";
import { type VoiceUnderTest, voices } from "./voice-stage.ts";

let close: () => Promise<unknown> = async () => {};
afterEach(() => close());

async function checkAt(voice: VoiceUnderTest, port: number): Promise<unknown> {
  const provider = voice.make(`http://127.0.0.1:${port}`);
  try {
    return await provider.check!(AbortSignal.timeout(5000));
  } finally {
    await provider.close?.();
  }
}

it.each(["elevenlabs", "cartesia", "openai"])("is well in the place of %s", async (name) => {
  const server = createServer((_request, response) => {
    response.writeHead(404, { "content-type": "text/plain" });
    response.end("Not Found");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = () => new Promise((resolve) => server.close(resolve));
  expect(await checkAt(voices[name]!, (server.address() as AddressInfo).port)).toBeNull();
});

it("is well in the place of Google's voices", async () => {
  const server = new Server();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  close = async () => server.forceShutdown();
  expect(await checkAt(voices["google streaming"]!, port)).toBeNull();
});
