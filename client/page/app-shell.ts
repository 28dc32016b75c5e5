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
  const offer = (worker: ServiceWorker): void => {
    events.updated(() => {
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      worker.postMessage("take-over");
    });
  };
  const watch = (worker: ServiceWorker): void => {
    worker.addEventListener("statechange", () => {
      // The first one of all has nothing to replace.
      if (worker.state === "installed" && navigator.serviceWorker.controller !== null) offer(worker);
    });
  };
  if (registration.waiting !== null && navigator.serviceWorker.controller !== null)
    offer(registration.waiting);
  if (registration.installing !== null) watch(registration.installing);
  registration.addEventListener("updatefound", () => {
    if (registration.installing !== null) watch(registration.installing);
  });
}
