// The page that reads a paper's text while it is typed: which groups are whole, which characters look
// wrong, so that two tired people need not type 78 characters twice. It asks nobody and sends nothing;
// the share is opened by the command, on the opener's own machine.
import { h } from "./dom.js";
import { GROUP_CHARS, look, marks, normalise, TEXT_CHARS } from "./paper/read.js";
import * as text from "./text/paper.js";

const field = h("textarea", {
  id: "typed", rows: "5", autocomplete: "off", autocapitalize: "none", autocorrect: "off", spellcheck: "false",
  "aria-describedby": "how",
});
const groups = h("ol", { id: "groups", "aria-label": text.groupsLabel });
const said = h("div", { id: "said", role: "status" });

const group = (letters, mark, at) => h("li", { class: mark },
  h("span", { class: "letters" }, letters.slice(at * GROUP_CHARS, (at + 1) * GROUP_CHARS) || "·"),
  h("span", { class: "mark" }, text.mark[mark]));

const outcome = (letters) => {
  if (letters.length < TEXT_CHARS - 1) return [h("p", null, text.soFar(letters.length))];
  const read = look(letters);
  const sentences = text.says(read);
  if (sentences) return sentences.map((sentence) => h("p", null, sentence));
  return [h("h2", null, text.whole), h("p", null, text.filled(read.filled)), h("p", null, text.openIt),
    h("pre", null, h("code", null, text.command))];
};

const update = () => {
  const letters = normalise(field.value);
  groups.replaceChildren(...marks(letters).map((mark, at) => group(letters, mark, at)));
  said.replaceChildren(...outcome(letters));
};

const clear = () => {
  field.value = "";
  update();
  field.focus();
};

field.addEventListener("input", update);
// Nothing typed comes back with the page from the browser's memory.
addEventListener("pagehide", () => { field.value = ""; });
document.getElementById("page").replaceChildren(
  h("h1", null, text.title), h("p", { id: "how" }, text.how), h("label", { for: "typed" }, text.label), field,
  groups, said, h("button", { type: "button", onclick: clear }, text.clear));
update();
