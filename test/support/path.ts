/** A network path to a server on loopback that can fall silent, as behind a router that forgot the connection. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Path {
  url: string;
  /** Connections so far. */
  readonly accepted: number;
  /** What is connected stays so, and nothing passes any more; new connections work. */
  fallSilent(): void;
  close(): Promise<void>;
}

export async function openPath(toUrl: string): Promise<Path> {
  const port = Number(new URL(toUrl).port);
  const pairs: { sides: Socket[]; silent: boolean }[] = [];
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    const pair = { sides: [near, far], silent: false };
    pairs.push(pair);
    const pass = (from: Socket, to: Socket) => {
      from.on("data", (bytes) => {
        if (!pair.silent) to.write(bytes);
      });
      from.on("error", () => {});
      from.on("close", () => {
        if (!pair.silent) to.destroy();
      });
    };
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get accepted() {
      return pairs.length;
    },
    fallSilent() {
      for (const pair of pairs) pair.silent = true;
    },
    async close() {
      for (const { sides } of pairs) for (const socket of sides) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
