// The worker behind every page: keeps what was seen on this device, shows it when the shop does not answer, and sends orders
// that wait when the browser says that the network is back (a bonus where it exists; the promise is the open page's).
//
// What is kept holds no token and nobody's data: only the pages listed here, only as they are for everybody, without the
// forms' tokens. Carts, checkouts, orders, the desk and the API are never kept, nor is anything that is posted: in a checkout's
// place stands the outline that was made for it.
import { all, attempt, waits } from "./outbox.js";

const PAGES = /^\/$|^\/drops\/[^/]+\/$|^\/policies\//;
const CHECKOUT = /^\/drops\/[^/]+\/checkout\/$/;
const OF_A_DROP = /^\/drops\/[^/]+\//;
const NEVER = /^\/(admin|api|webhooks|live|metrics|healthz|readyz)\b/; // no page of a fan: the browser's own business
const FILES = /^\/(static|media)\/|^\/theme\.css$/;
const NAMED_BY_CONTENT = /\.[0-9a-f]{12}\.\w+$/;
const PATIENCE = 6000; // a page that is later than that is shown as it was seen last
const SPREAD = 5000; // everybody's first visit is in the same minute
const MOST = 150; // pages and pictures
const TOKEN = /<input[^>]*name="csrfmiddlewaretoken"[^>]*>/g;
const PICTURE = /<img[^>]*\ssrc="(\/[^"]+)"/g;

export function begin({ version, shell, offline, checkout }) {
  const [SHELL, SEEN] = [`frontrow-${version}-shell`, `frontrow-${version}-seen`];

  // --- keeping ------------------------------------------------------------------------------------------------------
  async function install() {
    const cache = await caches.open(SHELL);
    for (const address of [offline, checkout]) {
      const waiting = await fetch(address);
      if (!waiting.ok) throw new Error(`${address}: ${waiting.status}`); // the browser tries again with the next visit
      await keepPage(cache, address, waiting);
    }
    await Promise.allSettled(shell.map((file) => cache.add(file)));
    await skipWaiting(); // pages come from the shop first, so an old one never waits for its old worker
  }

  async function activate() {
    const old = (await caches.keys()).filter((name) => name.startsWith("frontrow-") && ![SHELL, SEEN].includes(name));
    await Promise.all(old.map((name) => caches.delete(name)));
    await registration.navigationPreload?.enable();
    keepOpenPages();
  }

  // The pages that brought this worker came before it; of a fan who is at the checkout by now, the drop's own.
  async function keepOpenPages() {
    const open = await clients.matchAll({ includeUncontrolled: true, type: "window" });
    await new Promise((done) => setTimeout(done, Math.random() * SPREAD));
    const pages = open.map(({ url }) => new URL(url).pathname).map((path) => path.match(OF_A_DROP)?.[0] ?? path);
    for (const path of new Set(pages)) {
      if (PAGES.test(path)) await fetch(path, { credentials: "omit" }).then(see).catch(() => {});
    }
  }

  async function see(answer) {
    if (!mayBeKept(answer)) return;
    const cache = await caches.open(SEEN);
    const html = await keepPage(cache, new URL(answer.url).pathname, answer);
    const pictures = [...html.matchAll(PICTURE)].map(([, src]) => src);
    await Promise.allSettled(pictures.map(async (src) => (await cache.match(src)) || cache.add(src)));
    for (const old of (await cache.keys()).slice(0, -MOST)) await cache.delete(old);
  }

  const mayBeKept = (answer) =>
    answer.status === 200 && answer.headers.get("Content-Type")?.includes("text/html") &&
    !/no-store|private/.test(answer.headers.get("Cache-Control") ?? "");

  async function keepPage(cache, address, answer) {
    const html = (await answer.text()).replace(TOKEN, "").replace("<html", `<html data-kept="${new Date().toISOString()}"`);
    const headers = { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": answer.headers.get("Content-Security-Policy") };
    await cache.delete(address); // put again it is the youngest
    await cache.put(address, new Response(html, { headers }));
    return html;
  }

  // --- answering ----------------------------------------------------------------------------------------------------
  async function page(event, pathname, keepable) {
    const coming = Promise.resolve(event.preloadResponse).then((early) => early || fetch(event.request));
    if (keepable) event.waitUntil(coming.then((answer) => see(answer.clone())).catch(() => {}));
    const kept = keepable && (await caches.match(pathname));
    try {
      const answer = await (kept ? Promise.race([coming, late()]) : coming);
      if (!kept || (answer.status < 500 && answer.status !== 429)) return answer;
    } catch {
      // nobody answered, or too late: what was seen last is better than the browser's error page
    }
    return kept || (await caches.match(CHECKOUT.test(pathname) ? checkout : offline)) || Response.error();
  }

  const late = () => new Promise((_, no) => setTimeout(() => no(new Error("late")), PATIENCE));

  // Stale while it is renewed; a file whose name says its content needs no renewing.
  async function file(event, address) {
    const kept = await caches.match(address);
    if (kept && NAMED_BY_CONTENT.test(address)) return kept;
    const coming = fetch(event.request);
    event.waitUntil(coming.then((answer) => keepFile(address, answer.clone())).catch(() => {}));
    return kept || coming;
  }

  async function keepFile(address, answer) {
    if (answer.status === 200) await (await caches.open(SEEN)).put(address, answer);
  }

  function answer(event) {
    const { pathname, search, origin } = new URL(event.request.url);
    if (event.request.method !== "GET" || origin !== location.origin || NEVER.test(pathname)) return;
    if (event.request.mode === "navigate") event.respondWith(page(event, pathname, PAGES.test(pathname) && !search));
    else if (FILES.test(pathname)) event.respondWith(file(event, pathname));
  }

  addEventListener("install", (event) => event.waitUntil(install()));
  addEventListener("activate", (event) => event.waitUntil(activate()));
  addEventListener("fetch", answer);
  addEventListener("sync", (event) => event.tag === "orders" && event.waitUntil(sendOn()));
}

async function sendOn() {
  const tried = await Promise.all((await all()).filter(waits).map(({ key }) => attempt(key)));
  if (tried.some(waits)) throw new Error("Orders still wait"); // the browser asks again later
}
