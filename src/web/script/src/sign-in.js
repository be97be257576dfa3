// Signs a browser in to the console by passkey. Asks for no PRF; the login comes as a cookie that
// no script can read.
import { canonical } from "./bytes.js";
import { signOnly } from "./assertion.js";
import * as text from "./text/sign-in.js";

const box = document.getElementById("passkey-sign-in");
const post = async (path, body) => {
  const reply = await fetch(`/api/v1/login${path}`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error.message);
  return said;
};

const signIn = async () => {
  const key = `passkey ${location.hostname}`;
  const { challenge } = await post("/challenge", { key });
  const document = canonical({ at_ms: Date.now(), challenge, key, origin: location.origin });
  await post("/browser", await signOnly("login", document));
  location.assign(box.dataset.next || "/");
};

const failed = (error) => {
  let told = box.querySelector("[role=alert]");
  if (!told) {
    told = document.createElement("p");
    told.setAttribute("role", "alert");
    told.tabIndex = -1;
    box.append(told);
  }
  const why = error?.name === "NotAllowedError" ? text.notConfirmed : error.message;
  told.textContent = text.failed(why);
  told.focus();
};

if (box && window.PublicKeyCredential) {
  box.hidden = false;
  box.querySelector("[data-passkey=sign-in]").addEventListener("click", () => signIn().catch(failed));
}
