// The cart: watches the hold, and after every change once more.
import { watchHold } from "./hold.js";

document.addEventListener("htmx:afterSettle", watchHold);
watchHold();
