// Live news of a drop: an event stream; where streams fail, the page itself is asked every few seconds.
const POLL_EVERY = 5000;
const GIVE_UP_AFTER = 3; // failed connections without a message in between

// Returns a function that ends it.
export function follow(url, { news, poll }) {
  let failures = 0;
  let over = false;
  let timer = null;
  let source = null;

  const look = () => document.hidden || poll();
  const startPolling = () => (timer ??= setInterval(look, POLL_EVERY));
  const stopPolling = () => (timer = clearInterval(timer) ?? null);

  function heard({ data }) {
    failures = 0;
    stopPolling();
    news(JSON.parse(data));
  }

  function connect() {
    source = new EventSource(url);
    source.onmessage = heard;
    source.onerror = () => {
      failures += 1;
      if (failures >= GIVE_UP_AFTER) startPolling();
      if (source.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
      setTimeout(() => over || connect(), Math.min(30000, 1000 * 2 ** failures) * (0.5 + Math.random()));
    };
  }

  // Who comes back, from a sleep or the browser's cache, sees an old page.
  document.addEventListener("visibilitychange", look);
  connect();
  return () => {
    over = true;
    source.close();
    stopPolling();
    document.removeEventListener("visibilitychange", look);
  };
}
