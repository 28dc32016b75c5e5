import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { createCartesiaTts } from "../../gateway/providers/tts/cartesia.ts";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { collect } from "../resilience/fake-providers.ts";

const clock = createSystemClock();
let server: WebSocketServer | null = null;

afterEach(() => {
  for (const client of server?.clients ?? []) client.terminate();
  server?.close();
});

it("a voice that sends minutes of audio for a word fails, also while its word times are waited for", async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      const { context_id, cancel } = JSON.parse(String(data));
      if (cancel) return;
      const chunk = JSON.stringify({
        type: "chunk",
        context_id,
        data: Buffer.alloc(500_000, 1).toString("base64"),
      });
      for (let sent = 0; sent < 6; sent += 1) socket.send(chunk);
      // After the time in which word times are waited for.
      setTimeout(() => socket.send(chunk), 300);
    });
  });
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tts = createCartesiaTts({ clock, apiKey: "k", url, model: "", voice: "", language: "en" });
  const request = { text: "Hello.", voice: "", speedRatio: 1, sampleRateHz: 8000 } as const;
  const { signal } = new AbortController();
  const context = { signal, deadlineMs: clock.nowMs() + 20_000, clock, tenant: "t", callId: "c" };
  const events = await collect(tts.stream(request, context));
  expect(events.at(-1)).toMatchObject({ type: "end", outcome: "failed", error: { blame: "vendor" } });
  await tts.close?.();
});
