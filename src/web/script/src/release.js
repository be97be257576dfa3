// Release your share? Facts, the phrase, one touch. And its noes: refuse, wrong words, withdraw.
import { button, facts, h, list, moment, say, show, trouble } from "./dom.js";
import { openShare, release } from "./share.js";
import { Stop } from "./stop.js";
import * as text from "./text/page.js";
import { touch } from "./text/shared.js";
import { changes, nameOf, otherTerms, terms as checkedTerms } from "./vault.js";
import { choices, phrase } from "./words.js";

// An incident whose memory was lost asks once more, while it closes: for its rotation.
export const takesShares = ({ phase, terms, shares_in: shares, needed }) =>
  phase === "collecting" || (phase === "closing" && terms.purpose === "rotate" && shares < needed);

const marked = ({ terms }, words) => (terms.purpose === "drill" ? text.drill(words) : words);

const needed = (view) => text.shares(view.shares_in, view.needed);

export const releasePage = async (person, id, run) => {
  const own = await look({ person, id, run });
  return own.isIn ? alreadyIn(own) : form(own);
};

// The incident as it is now, with everything this device checks before it signs.
const look = async ({ person, id, run }) => {
  say(text.checking);
  const found = await person.documents();
  const told = await changes(person.api, person.pins, found);
  const own = { person, id, run, found, told, ...(await checkedTerms(person.api, person.pins, found, id)) };
  const mine = own.view.custodians.find((each) => each.person === person.pins.person);
  own.isIn = mine?.state === "in";
  if (own.isIn) return own;
  if (!mine || mine.state === "excluded") {
    throw new Stop("not_yours", text.notYours, text.nothingToDo);
  }
  if (!takesShares(own.view)) {
    throw new Stop("not_needed", text.notNeeded(id, own.view.phase), text.nothingToDo);
  }
  const { kind, epoch } = own.terms;
  own.sealed = await person.api.get(`/shares/${kind}/${epoch}`);
  own.others = (await otherTerms(person.api, id)).map(phrase);
  return own;
};

// Sends what was signed. Where the vault has asked again meanwhile, as it does after a restart, what
// was signed is void: the new terms are fetched, and `anew` shows them.
const post = async (own, word, body, anew = form) => {
  try {
    return await own.person.api.post(`/incidents/${own.id}/${word}`, body);
  } catch (error) {
    if (error.code !== "other_terms") throw error;
    Object.assign(own, await look(own));
    throw new Stop(error.code, text.askedAgain, anew(own) ?? text.askedAgainNow);
  }
};

const form = (own) => {
  const { terms, view, found } = own;
  const words = choices(phrase(own.termsSha256), own.others);
  const options = [...words, text.noneOfThese].map((words, place) =>
    h("label", null, h("input", { type: "radio", name: "phrase", value: String(place) }), words));
  const picked = () => {
    const chosen = document.querySelector("input[name=phrase]:checked");
    if (!chosen) throw new Stop("no_phrase", text.noPhrase, text.noPhraseNow);
    return words[Number(chosen.value)] ?? null;
  };
  const code = terms.scope.some((pattern) => /code/.test(pattern));
  show(marked(own, text.release),
    own.told.length ? h("div", { class: "note" }, list(own.told)) : null,
    facts([
      [text.factWho, nameOf(found.roster, terms.requester)],
      [text.factWhy, why(terms, found.policy)],
      [text.factWhat, text.what(targetWords(terms.target), terms.scope.join(" ") || text.onlyRotation)],
      [text.factShares, needed(view)],
      [text.factHowLong, text.howLong(terms.max_minutes, moment(terms.expires_ms))],
      ...special(terms, found.roster),
    ]),
    code ? h("p", { class: "note" }, text.code) : null,
    h("fieldset", null, h("legend", null, text.whichWords), options),
    button(text.releaseButton, () => own.run(() => answer(own, picked())), true),
    button(text.refuseButton, () => refuseForm(own)),
    own.person.other() ? button(text.otherKeyButton, () => otherKey(own)) : null,
    h("details", null, h("summary", null, text.more), facts([
      [text.factIncident, text.incident(own.id, terms.epoch, moment(terms.asked_ms))],
      [text.factTicket, terms.ticket || text.none],
      [text.factAnswers, Object.entries(terms.answers).map((each) => text.answer(...each)).join(", ") || text.none],
      [text.factGates, terms.gates.map((gate) => text.gates[gate] ?? gate).join(", ") || text.none],
      [text.factTerms, own.termsSha256],
    ])));
};

// The use case as the policy calls it, and her own words.
const why = ({ purpose, use_case: id, reason }, policy) =>
  [policy.use_cases.find((each) => each.id === id)?.title, reason].filter(Boolean).join(": ") || text.purposes[purpose];

// Whom to call when something looks wrong.
const security = ({ roster }) => roster.people.filter((person) => person.roles.includes("security"))
  .map(({ name, contacts }) => [name, contacts.pager].filter(Boolean).join(", ")).join("; ");

// What most terms do not have, and nobody should sign unseen.
const special = (terms, roster) => {
  const given = terms.grants_to.map((id) => {
    const [person, keep] = id.split(":");
    return (keep ? text.keeps : text.untilClose)(nameOf(roster, person));
  });
  return [
    [text.factAdmin, given.join("; ")],
    [text.factSecret, secretWords(terms.session_secret)],
    [text.factNotBefore, terms.not_before_ms > terms.asked_ms && moment(terms.not_before_ms)],
    [text.factDisplaces, terms.displaces && text.displaces(terms.displaces)],
    [text.factContinues, terms.continues && text.continues(terms.continues)],
  ].filter(([, value]) => value);
};

const secretWords = (odd) =>
  odd && (odd.longer ? text.longSecret(Math.ceil(odd.longer.seconds / 3600)) : text.dormantSecret);

const targetWords = ({ account, workspace }) =>
  [account && text.account, workspace && text.workspace(workspace)].filter(Boolean).join(text.and) || text.noTarget;

const otherKey = (own) => {
  own.person.keyId = own.person.other();
  say(text.otherKeyNext);
};

const answer = async (own, words) =>
  words === phrase(own.termsSha256) ? approve(own) : mismatch(own, words === null ? "nothing_heard" : "wrong");

// One touch: signs the act and opens the share; the rest happens here.
const approve = async (own) => {
  const { person, terms, termsSha256, manifest, index, head } = own;
  const deed = {
    index, manifest_sha256: terms.manifest_sha256, overrides: [], phrase: "matched",
    unlocker: person.recipient(),
  };
  say(touch);
  const { signed, unlocker } = await person.act("approve", own, deed, head, true);
  if (unlocker.recipient !== deed.unlocker) {
    throw new Stop("prf_differs", text.otherAnswer, text.otherAnswerNow);
  }
  const share = await openShare(own.sealed.share, unlocker, manifest, terms.manifest_sha256, index);
  const sealed = await release(share, terms, termsSha256, index, signed.document);
  const view = await post(own, "approve", { act: signed, ...sealed });
  await person.keep({
    roster_sha256: terms.roster_sha256, policy_sha256: terms.policy_sha256,
    ...(terms.kind === "live" && { epoch: terms.epoch, manifest_sha256: terms.manifest_sha256 }),
  }).catch(() => {});
  alreadyIn({ ...own, view });
};

const alreadyIn = (own) =>
  show(marked(own, text.isIn),
    h("p", null, text.isInNow(own.id, needed(own.view))),
    own.view.phase === "collecting"
      ? button(text.takeBack, () => own.run(() => said(own, "withdraw", {}, text.takenBack))) : null);

// No share is opened: only the answer is signed.
const mismatch = async (own, pick) => {
  say(text.touchToSay);
  const { signed } = await own.person.act("mismatch", own, { pick }, own.head);
  await post(own, "mismatch", signed);
  form(own);
  trouble(pick === "wrong"
    ? new Stop("wrong_phrase", text.wrongPhrase, text.wrongPhraseNow)
    : new Stop("nothing_heard", text.nothingHeard, text.nothingHeardNow));
};

const refuseForm = (own) => {
  const options = text.reasons.map((reason, place) =>
    h("label", null, h("input", { type: "radio", name: "reason", value: reason, checked: place === 0 }), reason));
  const ownWords = h("input", { type: "text", id: "more", maxlength: "300" });
  const send = () => {
    const chosen = document.querySelector("input[name=reason]:checked").value;
    const reason = [chosen, ownWords.value.trim()].filter(Boolean).join(": ");
    // A no needs no words heard: what was typed stays, and the next press signs under the new terms.
    return said(own, "refuse", { reason }, text.refused, () => text.pressAgain);
  };
  show(marked(own, text.refuse(own.id)),
    h("p", null, text.refuseNow),
    security(own.found) ? h("p", null, text.security(security(own.found))) : null,
    h("fieldset", null, h("legend", null, text.why), options),
    h("label", { for: "more" }, text.inYourWords), ownWords,
    button(text.refuseButton, () => own.run(send), true),
    button(text.back, () => form(own)));
};

const said = async (own, word, deed, done, anew) => {
  say(text.touchToSign);
  const { signed } = await own.person.act(word, own, deed, own.head);
  await post(own, word, signed, anew);
  show(marked(own, done), h("p", null, text.nothingOfYours), h("p", null, text.mayClose));
};
