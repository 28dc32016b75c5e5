/** What a call keeps over losses, refusals and second starts; without a browser, so without its sound. */
import { expect, it, vi } from "vitest";
import type { ParleyClientOptions } from "../../client/client-events.ts";
import { Player } from "../../client/player.ts";
import { VoiceCall } from "../../client/voice-call.ts";
import type { TalkMode } from "../../client/voice-call-events.ts";
import { connect, gateway, makeClient, next } from "./client-world.ts";
import { type FakePeer, sessionWith } from "./fake-gateway.ts";

const workletUrls = { microphone: "/m.js", player: "/p.js" };

function makeCall(mode: TalkMode, options: Partial<ParleyClientOptions> = {}): VoiceCall {
  const call = new VoiceCall({ client: makeClient(options), mode, workletUrls });
  const silent = { start: async () => undefined };
  Object.assign(call.microphone, silent);
  Object.assign(call.player, silent);
  return call;
}

async function start(call: VoiceCall): Promise<FakePeer> {
  const started = call.start();
  const peer = await gateway.nextPeer();
  await peer.welcome();
  await started;
  return peer;
}

/** Refuses the next settings as a gateway does. */
async function refuseUpdate(peer: FakePeer): Promise<void> {
  const { event_id } = await peer.next("session.update");
  const error = { type: "invalid_request_error", code: "invalid_value", message: "No.", param: null };
  peer.send({ type: "error", error: { ...error, event_id: event_id ?? null } });
}

it("a mode and settings that are chosen while the server is away are told to it when it is back", async () => {
  const call = makeCall("push-to-talk");
  const peer = await start(call);
  const lost = next(call.client, "reconnecting");
  peer.close(4000, "server_restart");
  await lost;
  await call.setMode("hands-free");
  await call.configure({ instructions: "Speak French." });
  const again = await gateway.nextPeer();
  again.send({ type: "session.created", session: sessionWith({}) });
  const { session } = await again.confirmUpdate();
  expect(session).toMatchObject({
    instructions: "Speak French.",
    audio: { input: { turn_detection: { type: "server_vad" } } },
  });
  expect(call.mode).toBe("hands-free");
  call.stop();
});

it("settings that the server refused are not asked for again, neither with others nor after a loss", async () => {
  const call = makeCall("hands-free");
  const peer = await start(call);
  const refused = call.configure({ max_output_tokens: 9_999_999 });
  const outcome = expect(refused).rejects.toMatchObject({ code: "invalid_value" });
  await refuseUpdate(peer);
  await outcome;
  const taken = call.configure({ instructions: "Be brief." });
  expect((await peer.confirmUpdate()).session).not.toHaveProperty("max_output_tokens");
  await taken;
  peer.terminate();
  const again = await gateway.nextPeer();
  again.send({ type: "session.created", session: sessionWith({}) });
  const { session } = await again.confirmUpdate();
  expect(session).toMatchObject({ instructions: "Be brief." });
  expect(session).not.toHaveProperty("max_output_tokens");
  call.stop();
});

it("a key that could not be fetched is asked for again, as a server that is away is", async () => {
  let asked = 0;
  const apiKey = async () => {
    asked += 1;
    if (asked === 2) throw new TypeError("fetch failed");
    return "ek_x";
  };
  const client = makeClient({ apiKey });
  const peer = await connect(client);
  const restarted = next(client, "restarted");
  peer.terminate();
  const again = await gateway.nextPeer();
  again.send({ type: "session.created", session: sessionWith({}) });
  await restarted;
  expect(asked).toBe(3);
});

it("a start that was given up does not end the one after it", async () => {
  const call = makeCall("hands-free");
  const first = call.start();
  const outcome = expect(first).rejects.toMatchObject({ code: "closed_by_caller" });
  await gateway.nextPeer();
  call.stop();
  const peer = await start(call);
  await outcome;
  expect(call.client.connected).toBe(true);
  peer.terminate();
  call.stop();
});

it("a volume that was lowered is back after an interruption, also one of silence", async () => {
  const gains: number[] = [];
  const gain = {
    value: 1,
    cancelScheduledValues: () => undefined,
    setValueAtTime: () => undefined,
    linearRampToValueAtTime: (value: number) => void gains.push(value),
  };
  vi.stubGlobal(
    "AudioContext",
    class {
      state = "running";
      currentTime = 0;
      audioWorklet = { addModule: async () => undefined };
      resume = async () => undefined;
      close = async () => undefined;
      createGain = () => ({ gain, connect: (to: unknown) => to });
    },
  );
  vi.stubGlobal(
    "AudioWorkletNode",
    class {
      port = { onmessage: null, postMessage: () => undefined };
      connect = (to: unknown) => to;
    },
  );
  const player = new Player({ workletUrl: "/p.js" });
  await player.start();
  player.duck();
  expect(await player.flush()).toEqual([]);
  expect(gains).toEqual([expect.closeTo(0.2), 1]);
  player.close();
  vi.unstubAllGlobals();
});
