/** A TCP listener on 127.0.0.1 whose connections can be thrown out, and that can be closed and opened on the same port. */
import { createServer, type Socket } from "node:net";

export interface Loopback {
  readonly port: number;
  /** Resets a connection by its peer's "address:port", or all of them. */
  reset(peer?: string): void;
  /** False: refuses connections and ends those that there are. True: listens again. */
  setListening(listening: boolean): Promise<void>;
  close(): Promise<void>;
}

/** @param onConnection - what serves a connection */
export async function openLoopback(onConnection: (socket: Socket) => void): Promise<Loopback> {
  const sockets = new Map<string, Socket>();
  const server = createServer((socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    sockets.set(peer, socket);
    socket.on("close", () => sockets.delete(peer));
    // Whoever serves it hears of it, too; a connection that is thrown out must not bring the process down.
    socket.on("error", () => undefined);
    socket.setNoDelay(true);
    onConnection(socket);
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the listener has no port");
  const { port } = address;

  const reset = (peer?: string) => {
    for (const [one, socket] of sockets) if (peer === undefined || one === peer) socket.resetAndDestroy();
  };
  const stop = async () => {
    const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : null;
    reset();
    await closed;
  };
  return {
    port,
    reset,
    async setListening(listening) {
      if (!listening) await stop();
      else if (!server.listening) await listen(port);
    },
    close: stop,
  };
}
