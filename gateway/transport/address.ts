import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * The caller's address: the socket's own, or, behind `trustedProxies` proxies, the entry of X-Forwarded-For that the
 * outermost trusted one wrote. What stands further left came from the caller and proves nothing.
 */
export function clientAddress(
  socketAddress: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: number,
): string {
  const own = plainAddress(socketAddress ?? "");
  if (trustedProxies === 0 || forwardedFor === undefined) return own;
  const entries = forwardedFor.split(",", 64).map((entry) => plainAddress(entry.trim()));
  const named = entries[Math.max(0, entries.length - trustedProxies)];
  return named !== undefined && isIP(named) !== 0 ? named : own;
}

/** An IPv4 address that came in IPv6 clothes is the same caller. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

/** A header that may come several times, as one line. */
export function joinHeader(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}

/** Whether the client came by TLS: to this server, or, behind trusted proxies, to the one nearest to it that says so. */
export function cameByTls(request: IncomingMessage, trustedProxies: number): boolean {
  const forwarded = trustedProxies > 0 ? joinHeader(request.headers["x-forwarded-proto"]) : undefined;
  return forwarded === undefined
    ? "encrypted" in request.socket
    : forwarded.split(",").at(-1)!.trim() === "https";
}
