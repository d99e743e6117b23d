// Keeps this page for the next visit, also without a network. What belongs to a page has its content in its name.

const PARTS = {{ parts|safe }}, HERE = new URL('./', location.href);
const OURS = `reco ${HERE.pathname} `, CACHE = `${OURS}{{ version }}`;

addEventListener('install', event => {
  const fresh = ['./', ...PARTS].map(file => new Request(file, {cache: 'no-cache'}));
  event.waitUntil(caches.open(CACHE).then(cache => cache.addAll(fresh)).then(() => skipWaiting()));
});

addEventListener('activate', event => {
  const old = caches.keys().then(names => names.filter(name => name.startsWith(OURS) && name !== CACHE));
  event.waitUntil(old.then(names => Promise.all(names.map(name => caches.delete(name)))).then(() => clients.claim()));
});

// With these two headers a page is by itself, and may use several cores.
const alone = reply => {
  const headers = new Headers(reply.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  return new Response(reply.body, {status: reply.status, statusText: reply.statusText, headers});
};

const part = async request => alone(await (await caches.open(CACHE)).match(request) ?? await fetch(request));

// The newest page where there is a network.
const page = async request => {
  const kept = await (await caches.open(CACHE)).match('./');
  const reply = await fetch(request).catch(() => kept);
  return reply ? alone(reply.ok || !kept ? reply : kept) : Response.error();
};

addEventListener('fetch', event => {
  const {request} = event, {origin, pathname} = new URL(request.url);
  if (request.method !== 'GET' || origin !== HERE.origin || !pathname.startsWith(HERE.pathname)) return;
  const name = pathname.slice(HERE.pathname.length);
  if (PARTS.includes(name)) event.respondWith(part(request));
  else if (request.mode === 'navigate' && ['', 'index.html'].includes(name)) event.respondWith(page(request));
});
