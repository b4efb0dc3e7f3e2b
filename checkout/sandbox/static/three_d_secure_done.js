// Tells the page that framed the bank that it has been answered. Only the host named in the address hears it.
const { host, paymentIntent } = document.body.dataset;
if (window.parent !== window && host) {
  window.parent.postMessage({ sandbox: "three-d-secure-done", paymentIntent }, host);
}
