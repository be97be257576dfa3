// The few ways this page makes elements. Text is always text: the page has no HTML from data.
import * as text from "./text/shared.js";

export const h = (name, attributes, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key === "onclick" || key === "onsubmit") element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => (child ?? "") !== ""));
  return element;
};

const page = () => document.getElementById("page");

export const say = (words) => {
  document.getElementById("status").textContent = words;
};

// Shows a view; the heading takes the focus, so that a reader hears where she is.
export const show = (title, ...parts) => {
  const heading = h("h1", { tabindex: "-1" }, title);
  page().replaceChildren(heading, ...parts.flat(Infinity).filter(Boolean));
  document.title = text.documentTitle(title);
  say("");
  heading.focus();
};

// A sentence in which commands stand between backticks.
const withCommands = (sentence) => sentence.split("`").map((part, place) => place % 2 ? h("code", null, part) : part);

// The three parts of what stopped a step, the first with an element of its own, and the vault's own
// sentence below them.
export const told = ({ what, released, now, exactly }, first = "p") => [
  h(first, null, withCommands(what)), h("p", null, h("strong", null, released)), h("p", null, withCommands(now)),
  exactly && h("p", { class: "hint" }, text.exactly, " ", withCommands(exactly)),
];

// What went wrong, above what is shown already: nothing that was chosen is lost.
export const trouble = (stop) => {
  page().querySelector(".bad")?.remove();
  const box = h("div", { class: "bad", role: "alert", tabindex: "-1", "data-code": stop.code }, told(stop, "h2"));
  page().prepend(box);
  document.title = text.errorTitle(stop.what);
  say("");
  box.focus();
};

export const facts = (pairs) =>
  h("dl", null, pairs.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));

export const button = (label, onclick, main = false) =>
  h("button", { type: "button", onclick, class: main && "main" }, label);

export const list = (lines) => h("ul", null, lines.map((line) => h("li", null, line)));

const clock = { hour: "2-digit", minute: "2-digit", hour12: false, timeZoneName: "short" };

// Local time, and UTC with its date where that differs.
export const moment = (ms) => {
  const at = new Date(ms);
  const local = at.toLocaleString(navigator.language, { weekday: "short", day: "numeric", month: "short", ...clock });
  const utcDay = at.toISOString().slice(0, 10);
  const localDay = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
  if (local.endsWith("UTC")) return local;
  return `${local} (${utcDay === localDay ? "" : `${utcDay} `}${at.toISOString().slice(11, 16)} UTC)`;
};
