// The device's drawer (IndexedDB) for orders that wait and for what became of them. Where there is none (a private window), or
// it fails (a full disk), this page's memory goes on from what the drawer said last: storing never keeps an order from being
// sent.
const PATIENCE = 3000; // a drawer that answers later than that has failed
const memory = new Map();
let opened = null;
let works = true;

// Whether what is kept outlives this page.
export const lasts = () => works;

function patiently(begin) {
  return new Promise((yes, no) => {
    AbortSignal.timeout(PATIENCE).onabort = () => no(new Error("The drawer does not answer"));
    begin(yes, no);
  });
}

const connect = () => patiently((yes, no) => {
  const asked = indexedDB.open("frontrow", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("orders", { keyPath: "key" });
  asked.onsuccess = () => yes(asked.result);
  asked.onerror = () => no(asked.error);
});

// Twice, for the browser may only have closed the connection; then no more.
async function orElse(inMemory, inDrawer) {
  for (let left = 2; works && left; left--) {
    try {
      const drawer = await (opened ??= connect());
      return await patiently((yes, no) => inDrawer(drawer, yes, no));
    } catch {
      opened?.then((drawer) => drawer.close(), () => {});
      opened = null;
    }
  }
  works = false;
  return inMemory();
}

export const all = () => orElse(() => [...memory.values()], (drawer, yes, no) => {
  const transaction = drawer.transaction("orders");
  const asked = transaction.objectStore("orders").getAll();
  asked.onsuccess = () => {
    memory.clear();
    asked.result.forEach((order) => memory.set(order.key, order));
    yes(asked.result);
  };
  transaction.onerror = transaction.onabort = () => no(transaction.error);
});

// Reads and writes in one transaction, so that no other tab comes between: change(old) is what stands then, or null for nothing.
export const update = (key, change) => orElse(() => inMemory(key, change), (drawer, yes, no) => {
  const transaction = drawer.transaction("orders", "readwrite");
  const orders = transaction.objectStore("orders");
  const asked = orders.get(key);
  let fresh = null;
  asked.onsuccess = () => {
    try {
      fresh = change(remember(key, asked.result ?? null));
      if (fresh) orders.put(fresh);
      else orders.delete(key);
    } catch (error) {
      no(error);
      transaction.abort();
    }
  };
  transaction.oncomplete = () => yes(remember(key, fresh));
  transaction.onerror = transaction.onabort = () => no(transaction.error);
});

function inMemory(key, change) {
  strike(key);
  return remember(key, change(memory.get(key) ?? null));
}

// What the drawer still holds of it the next page would send, whatever became of it here. A full disk has room for less.
const strike = (key) => connect().then((drawer) => {
  drawer.transaction("orders", "readwrite").objectStore("orders").delete(key);
  drawer.close();
}).catch(() => {});

function remember(key, order) {
  if (order) memory.set(key, order);
  else memory.delete(key);
  return order;
}
