// The server's time on this device: only its distance to our own clock is kept.
let offset = 0;
let heard = "";

export function setServerTime(iso) {
  if (iso === heard) return; // said when the page was made: it is no news after a part of it was swapped
  heard = iso;
  if (document.documentElement.dataset.kept) return; // a page kept on the device tells an old time
  const at = Date.parse(iso);
  if (!Number.isNaN(at)) offset = at - Date.now();
}

export const serverNow = () => Date.now() + offset;
