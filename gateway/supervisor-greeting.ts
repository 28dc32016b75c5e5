/** What the supervisor tells the person who started it, in plain lines. */
import { isIP } from "node:net";
import type { Config } from "./config.ts";
import type { HostNames } from "./host-names.ts";
import { namesReached, urlHost } from "./host-names.ts";
import { isLoopbackHost } from "./loopback.ts";
import type { SelfSigned } from "./self-signed.ts";

/** Machines with more addresses than that have the first ones printed. */
const maxPrinted = 8;

/**
 * Where to open Parley, and what a browser will say there.
 *
 * @param options.port - the one that was taken
 * @param options.certificate - the gateway's own; null with another's or none
 */
export function greetingLines(options: {
  config: Config;
  port: number;
  names: HostNames;
  certificate: SelfSigned | null;
}): string[] {
  const { config, port, names, certificate } = options;
  const { host, publicUrl } = config;
  const secure = certificate !== null || config.tlsCert !== null;
  const everywhere = host === "0.0.0.0" || host === "::";
  const address = (name: string) => `${secure ? "https" : "http"}://${urlHost(name)}:${port}/`;
  const lines = [`Parley is at ${address(everywhere ? "localhost" : host)}`];
  if (everywhere) {
    const others = namesReached(host, [...names.steady, ...names.passing]).filter((name) => isIP(name) !== 0);
    if (others.length > 0)
      lines.push(`On your network: ${others.slice(0, maxPrinted).map(address).join("  ")}`);
  }
  if (publicUrl !== null) lines.push(`From outside: ${publicUrl}`);
  if (certificate !== null) {
    lines.push(
      "It made its certificate itself, so browsers warn of it the first time: choose Advanced, then proceed. It is this",
      `gateway if the certificate's SHA-256 fingerprint is ${certificate.fingerprint}`,
    );
  }
  if (!secure && !isLoopbackHost(host) && !publicUrl?.startsWith("https:")) {
    lines.push(
      "Browsers give microphones to https pages only (and to localhost): PARLEY_TLS=self makes a certificate for https.",
    );
  }
  return lines;
}

/** What is said when the certificate changed while the gateway runs. */
export function renewalLine(certificate: SelfSigned): string {
  return `The gateway's own certificate was made anew: its SHA-256 fingerprint is now ${certificate.fingerprint}`;
}
