/** Channels to Google's recogniser. One HTTP/2 connection carries some 100 streams, so there are several of them. */
import type { v1 } from "@google-cloud/speech";
import type { Clock } from "../../clock.ts";
import { fullFault, VendorError, vendorFault } from "../vendor-fault.ts";

export interface GoogleEarLimits {
  streamsPerChannelMax: number;
  channelsMax: number;
}

/** Google allows 100 streams on a connection; more would wait in a queue that nobody sees. */
export const googleEarLimits: Readonly<GoogleEarLimits> = { streamsPerChannelMax: 90, channelsMax: 10 };
/** Until a channel is connected, at warming. */
const connectMs = 5_000;
const maxMessageBytes = 1_048_576;

type SpeechClient = InstanceType<typeof v1.SpeechClient>;

export interface GoogleChannelOptions {
  clock: Clock;
  /** In place of Google's; `http:` is spoken to without TLS and without credentials. */
  url: string | null;
  /** Path of a service account's key file; "" leaves it to Google's own search (metadata server, gcloud). */
  keyPath: string;
  limits: GoogleEarLimits;
}

interface Channel {
  client: SpeechClient;
  streams: number;
  /** Takes no more streams; ends with its last one. */
  retired: boolean;
}

/** A place on a channel; given back once. */
export interface ChannelLease {
  client: SpeechClient;
  /** @param broken - the connection failed: gRPC would let the next calls fail, too, until it has tried again by itself */
  release(broken: boolean): void;
}

export class GoogleChannels {
  readonly #options: GoogleChannelOptions;
  readonly #channels: Channel[] = [];
  /** The first one being made: a crowd that comes at once must not make one each. */
  #making: Promise<Channel> | null = null;
  #closed = false;

  constructor(options: GoogleChannelOptions) {
    this.#options = options;
  }

  /** Channels there are. */
  get open(): number {
    return this.#channels.length;
  }

  /** Streams that are open on all channels. */
  get streams(): number {
    return this.#channels.reduce((sum, channel) => sum + channel.streams, 0);
  }

  /**
   * Takes a place on the channel that has most of them left.
   *
   * @throws {VendorError} when every channel is full
   */
  async lease(): Promise<ChannelLease> {
    const { streamsPerChannelMax, channelsMax } = this.#options.limits;
    for (;;) {
      if (this.#closed) throw new VendorError(vendorFault("the provider was closed"));
      const free = this.#channels
        .filter(({ streams }) => streams < streamsPerChannelMax)
        .sort((a, b) => a.streams - b.streams)[0];
      if (free !== undefined) return this.#leaseOf(free);
      if (this.#channels.length >= channelsMax) {
        throw new VendorError(fullFault("all channels to the recogniser are full"));
      }
      this.#making ??= this.#make().finally(() => {
        this.#making = null;
      });
      await this.#making;
    }
  }

  /** Connects one channel, so that the first call needn't. */
  async connect(): Promise<void> {
    const { clock } = this.#options;
    const { client, release } = await this.lease();
    let broken = true;
    try {
      const stub = (await client.speechStub) as unknown as {
        waitForReady(deadlineMs: number, done: (err?: Error) => void): void;
      };
      await new Promise<void>((resolve, reject) =>
        stub.waitForReady(clock.epochMs() + connectMs, (err) => (err ? reject(err) : resolve())),
      );
      broken = false;
    } finally {
      release(broken);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#making?.catch(() => undefined);
    await Promise.all(this.#channels.splice(0).map(({ client }) => client.close().catch(() => undefined)));
  }

  async #make(): Promise<Channel> {
    const client = await createClient(this.#options);
    try {
      // A client that failed to start never starts: it is thrown away, and the next call makes another.
      await client.initialize();
    } catch (err) {
      client.close().catch(() => undefined);
      throw err;
    }
    const channel = { client, streams: 0, retired: false };
    this.#channels.push(channel);
    return channel;
  }

  #leaseOf(channel: Channel): ChannelLease {
    channel.streams += 1;
    let held = true;
    return {
      client: channel.client,
      release: (broken) => {
        if (!held) return;
        held = false;
        channel.streams -= 1;
        if (broken && !channel.retired) {
          channel.retired = true;
          const index = this.#channels.indexOf(channel);
          if (index >= 0) this.#channels.splice(index, 1);
        }
        if (channel.retired && channel.streams === 0) channel.client.close().catch(() => undefined);
      },
    };
  }
}

async function createClient({ url, keyPath }: GoogleChannelOptions): Promise<SpeechClient> {
  const { v1 } = await import("@google-cloud/speech");
  const options: Record<string, unknown> = {
    fallback: false,
    // A connection that died without a word must not hold calls up for long.
    ...{ "grpc.keepalive_time_ms": 30_000, "grpc.keepalive_timeout_ms": 5_000 },
    // Else all clients share one connection.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": maxMessageBytes,
  };
  if (keyPath !== "") options.keyFilename = keyPath;
  if (url !== null) {
    const { protocol, hostname, port } = new URL(url);
    options.apiEndpoint = hostname;
    options.port = Number(port) || (protocol === "http:" ? 80 : 443);
    if (protocol === "http:") {
      const { credentials } = await import("@grpc/grpc-js");
      options.sslCreds = credentials.createInsecure();
      // Else it asks Google's metadata server who we are.
      options.auth = { getUniverseDomain: async () => "googleapis.com", getProjectId: async () => "" };
    }
  }
  return new v1.SpeechClient(options as ConstructorParameters<typeof v1.SpeechClient>[0]);
}
