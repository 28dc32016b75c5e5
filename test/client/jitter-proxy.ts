/** A network with jitter, on this machine: what the server sends arrives in order, each piece later by chance. */
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import type { SeededRandom } from "../support/random.ts";
import type { FakePeer } from "./fake-gateway.ts";

export interface JitterProxy {
  /** With a slash at the end. */
  url: string;
  /** The longest delay from now on. */
  jitterMs: number;
  /** The server itself was late by that much: the network makes up for it, so that only the jitter asked for is left. */
  forgiveMs: number;
  /** How much later than intended each piece was handed on: the machine's own doing. */
  lates: number[];
  stop(): Promise<void>;
}

/** Stands between a client and `port` on this machine. */
export async function startJitterProxy(port: number, random: SeededRandom): Promise<JitterProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ port, host: "127.0.0.1" });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (chunk) => upstream.write(chunk));
    let previousAtMs = 0;
    // Whichever timer fires, the oldest piece goes: timers round, a stream keeps its order.
    const waiting: Buffer[] = [];
    upstream.on("data", (chunk) => {
      const nowMs = performance.now();
      const delayMs = Math.max(0, random.next() * proxy.jitterMs - proxy.forgiveMs);
      const dueAtMs = Math.max(previousAtMs, nowMs + delayMs);
      previousAtMs = dueAtMs;
      waiting.push(chunk);
      setTimeout(() => {
        proxy.lates.push(performance.now() - dueAtMs);
        client.write(waiting.shift()!);
      }, dueAtMs - nowMs);
    });
  });
  const proxy: JitterProxy = {
    url: "",
    jitterMs: 0,
    forgiveMs: 0,
    lates: [],
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return proxy;
}

/** Sends pieces of 100 ms when each has been spoken, as a synthesiser that is no faster than speech. */
export async function sendInRealTime(peer: FakePeer, pcm: Int16Array, proxy: JitterProxy): Promise<void> {
  const pieceMs = 100;
  const size = pieceMs * 24;
  const startMs = performance.now();
  for (let at = 0; at < pcm.length; at += size) {
    const dueMs = startMs + at / 24 + pieceMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
    proxy.forgiveMs = Math.max(0, performance.now() - dueMs);
    peer.sendAudio(pcm.subarray(at, at + size), at / 24);
  }
}
