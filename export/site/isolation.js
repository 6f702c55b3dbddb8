// The service worker: it keeps the page for later, and gives it the headers that threads need.

const WAIT_MS = 3000;
const TRIED = "livebrush isolation tried";

function tried() {
  try {
    const before = sessionStorage.getItem(TRIED);
    sessionStorage.setItem(TRIED, "yes");
    return before !== null;
  } catch {
    return true;
  }
}

function until(target, event, isDone) {
  return new Promise((done) => {
    if (isDone()) done();
    target.addEventListener(event, done, { once: true });
    setTimeout(done, WAIT_MS);
  });
}

/**
 * Starts the service worker. On a first visit the page is loaded again through it, once: then this
 * does not return. `onNewer(takeOver)` is called when a newer version of the page is ready.
 */
export async function isolate(onNewer) {
  const { serviceWorker } = navigator;
  const registration = serviceWorker &&
    await serviceWorker.register("service.js", { updateViaCache: "none" }).catch(() => null);
  if (!registration) return;
  watch(registration, onNewer);
  if (self.crossOriginIsolated || tried()) return;
  await until(serviceWorker, "controllerchange", () => serviceWorker.controller);
  if (!serviceWorker.controller) return;
  location.reload();
  await new Promise(() => {});
}

function watch(registration, onNewer) {
  const takeOver = () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload());
    registration.waiting.postMessage("take over");
  };
  const look = () => { if (registration.waiting && registration.active) onNewer(takeOver); };
  look();
  registration.addEventListener("updatefound", () => {
    if (registration.installing) registration.installing.addEventListener("statechange", look);
  });
}

/** Has everything kept that is needed without a network. */
export function keepAll() {
  const { serviceWorker } = navigator;
  if (serviceWorker && serviceWorker.controller) serviceWorker.controller.postMessage("keep");
}
