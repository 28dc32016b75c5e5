/** A gateway process that speaks the supervisor's messages and else does what FIXTURE says. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { FromGateway, ToGateway } from "../../gateway/process-messages.ts";
import { createMetrics } from "../../gateway/telemetry/metrics.ts";

const mode = process.env.FIXTURE ?? "good";
const metrics = createMetrics({ version: "1.2.3", process: false });
const tell = (message: FromGateway) => process.send!(message);
let answer: ((text: string) => void) | null = null;

const server = createServer((request, response) => {
  if (request.url === "/pid") return response.end(String(process.pid));
  answer = (text) => response.end(text);
  tell({ type: "collect", id: 7 });
});

function start(port: number, sockets: unknown): void {
  if (mode === "crash") process.exit(3);
  if (mode === "fail") {
    tell({ type: "failed", code: "port_in_use", message: "Port 1 on here is already in use." });
    return;
  }
  metrics.openSocket();
  server.listen(port, "127.0.0.1", () => {
    process.stderr.write(`sockets ${JSON.stringify(sockets)}\n`);
    tell({ type: "ready", host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  });
}

process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("message", (message: ToGateway) => {
  if (message.type === "start") start(message.port, message.speechSockets);
  if (message.type === "beat") tell({ type: "beat" });
  if (message.type === "drain") {
    process.stderr.write("told to drain\n");
    if (mode !== "stubborn") process.exit(0);
  }
  if (message.type === "snapshot")
    void metrics.snapshot().then((values) => tell({ type: "snapshot", id: message.id, metrics: values }));
  if (message.type === "collected") answer?.(message.text);
});
