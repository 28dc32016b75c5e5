/** Starts the audio thread, notices when it dies or hangs, and starts it again: bounded attempts, growing waits. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { type AudioMemory, header } from "./layout.ts";
import { beginInside, condemn } from "./native-section.ts";
import type { FromThread, ThreadOptions, ToThread } from "./thread-messages.ts";

type Tick = Extract<FromThread, { type: "tick" }>;

/** What the keeper is made with; see `AudioBusOptions` for the limits. */
export interface ThreadKeeperOptions {
  memory: AudioMemory;
  maxRestarts: number;
  restartWindowMs: number;
  restartBackoffMs: number;
  hangMs: number;
  nowMs: () => number;
  /** What the thread that starts now is told: called for each start. */
  makeOptions: () => ThreadOptions;
  onTick: (message: Tick) => void;
  onRestart: () => void;
  onGivenUp: (reason: string) => void;
}

/** Why the thread couldn't be started; `code` is one of the table of errors. */
export class AudioThreadError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "AudioThreadError";
    this.code = code;
  }
}

/** See the file. */
export class ThreadKeeper {
  private readonly options: ThreadKeeperOptions;
  /** Resolves when the first thread runs, rejects when none ever will. */
  readonly ready: Promise<void>;
  private readonly settleReady: { resolve: () => void; reject: (error: Error) => void };
  private worker: Worker | null = null;
  private port: MessagePort | null = null;
  private isUp = false;
  private wasUp = false;
  private stopping = false;
  private restartTimer: NodeJS.Timeout | null = null;
  private hangTimer: NodeJS.Timeout | null = null;
  private ticksSeen = -1;
  private readonly restartTimes: number[] = [];
  private failure: { code: string; message: string } | null = null;
  restarts = 0;
  lastFault: string | null = null;

  constructor(options: ThreadKeeperOptions) {
    this.options = options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.settleReady = { resolve, reject };
    // Whoever waits hears of a failure; nobody has to.
    promise.catch(() => undefined);
  }

  get healthy(): boolean {
    return this.isUp;
  }

  start(): void {
    const { port1, port2 } = new MessageChannel();
    const options = this.options.makeOptions();
    beginInside(this.options.memory.control);
    const worker = new Worker(new URL("./thread.ts", import.meta.url), {
      name: "parley-audio",
      workerData: { options, port: port2 },
      transferList: [port2],
    });
    this.worker = worker;
    this.port = port1;
    this.failure = null;
    port1.on("message", (message: FromThread) => this.handle(message));
    worker.on("error", (error) => {
      this.failure ??= { code: "internal_error", message: error.message };
    });
    worker.on("exit", (status) => this.handleExit(port1, status));
  }

  post(message: ToThread): void {
    this.port?.postMessage(message);
  }

  /** Ends the thread without a word, as soon as it is outside native code. */
  kill(): void {
    if (condemn(this.options.memory.control)) void this.worker?.terminate();
  }

  /** Ends the thread for good. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.isUp = false;
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
    if (this.hangTimer !== null) clearInterval(this.hangTimer);
    this.settleReady.reject(new AudioThreadError("audio_front_end_down", "the audio bus was closed"));
    const { worker } = this;
    if (worker === null) return;
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    this.post({ type: "stop" });
    const patience = setTimeout(() => this.kill(), this.options.hangMs);
    await exited;
    clearTimeout(patience);
  }

  private handle(message: FromThread): void {
    if (message.type === "tick") {
      this.options.onTick(message);
      return;
    }
    if (message.type === "failed") {
      this.failure = message;
      return;
    }
    if (this.stopping) return;
    this.isUp = true;
    this.watchForHang();
    if (this.wasUp) {
      this.options.onRestart();
      return;
    }
    this.wasUp = true;
    this.settleReady.resolve();
  }

  private handleExit(port: MessagePort, status: number): void {
    this.isUp = false;
    // What the thread said before it died still counts.
    for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port)) {
      const message = got.message as FromThread;
      if (message.type === "tick") this.options.onTick(message);
      else if (message.type === "failed") this.failure = message;
    }
    port.close();
    this.worker = null;
    this.port = null;
    if (this.hangTimer !== null) clearInterval(this.hangTimer);
    if (this.stopping) return;
    const failure = this.failure ?? { code: "audio_front_end_down", message: `it exited with ${status}` };
    this.lastFault = failure.message;
    const { maxRestarts, restartWindowMs, restartBackoffMs, nowMs } = this.options;
    const since = nowMs() - restartWindowMs;
    while (this.restartTimes.length > 0 && this.restartTimes[0]! < since) this.restartTimes.shift();
    // A model that doesn't match won't match the next time.
    if (this.restartTimes.length >= maxRestarts || failure.code === "model_checksum_mismatch") {
      const reason = `the audio thread doesn't stay up: ${failure.message}`;
      this.settleReady.reject(new AudioThreadError(failure.code, reason));
      this.options.onGivenUp(reason);
      return;
    }
    const waitMs = restartBackoffMs * 2 ** this.restartTimes.length;
    this.restartTimes.push(nowMs());
    this.restarts += 1;
    this.restartTimer = setTimeout(() => this.start(), waitMs);
  }

  private watchForHang(): void {
    if (this.hangTimer !== null) clearInterval(this.hangTimer);
    this.ticksSeen = -1;
    let stale = 0;
    // Two stale looks in a row: after a stop of the whole process the first one may come before a tick.
    this.hangTimer = setInterval(() => {
      const ticks = Atomics.load(this.options.memory.control, header.ticks);
      stale = ticks === this.ticksSeen ? stale + 1 : 0;
      this.ticksSeen = ticks;
      if (stale < 2) return;
      this.failure = { code: "audio_front_end_down", message: "it hung" };
      this.kill();
    }, this.options.hangMs / 2);
    this.hangTimer.unref();
  }
}
