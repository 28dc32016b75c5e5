/** Throws spoilt events at a running gateway and checks that it answers each one, lives on and forgets. */
import { closeCodes } from "../../wire/codes.ts";
import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import { gatewayPids, inspectableEnvironment, ProcessInspector } from "../support/inspector.ts";
import { SeededRandom } from "../support/random.ts";
import { RealtimeClient } from "../support/realtime-client.ts";
import { Bystander } from "./bystander.ts";
import { type KnownIds, makeEvent } from "./events.ts";
import { type Outgoing, spoil } from "./mutations.ts";
import { RefusalBook } from "./refusal-book.ts";
import { loadSounds, type Sounds } from "./sounds.ts";

const sockets = 6;
const batchEvents = 40;
/** A session is left after that many batches, so that states young and old are met. */
const maxBatchesPerSession = 12;
const probeWaitMs = 15_000;
const maxFaults = 20;
/** What one session may keep busy in caches and pools when all sessions are gone. */
const maxHeapGrowthBytes = 24 * 1024 * 1024;
/** What a connection may ask for beside the plain protocol, each by chance. */
const extensions = { audio: "binary", debug: "1", duck: "1", words: "1", level: "1", aec: "none" };
/** The WebSocket protocol's own codes for a frame that breaks it, and ours. */
const codedCloses: ReadonlySet<number> = new Set([1002, 1007, 1009, ...Object.values(closeCodes)]);

export interface FuzzOptions {
  /** Events in all. */
  count: number;
  seed: number;
  /** Told of progress; default silent. */
  say?: (line: string) => void;
}

export interface FuzzOutcome {
  events: number;
  seconds: number;
  /** Turns that an innocent session had meanwhile. */
  bystanderTurns: number;
  heapGrowthBytes: number;
  /** One line each; empty means that everything held. At most 20 are kept. */
  faults: string[];
}

/** Starts a gateway with scripted engines, fuzzes it and stops it. */
export async function fuzzGateway(options: FuzzOptions): Promise<FuzzOutcome> {
  const gateway = await startGateway({
    env: {
      ...scriptedEngines,
      ...(await inspectableEnvironment()),
      PARLEY_MAX_MESSAGES_PER_SECOND: "100000",
      PARLEY_MAX_INPUT_BYTES_PER_SECOND: String(1024 * 1024 * 1024),
      PARLEY_MAX_HANDSHAKES_PER_SECOND: "10000",
      PARLEY_LOG_LEVEL: "error",
    },
  });
  try {
    return await fuzz(gateway, options);
  } finally {
    await gateway.stop();
  }
}

async function fuzz(gateway: RunningGateway, options: FuzzOptions): Promise<FuzzOutcome> {
  const faults: string[] = [];
  const note = (fault: string) => {
    if (faults.length < maxFaults) faults.push(fault);
  };
  const startedAtMs = performance.now();
  const pids = gatewayPids(gateway);
  const inspector = await ProcessInspector.attach(gateway, pids[0]!);
  const bystander = await Bystander.arrive(gateway.wsUrl);
  await bystander.haveTurn();
  const before = await inspector.read();
  const talking = bystander.talk(note);
  const sounds = await loadSounds();
  const share = Math.ceil(options.count / sockets);
  const sent = await Promise.all(
    Array.from({ length: sockets }, (_, index) => {
      const random = new SeededRandom(options.seed * 1000 + index);
      const ours = Math.min(share, options.count - index * share);
      return attack({ gateway, random, sounds, note }, ours, options.say);
    }),
  );
  bystander.leave();
  await talking;
  const after = await inspector.read();
  inspector.close();
  const heapGrowthBytes = after.heapBytes + after.externalBytes - before.heapBytes - before.externalBytes;
  if (heapGrowthBytes > maxHeapGrowthBytes) note(`the heap grew by ${heapGrowthBytes} bytes`);
  const left = gatewayPids(gateway);
  if (left.join() !== pids.join()) note(`gateway processes ${pids.join()} became ${left.join()}: one died`);
  return {
    events: sent.reduce((sum, one) => sum + one, 0),
    seconds: (performance.now() - startedAtMs) / 1000,
    bystanderTurns: bystander.turns,
    heapGrowthBytes,
    faults,
  };
}

type Note = (fault: string) => void;

/** What one attacker works with. */
interface Attacker {
  gateway: RunningGateway;
  random: SeededRandom;
  sounds: Sounds;
  note: Note;
}

/** One attacker: session after session until its share is sent. */
async function attack(
  attacker: Attacker,
  share: number,
  say: ((line: string) => void) | undefined,
): Promise<number> {
  let sent = 0;
  while (sent < share) {
    try {
      sent += await attackSession(attacker, share - sent);
    } catch (error) {
      attacker.note(`a session failed: ${error instanceof Error ? error.message : String(error)}`);
      return sent;
    }
    say?.(`${sent} of ${share} events on one socket`);
  }
  return sent;
}

async function attackSession({ gateway, random, sounds, note }: Attacker, share: number): Promise<number> {
  const query = Object.fromEntries(Object.entries(extensions).filter(() => random.chance(0.4)));
  const client = await RealtimeClient.session(gateway.wsUrl, null, { query });
  const book = new RefusalBook();
  const known: KnownIds = { items: [], responses: [], nextItem: 0 };
  let seen = client.events.length;
  let sent = 0;
  let answered = true;
  for (let batch = 0; batch < maxBatchesPerSession && sent < share && answered; batch++) {
    for (let one = 0; one < batchEvents && sent < share; one++, sent++) {
      const spoilt = spoil(makeEvent(random, known, sounds, `event_${sent}`), random, sounds);
      book.sent(spoilt);
      put(client, spoilt.out);
    }
    answered = await probe(client, note);
    for (; seen < client.events.length; seen++) {
      const event = client.events[seen]!;
      if (event.type === "response.created") known.responses.push(event.response.id as string);
      const isProbe = event.type === "error" && String(event.error?.event_id).startsWith("probe_");
      const fault = event.type === "error" && !isProbe ? book.refused(event) : null;
      if (fault !== null) note(fault);
    }
    if (answered) for (const fault of book.settle()) note(fault);
  }
  client.close();
  return Math.max(sent, 1);
}

/** @returns whether the session answered; a coded close is an answer too, but ends the account */
async function probe(client: RealtimeClient, note: Note): Promise<boolean> {
  try {
    await client.probe(probeWaitMs);
    return true;
  } catch (error) {
    if (client.isOpen) {
      note(`a session fell silent: ${(error as Error).message}`);
      client.close();
      return false;
    }
    const { code, reason } = await client.closed();
    if (!codedCloses.has(code)) note(`a socket was closed with ${code} ${reason}, which is no code of ours`);
    return false;
  }
}

function put(client: RealtimeClient, out: Outgoing): void {
  if (!client.isOpen) return;
  switch (out.kind) {
    case "text":
      client.socket.send(out.text);
      break;
    case "binary":
      client.socket.send(out.bytes);
      break;
    case "fragments": {
      const half = Math.ceil(out.text.length / 2);
      client.socket.send(out.text.slice(0, half), { fin: false });
      client.socket.send(out.text.slice(half), { fin: true });
      break;
    }
  }
}
