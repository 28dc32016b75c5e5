import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WebSocketServer } from "ws";
import { createCartesiaTts } from "../../gateway/providers/tts/cartesia.ts";
import { silentMs } from "../../gateway/providers/tts/voice-sockets.ts";
import { promptLeastMs } from "../../gateway/resilience/link-run.ts";
import { clock, contextOf, hear, openStage, requestOf, say, type VoiceStage, voices } from "./voice-stage.ts";

const slow = { first: { p50Ms: 150, p95Ms: 200 }, piece: { p50Ms: 20, p95Ms: 30 } };
let stage: VoiceStage | null = null;
let server: Server | null = null;
const sockets = new Set<Socket>();

afterEach(async () => {
  await stage?.close();
  stage = null;
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
  server = null;
});

/** An address that does with an upgrade what it is told. */
async function serveUpgrades(onUpgrade: (socket: Socket, request: IncomingMessage) => void): Promise<string> {
  server = createServer();
  server.on("connection", (socket) => sockets.add(socket));
  server.on("upgrade", (request, socket) => onUpgrade(socket as Socket, request));
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function cartesiaAt(url: string) {
  const given = { clock, apiKey: "k", url, model: "", voice: "", language: "en" };
  return createCartesiaTts({ ...given, limits: { connectMs: 300, pingMs: 40 } });
}

describe("the sockets of elevenlabs", () => {
  const many = (count: number) => Promise.all(Array.from({ length: count }, () => say(stage!)));

  it("are reused by call after call", async () => {
    stage = await openStage(voices.elevenlabs!);
    for (let call = 0; call < 3; call += 1) await say(stage);
    expect(stage.provider.pool()).toEqual({ open: 1, inUse: 0, waiting: 0 });
  });

  it("carry five contexts each, which the vendor enforces, and a crowd opens more of them", async () => {
    stage = await openStage(voices.elevenlabs!, { limits: { socketsMax: 3 } }, slow);
    const running = many(13);
    await vi.waitFor(() => expect(stage!.provider.pool()).toEqual({ open: 3, inUse: 13, waiting: 0 }));
    for (const { end } of await running) expect(end.outcome).toBe("completed");
  });

  it("let calls wait for a place, so many and so long", async () => {
    const limits = { socketsMax: 1, waitingMax: 2, waitMaxMs: 60_000 };
    stage = await openStage(voices.elevenlabs!, { limits }, slow);
    const running = many(8);
    await vi.waitFor(() => expect(stage!.provider.pool()).toEqual({ open: 1, inUse: 5, waiting: 2 }));
    const ends = (await running).map(({ end }) => end);
    expect(ends.filter(({ outcome }) => outcome === "completed")).toHaveLength(7);
    expect(ends.find(({ outcome }) => outcome === "failed")?.error).toMatchObject({
      code: "provider_overloaded",
      blame: "full",
    });
    expect(stage.provider.pool().waiting).toBe(0);
  });

  it("refuse who waited too long", async () => {
    stage = await openStage(voices.elevenlabs!, { limits: { socketsMax: 1, waitMaxMs: 20 } }, slow);
    const outcomes = (await many(6)).map(({ end }) => end.outcome);
    expect(outcomes.filter((outcome) => outcome === "failed")).toHaveLength(1);
  });

  it("keep the place of an interrupted text until the vendor is through with it", async () => {
    stage = await openStage(voices.elevenlabs!, { limits: { socketsMax: 1, waitMaxMs: 60_000 } }, slow);
    const aborts = Array.from({ length: 5 }, () => new AbortController());
    const cancelled = aborts.map(({ signal }) =>
      hear(stage!.provider.stream(requestOf(), contextOf(signal))),
    );
    await vi.waitFor(() => expect(stage!.world.calls()).toHaveLength(5));
    for (const abort of aborts) abort.abort();
    for (const { end } of await Promise.all(cancelled)) expect(end.outcome).toBe("cancelled");
    // A sixth context at once would have been the end of the socket, and of this call.
    expect((await say(stage)).end.outcome).toBe("completed");
    expect(stage.provider.pool().open).toBe(1);
  });

  it("serve another voice or rate when one that rests can make room", async () => {
    stage = await openStage(voices.elevenlabs!, { limits: { socketsMax: 1 } });
    await stage.provider.warm?.();
    for (const sampleRateHz of [8000, 16000, 24000] as const)
      expect((await say(stage, { sampleRateHz, voice: "Rachel" })).end.outcome).toBe("completed");
    expect(stage.provider.pool().open).toBe(1);
  });
});

describe.each(["elevenlabs", "cartesia"])("a kept socket of %s", (name) => {
  it("is noticed when it dies, and the next call has a new one", async () => {
    stage = await openStage(voices[name]!);
    await stage.provider.warm?.();
    expect(stage.provider.pool().open).toBe(1);
    await stage.standin.setListening(false);
    await vi.waitFor(() => expect(stage!.provider.pool().open).toBe(0));
    await stage.standin.setListening(true);
    expect((await say(stage)).end.outcome).toBe("completed");
  });

  it("takes no new calls after one that heard nothing for long", async () => {
    stage = await openStage(voices[name]!, { limits: { silentMs: 20 } });
    await stage.provider.warm?.();
    await stage.world.faults.set(voices[name]!.standin, { kind: "hang" });
    const { end } = await hear(stage.provider.stream(requestOf(), contextOf(undefined, 150)));
    expect(end.error?.code).toBe("provider_timeout");
    expect(stage.provider.pool()).toMatchObject({ open: 0, inUse: 0 });
    await stage.world.faults.set(voices[name]!.standin, null);
    expect((await say(stage)).end.outcome).toBe("completed");
  });

  it("that answers its pings is kept", async () => {
    stage = await openStage(voices[name]!, { limits: { pingMs: 30 } });
    await stage.provider.warm?.();
    // Longer than some pings: it lives because it answers.
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(stage.provider.pool().open).toBe(1);
  });

  it("is closed when it has rested for long, but for the one that is kept warm", async () => {
    const limits = { contextsPerSocketMax: 1, surplusMs: 30 };
    stage = await openStage(voices[name]!, { limits }, slow);
    const running = Promise.all(Array.from({ length: 4 }, () => say(stage!)));
    await vi.waitFor(() => expect(stage!.provider.pool().open).toBe(4));
    await running;
    await vi.waitFor(() => expect(stage!.provider.pool()).toEqual({ open: 1, inUse: 0, waiting: 0 }));
  });
});

it("a kept socket that answers no ping is given up", async () => {
  const deaf = new WebSocketServer({ noServer: true, autoPong: false });
  let closed = 0;
  const url = await serveUpgrades((socket, request) => {
    deaf.handleUpgrade(request, socket, Buffer.alloc(0), (ws) => {
      ws.on("close", () => {
        closed += 1;
      });
    });
  });
  const provider = cartesiaAt(url);
  // The list of voices never comes either.
  const warmed = provider.warm?.();
  await vi.waitFor(() => expect(closed).toBe(1));
  expect(provider.pool().open).toBe(0);
  await provider.close?.();
  await warmed;
});

it("a silent socket is thought dead also by a call that had the least time that one is given", () => {
  expect(silentMs).toBeLessThan(promptLeastMs);
});

describe("an upgrade", () => {
  const answer =
    (status: string, headers = "") =>
    (socket: Socket) =>
      void socket.end(`HTTP/1.1 ${status}\r\n${headers}content-length: 0\r\n\r\n`);

  it.each([
    ["401 Unauthorized", { code: "provider_rejected", blame: "key" }],
    ["503 Service Unavailable", { code: "provider_overloaded", blame: "vendor" }],
  ])("that is refused with %s is told so", async (status, error) => {
    const provider = cartesiaAt(await serveUpgrades(answer(status)));
    const { end } = await hear(provider.stream(requestOf(), contextOf()));
    expect(end).toMatchObject({ outcome: "failed", error });
    await provider.close?.();
  });

  it("that is refused for the quota says when to come back", async () => {
    const url = await serveUpgrades(answer("429 Too Many Requests", "retry-after: 3\r\n"));
    const provider = cartesiaAt(url);
    const { end } = await hear(provider.stream(requestOf(), contextOf()));
    expect(end.error).toMatchObject({ blame: "quota", retryAfterMs: 3000 });
    await provider.close?.();
  });

  it("that hangs is given up after its time, and is waited for by nobody else", async () => {
    let upgrades = 0;
    const url = await serveUpgrades(() => {
      upgrades += 1;
    });
    const provider = cartesiaAt(url);
    const { end } = await hear(provider.stream(requestOf(), contextOf()));
    expect(end.error).toMatchObject({ code: "provider_timeout", blame: "vendor" });
    expect(provider.pool()).toEqual({ open: 0, inUse: 0, waiting: 0 });
    expect(upgrades).toBe(1);
    await provider.close?.();
  });

  it("that is cut says that a fresh connection may do", async () => {
    const provider = cartesiaAt(await serveUpgrades((socket) => socket.resetAndDestroy()));
    const { end } = await hear(provider.stream(requestOf(), contextOf()));
    expect(end.error).toMatchObject({ code: "provider_unavailable", reset: true });
    await provider.close?.();
  });
});
