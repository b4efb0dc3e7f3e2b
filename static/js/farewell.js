// Served in the worker's place when it is turned off: it forgets what was kept, and takes itself away.
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(leave()));

async function leave() {
  const kept = (await caches.keys()).filter((name) => name.startsWith("frontrow-"));
  await Promise.all(kept.map((name) => caches.delete(name)));
  await registration.unregister();
}
