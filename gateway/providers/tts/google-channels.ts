/** Channels to Google's voices. One HTTP/2 connection carries some 100 calls, so there are several of them. */
import type { TextToSpeechClient } from "@google-cloud/text-to-speech";
import { fullFault, VendorError, vendorFault } from "../vendor-fault.ts";
import type { PoolFigures } from "./voice-sockets.ts";

export interface GoogleChannelLimits {
  callsPerChannelMax: number;
  channelsMax: number;
}

/** Google allows 100 calls on a connection; more would wait in a queue that nobody sees. */
export const googleVoiceLimits: Readonly<GoogleChannelLimits> = { callsPerChannelMax: 90, channelsMax: 8 };
/** Until a channel is connected, at warming. */
const connectMs = 5000;
const messageMaxBytes = 16 * 1024 * 1024;
/** A channel that lost its connection tries again at least so often: it must be there when the vendor is well again. */
const reconnectMaxMs = 1000;

export interface GoogleVoiceAddress {
  /** In place of Google's; `http:` is spoken to without TLS and without credentials. */
  url: string | null;
  /** Path of a service account's key file; null leaves it to Google's own search (metadata server, gcloud). */
  credentialsPath: string | null;
}

interface Channel {
  client: TextToSpeechClient;
  calls: number;
  /** Takes no more calls; ends with its last one. */
  retired: boolean;
}

/** A place on a channel; given back once. */
export interface ChannelLease {
  client: TextToSpeechClient;
  /** @param silent - the vendor was waited for and sent nothing: the connection may be dead without a word */
  release(silent: boolean): void;
}

export interface GoogleVoiceChannels {
  readonly figures: PoolFigures;
  /** @throws {VendorError} when every channel is full */
  lease(): Promise<ChannelLease>;
  /** Connects a channel; rejects when that fails. */
  connect(): Promise<void>;
  close(): Promise<void>;
}

export function createGoogleVoiceChannels(
  address: GoogleVoiceAddress,
  { callsPerChannelMax, channelsMax }: GoogleChannelLimits,
): GoogleVoiceChannels {
  const channels: Channel[] = [];
  let making: Promise<void> | null = null;
  let closed = false;

  async function make(): Promise<void> {
    const client = await createClient(address);
    try {
      // A client that failed to start never starts: it is thrown away, and the next call makes another.
      await client.initialize();
    } catch (err) {
      client.close().catch(() => undefined);
      throw err;
    }
    if (closed) await client.close();
    else channels.push({ client, calls: 0, retired: false });
  }

  async function lease(): Promise<ChannelLease> {
    for (;;) {
      if (closed) throw new VendorError(vendorFault("the provider was closed"));
      let free: Channel | null = null;
      for (const channel of channels) {
        if (channel.calls < callsPerChannelMax && (free === null || channel.calls < free.calls))
          free = channel;
      }
      if (free !== null) return leaseOf(free, channels);
      if (channels.length >= channelsMax) {
        throw new VendorError(fullFault("all channels to the vendor are in use"));
      }
      // A crowd that comes at once must not make one each.
      making ??= make().finally(() => {
        making = null;
      });
      await making;
    }
  }

  return {
    get figures() {
      const inUse = channels.reduce((sum, { calls }) => sum + calls, 0);
      return { open: channels.length, inUse, waiting: 0 };
    },
    lease,
    async connect() {
      const { client, release } = await lease();
      try {
        const stub = (await client.textToSpeechStub) as unknown as {
          waitForReady(deadlineMs: number, done: (err?: Error) => void): void;
        };
        await new Promise<void>((resolve, reject) => {
          stub.waitForReady(Date.now() + connectMs, (err) => (err ? reject(err) : resolve()));
        });
      } finally {
        release(false);
      }
    },
    async close() {
      closed = true;
      await making?.catch(() => undefined);
      await Promise.all(channels.splice(0).map(({ client }) => client.close().catch(() => undefined)));
    },
  };
}

function leaseOf(channel: Channel, channels: Channel[]): ChannelLease {
  channel.calls += 1;
  let held = true;
  return {
    client: channel.client,
    release(silent) {
      if (!held) return;
      held = false;
      channel.calls -= 1;
      if (silent && !channel.retired) {
        channel.retired = true;
        channels.splice(channels.indexOf(channel), 1);
      }
      if (channel.retired && channel.calls === 0) channel.client.close().catch(() => undefined);
    },
  };
}

async function createClient({ url, credentialsPath }: GoogleVoiceAddress): Promise<TextToSpeechClient> {
  const { TextToSpeechClient } = await import("@google-cloud/text-to-speech");
  const options: Record<string, unknown> = {
    fallback: false,
    // A connection that died without a word is noticed also where no call has waited for it.
    ...{ "grpc.keepalive_time_ms": 30_000, "grpc.keepalive_timeout_ms": 5_000 },
    // Else all clients share one connection.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": messageMaxBytes,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": reconnectMaxMs,
  };
  if (credentialsPath !== null) options.keyFilename = credentialsPath;
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
  return new TextToSpeechClient(options as ConstructorParameters<typeof TextToSpeechClient>[0]);
}
