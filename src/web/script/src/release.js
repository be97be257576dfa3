// Release your share? Facts, the phrase, one touch. And its noes: refuse, wrong words, withdraw.
import { button, facts, h, list, moment, say, show, trouble } from "./dom.js";
import { openShare, release } from "./share.js";
import { Stop } from "./stop.js";
import { changes, nameOf, otherTerms, terms as checkedTerms } from "./vault.js";
import { choices, phrase } from "./words.js";

const reasons = [
  "I heard no reason I can believe", "This is not an emergency", "Another way is open",
  "I cannot reach the requester", "Something looks wrong",
];

// An incident whose memory was lost asks once more, while it closes: for its rotation.
export const takesShares = ({ phase, terms, shares_in: shares, needed }) =>
  phase === "collecting" || (phase === "closing" && terms.purpose === "rotate" && shares < needed);

const needed = (view) => `${view.shares_in} of ${view.needed}`;

export const releasePage = async (person, id, run) => {
  say("Checking the terms against what this device knows…");
  const found = await person.documents();
  const told = await changes(person.api, person.pins, found);
  const own = { person, id, run, found, told, ...(await checkedTerms(person.api, person.pins, found, id)) };
  const mine = own.view.custodians.find((each) => each.person === person.pins.person);
  if (mine?.state === "in") return alreadyIn(own);
  if (!mine || mine.state === "excluded") {
    throw new Stop("not_yours", "There is no share of yours for this incident.", "Nothing for you to do.");
  }
  if (!takesShares(own.view)) {
    throw new Stop("not_needed", `${id} is ${own.view.phase}: no share is needed now.`, "Nothing for you to do.");
  }
  const { kind, epoch } = own.terms;
  own.sealed = await person.api.get(`/shares/${kind}/${epoch}`);
  own.others = (await otherTerms(person.api, id)).map(phrase);
  form(own);
};

const form = (own) => {
  const { terms, view, found } = own;
  const words = choices(phrase(own.termsSha256), own.others);
  const options = [...words, "none of these / I heard nothing"].map((words, place) =>
    h("label", null, h("input", { type: "radio", name: "phrase", value: String(place) }), words));
  const picked = () => {
    const chosen = document.querySelector("input[name=phrase]:checked");
    if (!chosen) throw new Stop("no_phrase", "Choose the words you heard.", "Join the bridge and listen first.");
    return words[Number(chosen.value)] ?? null;
  };
  const code = terms.scope.some((pattern) => /code/.test(pattern));
  show(terms.purpose === "drill" ? "DRILL: release your share?" : "Release your share?",
    own.told.length ? h("div", { class: "note" }, list(own.told)) : null,
    facts([
      ["Who", nameOf(found.roster, terms.requester)],
      ["Why", terms.reason || terms.purpose],
      ["What", `${targetWords(terms.target)}: ${terms.scope.join(" ") || "nothing but rotation"}`],
      ["How long", `${terms.max_minutes} minutes, if released by ${moment(terms.expires_ms)}`],
      ...special(terms, found.roster),
    ]),
    code ? h("p", { class: "note" }, "Can run code as the admin identity: what that code does is not logged here and may outlive the session.") : null,
    h("fieldset", null, h("legend", null, "Which words did you hear?"), options),
    button("Release my share", () => own.run(() => answer(own, picked())), true),
    button("Refuse", () => refuseForm(own)),
    own.person.other() ? button("Use my other key", () => otherKey(own)) : null,
    h("details", null, h("summary", null, "More"), facts([
      ["Incident", `${own.id}, epoch ${terms.epoch}, asked ${moment(terms.asked_ms)}`],
      ["Ticket", terms.ticket || "none"],
      ["Shares in", needed(view)],
      ["Answers", Object.entries(terms.answers).map(([id, yes]) => `${id}=${yes ? "yes" : "no"}`).join(", ") || "none"],
      ["Gates", terms.gates.join(", ") || "none"],
      ["Terms", own.termsSha256],
    ])));
};

// What most terms do not have, and nobody should sign unseen.
const special = (terms, roster) => {
  const given = terms.grants_to.map((id) => {
    const [person, keep] = id.split(":");
    return nameOf(roster, person) + (keep ? ", who KEEPS it after the close" : " until the close");
  });
  return [
    ["Admin for", given.join("; ")],
    ["Secret", secretWords(terms.session_secret)],
    ["Not before", terms.not_before_ms > terms.asked_ms && moment(terms.not_before_ms)],
    ["Displaces", terms.displaces && `${terms.displaces}: it is closed, and you are asked again`],
    ["Continues", terms.continues && `${terms.continues}, which broke`],
  ].filter(([, value]) => value);
};

const secretWords = (odd) => odd && (odd.longer
  ? `Databricks gives no secret as short as the session: its own would live ${Math.ceil(odd.longer.seconds / 3600)} h if the vault could not delete it`
  : "Databricks refuses every short-lived secret: the session uses the dormant credential itself until the close replaces it");

const targetWords = ({ account, workspace }) =>
  [account && "account", workspace && `workspace ${workspace}`].filter(Boolean).join(" and ") || "nothing";

const otherKey = (own) => {
  own.person.keyId = own.person.other();
  say("The other key is used for the next touch.");
};

const answer = async (own, words) =>
  words === phrase(own.termsSha256) ? approve(own) : mismatch(own, words === null ? "nothing_heard" : "wrong");

// One touch: signs the act and opens the share; the rest happens here.
const approve = async (own) => {
  const { person, terms, termsSha256, manifest, index, head, id } = own;
  const deed = {
    index, manifest_sha256: terms.manifest_sha256, overrides: [], phrase: "matched",
    unlocker: person.recipient(),
  };
  say("Touch your key…");
  const { signed, unlocker } = await person.act("approve", own, deed, head, true);
  if (unlocker.recipient !== deed.unlocker) {
    throw new Stop("prf_differs", "This key gave another answer than when you enrolled.", "Use your other key, and tell an operator.");
  }
  const share = await openShare(own.sealed.share, unlocker, manifest, terms.manifest_sha256, index);
  const sealed = await release(share, terms, termsSha256, index, signed.document);
  const view = await person.api.post(`/incidents/${id}/approve`, { act: signed, ...sealed });
  await person.keep({
    roster_sha256: terms.roster_sha256, policy_sha256: terms.policy_sha256,
    ...(terms.kind === "live" && { epoch: terms.epoch, manifest_sha256: terms.manifest_sha256 }),
  }).catch(() => {});
  alreadyIn({ ...own, view });
};

const alreadyIn = (own) =>
  show("Your share is in",
    h("p", null, `${own.id}: ${needed(own.view)} shares. Nothing more for you to do.`),
    own.view.phase === "collecting"
      ? button("Take it back", () => own.run(() => said(own, "withdraw", {}, "Your share was taken back."))) : null);

// No share is opened: only the answer is signed.
const mismatch = async (own, pick) => {
  say("Touch your key to say so…");
  const { signed } = await own.person.act("mismatch", own, { pick }, own.head);
  await own.person.api.post(`/incidents/${own.id}/mismatch`, signed);
  form(own);
  trouble(pick === "wrong"
    ? new Stop("wrong_phrase", "Those are not the words of this incident. The requester was told.",
      "Call the requester back on a number you know, then choose again. A second wrong choice alarms security.")
    : new Stop("nothing_heard", "The requester was told that you heard no words.",
      "Join the bridge, hear the words, then choose."));
};

const refuseForm = (own) => {
  const options = reasons.map((reason, place) =>
    h("label", null, h("input", { type: "radio", name: "reason", value: reason, checked: place === 0 }), reason));
  const text = h("input", { type: "text", id: "more", maxlength: "300" });
  const send = () => {
    const chosen = document.querySelector("input[name=reason]:checked").value;
    return said(own, "refuse", { reason: [chosen, text.value.trim()].filter(Boolean).join(": ") }, "You refused. Everyone was told why.");
  };
  show(`Refuse ${own.id}?`,
    h("p", null, "Your no is final for this incident. Others may still say yes. If something looks wrong, call security too."),
    h("fieldset", null, h("legend", null, "Why?"), options),
    h("label", { for: "more" }, "In your words, if you like"), text,
    button("Refuse", () => own.run(send), true),
    button("Back", () => form(own)));
};

const said = async (own, word, deed, done) => {
  say("Touch your key to sign…");
  const { signed } = await own.person.act(word, own, deed, own.head);
  await own.person.api.post(`/incidents/${own.id}/${word}`, signed);
  show(done, h("p", null, "Nothing of your share was released."), h("p", null, "You may close this page."));
};
