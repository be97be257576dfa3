// Acts on the console's pages, signed by a passkey: stop, close, withdraw, open, a review; and the
// phrase for who asked. What is signed is made here, from what the page shows and from documents
// checked against this device's pins; pages work without it, by command (PROTOCOL §4).
import { Api } from "./api.js";
import { keepWords, wordsBy } from "./asked.js";
import { signOnly } from "./assertion.js";
import { canonical, hashOf, hex } from "./bytes.js";
import { claimKey, showClaim } from "./claim.js";
import { h, told } from "./dom.js";
import { ending, seenLast } from "./ending.js";
import * as pins from "./pins.js";
import { Stop, broken } from "./stop.js";
import * as text from "./text/acts.js";
import { documents, newest, termsHash } from "./vault.js";

// Who sits here, with the vault's documents as they were just checked.
let desk = null;
let turn = 0;

const keysHere = (person) => {
  const keys = person?.login_keys.filter((key) => key.startsWith(`passkey ${location.hostname}/`)) ?? [];
  if (!keys.length) {
    throw new Stop("no_passkey", text.noPasskey, text.useCommand, text.nothingSigned);
  }
  return keys;
};

const prepare = async (box) => {
  const { vault, person } = box.dataset;
  const kept = pins.load(vault);
  if (!kept) {
    throw new Stop("not_enrolled", text.notEnrolled, text.notEnrolledNow, text.nothingSigned);
  }
  if (kept.person !== person) {
    throw new Stop("other_person", text.otherPerson, text.otherPersonNow, text.nothingSigned);
  }
  const api = new Api("", "same-origin");
  const found = await documents(api, kept);
  const keys = keysHere(found.person);
  desk = { kept: pins.learn(kept, newest(found)), api, found, keys };
  return desk;
};

// Terms as the vault shows them, with the hash made here.
const termsOf = async (api, id) => {
  const view = await api.get(`/incidents/${id}`);
  const hash = await termsHash(view.terms);
  if (view.terms_sha256 !== hash || view.terms.incident !== id) {
    throw broken(text.termsApart);
  }
  return hash;
};

const sign = async ({ kept, found, keys }, word, about, deed) => {
  const key = keys[turn % keys.length];
  const { origin, root, size } = found.head;
  const act = {
    v: "breakglass/1", act: word, vault: kept.vault, person: kept.person, key, at_ms: Date.now(),
    cp: { origin, root, size }, ...about, ...deed,
  };
  try {
    return await signOnly(word, canonical(act), key.split("/")[1]);
  } catch {
    turn += 1;
    throw new Stop("not_confirmed", text.notConfirmed, keys.length > 1 ? text.otherKeyNow : text.tryAgainNow,
      text.nothingSigned);
  }
};

const value = (box, name) => box.querySelector(`[name="${name}"]`)?.value.trim() ?? "";
const missing = (field, what) => {
  field?.focus();
  return new Stop("missing", what, text.fillInNow, text.nothingSigned);
};

// Her passkeys as the vault names them, unchecked: a false one would only sign what counts for nothing.
const withSeenLast = async (box) => {
  const kept = pins.load(box.dataset.vault);
  const api = new Api("", "same-origin");
  const { roster } = await api.get("/vault");
  const keys = keysHere(roster.people.find((person) => person.id === kept.person));
  return { kept, api, found: { head: seenLast(kept) }, keys };
};

const toEnd = ending(async (box) => desk ?? await prepare(box), withSeenLast);

const said = async (word, box, deed) => {
  const id = box.dataset.incident;
  if (deed.reason === "") throw missing(box.querySelector("[name=reason]"), text.reasonMissing);
  const at = await toEnd(box);
  const signed = await sign(at, word, { incident: id, terms_sha256: await termsOf(at.api, id) }, deed);
  await at.api.post(`/incidents/${id}/${word}`, signed);
  location.assign(`/i/${id}`);
};

// The opening: the fields of this page and the claim key whose words it shows.
const open = async (box) => {
  const form = box.closest("form");
  const { answers, useCase } = box.dataset;
  const key = claimKey();
  if (!key) {
    throw new Stop("no_claim_key", text.noClaimKey, text.noClaimKeyNow, text.nothingSigned);
  }
  const reason = value(form, "reason");
  if (!reason) throw missing(form.querySelector("[name=reason]"), text.reasonMissing);
  const chosen = form.querySelector("[name=minutes]:checked")?.value;
  const minutes = Number(chosen === "other" ? value(form, "minutes_other") : chosen);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > Number(box.dataset.most)) {
    throw missing(form.querySelector("[name=minutes_other]"), text.minutesOdd(box.dataset.most));
  }
  const target = { account: form.querySelector("[name=account]").checked, workspace: value(form, "workspace") || null };
  if (!target.account && !target.workspace) throw missing(form.querySelector("[name=workspace]"), text.targetMissing);
  const deed = {
    purpose: "incident", use_case: useCase, answers: JSON.parse(answers), reason, ticket: value(form, "ticket"), target,
    scope: [], grants_to: [], max_minutes: minutes, claim_key: key,
    client_nonce: hex(crypto.getRandomValues(new Uint8Array(16))),
  };
  const at = desk ?? await prepare(box);
  const view = await at.api.post("/incidents", await sign(at, "open", {}, deed));
  location.assign(`/i/${view.id}`);
};

// A review: the record as it stands on this page, the answers as they stand in its fields.
const review = async (box, button) => {
  const id = box.dataset.incident;
  const record = JSON.parse(document.querySelector("[data-record]").textContent);
  const answers = {};
  for (const field of document.querySelectorAll("#questions textarea")) {
    const given = field.value.trim();
    if (!given) throw missing(field, text.answerMissing);
    answers[field.name] = given;
  }
  const { verdict } = button.dataset;
  const at = desk ?? await prepare(box);
  const view = await at.api.get(`/reviews/${id}`);
  const hash = await hashOf(record);
  if (hash !== view.record_sha256) {
    throw new Stop("record_changed", text.recordChanged, text.changedNow, text.nothingSigned);
  }
  const shown = [...document.querySelectorAll("[data-finding]")]
    .map((each) => ({ severity: each.dataset.finding, text: each.textContent }));
  if (canonical(shown) !== canonical(view.findings.map(({ severity, text: said }) => ({ severity, text: said })))) {
    throw new Stop("findings_changed", text.findingsChanged, text.changedNow, text.nothingSigned);
  }
  const deed = { answers, findings: view.findings, record_sha256: hash, verdict };
  const signed = await sign(at, "review", { incident: id, terms_sha256: await termsOf(at.api, id) }, deed);
  await at.api.post(`/reviews/${id}/sign`, signed);
  location.assign(`/reviews/${id}`);
};

const acts = {
  stop: (box) => said("stop", box, { reason: value(box, "reason") }),
  veto: (box) => said("veto", box, { reason: value(box, "reason") }),
  close: (box) => said("close", box, {}),
  withdraw: (box) => said("withdraw", box, {}),
  open,
  review,
};

// What stopped the press before this one is no news.
const clear = (box) => box.querySelector(".box.bad")?.remove();

// Only what follows a press takes the focus; a reader hears an alert without it.
const tell = (box, error, pressed = true) => {
  const stop = error instanceof Stop ? error
    : new Stop("failed", text.broke, text.useCommand, text.nothingSigned);
  clear(box);
  const said = h("div", { class: "box bad", role: "alert", tabindex: "-1", "data-code": stop.code }, told(stop));
  box.prepend(said);
  if (pressed && stop.code !== "missing") said.focus();
};

let busy = false;
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-sign]");
  if (!button || busy) return;
  event.preventDefault();
  const box = button.closest("[data-act]");
  busy = true;
  const word = button.textContent;
  button.textContent = button.dataset.busy;
  clear(box);
  try {
    await acts[box.dataset.act](box, button);
  } catch (error) {
    button.textContent = word;
    tell(box, error);
  }
  busy = false;
});

if (window.PublicKeyCredential) {
  document.documentElement.classList.add("passkeys");
  // The key of the claim stands after the #, which forms would lose.
  if (location.hash.startsWith("#claim=")) {
    for (const form of document.querySelectorAll("form[action='/ask']")) form.action += location.hash;
  }
  const claim = () => showClaim(document.querySelector("[data-act=open]"));
  addEventListener("hashchange", claim);
  claim();
  const box = document.querySelector("[data-act]");
  // Checked before anything is pressed, so that a press is answered at once; the words check it too.
  if (box && !document.querySelector("[data-phrase]")) prepare(box).catch(() => {});
  keepWords(wordsBy(prepare), (part, error) => tell(part, error, false));
}
