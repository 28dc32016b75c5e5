/** A TCP proxy that counts what a server sends: headers, bodies, service workers, everything. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface CountingProxy {
  /** With a slash at the end. */
  url: string;
  /** Bytes from the server to its clients so far. */
  readonly sentBytes: number;
  stop(): Promise<void>;
}

/** @param port - of a server on this machine */
export async function startCountingProxy(port: number): Promise<CountingProxy> {
  let sentBytes = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    upstream.on("data", (chunk: Buffer) => {
      sentBytes += chunk.length;
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    get sentBytes() {
      return sentBytes;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
