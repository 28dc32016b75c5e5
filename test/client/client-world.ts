/** A fake gateway and clients of it, new for each test and closed after it. */
import { afterEach, beforeEach } from "vitest";
import type { ParleyClientOptions } from "../../client/client-events.ts";
import { ParleyClient } from "../../client/parley-client.ts";
import { type FakeGateway, type FakePeer, sessionWith, startFakeGateway } from "./fake-gateway.ts";

export let gateway: FakeGateway;
const clients: ParleyClient[] = [];

beforeEach(startGateway);

/** The one that is there must be stopped before. */
export async function startGateway(): Promise<void> {
  gateway = await startFakeGateway();
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await gateway.stop();
});

export function makeClient(options: Partial<ParleyClientOptions> = {}): ParleyClient {
  const client = new ParleyClient({
    url: gateway.url,
    reconnect: { baseMs: 2, maxMs: 4 },
    random: () => 0,
    ...options,
  });
  clients.push(client);
  return client;
}

export async function connect(client: ParleyClient): Promise<FakePeer> {
  const connecting = client.connect();
  const peer = await gateway.nextPeer();
  peer.send({ type: "session.created", session: sessionWith({}) });
  await connecting;
  return peer;
}

/** Resolves with the next event of that name. */
export function next<Type extends Parameters<ParleyClient["once"]>[0]>(client: ParleyClient, type: Type) {
  return new Promise<Parameters<Parameters<typeof client.once<Type>>[1]>[0]>((resolve) =>
    client.once(type, resolve),
  );
}
