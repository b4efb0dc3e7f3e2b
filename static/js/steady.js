// A part of the page that asks for itself again and again: it is put in anew only when it says something else, and who is at a
// link or a button of it stays there.
const VARIES = /<input[^>]*name="csrfmiddlewaretoken"[^>]*>|data-server-now="[^"]*"/g; // with each answer, and says nothing

const nameOf = (element) => `${element.getAttribute("href") ?? ""} ${element.textContent.trim()}`;

export function keepSteady(id) {
  let shown = "";
  let at = "";

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id !== id || !detail.shouldSwap) return;
    const said = detail.serverResponse.replace(VARIES, "");
    detail.shouldSwap = said !== shown;
    shown = said;
    at = detail.target.contains(document.activeElement) ? nameOf(document.activeElement) : "";
  });

  document.addEventListener("htmx:afterSwap", () => {
    const again = at && [...document.querySelectorAll(`#${id} :is(a,button,summary)`)].find((each) => nameOf(each) === at);
    if (again) again.focus({ preventScroll: true });
    at = "";
  });
}
