import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Clock, Timer } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import { Admission } from "./admission.ts";
import type { HandshakeDecision, HandshakeRequest, Transport } from "./contract.ts";
import type { TransportLimits, TransportObserver } from "./limits.ts";
import { pieceLimits } from "./limits.ts";
import type { Refusal } from "./upgrade.ts";
import { readUpgrade, refusal, refuseUpgrade } from "./upgrade.ts";
import type { WsShared } from "./ws-socket.ts";
import { CodedWebSocket, WsSocket } from "./ws-socket.ts";

/** What a WebSocket transport is made of. */
export interface WsTransportOptions {
  /** Shared with HTTP; the transport listens on it and takes its upgrade requests. */
  server: HttpServer | HttpsServer;
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Believed proxies, for the caller's address. */
  trustedProxies: number;
  /** Who may come in, and what speaks to them. A rejection refuses with `internal_error`. */
  decide(request: HandshakeRequest): Promise<HandshakeDecision>;
  limits: TransportLimits;
  clock: Clock;
  observe: TransportObserver;
}

/** WebSockets on the `ws` package. Data given to `send` must not be changed afterwards. */
export function createWsTransport(options: WsTransportOptions): Transport {
  return new WsTransport(options);
}

class WsTransport implements Transport {
  readonly #options: WsTransportOptions;
  readonly #wss: WebSocketServer;
  readonly #sockets = new Set<WsSocket>();
  readonly #admission: Admission;
  readonly #shared: WsShared;
  readonly #chosen = new WeakMap<IncomingMessage, string | null>();
  #accepting = true;
  #sweep: Timer | null = null;
  #whenEmpty: (() => void) | null = null;

  constructor(options: WsTransportOptions) {
    const { server, limits, clock, observe } = options;
    this.#options = options;
    this.#admission = new Admission(limits, clock);
    this.#shared = { limits, clock, observe, receivedBytes: 0, sentBytes: 0 };
    const pieces = { closeTimeout: limits.closeTimeoutMs, ...pieceLimits(limits.maxMessageBytes) };
    this.#wss = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.maxMessageBytes,
      ...pieces,
      WebSocket: CodedWebSocket,
      handleProtocols: (_offered: Set<string>, request: IncomingMessage) =>
        this.#chosen.get(request) ?? false,
    });
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      void this.#upgrade(request, socket as Socket, head);
    });
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  hasPlaceFor(address: string): boolean {
    return this.#admission.hasPlaceFor(address);
  }

  listen(): Promise<{ host: string; port: number }> {
    const { server, host, port, observe } = this.#options;
    return new Promise((resolve, reject) => {
      const refuse = (cause: NodeJS.ErrnoException) => {
        const taken = cause.code === "EADDRINUSE";
        const message = taken
          ? `Port ${port} on ${host} is already in use.`
          : `Cannot listen on ${host}, port ${port} (${cause.code ?? cause.message}).`;
        reject(new GatewayError(taken ? "port_in_use" : "invalid_config", { message, cause }));
      };
      server.once("error", refuse);
      server.listen({ host, port, backlog: 1024 }, () => {
        server.removeListener("error", refuse);
        server.on("error", (error) => observe.fault(error));
        this.#scheduleSweep();
        const address = server.address() as AddressInfo;
        resolve({ host: address.address, port: address.port });
      });
    });
  }

  stopAccepting(): void {
    this.#accepting = false;
  }

  async close(code: number, reason: string): Promise<void> {
    const { server, clock, limits } = this.#options;
    this.#accepting = false;
    for (const socket of this.#sockets) socket.close(code, reason);
    if (this.#sockets.size > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#whenEmpty = resolve;
      });
      const late = clock.timer(clock.nowMs() + limits.closeTimeoutMs, () => {
        for (const socket of this.#sockets) socket.cut(code, reason);
      });
      await empty;
      late.cancel();
    }
    this.#sweep?.cancel();
    this.#report();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const { observe, trustedProxies } = this.#options;
    // Until the library takes it over, a reset of the connection has nobody else to tell.
    const ignore = () => {};
    socket.on("error", ignore);
    const refuse = (no: Refusal) => {
      observe.refused(no.code);
      refuseUpgrade(socket, no);
    };
    const read = readUpgrade(request, trustedProxies);
    if ("code" in read) return refuse(read);
    if (!this.#accepting) return refuse(refusal("draining", undefined, { "Retry-After": "1" }));
    const address = read.remoteAddress;
    if (!this.#admission.enter(address))
      return refuse(refusal("too_many_connections", undefined, { "Retry-After": "1" }));
    const decision = await this.#decide(read);
    if (!decision.accept || socket.destroyed || !this.#accepting) {
      this.#admission.leave(address);
      return refuse(decision.accept ? refusal("draining", undefined, { "Retry-After": "1" }) : decision);
    }
    this.#chosen.set(request, decision.subprotocol);
    let taken = false;
    this.#wss.handleUpgrade(request, socket, head, (ws) => {
      taken = true;
      socket.removeListener("error", ignore);
      this.#attach(ws as CodedWebSocket, socket, address, decision.open);
    });
    // The library answers synchronously; without a call it turned the request away.
    if (!taken) this.#admission.leave(address);
  }

  #decide(request: HandshakeRequest): Promise<HandshakeDecision> {
    const { clock, decide, limits, observe } = this.#options;
    return new Promise((resolve) => {
      const late = clock.timer(clock.nowMs() + limits.handshakeTimeoutMs, () =>
        resolve({ accept: false, ...refusal("not_ready", "The handshake took too long.") }),
      );
      const settle = (decision: HandshakeDecision) => {
        late.cancel();
        resolve(decision);
      };
      decide(request).then(settle, (error: unknown) => {
        observe.fault(error);
        settle({ accept: false, ...refusal("internal_error") });
      });
    });
  }

  #attach(
    ws: CodedWebSocket,
    raw: Socket,
    address: string,
    open: Extract<HandshakeDecision, { accept: true }>["open"],
  ): void {
    const { observe } = this.#options;
    const socket = new WsSocket(ws, raw, address, this.#shared);
    this.#sockets.add(socket);
    observe.opened();
    socket.start(open, (code) => {
      this.#sockets.delete(socket);
      this.#admission.leave(address);
      observe.closed(code);
      if (this.#sockets.size === 0) this.#whenEmpty?.();
    });
  }

  /** One timer for all connections: pings what is due and reports sums. */
  #scheduleSweep(): void {
    const { clock, limits } = this.#options;
    const everyMs = Math.min(1000, limits.pingIntervalMs / 4);
    this.#sweep = clock.timer(clock.nowMs() + everyMs, () => {
      const nowMs = clock.nowMs();
      for (const socket of this.#sockets) if (nowMs >= socket.pingAtMs) socket.probe(nowMs);
      this.#report();
      this.#scheduleSweep();
    });
  }

  #report(): void {
    const { observe } = this.#options;
    let backlogBytes = 0;
    for (const socket of this.#sockets) backlogBytes += socket.bufferedBytes;
    observe.backlog(backlogBytes);
    observe.bytes("in", this.#shared.receivedBytes);
    observe.bytes("out", this.#shared.sentBytes);
    this.#shared.receivedBytes = 0;
    this.#shared.sentBytes = 0;
  }
}
