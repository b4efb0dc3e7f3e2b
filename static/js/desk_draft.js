// A draft is saved as one types. Who presses "Save" while such a saving is on its way sends the form once it is back:
// it brings the revision that it made, and the form must not seem to be of somebody who has not read it.
let underWay = 0;
let pressed = null;

function isOurs(event) {
  return event.target.closest?.("form")?.querySelector("#policy-revision");
}

function goOn() {
  if (underWay || !pressed) return;
  const { form, button } = pressed;
  pressed = null;
  form.requestSubmit(button);
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isOurs(event)) underWay += 1;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!isOurs(event)) return;
  underWay -= 1;
  setTimeout(goOn); // what was typed meanwhile is sent first
});
document.addEventListener("submit", (event) => {
  if (!underWay || !isOurs(event)) return;
  event.preventDefault();
  pressed = { form: event.target, button: event.submitter };
});
