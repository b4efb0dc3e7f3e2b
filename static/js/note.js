// A note on the page, made by a script: icon, headline, text, and what one can do.
const PATHS = {
  good: "m3 8.5 3.2 3.2L13 4.8",
  wait: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0M8 4.8V8l2.2 1.6",
  bad: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0M8 5v3.6M8 11v.1",
};

export function make(tag, attributes = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...inside);
  return element;
}

function icon(tone) {
  const [svg, path] = ["svg", "path"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name));
  for (const [name, value] of [["class", "icon"], ["viewBox", "0 0 16 16"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
  path.setAttribute("d", PATHS[tone]);
  svg.append(path);
  return svg;
}

// An instant as a fan's clock tells it.
export const hour = (at) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(new Date(at));

export function makeNote({ tone, headline, text, acts = [] }) {
  const note = make("div", { className: `note ${tone}` }, icon(tone), make("strong", { textContent: headline }), make("p", { textContent: text }));
  if (acts.length) note.append(make("p", { className: "acts" }, ...acts));
  return note;
}
