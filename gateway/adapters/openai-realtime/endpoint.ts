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
  /** Nobody speaks, nothing is answered, and what was said has been heard. */
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
    open: (context, socket) => {
      const house = { connections, isDraining: () => draining !== null, onChange };
      return openConnection(options, house, context, socket);
    },
    drain: (signal) =>
      new Promise((resolve) => {
        let poll: Timer | null = null;
        const finish = () => {
          draining = null;
          poll?.cancel();
          resolve();
        };
        const check = () => {
          poll?.cancel();
          // Each goes as soon as its turn is over: the moment at which all are silent may never come.
          for (const connection of connections)
            if (connection.idle) connection.close(closeCodes.serverRestart, "server_restart");
          if (signal.aborted || [...connections].every((connection) => connection.idle)) return finish();
          poll = options.clock.timer(options.clock.nowMs() + drainPollMs, check);
        };
        draining = check;
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

/** What connections share. */
interface House {
  readonly connections: Set<Connection>;
  isDraining(): boolean;
  onChange(): void;
}

function openConnection(
  options: EndpointOptions,
  { connections, isDraining, onChange }: House,
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
      const isBusy = responses.length > 0 || input.pending.length > 0 || input.utterance !== null;
      return !isBusy && !session.sounds;
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
  const take = (decoded: Decoded) => {
    if (isDraining() && asksForMore(session, decoded)) {
      const { clientEventId } = decoded.command;
      return session.refuse("draining", null, null, clientEventId);
    }
    takeEvent(session, decoded, socket.readAtMs);
  };
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

/** It would begin a turn; to answer a function's output ends the one at work. */
function asksForMore({ state }: Session, decoded: Decoded): decoded is Extract<Decoded, { kind: "command" }> {
  if (decoded.kind !== "command" || decoded.command.type !== "createResponse") return false;
  return state.items.at(-1)?.item.type !== "function_call_output";
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
