// On every page of the shop: the worker that keeps pages on this device, the mark on a kept one, and orders that wait here.
import { mark } from "./kept.js";
import { takeUp } from "./outbox_panel.js";

const worker = document.querySelector("[data-worker]")?.dataset.worker;
if (worker) navigator.serviceWorker?.register(worker, { type: "module", scope: "/" }).catch(() => {}); // a convenience: nothing hangs on it
mark();
takeUp();
