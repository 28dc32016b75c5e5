import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import { RealtimeClient } from "../support/realtime-client.ts";
import { protocolScript } from "./scripted-gateway.ts";

const manual = {
  output_modalities: ["audio"],
  audio: { input: { format: { type: "audio/pcm", rate: 24_000 }, turn_detection: null } },
};
let gateway: RunningGateway | null = null;

afterEach(async () => {
  await gateway?.stop();
  gateway = null;
});

function ask(client: RealtimeClient, text: string): void {
  const content = [{ type: "input_text", text }];
  client.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  client.send({ type: "response.create" });
}

it("a deploy lets a reply be heard to its end, begins no other one, and lets the idle go at once", async () => {
  gateway = await startGateway({ script: protocolScript, env: scriptedEngines });
  const [talking, idle] = [
    await RealtimeClient.session(gateway.wsUrl, manual),
    await RealtimeClient.session(gateway.wsUrl, manual),
  ];
  let audioMs = 0;
  let firstAtMs = 0;
  let asked = false;
  const refusals: string[] = [];
  talking.socket.on("message", (data) => {
    const event = JSON.parse(String(data));
    if (event.type === "error") refusals.push(event.error.code);
    if (event.type !== "response.output_audio.delta") return;
    if (firstAtMs === 0) {
      firstAtMs = performance.now();
      gateway!.process.kill("SIGTERM");
    }
    audioMs += Buffer.from(event.delta, "base64").length / 48;
  });
  const gone = Promise.all([once(talking.socket, "close"), once(idle.socket, "close")]);
  idle.socket.on("close", () => {
    asked = true;
    ask(talking, "short");
  });
  ask(talking, "hello");
  const [[code], [idleCode]] = await gone;
  expect([code, idleCode, asked]).toEqual([4000, 4000, true]);
  // Played as it comes, all of it was heard.
  expect(performance.now() - firstAtMs).toBeGreaterThan(audioMs - 200);
  expect(refusals).not.toEqual([]);
  const known = ["draining", "conversation_already_has_active_response"];
  expect(refusals.filter((code) => !known.includes(code))).toEqual([]);
});
