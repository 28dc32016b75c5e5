/**
 * A process's memory, read from outside through Node's own inspector (woken by SIGUSR1), after a full collection.
 * The gateway needs nothing for it.
 */
import { createServer } from "node:net";
import { WebSocket } from "ws";
import type { RunningGateway } from "./gateway.ts";
import { readProcessTree } from "./process-tree.ts";

/**
 * Must be in the environment of the gateway: a free port for the inspectors. The supervisor takes it, the gateway
 * process the next (Node's cluster counts up).
 */
export async function inspectableEnvironment(): Promise<{ NODE_OPTIONS: string }> {
  for (let attempt = 0; attempt < portAttempts; attempt++) {
    const port = firstPort + Math.floor(Math.random() * portRange);
    if ((await isFree(port)) && (await isFree(port + 1))) return { NODE_OPTIONS: `--inspect-port=${port}` };
  }
  throw new Error("no free ports for the inspectors");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

const portAttempts = 20;
const firstPort = 20_000;
const portRange = 10_000;
const answerWaitMs = 20_000;
/** Finalisers run between collections; buffers of closed sockets need more than one. */
const collections = 4;

export interface MemoryReading {
  heapBytes: number;
  /** Memory of objects outside V8's heap, array buffers included. */
  externalBytes: number;
  arrayBuffersBytes: number;
  rssBytes: number;
}

/** Reads one process of a gateway. */
export class ProcessInspector {
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, (message: InspectorAnswer) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      const message = JSON.parse(data.toString()) as InspectorAnswer;
      this.#pending.get(message.id)?.(message);
      this.#pending.delete(message.id);
    });
  }

  /** Wakes the inspector of process `pid` and connects. Its address is read from the gateway's output. */
  static async attach(gateway: RunningGateway, pid: number): Promise<ProcessInspector> {
    const before = addressesIn(gateway.log());
    process.kill(pid, "SIGUSR1");
    const address = await newAddress(gateway, before);
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return new ProcessInspector(socket);
  }

  /** Collects all garbage, then measures. */
  async read(): Promise<MemoryReading> {
    for (let round = 0; round < collections; round++) {
      await this.#ask("HeapProfiler.collectGarbage", {});
      await this.#evaluate("new Promise((resolve) => setTimeout(resolve, 50))");
    }
    const text = await this.#evaluate("JSON.stringify(process.memoryUsage())");
    const usage = JSON.parse(text as string) as NodeJS.MemoryUsage;
    return {
      heapBytes: usage.heapUsed,
      externalBytes: usage.external,
      arrayBuffersBytes: usage.arrayBuffers,
      rssBytes: usage.rss,
    };
  }

  close(): void {
    this.#socket.close();
  }

  async #evaluate(expression: string): Promise<unknown> {
    const answer = await this.#ask("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    return answer.result?.result?.value;
  }

  #ask(method: string, params: object): Promise<InspectorAnswer> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Error(`the inspector did not answer ${method}`));
      }, answerWaitMs);
      this.#pending.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

interface InspectorAnswer {
  id: number;
  result?: { result?: { value?: unknown } };
}

function addressesIn(log: string): string[] {
  return log.match(/ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]{36}/g) ?? [];
}

async function newAddress(gateway: RunningGateway, before: readonly string[]): Promise<string> {
  const untilMs = performance.now() + answerWaitMs;
  while (performance.now() < untilMs) {
    const found = addressesIn(gateway.log()).find((address) => !before.includes(address));
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the inspector said no address");
}

/** Process ids of the gateway processes (cluster workers: same entry as the first, its children). */
export function gatewayPids(gateway: RunningGateway): number[] {
  const rootPid = gateway.process.pid!;
  return readProcessTree(rootPid)
    .filter(({ pid, command }) => pid !== rootPid && command.includes("gateway/main.ts"))
    .map(({ pid }) => pid);
}
