/** Installs the service worker and tells when a newer page waits. */

export interface ShellEvents {
  /** A newer page is there; call `use` to change to it. */
  updated: (use: () => void) => void;
}

/** @param workerUrl - where the bundled `service-worker.ts` is served */
export async function installShell(workerUrl: string, events: ShellEvents): Promise<void> {
  // Absent on plain http, and in private windows of some browsers.
  if (!("serviceWorker" in navigator)) return;
  let registration: ServiceWorkerRegistration;
  try {
    registration = await navigator.serviceWorker.register(workerUrl, { updateViaCache: "none" });
  } catch {
    // A certificate that nobody vouches for, storage that is full or forbidden: the page works without.
    return;
  }
  const offer = async (worker: ServiceWorker): Promise<void> => {
    // After a reload the page is the server's newest: only its worker still waits, until no window needs the old one.
    if (await hasThisPage(worker)) return;
    events.updated(() => {
      // Another window has changed to it already.
      if (worker.state !== "installed") return location.reload();
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      worker.postMessage("take-over");
    });
  };
  const watch = (worker: ServiceWorker): void => {
    worker.addEventListener("statechange", () => {
      // The first one of all has nothing to replace.
      if (worker.state === "installed" && navigator.serviceWorker.controller !== null) void offer(worker);
    });
  };
  if (registration.waiting !== null && navigator.serviceWorker.controller !== null)
    void offer(registration.waiting);
  if (registration.installing !== null) watch(registration.installing);
  registration.addEventListener("updatefound", () => {
    if (registration.installing !== null) watch(registration.installing);
  });
}

/** Whether the worker keeps the very files that this page was made of. */
function hasThisPage(worker: ServiceWorker): Promise<boolean> {
  const made = document.querySelectorAll("script[src^='/assets/'], link[rel=stylesheet][href^='/assets/']");
  const paths = [...made].map((element) => element.getAttribute("src") ?? element.getAttribute("href"));
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data === true);
    worker.postMessage(paths, [port2]);
  });
}
