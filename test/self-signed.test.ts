import { X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HostNames } from "../gateway/host-names.ts";
import { loadSelfSigned } from "../gateway/self-signed.ts";

const dayMs = 24 * 60 * 60 * 1000;
const nowMs = Date.UTC(2026, 0, 1);
const names: HostNames = {
  steady: ["localhost", "127.0.0.1", "::1", "desk.local", "192.168.1.20", "fd00::20", "voice.example"],
  passing: ["2001:db8::1"],
};
let dataDir: string;

beforeEach(() => {
  dataDir = join(mkdtempSync(join(tmpdir(), "parley-self-")), "data");
});

afterEach(() => rmSync(join(dataDir, ".."), { recursive: true, force: true }));

const load = (given = names, atMs = nowMs) => loadSelfSigned({ dataDir, names: given, nowMs: atMs });
const modeOf = (path: string) => statSync(path).mode & 0o777;

describe("the gateway's own certificate", () => {
  it("is signed by its own P-256 key, serves only, and names every name and address", async () => {
    const { cert, key, fingerprint, expiresAtMs } = await load();
    const certificate = new X509Certificate(cert);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    for (const name of ["localhost", "desk.local", "voice.example"])
      expect(certificate.checkHost(name), name).toBe(name);
    for (const address of ["127.0.0.1", "::1", "192.168.1.20", "fd00::20", "2001:db8::1"])
      expect(certificate.checkIP(address), address).toBe(address);
    expect(certificate.checkIP("192.168.1.21")).toBeUndefined();
    expect(fingerprint).toBe(certificate.fingerprint256);
    expect(expiresAtMs - nowMs).toBe(365 * dayMs);
    expect(key).toContain("PRIVATE KEY");
  });

  it("is kept for this user's eyes only, and comes back the same", async () => {
    const first = await load();
    expect(modeOf(join(dataDir, "tls"))).toBe(0o700);
    expect(modeOf(join(dataDir, "tls", "key.pem"))).toBe(0o600);
    expect(modeOf(join(dataDir, "tls", "cert.pem"))).toBe(0o600);
    chmodSync(join(dataDir, "tls", "key.pem"), 0o644);
    expect(await load(names, nowMs + 300 * dayMs)).toEqual(first);
    expect(modeOf(join(dataDir, "tls", "key.pem"))).toBe(0o600);
  });

  it.each([
    ["30 days before it ends", nowMs + 335 * dayMs, names],
    ["when it has ended", nowMs + 1000 * dayMs, names],
    ["when the clock was put back before it begins", nowMs - 10 * dayMs, names],
    ["when an address is new", nowMs, { ...names, steady: [...names.steady, "192.168.7.7"] }],
    ["when the public name changed", nowMs, { ...names, steady: [...names.steady, "talk.example"] }],
  ])("is made anew with the same key %s", async (_when, atMs, given) => {
    const first = await load();
    const second = await load(given, atMs);
    expect(second.fingerprint).not.toBe(first.fingerprint);
    expect(second.key).toBe(first.key);
    expect(second.expiresAtMs).toBe(atMs + 365 * dayMs);
    expect(await load(given, atMs)).toEqual(second);
  });

  it("stays when an address went, and when a passing one is new", async () => {
    const first = await load();
    expect(await load({ steady: names.steady.slice(0, 3), passing: ["2001:db8::2"] })).toEqual(first);
  });

  it.each([
    ["torn", (text: string) => text.slice(0, 100)],
    ["empty", () => ""],
  ])("is made anew when its file is %s", async (_how, spoil) => {
    await load();
    const path = join(dataDir, "tls", "cert.pem");
    writeFileSync(path, spoil(readFileSync(path, "utf8")));
    expect(new X509Certificate((await load()).cert).checkHost("localhost")).toBe("localhost");
  });

  it("is made anew when it belongs to another key", async () => {
    const first = await load();
    rmSync(join(dataDir, "tls", "key.pem"));
    const second = await load();
    expect([second.key === first.key, second.cert === first.cert]).toEqual([false, false]);
  });

  it("says in a plain line that the key's file holds no key, and touches nothing", async () => {
    mkdirSync(join(dataDir, "tls"), { recursive: true });
    const path = join(dataDir, "tls", "key.pem");
    writeFileSync(path, "no key");
    await expect(load()).rejects.toMatchObject({
      code: "invalid_config",
      message: `PARLEY_TLS=self: ${path} holds no P-256 key; delete it to have a new one made`,
    });
    expect(readFileSync(path, "utf8")).toBe("no key");
  });

  it("says in a plain line that the folder can't be used", async () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, "tls"), "a file where the folder belongs");
    await expect(load()).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringContaining("PARLEY_DATA_DIR names the folder above it"),
    });
  });
});
