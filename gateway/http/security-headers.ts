/**
 * Headers of every answer. The page loads scripts, styles, workers and worklets from its own origin only, nothing
 * inline, and talks to this gateway alone; nobody may frame it.
 *
 * @param host - the request's Host; named for WebSockets, since not every browser counts them as 'self'
 */
export function securityHeaders(host: string | undefined, secure: boolean): Record<string, string> {
  const socketSource =
    host !== undefined && /^[A-Za-z0-9.[\]:_-]{1,255}$/.test(host)
      ? ` ${secure ? "wss" : "ws"}://${host}`
      : "";
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "media-src 'self' blob:",
    "manifest-src 'self'",
    `connect-src 'self'${socketSource}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    "Content-Security-Policy": policy.join("; "),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cache-Control": "no-store",
  };
}
