// Serves all files of the page from the device, once they are stored.

importScripts('files.js');

const PREFIX = `phone-camera ${registration.scope} `;
const {version, files} = self.stored;
const NAME = PREFIX + version;
// Which of the runtime's builds the browser can run is known to the page.
const build = new URL(location).searchParams.get('wasm');

async function store() {
  const cache = await caches.open(NAME);
  const all = [...files, ...['js', 'wasm'].map(
      (ending) => `vendor/wasm/${build}.${ending}`)];
  // Past the browser's own cache, which may hold files of another version.
  await cache.addAll(all.map((name) => new Request(name, {cache: 'no-cache'})));
}

async function dropOthers() {
  const names = await caches.keys();
  await Promise.all(names
      .filter((name) => name.startsWith(PREFIX) && name !== NAME)
      .map((name) => caches.delete(name)));
  await clients.claim();
}

async function answer(request) {
  const cache = await caches.open(NAME);
  // There is one page, however it is called.
  const wanted = request.mode === 'navigate' ? './' : request;
  return await cache.match(wanted) ?? fetch(request);
}

addEventListener('install', (event) => event.waitUntil(store()));
addEventListener('activate', (event) => event.waitUntil(dropOthers()));
addEventListener('fetch', (event) => {
  if (event.request.method === 'GET') event.respondWith(answer(event.request));
});
