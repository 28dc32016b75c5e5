import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { errorTable, GatewayError } from "../../gateway/errors.ts";
import type { ErrorCode } from "../../wire/codes.ts";
import type { Glass, GlassOptions } from "./glass-door.ts";
import { ask, buildGlass, codeOf, handshake } from "./glass-door.ts";

const key = "right-key-0123456789";
const acme = { name: "acme", key };
const open: Glass[] = [];

async function build(options: GlassOptions = {}): Promise<Glass> {
  const glass = await buildGlass(options);
  open.push(glass);
  return glass;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((glass) => glass.close()));
});

function vendorClient(glass: Glass): OpenAI {
  return new OpenAI({ apiKey: key, baseURL: `http://127.0.0.1:${glass.port}/v1`, maxRetries: 0 });
}

describe("client secrets", () => {
  it("are made for the vendor's package, and open a session with their configuration", async () => {
    const glass = await build({ apiKeys: [acme] });
    const beforeSeconds = Math.floor(glass.clock.epochMs() / 1000);
    const session = {
      type: "realtime" as const,
      instructions: "Speak like a pirate. 🏴‍☠️",
      audio: { output: { voice: "slt" } },
    };
    const made = await vendorClient(glass).realtime.clientSecrets.create({
      session,
      expires_after: { anchor: "created_at", seconds: 60 },
    });
    expect(made.value).toMatch(/^ek_/);
    expect(made.expires_at - beforeSeconds).toBeGreaterThanOrEqual(60);
    expect(made.expires_at - beforeSeconds).toBeLessThanOrEqual(61);
    expect(made.session).toMatchObject({ ...session, object: "realtime.session" });
    const headers = {
      ...handshake,
      "Sec-WebSocket-Protocol": `realtime, openai-insecure-api-key.${made.value}`,
    };
    expect((await ask(glass.port, "GET", "/v1/realtime", headers)).status).toBe(101);
    expect(glass.contexts[0]).toMatchObject({
      tenant: "acme",
      keyName: "acme",
      clientSecretSession: session,
    });
  });

  it("live ten minutes and carry no session unless asked", async () => {
    const glass = await build({ apiKeys: [acme] });
    const made = await vendorClient(glass).realtime.clientSecrets.create({});
    const claims = glass.clientSecrets.read(made.value)!;
    expect(claims.session).toBeNull();
    expect(Math.round(claims.expiresAtSeconds - glass.clock.epochMs() / 1000)).toBeGreaterThanOrEqual(599);
    glass.clock.skipMs = 599_000 - 1000;
    expect(glass.clientSecrets.read(made.value)).not.toBeNull();
    glass.clock.skipMs = 601_000;
    expect(glass.clientSecrets.read(made.value)).toBeNull();
  });

  it("open nothing but sessions", async () => {
    const glass = await build({ apiKeys: [acme] });
    const { value } = await vendorClient(glass).realtime.clientSecrets.create({});
    const headers = { Authorization: `Bearer ${value}`, "Content-Type": "application/json" };
    expect((await ask(glass.port, "GET", "/metrics", headers)).status).toBe(401);
    expect((await ask(glass.port, "POST", "/v1/realtime/client_secrets", headers, "{}")).status).toBe(401);
    expect((await ask(glass.port, "GET", "/v1/realtime", { ...handshake, ...headers })).status).toBe(101);
  });

  it("die with the key that made them, and with any change", async () => {
    const glass = await build({ apiKeys: [acme] });
    const come = (value: string) =>
      ask(glass.port, "GET", "/v1/realtime", { ...handshake, Authorization: `Bearer ${value}` });
    const expiresAtSeconds = Math.floor(glass.clock.epochMs() / 1000) + 60;
    const foreign = glass.clientSecrets.mint({
      tenant: "gone",
      keyName: "gone",
      expiresAtSeconds,
      session: null,
    });
    expect((await come(foreign)).status).toBe(401);
    const good = glass.clientSecrets.mint({
      tenant: "acme",
      keyName: "acme",
      expiresAtSeconds,
      session: null,
    });
    expect((await come(good)).status).toBe(101);
    const claims = { tenant: "acme", keyName: "acme", expiresAtSeconds, session: null };
    expect(glass.clientSecrets.mint(claims)).not.toBe(glass.clientSecrets.mint(claims));
    expect(glass.clientSecrets.read(glass.clientSecrets.mint(claims))).toEqual(claims);
    for (let at = 3; at < good.length; at += 7) {
      const changed = good.slice(0, at) + (good[at] === "A" ? "B" : "A") + good.slice(at + 1);
      expect(glass.clientSecrets.read(changed), `character ${at}`).toBeNull();
    }
    expect(glass.clientSecrets.read(`${good}.`)).toBeNull();
    expect(glass.clientSecrets.read(good.split(".")[0]!)).toBeNull();
  });

  it.each([
    ['{"expires_after":{"anchor":"created_at","seconds":9}}', "invalid_value", "expires_after.seconds"],
    ['{"expires_after":{"anchor":"created_at","seconds":7201}}', "invalid_value", "expires_after.seconds"],
    ['{"expires_after":{"anchor":"now","seconds":60}}', "invalid_value", "expires_after.anchor"],
    ['{"session":"hello"}', "invalid_value", "session"],
    ['{"session":{"type":"transcription"}}', "unsupported_feature", "session.type"],
    ["[]", "invalid_value", ""],
    ["{", "invalid_json", null],
    [`{"session":{"type":"realtime","instructions":"${"x".repeat(5000)}"}}`, "body_too_large", null],
  ])("refuse %s with %s", async (body, code, param) => {
    const glass = await build({ apiKeys: [acme] });
    const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
    const answer = await ask(glass.port, "POST", "/v1/realtime/client_secrets", headers, body);
    expect(JSON.parse(answer.text).error).toMatchObject({ code, param });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(glass.faults).toEqual([]);
  });

  it("refuse a session that the endpoint would refuse, and one that does not fit a header", async () => {
    const checkSession = (session: unknown) => {
      if ((session as { audio?: unknown }).audio)
        throw new GatewayError("invalid_value", { param: "session.audio" });
    };
    const glass = await build({ apiKeys: [acme], http: { checkSession, maxBodyBytes: 200_000 } });
    const client = vendorClient(glass).realtime.clientSecrets;
    await expect(client.create({ session: { type: "realtime", audio: {} } })).rejects.toMatchObject({
      status: 400,
      param: "session.audio",
    });
    const noise = Array.from({ length: 30_000 }, (_, index) =>
      String.fromCharCode(33 + ((index * index * 31 + index * 17) % 89)),
    ).join("");
    const incompressible = Buffer.from(await crypto.subtle.digest("SHA-512", Buffer.from(noise))).toString(
      "hex",
    );
    let instructions = incompressible;
    while (instructions.length < 60_000) {
      instructions += Buffer.from(await crypto.subtle.digest("SHA-512", Buffer.from(instructions))).toString(
        "hex",
      );
    }
    await expect(client.create({ session: { type: "realtime", instructions } })).rejects.toMatchObject({
      status: 413,
      code: "body_too_large",
    });
    const repetitive = "Answer briefly and kindly. ".repeat(1500);
    const { value } = await client.create({ session: { type: "realtime", instructions: repetitive } });
    expect(glass.clientSecrets.read(value)!.session).toMatchObject({ instructions: repetitive });
  });
});

describe("HTTP", () => {
  it("says its version and whether it is ready, with the reason when it is not", async () => {
    let reason: ErrorCode | null = null;
    const asked: string[] = [];
    const notReadyBecause = (address: string) => {
      asked.push(address);
      return reason;
    };
    const glass = await build({ http: { notReadyBecause }, trustedProxies: 1 });
    expect(JSON.parse((await ask(glass.port, "GET", "/healthz")).text)).toEqual({
      status: "ok",
      version: "1.2.3",
    });
    const good = await ask(glass.port, "GET", "/readyz", { "X-Forwarded-For": "203.0.113.7" });
    expect([good.status, JSON.parse(good.text)]).toEqual([200, { ready: true }]);
    expect(asked).toEqual(["203.0.113.7"]);
    reason = "draining";
    const answer = await ask(glass.port, "GET", "/readyz");
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      503,
      { ready: false, code: "draining", message: errorTable.draining.message },
    ]);
    expect(answer.headers["retry-after"]).toBe("1");
    expect((await ask(glass.port, "HEAD", "/readyz")).status).toBe(503);
  });

  it("tells beside that what is known of the vendors", async () => {
    const vendors = [
      { stage: "ai", provider: "gemini", ok: false, problem: "the vendor refused the key (401)" },
    ];
    let reason: ErrorCode | null = null;
    const glass = await build({ http: { vendors: () => vendors, notReadyBecause: () => reason } });
    const good = await ask(glass.port, "GET", "/readyz");
    expect([good.status, JSON.parse(good.text)]).toEqual([200, { ready: true, vendors }]);
    reason = "provider_unavailable";
    const down = await ask(glass.port, "GET", "/readyz");
    expect(down.status).toBe(503);
    expect(JSON.parse(down.text)).toMatchObject({ ready: false, code: "provider_unavailable", vendors });
  });

  it("serves the page's files with their headers, and 304 to who has them", async () => {
    const glass = await build();
    const answer = await ask(glass.port, "GET", "/app.js?v=1");
    expect([answer.status, answer.text]).toEqual([200, "1;"]);
    expect(answer.headers).toMatchObject({
      "content-type": "text/javascript",
      "cache-control": "max-age=60",
      etag: '"2"',
    });
    const again = await ask(glass.port, "GET", "/app.js", { "If-None-Match": '"2"' });
    expect([again.status, again.text]).toEqual([304, ""]);
    expect((await ask(glass.port, "HEAD", "/")).headers["content-length"]).toBe("15");
  });

  it("says not_ready for the page, and nothing else, when the page could not be bundled", async () => {
    const page = Promise.reject(new Error("no bundle"));
    page.catch(() => {});
    const glass = await build({ http: { page } });
    const answer = await ask(glass.port, "GET", "/");
    expect([answer.status, codeOf(answer)]).toEqual([503, "not_ready"]);
    expect((await ask(glass.port, "GET", "/readyz")).status).toBe(200);
    expect(codeOf(await ask(glass.port, "GET", "/v1/nothing"))).toBe("not_found");
  });

  it("lets the page load from itself only, with nothing inline and no frame around it", async () => {
    const glass = await build();
    const { headers } = await ask(glass.port, "GET", "/");
    const policy = new Map(
      String(headers["content-security-policy"])
        .split("; ")
        .map((part) => [part.split(" ")[0], part.split(" ").slice(1)]),
    );
    expect(policy.get("default-src")).toEqual(["'none'"]);
    for (const source of ["script-src", "style-src", "worker-src"])
      expect(policy.get(source)).toEqual(["'self'"]);
    expect(policy.get("connect-src")).toEqual(["'self'", `ws://127.0.0.1:${glass.port}`]);
    expect(policy.get("frame-ancestors")).toEqual(["'none'"]);
    expect(headers["content-security-policy"]).not.toContain("unsafe");
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
    });
  });

  it("has the same protective headers on refusals, and never caches them", async () => {
    const glass = await build({ apiKeys: [acme] });
    const { headers } = await ask(glass.port, "GET", "/metrics");
    expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
    expect(headers["content-security-policy"]).toBeDefined();
  });

  it("counts requests by route, never by path", async () => {
    const glass = await build();
    await ask(glass.port, "GET", "/healthz");
    await ask(glass.port, "GET", "/a/secret/path");
    await ask(glass.port, "PUT", "/healthz");
    expect((await ask(glass.port, "POST", "/v1/realtime/calls")).status).toBe(404);
    await expect
      .poll(() => glass.counted)
      .toEqual(["GET /healthz 200", "GET /* 404", "PUT unmatched 405", "POST unmatched 404"]);
  });

  it("answers garbage with a coded 400 and ends the connection", async () => {
    const glass = await build();
    const socket = connect(glass.port, "127.0.0.1");
    socket.write("NOT HTTP AT ALL\r\n\r\n");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('"code":"invalid_request"');
  });

  it("answers a path that does not decode with a coded 400", async () => {
    const glass = await build();
    expect(codeOf(await ask(glass.port, "GET", "/%zz"))).toBe("invalid_request");
  });

  it("answers a fault of its own with internal_error, and tells only the log why", async () => {
    const collectMetrics = () => Promise.reject(new Error("inside story"));
    const glass = await build({ http: { collectMetrics } });
    const answer = await ask(glass.port, "GET", "/metrics");
    expect([answer.status, codeOf(answer)]).toEqual([500, "internal_error"]);
    expect(answer.text).not.toContain("inside story");
    expect(glass.faults).toHaveLength(1);
  });
});

describe("TLS", () => {
  it("serves wss and https directly", async () => {
    const dir = mkdtempSync(join(tmpdir(), "parley-tls-"));
    const [keyPath, certPath] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-keyout",
        keyPath,
        "-out",
        certPath,
        ...subject,
      ],
      { stdio: "ignore" },
    );
    const tls = { cert: readFileSync(certPath, "utf8"), key: readFileSync(keyPath, "utf8") };
    rmSync(dir, { recursive: true });
    const glass = await build({ tls });
    const client = new WebSocket(`wss://127.0.0.1:${glass.port}/v1/realtime`, ["realtime"], {
      ca: tls.cert,
      origin: `https://127.0.0.1:${glass.port}`,
    });
    const [message] = await once(client, "message");
    expect(JSON.parse(String(message))).toEqual({ type: "session.created" });
    client.terminate();
  });
});
