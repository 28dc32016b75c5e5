import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { createSystemClock } from "../../gateway/system-clock.ts";
import { createListener } from "../../gateway/transport/listener.ts";
import { createWsTransport } from "../../gateway/transport/ws.ts";
import type { ContractSetup } from "../contract/transport/transport-bench.ts";
import { describeTransport } from "../contract/transport/transport-contract.ts";

function make(setup: ContractSetup, port = 0) {
  const server = createListener({ ...setup.limits, tls: null });
  return createWsTransport({ server, host: "127.0.0.1", port, trustedProxies: 0, ...setup });
}

describeTransport("ws", make);

it("rejects with port_in_use when the port is taken", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const ignore = () => {};
  const transport = make(
    {
      decide: () => Promise.reject(new Error("not asked")),
      clock: createSystemClock(),
      limits: {
        maxConnections: 1,
        maxConnectionsPerAddress: 1,
        maxHandshakesPerSecond: 1,
        handshakeTimeoutMs: 1000,
        maxMessageBytes: 1000,
        maxMessagesPerSecond: 1,
        maxInputBytesPerSecond: 1,
        sendBufferBytes: 1,
        pingIntervalMs: 1000,
        closeTimeoutMs: 1000,
      },
      observe: {
        opened: ignore,
        closed: ignore,
        refused: ignore,
        pinged: ignore,
        bytes: ignore,
        backlog: ignore,
        fault: ignore,
      },
    },
    port,
  );
  await expect(transport.listen()).rejects.toMatchObject({
    code: "port_in_use",
    message: `Port ${port} on 127.0.0.1 is already in use.`,
  });
  other.close();
});
