// Keeps the page for when there is no network, and gives it the headers without which browsers have
// no threads: simple web servers cannot set them. BUILD and FILES are put in front of this.

const OURS = `livebrush ${self.registration.scope} `;  // other pages of this origin keep theirs
const NAME = OURS + BUILD;
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; " +
    "img-src 'self' blob:; media-src 'self' blob:; worker-src 'self'; object-src 'none'; " +
    "base-uri 'none'; form-action 'none'",
};

// The name of one of our files, or undefined: "" is the page itself.
function fileOf(address) {
  const { origin, pathname } = new URL(address), scope = new URL(self.registration.scope);
  if (origin !== scope.origin || !pathname.startsWith(scope.pathname)) return undefined;
  const name = decodeURIComponent(pathname.slice(scope.pathname.length)) || "index.html";
  return FILES.includes(name) ? name : undefined;
}

async function find(name) {
  const cache = await caches.open(NAME), address = new URL(name, self.registration.scope).href;
  const kept = await cache.match(address);
  if (kept) return kept;
  const answer = await fetch(address, { cache: "no-cache" });
  if (answer.ok) await cache.put(address, answer.clone());
  return answer;
}

async function answer(name) {
  const { status, statusText, headers: given, body } = await find(name);
  const headers = new Headers(given);
  for (const [header, value] of Object.entries(HEADERS)) headers.set(header, value);
  return new Response(body, { status, statusText, headers });
}

const keepAll = () => Promise.all(FILES.map(find));

// A first visit does not wait for everything; a newer page takes over when it is whole.
self.addEventListener("install", (event) => {
  if (self.registration.active) event.waitUntil(keepAll());
});

self.addEventListener("activate", (event) => {
  const clean = async () => {
    const others = (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== NAME);
    await Promise.all(others.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

self.addEventListener("fetch", (event) => {
  const name = event.request.method === "GET" ? fileOf(event.request.url) : undefined;
  if (name) event.respondWith(answer(name));
});

self.addEventListener("message", (event) => {
  if (event.data === "keep") event.waitUntil(keepAll().catch(() => {}));
  if (event.data === "take over") self.skipWaiting();
});
