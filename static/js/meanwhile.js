// The parts of a form that depend on an answer come back as they were when it was asked for. A part that says the same is
// left alone: a click may have begun on it. In any other, what was ticked or typed since then is newer, and stays; of a
// text that is another one by now nothing does.
const CONTROLS = "input[name]:not([type=hidden]),select[name]";

export function keepWhatIsNewer(form) {
  let sent = new FormData(form);
  document.addEventListener("htmx:beforeRequest", () => { sent = new FormData(form); });
  document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
    const fresh = detail.fragment.querySelector(`#${detail.target.id}`) ?? detail.fragment;
    if (said(fresh) === said(detail.target)) detail.shouldSwap = false;
    else for (const control of detail.target.querySelectorAll(CONTROLS)) carryOver(control, fresh, sent);
  });
}

// What it says, whatever is ticked and unfolded.
function said(part) {
  const copy = part.cloneNode(true);
  for (const box of copy.querySelectorAll("[type=checkbox]")) box.removeAttribute("checked");
  for (const details of copy.querySelectorAll("details")) details.removeAttribute("open");
  return copy.outerHTML;
}

function carryOver(control, fresh, sent) {
  const { name, value } = control;
  if (control.matches("[type=checkbox],[type=radio]")) {
    const twin = fresh.querySelector(`[name="${name}"][value="${CSS.escape(value)}"]`);
    if (twin && control.checked !== sent.getAll(name).includes(value)) twin.checked = control.checked;
  } else if (value !== (sent.get(name) ?? "")) {
    const twin = fresh.querySelector(`[name="${name}"]:not([type=hidden])`);
    if (twin) twin.value = value;
  }
}
