/** The admin port: what an operator, or a drill in another process, asks of the stand-ins. HTTP and JSON, on 127.0.0.1 only. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { CallRecord } from "./call-record.ts";
import { maxUtteranceSamples } from "./ears.ts";
import { FaultError, parseFault } from "./faults.ts";
import { type Standin, type StandinName, standinNames } from "./standin.ts";
import { voiceNames } from "./voice-speech.ts";
import type { DrillWorld } from "./world.ts";

/** Thirty seconds of speech in base64, and some more. */
const maxBodyBytes = 2 * 1024 * 1024;
const maxReadBytes: number = 8 * maxBodyBytes;
const maxTextCharacters = 500;
const maxListedCalls = 1000;

export interface Admin {
  /** `http://127.0.0.1:port`. */
  url: string;
  close(): Promise<void>;
}

/** What is wrong with a request. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Room {
  world: DrillWorld;
  standins: ReadonlyMap<StandinName, Standin>;
}

/**
 * Starts the admin server.
 *
 * @throws {Error} when the port is taken
 */
export async function startAdmin(
  world: DrillWorld,
  standins: ReadonlyMap<StandinName, Standin>,
  port: number,
): Promise<Admin> {
  const server = createServer((request, response) => {
    answer({ world, standins }, request).then(
      (body) => send(response, 200, body),
      (error: unknown) => {
        const refusal = refusalOf(error);
        send(response, refusal.status, { error: refusal.message });
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof FaultError || error instanceof RangeError) return new Refusal(400, error.message);
  return new Refusal(500, error instanceof Error ? error.message : "failed");
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

async function answer(room: Room, request: IncomingMessage): Promise<unknown> {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  const [place = "", name, ...more] = url.pathname.slice(1).split("/");
  if (more.length > 0) throw new Refusal(404, "no such path");
  const method = request.method ?? "GET";
  const known = routes[name === undefined ? place : `${place}/*`];
  if (known === undefined) {
    throw new Refusal(404, "no such path; there are /standins, /calls, /faults, /utterances and /reset");
  }
  const route = known[method];
  if (route === undefined) throw new Refusal(405, `${url.pathname} takes ${Object.keys(known).join(", ")}`);
  return route(room, { request, name: name ?? "", query: url.searchParams });
}

interface Asked {
  request: IncomingMessage;
  name: string;
  query: URLSearchParams;
}

type Route = (room: Room, asked: Asked) => Promise<unknown> | unknown;

const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  standins: { GET: ({ standins, world }) => listStandins(standins, world) },
  calls: { GET: ({ world }, { query }) => listCalls(world, query) },
  faults: {
    PUT: async (room, { request }) => {
      const { standins, ...fault } = asObject(await readJson(request));
      const names = standins === undefined ? [...room.standins.keys()] : readNames(room, standins);
      await room.world.faults.setAll(names, parseFault(fault));
      return listStandins(room.standins, room.world);
    },
    DELETE: async ({ standins, world }) => {
      await world.faults.setAll([...standins.keys()], null);
      return listStandins(standins, world);
    },
  },
  "faults/*": {
    PUT: async (room, { request, name }) => {
      const known = readName(room, name);
      await room.world.faults.set(known, parseFault(await readJson(request)));
      return { standin: known, fault: room.world.faults.get(known) };
    },
    DELETE: async (room, { name }) => {
      const known = readName(room, name);
      await room.world.faults.set(known, null);
      return { standin: known, fault: null };
    },
  },
  utterances: { POST: async ({ world }, { request }) => learn(world, asObject(await readJson(request))) },
  reset: {
    POST: async ({ world }) => {
      await world.reset();
      return { calls: 0 };
    },
  },
};

function listStandins(standins: Room["standins"], world: DrillWorld): unknown {
  return [...standins].map(([name, { url }]) => ({ name, url, fault: world.faults.get(name) }));
}

function listCalls(world: DrillWorld, query: URLSearchParams): unknown {
  const after = Number(query.get("after") ?? 0);
  if (!Number.isInteger(after) || after < 0) throw new Refusal(400, "after must be the number of a call");
  const standin = query.get("standin");
  if (standin !== null && !standinNames.some((name) => name === standin)) {
    throw new Refusal(400, `standin must be one of: ${standinNames.join(", ")}`);
  }
  return world
    .calls()
    .filter((call) => call.id > after && (standin === null || call.standin === standin))
    .slice(0, maxListedCalls)
    .map(describeCall);
}

/** A call without its samples. */
function describeCall({ detail, ...call }: CallRecord): unknown {
  const { pcm, ...rest } = detail;
  return { ...call, ...rest, ...(pcm === undefined ? {} : { samples: pcm.length }) };
}

async function learn(world: DrillWorld, body: Record<string, unknown>): Promise<unknown> {
  const { text, voice, pcm, ...unknown } = body;
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) throw new Refusal(400, `an utterance has no ${stray.slice(0, 40)}`);
  if (typeof text !== "string" || text.trim() === "" || text.length > maxTextCharacters) {
    throw new Refusal(400, `text must be a string of 1 to ${maxTextCharacters} characters`);
  }
  if (voice !== undefined && !voiceNames.some((name) => name === voice)) {
    throw new Refusal(400, `voice must be one of: ${voiceNames.join(", ")}`);
  }
  if (pcm !== undefined && typeof pcm !== "string") throw new Refusal(400, "pcm must be base64");
  const samples = pcm === undefined ? undefined : readSamples(pcm);
  await world.learn({
    text,
    ...(voice === undefined ? {} : { voice: voice as string }),
    ...(samples === undefined ? {} : { pcm: samples }),
  });
  return { text, utterances: world.ears.size };
}

function readSamples(base64: string): Int16Array {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length === 0 || bytes.length % 2 !== 0 || bytes.length / 2 > maxUtteranceSamples) {
    throw new Refusal(400, "pcm must be base64 of mono 16-bit samples at 16 kHz, at most 30 s");
  }
  return new Int16Array(new Uint8Array(bytes).buffer);
}

function readName({ standins }: Room, name: unknown): StandinName {
  const known = [...standins.keys()].find((one) => one === name);
  if (known === undefined) {
    throw new Refusal(404, `no such stand-in; there are: ${[...standins.keys()].join(", ")}`);
  }
  return known;
}

function readNames(room: Room, names: unknown): StandinName[] {
  if (!Array.isArray(names)) throw new Refusal(400, "standins must be a list of names");
  return names.slice(0, standinNames.length).map((name) => readName(room, name));
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal(400, "the body must be a JSON object");
  }
  return value as Record<string, unknown>;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // What is too long is read to its end, so that the answer arrives; what is far too long is not.
    if (size > maxReadBytes) break;
    if (size <= maxBodyBytes) chunks.push(chunk);
  }
  if (size > maxBodyBytes) throw new Refusal(413, `the body is longer than ${maxBodyBytes} bytes`);
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
}
