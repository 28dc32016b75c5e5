/**
 * Entry point, bundled on its own: keeps the page's files, so that it opens without its server (and then says so).
 * Nothing of the API is ever answered or kept here. Its source holds the hash of everything that it keeps: another
 * page is another worker, with a cache of its own, and takes over when no window uses the old one any more (or when
 * the user says so).
 */

/** Put in by the bundler. */
declare const SHELL_VERSION: string;
declare const SHELL_FILES: readonly string[];

/** As much of a service worker's world as is used (the DOM's types know windows only). */
interface WorkerEvent {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface WorkerScope {
  addEventListener(type: "install" | "activate", listener: (event: WorkerEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  readonly location: Location;
}

const scope = globalThis as unknown as WorkerScope;
const prefix = "parley-shell-";
const cacheName = prefix + SHELL_VERSION;
/** Longer than that nobody looks at a white page: the kept one comes. */
const navigationTimeoutMs = 2500;

scope.addEventListener("install", (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll([...SHELL_FILES])));
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names
            .filter((name) => name.startsWith(prefix) && name !== cacheName)
            .map((name) => caches.delete(name)),
        ),
      )
      .then(() => scope.clients.claim()),
  );
});

scope.addEventListener("message", ({ data, ports }) => {
  if (data === "take-over") void scope.skipWaiting();
  // A page names its own files: are they this worker's?
  else if (Array.isArray(data)) ports[0]?.postMessage(data.every((path) => SHELL_FILES.includes(path)));
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== scope.location.origin) return;
  if (request.mode === "navigate" && url.pathname === "/") event.respondWith(openPage(request));
  else if (url.pathname !== "/" && SHELL_FILES.includes(url.pathname)) event.respondWith(serveFile(request));
});

/** The server's page if it answers soon, else the kept one. */
async function openPage(request: Request): Promise<Response> {
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(navigationTimeoutMs) });
    // A proxy's error page is no page of ours.
    if (response.status < 500) return response;
    return (await kept("/")) ?? response;
  } catch {
    return (await kept("/")) ?? Response.error();
  }
}

/** What is named by its content never changes: the kept one is the right one. */
async function serveFile(request: Request): Promise<Response> {
  return (await kept(new URL(request.url).pathname)) ?? fetch(request);
}

async function kept(path: string): Promise<Response | undefined> {
  return (await caches.open(cacheName)).match(path);
}

export {};
