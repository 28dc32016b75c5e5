/** PARLEY_TLS=self for real: what somebody does who wants to open Parley on a phone in the same network. */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { request } from "node:https";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import type { PeerCertificate } from "node:tls";
import { checkServerIdentity as checkIdentity } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lanAddresses, urlHost } from "../../gateway/host-names.ts";
import { type RunningGateway, scriptedEngines, startGateway } from "../support/gateway.ts";
import { RealtimeClient } from "../support/realtime-client.ts";
import { protocolScript, textSession } from "./scripted-gateway.ts";

const key = "a-key-of-this-test-0123";
const everywhere = {
  PARLEY_HOST: "0.0.0.0",
  PARLEY_API_KEYS: `me:${key}`,
  // With a list of names, others are refused: the machine's own must be known without standing in it.
  PARLEY_ALLOWED_HOSTS: "voice.example",
  PARLEY_PUBLIC_URL: "https://talk.example",
};
const lan = lanAddresses(networkInterfaces()).filter((address) => !address.includes(":"));
let dataDir: string;
const running: RunningGateway[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "parley-tls-"));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<RunningGateway> {
  const gateway = await startGateway({
    script: protocolScript,
    env: { ...scriptedEngines, PARLEY_DATA_DIR: dataDir, PARLEY_TLS: "self", ...env },
  });
  running.push(gateway);
  return gateway;
}

const readCertificate = () => readFileSync(join(dataDir, "tls", "cert.pem"), "utf8");

/** What whoever is let in is told of a path where nothing is. */
const letIn = 404;
const turnedAway = 421;

/** The status that a caller gets for a path where nothing is; the certificate is the only one that is believed. */
function statusOf(url: string, ca: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname } = new URL(url);
    // By the address called, not by the Host claimed.
    const checkServerIdentity = (_host: string, cert: PeerCertificate) => checkIdentity(hostname, cert);
    const asked = request(
      new URL("v1/nothing", url),
      { ca, headers, agent: false, checkServerIdentity },
      (response) => {
        response.resume();
        resolve(response.statusCode!);
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}

async function haveTurn(wsUrl: string, ca: string): Promise<void> {
  const options = {
    ca,
    headers: { Authorization: `Bearer ${key}`, Origin: new URL(wsUrl.replace("wss", "https")).origin },
  };
  const client = await RealtimeClient.session(wsUrl, { ...textSession }, options);
  client.say("short");
  client.send({ type: "response.create" });
  expect((await client.next("response.done")).response.status).toBe("completed");
  client.close();
}

describe("PARLEY_TLS=self", () => {
  it("serves https and wss on this machine, and keeps its certificate over a restart", async () => {
    const first = await start();
    const cert = readCertificate();
    expect(first.url).toBe(`https://127.0.0.1:${first.port}/`);
    expect(first.log()).toContain(new X509Certificate(cert).fingerprint256);
    for (const name of ["127.0.0.1", "localhost"])
      expect(await statusOf(`https://${name}:${first.port}/`, cert), name).toBe(letIn);
    await haveTurn(first.wsUrl, cert);
    expect(statSync(join(dataDir, "tls", "key.pem")).mode & 0o777).toBe(0o600);
    expect(await first.stop()).toBe(0);
    const second = await start();
    expect(readCertificate()).toBe(cert);
    expect(await statusOf(second.url, cert)).toBe(letIn);
  });

  it("keeps a page out that points its own name at a gateway of this machine alone", async () => {
    const { url } = await start();
    for (const host of ["evil.example", ...lan.slice(0, 1)])
      expect(await statusOf(url, readCertificate(), { Host: host, Origin: `https://${host}` }), host).toBe(
        turnedAway,
      );
  });

  it.skipIf(lan.length === 0)(
    "is known by every address of the machine when it serves the network",
    async () => {
      const { port, log } = await start({ ...everywhere, PARLEY_PROCESSES: "2" });
      const cert = readCertificate();
      for (const address of lan) {
        const url = `https://${urlHost(address)}:${port}/`;
        if (lan.length <= 8) expect(log()).toContain(url);
        expect(await statusOf(url, cert), url).toBe(letIn);
        await haveTurn(`${url.replace("https", "wss")}v1/realtime`, cert);
      }
      const here = `https://127.0.0.1:${port}/`;
      expect(await statusOf(here, cert, { Host: "talk.example" })).toBe(letIn);
      expect(await statusOf(here, cert, { Host: "evil.example" })).toBe(turnedAway);
      expect(new X509Certificate(cert).checkHost("talk.example")).toBe("talk.example");
    },
  );

  it("says in plain lines that it makes a certificate or takes one, and exits", async () => {
    const files = { PARLEY_TLS_CERT: "cert.pem", PARLEY_TLS_KEY: "key.pem" };
    await expect(start(files)).rejects.toThrow(/left with 1; it printed:\nPARLEY_TLS is self, which makes/);
    await expect(start({ PARLEY_TLS: "yes" })).rejects.toThrow(
      /left with 1; it printed:\nPARLEY_TLS must be one of files, self, not "yes"/,
    );
  });
});
