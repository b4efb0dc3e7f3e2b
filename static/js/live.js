// Live news of a drop: an event stream; where streams fail, the page itself is asked every few seconds.
const POLL_EVERY = 5000;
const GIVE_UP_AFTER = 3; // failed connections without a message in between

// Returns a function that ends it.
export function follow(url, { news, poll }) {
  let failures = 0;
  let over = false;
  let timer = null;
  let source = null;

  const startPolling = () => (timer ??= setInterval(() => document.hidden || poll(), POLL_EVERY));
  const stopPolling = () => (timer = clearInterval(timer) ?? null);

  function heard(event) {
    failures = 0;
    stopPolling();
    try {
      news(JSON.parse(event.data));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error; // a heartbeat has no news in it
    }
  }

  function connect() {
    source = new EventSource(url);
    source.onmessage = heard;
    for (const name of ["snapshot", "live", "delta"]) source.addEventListener(name, heard);
    source.onerror = () => {
      failures += 1;
      if (failures >= GIVE_UP_AFTER) startPolling();
      if (source.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
      setTimeout(() => over || connect(), Math.min(30000, 1000 * 2 ** failures) * (0.5 + Math.random()));
    };
  }

  // A page that comes back from the cache of the browser is old: look at once.
  const shown = (event) => event.persisted && poll();
  addEventListener("pageshow", shown);
  connect();
  return () => {
    over = true;
    source.close();
    stopPolling();
    removeEventListener("pageshow", shown);
  };
}
