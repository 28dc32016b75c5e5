/** `GET /v1/realtime`: one socket, one session, in the words of the OpenAI Realtime protocol. */
import type { ErrorCode } from "../../../wire/codes.ts";
import { closeCodes } from "../../../wire/codes.ts";
import { readExtensions } from "../../../wire/extensions.ts";
import type { AudioBus } from "../../../workers/audio/messages.ts";
import type { Clock, Timer } from "../../clock.ts";
import { applyPatch } from "../../session/configuring.ts";
import type { SessionConfig } from "../../session/domain.ts";
import { frontEndSettings } from "../../session/front-end-settings.ts";
import { Outbox } from "../../session/outbox.ts";
import { Session } from "../../session/session.ts";
import type { SessionDependencies } from "../../session/session-parts.ts";
import { openSession, type SessionLimits } from "../../session/state.ts";
import type {
  RealtimeContext,
  RealtimeEndpoint,
  SocketHandler,
  TransportSocket,
} from "../../transport/contract.ts";
import { patchFromClientSecret } from "./client-secret-session.ts";
import { type Decoded, type DecodeOptions, decodeBinaryAppend, decodeClientEvent } from "./decode.ts";
import { createEncoderState, type EncoderState, encode, encodeAudio, isTransient } from "./encode.ts";

export interface EndpointOptions {
  bus: AudioBus;
  clock: Clock;
  /** What a session begins with. */
  sessionConfig: SessionConfig;
  limits: SessionLimits;
  maxSessionMs: number;
  /** Everything of a session but what is its own. */
  session: SessionDependencies;
  observe: EndpointObserver;
}

export interface EndpointObserver {
  opened(session: { sessionId: string; tenant: string; remoteAddress: string }): void;
  closed(session: { sessionId: string; tenant: string; closeCode: number; openMs: number }): void;
}

/** One connection that is served. */
interface Connection {
  readonly session: Session;
  /** The reply in progress is over, or none is. */
  readonly idle: boolean;
  close(code: number, reason: string): void;
}

export function createRealtimeEndpoint(options: EndpointOptions): RealtimeEndpoint {
  const connections = new Set<Connection>();
  let draining: (() => void) | null = null;
  const onChange = () => draining?.();
  return {
    get activeSessions() {
      return connections.size;
    },
    checkSession: (session) => void patchFromClientSecret(session),
    open: (context, socket) => openConnection(options, connections, onChange, context, socket),
    drain: (signal) =>
      new Promise((resolve) => {
        const finish = () => {
          draining = null;
          poll?.cancel();
          resolve();
        };
        let poll: Timer | null = null;
        const check = () => {
          if (signal.aborted || [...connections].every((connection) => connection.idle)) return finish();
          poll = options.clock.timer(options.clock.nowMs() + drainPollMs, check);
        };
        draining = () => {
          if ([...connections].every((connection) => connection.idle)) finish();
        };
        check();
      }),
    close: async () => {
      for (const { session } of connections) session.close();
      connections.clear();
    },
  };
}

/** A turn has many ways to end; while draining they are looked at this often. */
const drainPollMs = 50;

const nothing: SocketHandler = { onText() {}, onBinary() {}, onDrain() {}, onClose() {} };

function openConnection(
  options: EndpointOptions,
  connections: Set<Connection>,
  onChange: () => void,
  context: RealtimeContext,
  socket: TransportSocket,
): SocketHandler {
  const { clock, bus, observe } = options;
  const config = configFor(options.sessionConfig, context);
  // Resume is not served yet: its events and numbers go to nobody.
  const extensions = { ...readExtensions(context.url.searchParams), resume: false };
  const listening = {
    ...options.session.listening,
    levels: extensions.level,
    echoGuard: extensions.echoGuard,
  };
  const channel = bus.open(frontEndSettings(config, listening));
  if (!channel) {
    socket.close(closeCodes.tooManySessions, "too_many_sessions");
    return nothing;
  }
  const sessionId = `sess_${clock.randomId(15)}`;
  const { tenant, remoteAddress } = context;
  const expiresAtMs = clock.epochMs() + options.maxSessionMs;
  const outbox = new Outbox(socket, 0);
  const idPrefix = sessionId.slice(-12);
  let encoder: EncoderState = createEncoderState({
    idPrefix,
    conversationId: `conv_${idPrefix}`,
    extensions,
  });
  const session = new Session(
    openSession({
      id: sessionId,
      tenant,
      expiresAtMs,
      config,
      limits: options.limits,
      ducks: extensions.duck,
    }),
    channel,
    {
      send: (output) => {
        const encoded = encode(encoder, output);
        encoder = encoded.state;
        for (const message of encoded.messages) outbox.send(message, isTransient(output));
      },
      sendAudio: (audio) => {
        const encoded = encodeAudio(encoder, audio);
        encoder = encoded.state;
        outbox.send(encoded.message);
      },
    },
    { ...options.session, listening },
  );
  const openedAtMs = clock.nowMs();
  const expiry = clock.timer(openedAtMs + options.maxSessionMs, () => {
    const message = "The session has reached its longest duration.";
    session.refuse("session_expired", message, null, null);
    socket.close(closeCodes.sessionExpired, "session_expired");
  });
  const connection: Connection = {
    session,
    get idle() {
      const { responses, input } = session.state;
      return responses.length === 0 && input.pending.length === 0 && input.utterance === null;
    },
    close: (code, reason) => socket.close(code, reason),
  };
  connections.add(connection);
  observe.opened({ sessionId, tenant, remoteAddress });
  session.open();
  const decoding: DecodeOptions = {
    extensions,
    inputFormat: () => session.state.config.input.format,
    receivedSamples: () => session.receivedSamples,
  };
  const take = (decoded: Decoded) => takeEvent(session, decoded, socket.readAtMs);
  return {
    onText: (text) => take(decodeClientEvent(text, decoding)),
    onBinary: (bytes) => take(decodeBinaryAppend(bytes, decoding)),
    onDrain() {},
    onClose: (closeCode) => {
      expiry.cancel();
      session.close();
      connections.delete(connection);
      observe.closed({ sessionId, tenant, closeCode, openMs: clock.nowMs() - openedAtMs });
      onChange();
    },
  };
}

function takeEvent(session: Session, decoded: Decoded, readAtMs: number): void {
  switch (decoded.kind) {
    case "append":
      return session.appendAudio(decoded.bytes, readAtMs, decoded.clientEventId);
    case "command":
      return session.command(decoded.command, readAtMs);
    case "refused": {
      const { code, message, param, clientEventId } = decoded.error;
      return session.refuse(code satisfies ErrorCode, message, param, clientEventId);
    }
  }
}

/** The server's defaults, with what the URL and a client secret say laid over them. */
function configFor(base: SessionConfig, context: RealtimeContext): SessionConfig {
  const model = context.url.searchParams.get("model");
  const named = model ? applyPatch(base, { model: model.slice(0, 128) }) : base;
  const { clientSecretSession } = context;
  if (clientSecretSession === null) return named;
  try {
    return applyPatch(named, patchFromClientSecret(clientSecretSession));
  } catch {
    // It was checked when the secret was made; a gateway of another version may think otherwise.
    return named;
  }
}
