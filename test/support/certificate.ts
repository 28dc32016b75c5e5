/** A self-signed certificate for localhost, made when a test needs it and thrown away after. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Certificate {
  certFile: string;
  keyFile: string;
  /** PEM of the certificate: it is its own authority. */
  cert: string;
  /** Deletes the files. */
  remove(): Promise<void>;
}

/** Makes a certificate for `localhost` and 127.0.0.1, valid for a day. Needs `openssl` in the PATH. */
export async function makeCertificate(): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), "parley-tls-"));
  const certFile = join(folder, "cert.pem");
  const keyFile = join(folder, "key.pem");
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-keyout", keyFile, "-out", certFile],
  ]);
  const cert = await readFile(certFile, "utf8");
  return { certFile, keyFile, cert, remove: () => rm(folder, { recursive: true, force: true }) };
}
