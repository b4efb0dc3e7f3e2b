// The device's drawer (IndexedDB) for orders that wait and for what became of them. Without one, this page's memory.
const memory = new Map();
let opened = null;

function open() {
  return (opened ??= new Promise((yes, no) => {
    const asked = indexedDB.open("frontrow", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("orders", { keyPath: "key" });
    asked.onsuccess = () => yes(asked.result);
    asked.onerror = () => no(asked.error);
  }).catch(() => null)); // a private window may have none
}

export async function all() {
  const drawer = await open();
  if (!drawer) return [...memory.values()];
  return new Promise((yes, no) => {
    const asked = drawer.transaction("orders").objectStore("orders").getAll();
    asked.onsuccess = () => yes(asked.result);
    asked.onerror = () => no(asked.error);
  });
}

// Reads and writes in one transaction, so that no other tab comes between: change(old) is what stands then, or null for nothing.
export async function update(key, change) {
  const drawer = await open();
  if (!drawer) return updateMemory(key, change);
  return new Promise((yes, no) => {
    const transaction = drawer.transaction("orders", "readwrite");
    const orders = transaction.objectStore("orders");
    const asked = orders.get(key);
    let fresh = null;
    asked.onsuccess = () => {
      fresh = change(asked.result ?? null);
      if (fresh) orders.put(fresh);
      else orders.delete(key);
    };
    transaction.oncomplete = () => yes(fresh);
    transaction.onerror = transaction.onabort = () => no(transaction.error);
  });
}

function updateMemory(key, change) {
  const fresh = change(memory.get(key) ?? null);
  if (fresh) memory.set(key, fresh);
  else memory.delete(key);
  return fresh;
}
