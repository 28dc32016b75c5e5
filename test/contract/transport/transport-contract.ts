/** What every transport must do, whatever it is made of. */
import { describe } from "vitest";
import type { TransportFactory } from "./transport-bench.ts";
import { describeFlow } from "./transport-flow.ts";
import { describeHandshakes } from "./transport-handshakes.ts";
import { describeMessages } from "./transport-messages.ts";

/** Runs the whole suite over one transport. */
export function describeTransport(name: string, make: TransportFactory): void {
  describe(`transport: ${name}`, () => {
    describe("messages", () => describeMessages(make));
    describe("handshakes", () => describeHandshakes(make));
    describe("flow", () => describeFlow(make));
  });
}
