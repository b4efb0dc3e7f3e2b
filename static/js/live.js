// Live news of a drop: an event stream; where streams fail, the page itself is asked every few seconds.
const POLL_EVERY = 5000;
const GIVE_UP_AFTER = 3; // failed connections without a message in between

export function follow(url, { news, poll }) {
  let failures = 0;
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
      setTimeout(connect, Math.min(30000, 1000 * 2 ** failures) * (0.5 + Math.random()));
    };
  }

  if (!("EventSource" in window)) return startPolling();
  connect();
  // A page that comes back from the cache of the browser is old: look at once.
  addEventListener("pageshow", (event) => event.persisted && poll());
}
