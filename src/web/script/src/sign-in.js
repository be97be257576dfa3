// Signs a browser in to the console by passkey. Asks for no PRF; the login comes as a cookie that
// no script can read.
import { Api } from "./api.js";
import { canonical } from "./bytes.js";
import { signOnly } from "./assertion.js";
import { h, told } from "./dom.js";
import { Stop } from "./stop.js";
import * as text from "./text/sign-in.js";

const box = document.getElementById("passkey-sign-in");
const api = new Api("", "same-origin");

const signIn = async () => {
  const key = `passkey ${location.hostname}`;
  const { challenge } = await api.post("/login/challenge", { key });
  const document = canonical({ at_ms: Date.now(), challenge, key, origin: location.origin });
  const signed = await signOnly("login", document).catch(() => {
    throw new Stop("not_confirmed", text.notConfirmed, text.notConfirmedNow);
  });
  await api.post("/login/browser", signed);
  location.assign(box.dataset.next || "/");
};

const failed = (error) => {
  const stop = error instanceof Stop ? error : new Stop("failed", text.broke, text.brokeNow);
  box.querySelector("[role=alert]")?.remove();
  const said = h("div", { class: "box bad", role: "alert", tabindex: "-1", "data-code": stop.code }, told(stop));
  box.prepend(said);
  said.focus();
};

if (box && window.PublicKeyCredential) {
  box.hidden = false;
  box.querySelector("[data-passkey=sign-in]").addEventListener("click", () => signIn().catch(failed));
}
