/** One gateway built for real (audio thread, HTTP, WebSockets), with an endpoint whose turns end when the test says so. */
import { once } from "node:events";
import { appendFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { parseConfig } from "../gateway/config.ts";
import type { Gateway } from "../gateway/gateway.ts";
import { createGateway } from "../gateway/gateway.ts";
import type { Reach } from "../gateway/process-messages.ts";
import { createSystemClock } from "../gateway/system-clock.ts";
import { aggregateMetrics } from "../gateway/telemetry/aggregate.ts";
import { createLog } from "../gateway/telemetry/log.ts";
import { createMetrics } from "../gateway/telemetry/metrics.ts";
import type { RealtimeEndpoint } from "../gateway/transport/contract.ts";
import type { Certificate } from "./support/certificate.ts";
import { makeCertificate } from "./support/certificate.ts";

const gateways: Gateway[] = [];

interface Desk extends RealtimeEndpoint {
  activeSessions: number;
  endTurn(): void;
  readonly steps: string[];
}

function createDesk(): Desk {
  const turn = Promise.withResolvers<void>();
  const steps: string[] = [];
  return {
    steps,
    activeSessions: 0,
    endTurn: turn.resolve,
    open: () => ({
      onText: () => {},
      onBinary: () => {},
      onDrain: () => {},
      onClose: (code) => void steps.push(`closed ${code}`),
    }),
    drain: async (signal) => {
      steps.push("drain");
      const aborted = new Promise<void>((resolve) =>
        signal.addEventListener("abort", () => resolve(), { once: true }),
      );
      await Promise.race([turn.promise, aborted]);
      steps.push(signal.aborted ? "gave up" : "turn ended");
    },
    close: async () => void steps.push("freed"),
  };
}

async function build(
  settings: Record<string, string> = {},
  modelsDir = fileURLToPath(new URL("../models/", import.meta.url)),
  reach: Reach = { tls: null, ownNames: [] },
) {
  const config = parseConfig({ PARLEY_MAX_SESSIONS: "4", PARLEY_AUDIO_POOL_BYTES: "16777216", ...settings });
  const clock = createSystemClock();
  const metrics = createMetrics({ version: "1.2.3", process: false });
  const desk = createDesk();
  const gateway = await createGateway({
    ...{ config, clock, metrics, port: 0, version: "1.2.3", speechSockets: null },
    reach,
    secret: "a secret of forty-two characters, at least",
    log: createLog({ level: "silent", content: false, process: "gateway" }),
    modelsDir,
    collectMetrics: async () => aggregateMetrics([await metrics.snapshot()]),
    onLost: () => {},
    createEndpoint: async () => desk,
    loadPage: async () =>
      new Map([
        ["/", { body: Buffer.from("page"), contentType: "text/html", etag: '"1"', cacheControl: "no-cache" }],
      ]),
  });
  gateways.push(gateway);
  return { gateway, desk, base: `http://127.0.0.1:${gateway.port}` };
}

afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.drain()));
});

describe("a gateway", () => {
  it("is ready with its audio thread, and serves health, page and metrics", async () => {
    const { base, desk } = await build();
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${base}/healthz`)).json()).toEqual({ status: "ok", version: "1.2.3" });
    expect(await (await fetch(base)).text()).toBe("page");
    const client = new WebSocket(`${base.replace("http", "ws")}/v1/realtime`);
    await once(client, "open");
    const text = await (await fetch(`${base}/metrics`)).text();
    expect(text.split("\n")).toContain("parley_sockets 1");
    expect(text).toContain('parley_http_requests_total{route="/readyz",method="GET",status="200"} 1');
    client.terminate();
    desk.endTurn();
  });

  it("drains: takes nobody new, lets the turn end, closes with 4000, frees everything", async () => {
    const { gateway, base, desk } = await build();
    const client = new WebSocket(`${base.replace("http", "ws")}/v1/realtime`);
    await once(client, "open");
    const closed = once(client, "close");
    const drained = gateway.drain();
    await expect.poll(() => desk.steps).toEqual(["drain"]);
    expect((await fetch(`${base}/readyz`)).status).toBe(503);
    const late = new WebSocket(`${base.replace("http", "ws")}/v1/realtime`);
    late.on("error", () => {});
    const [, response] = await once(late, "unexpected-response");
    expect(response.statusCode).toBe(503);
    expect(client.readyState).toBe(WebSocket.OPEN);
    desk.endTurn();
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([4000, "server_restart"]);
    await drained;
    expect(desk.steps).toEqual(["drain", "turn ended", "closed 4000", "freed"]);
    await expect(fetch(`${base}/healthz`)).rejects.toThrow();
  });

  it("says that it is busy while sessions or connections are at their limit, and that it is not afterwards", async () => {
    const { base, desk } = await build({ PARLEY_MAX_CONNECTIONS_PER_ADDRESS: "1" });
    const code = async () => {
      const answer = await fetch(`${base}/readyz`);
      const body = (await answer.json()) as { ready: boolean; code?: string };
      expect([answer.status, body.ready]).toEqual(body.code === undefined ? [200, true] : [503, false]);
      return body.code;
    };
    expect(await code()).toBeUndefined();
    desk.activeSessions = 4;
    expect(await code()).toBe("too_many_sessions");
    desk.activeSessions = 0;
    const client = new WebSocket(`${base.replace("http", "ws")}/v1/realtime`);
    await once(client, "open");
    expect(await code()).toBe("too_many_connections");
    client.close();
    await expect.poll(code).toBeUndefined();
    desk.endTurn();
  });

  it("takes a new certificate for connections to come, and new names of its machine", async () => {
    const [first, second] = [await makeCertificate(), await makeCertificate()];
    const pair = async ({ cert, keyFile }: Certificate) => ({ cert, key: await readFile(keyFile, "utf8") });
    const settings = { PARLEY_API_KEYS: "me:0123456789abcdef", PARLEY_ALLOWED_HOSTS: "voice.example" };
    const { gateway, desk } = await build(settings, undefined, { tls: await pair(first), ownNames: [] });
    const statusFor = (host: string, ca: string) =>
      new Promise<number>((resolve, reject) => {
        const options = { port: gateway.port, ca, agent: false, headers: { host }, servername: "localhost" };
        get({ ...options, host: "127.0.0.1" }, (response) => resolve(response.resume().statusCode!)).on(
          "error",
          reject,
        );
      });
    expect(await statusFor("192.168.9.9", first.cert)).toBe(421);
    gateway.setReach({ tls: await pair(second), ownNames: ["192.168.9.9"] });
    expect(await statusFor("192.168.9.9", second.cert)).toBe(200);
    await expect(statusFor("192.168.9.9", first.cert)).rejects.toThrow();
    desk.endTurn();
    await Promise.all([first.remove(), second.remove()]);
  });

  it("waits for turns no longer than the settings say", async () => {
    const { gateway, desk } = await build({ PARLEY_DRAIN_TIMEOUT_MS: "50" });
    await gateway.drain();
    expect(desk.steps).toEqual(["drain", "gave up", "freed"]);
  });

  it("says that a model is not the one that its checksum names, and leaves nothing running", async () => {
    const dir = mkdtempSync(join(tmpdir(), "parley-models-"));
    cpSync(new URL("../models/silero-vad-v6", import.meta.url), join(dir, "silero-vad-v6"), {
      recursive: true,
    });
    appendFileSync(join(dir, "silero-vad-v6", "silero_vad_v6_batched.onnx"), "x");
    await expect(build({}, `${dir}/`)).rejects.toMatchObject({ code: "model_checksum_mismatch" });
    rmSync(dir, { recursive: true });
  });

  it("refuses a certificate that is not one, in a plain line", async () => {
    const here = fileURLToPath(import.meta.url);
    await expect(build({ PARLEY_TLS_CERT: here, PARLEY_TLS_KEY: here })).rejects.toMatchObject({
      code: "invalid_config",
    });
    await expect(build({ PARLEY_TLS_CERT: "/nowhere/c.pem", PARLEY_TLS_KEY: here })).rejects.toMatchObject({
      message: "PARLEY_TLS_CERT: cannot read /nowhere/c.pem (ENOENT)",
    });
  });
});
