/** PARLEY_TLS=self: a certificate that the gateway makes for itself and keeps, so that a browser's exception lasts. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { GatewayError } from "./errors.ts";
import type { HostNames } from "./host-names.ts";

/** PEM texts of a certificate and its key. */
export interface TlsPair {
  cert: string;
  key: string;
}

/** A certificate of the gateway's own. */
export interface SelfSigned extends TlsPair {
  /** SHA-256, as browsers show it: pairs of capital hex digits with colons. */
  fingerprint: string;
  /** Unix time in milliseconds. */
  expiresAtMs: number;
}

const dayMs = 24 * 60 * 60 * 1000;
const validDays = 365;
/** A certificate with less than that left is made anew. */
const renewBeforeMs = 30 * dayMs;
/** Clients whose clock is behind ours take a new certificate, too. */
const backdateMs = dayMs;
const folderName = "tls";
const keyFile = "key.pem";
const certFile = "cert.pem";

/**
 * The kept certificate, or a new one when there is none, when it ends within 30 days, or when it does not cover a
 * steady name of this machine. The key (ECDSA P-256) is made once and stays. Folder 0700, files 0600.
 *
 * @param options.nowMs - Unix time
 * @throws {GatewayError} `invalid_config` when the folder can't be used or the key's file holds no key
 */
export async function loadSelfSigned(options: {
  dataDir: string;
  names: HostNames;
  nowMs: number;
}): Promise<SelfSigned> {
  const { dataDir, names, nowMs } = options;
  const folder = join(dataDir, folderName);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const key = loadKey(join(folder, keyFile));
    const path = join(folder, certFile);
    const kept = readCertificate(path, key);
    if (kept !== null && !isDue(kept, names, nowMs)) {
      chmodSync(path, 0o600);
      return describe(kept, key);
    }
    const cert = await makeCertificate(key, [...names.steady, ...names.passing], nowMs);
    // Written beside and moved over: whoever reads meanwhile finds the old one or the new one, never half of it.
    const beside = `${path}.${process.pid}`;
    writeFileSync(beside, cert, { mode: 0o600 });
    renameSync(beside, path);
    return describe(new X509Certificate(cert), key);
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown fault";
    throw new GatewayError("invalid_config", {
      message: `PARLEY_TLS=self: cannot keep a certificate in ${folder} (${why}); PARLEY_DATA_DIR names the folder above it`,
      cause,
    });
  }
}

/** The key in the file, made at the first start. */
function loadKey(path: string): string {
  try {
    // "wx" fails when the file is there: two first starts at once end up with one key.
    writeFileSync(path, makeKey(), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    chmodSync(path, 0o600);
  }
  const text = readFileSync(path, "utf8");
  try {
    if (createPrivateKey(text).asymmetricKeyDetails?.namedCurve === "prime256v1") return text;
  } catch {
    // Said below, in plain words.
  }
  throw new GatewayError("invalid_config", {
    message: `PARLEY_TLS=self: ${path} holds no P-256 key; delete it to have a new one made`,
  });
}

function makeKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/** Null when there is none, or none that belongs to the key: such a one is replaced. */
function readCertificate(path: string, key: string): X509Certificate | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const certificate = new X509Certificate(text);
    return certificate.checkPrivateKey(createPrivateKey(key)) ? certificate : null;
  } catch {
    return null;
  }
}

function isDue(certificate: X509Certificate, names: HostNames, nowMs: number): boolean {
  const valid =
    certificate.validFromDate.getTime() <= nowMs && certificate.validToDate.getTime() - renewBeforeMs > nowMs;
  return !valid || names.steady.some((name) => !covers(certificate, name));
}

function covers(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
}

async function makeCertificate(key: string, names: string[], nowMs: number): Promise<string> {
  // Loaded when it is needed: a start with a kept certificate, or with none, does not wait for it.
  const { generate } = await import("selfsigned");
  const publicKey = createPublicKey(key).export({ type: "spki", format: "pem" }) as string;
  const made = await generate([{ name: "commonName", value: "Parley" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    keyPair: { privateKey: key, publicKey },
    notBeforeDate: new Date(nowMs - backdateMs),
    notAfterDate: new Date(nowMs + validDays * dayMs),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: names.map((name) =>
          isIP(name) === 0 ? { type: 2 as const, value: name } : { type: 7 as const, ip: name },
        ),
      },
    ],
  });
  return made.cert;
}

function describe(certificate: X509Certificate, key: string): SelfSigned {
  return {
    cert: certificate.toString(),
    key,
    fingerprint: certificate.fingerprint256,
    expiresAtMs: certificate.validToDate.getTime(),
  };
}
