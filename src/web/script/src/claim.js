// The key that will claim the session. It stands after the #, where no server sees it; but whoever made
// the address chose it. So its words stand beside the button, and only the terminal that made the key
// shows the same: a stolen login cannot claim (PROTOCOL §4).
import { h } from "./dom.js";
import * as text from "./text/acts.js";
import { fingerprint } from "./words.js";

let shown = null;

// The key whose words are shown; null where none are.
export const claimKey = () => shown;

// The one of this address.
const given = () => {
  const key = new URLSearchParams(location.hash.slice(1)).get("claim");
  return /^ssh-ed25519 [A-Za-z0-9+/=]{68}$/.test(key ?? "") ? key : null;
};

// Shows its words in the box of the opening, or what is missing without one. A page whose address is
// changed after the # stays the same page: it is looked at again.
export const showClaim = async (box) => {
  const key = given();
  shown = null;
  box?.querySelector(".claim")?.remove();
  document.documentElement.classList.toggle("has-claim", key !== null);
  if (!key || !box) return;
  const words = await fingerprint(key);
  // Another address meanwhile shows its own.
  if (key !== given() || shown) return;
  box.prepend(h("div", { class: "box warn claim", id: "claim" },
    h("p", null, text.claimWords), h("p", { class: "large", id: "claim-words" }, words), h("p", null, text.claimNow)));
  shown = key;
};
