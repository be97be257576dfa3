// Who must sign a version of roster or policy, by what differs from the version before (PROTOCOL
// §1, §9); the same rules as `src/domain/{roster,policy}/change.rs`, whose vectors the tests read.
import { alike } from "./bytes.js";
import * as text from "./text/checks.js";

const refuse = (why) => {
  throw new Error(why);
};

// Exactly these members, those after the bar at will: what nobody reads nobody signs.
export const only = (object, members) => {
  const [must, may = []] = members.split(" | ").map((part) => part.split(" "));
  const names = object && typeof object === "object" ? Object.keys(object) : [];
  if (!must.every((name) => names.includes(name)) || !names.every((name) => must.includes(name) || may.includes(name))) {
    refuse(text.notExpected);
  }
  return object;
};

// A person with everything that may be left out.
const whole = (person) => ({
  ...person, unlockers: person.unlockers ?? [], single_unlocker: person.single_unlocker ?? null,
  paper: person.paper ?? null,
  contacts: { ...person.contacts, pager: person.contacts.pager ?? null },
});

const has = (role) => (person) => person.roles.includes(role);
export const comparable = (key) => key.trim().split(/\s+/).slice(0, 2).join(" ");
const loginKinds = ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com", "passkey"];
const unlocker = /^(ssh-(ed25519|rsa) |age1tag1|age1[^1]*$)/;

// No text belongs to two people.
const unique = (people, of) => {
  const all = people.flatMap(of);
  if (new Set(all).size < all.length) refuse(text.twice);
};
const lower = (name) => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const checkPerson = (person) => {
  only(person, "id name roles time_zone contacts login_keys | unlockers single_unlocker paper");
  only(person.contacts, "mail | pager");
  const { unlockers, single_unlocker: waived, paper, login_keys: keys, id } = whole(person);
  const enough = unlockers.length > 1 || (waived === true && unlockers.length === 1) || !has("custodian")(person);
  const kinds = keys.length && keys.every((key) => loginKinds.includes(key.split(/\s/)[0]))
    && unlockers.every((each) => unlocker.test(each));
  if (!enough || !kinds || ![null, ...unlockers].includes(paper) || id === "vault") refuse(text.lacksKeys);
};

const checkRoster = (roster) => {
  only(roster, "v vault seq prev_sha256 k n people auditor_recipients");
  const { v, k, n, people } = roster;
  if (![k, n, roster.seq].every(Number.isSafeInteger)) refuse(text.notExpected);
  people.forEach(checkPerson);
  const count = people.filter(has("custodian")).length;
  const auditors = people.filter(has("auditor"));
  const apart = auditors.some((person) => !has("custodian")(person) && !has("responder")(person));
  const fits = v === "breakglass/1" && k >= 2 && k <= n && n <= 15 && n === count && auditors.length > 1 && apart
    && people.some(has("responder")) && roster.auditor_recipients.every((each) => unlocker.test(each));
  if (!fits) refuse(text.rosterRule);
  unique(people, ({ id, name }) => [...new Set([id, name].map(lower))]);
  unique(people, (person) => person.login_keys.map(comparable));
  unique(people, (person) => whole(person).unlockers.map(comparable));
  unique(people, (person) => [...new Set([...person.login_keys, ...whole(person).unlockers].map(comparable))]);
  unique(people, (person) => person.login_keys.filter((key) => key.startsWith("passkey ")).map((key) => key.split("/")[2]));
};

const follows = (before, sha256, after) => {
  const next = after.vault === before.vault && after.seq === before.seq + 1 && after.prev_sha256 === sha256;
  if (!next) refuse(text.notNext);
  if (alike({ ...after, seq: 0, prev_sha256: null }, { ...before, seq: 0, prev_sha256: null })) refuse(text.nothingDiffers);
};

// `light`, `heavy`, or the id of a custodian whose own unlockers changed; null where nothing did.
const kindOf = (before, after) => {
  if (before && after && alike(before, after)) return null;
  const responder = (person) => !person || alike(person.roles, ["responder"]);
  if (responder(before) && responder(after)) return "light";
  if (!before || !after) return "heavy";
  if (alike({ ...before, contacts: after.contacts, time_zone: after.time_zone }, after)) return "light";
  const own = alike({ ...before, unlockers: after.unlockers, paper: after.paper }, after) && has("custodian")(before);
  return own ? { herself: before.id } : "heavy";
};

// Whose signatures make `after` the roster in force.
export const rosterNeeds = (before, sha256, after) => {
  follows(before, sha256, after);
  checkRoster(after);
  const all = { custodians: before.k };
  const [old, now] = [before, after].map(({ people }) => new Map(people.map((person) => [person.id, whole(person)])));
  const kept = (from, other) => [...from.keys()].filter((id) => other.has(id));
  const same = before.k === after.k && before.n === after.n && alike(before.auditor_recipients, after.auditor_recipients)
    && alike(kept(old, now), kept(now, old));
  if (!same) return all;
  const kinds = [...new Set([...old.keys(), ...now.keys()])].map((id) => kindOf(old.get(id), now.get(id))).filter(Boolean);
  if (kinds.length === 1 && kinds[0].herself) return kinds[0];
  return kinds.length && kinds.every((kind) => kind === "light") ? { operator_and_custodian: true } : all;
};

const known = ["v", "vault", "seq", "prev_sha256", "use_cases", "office_hours", "channels", "review_questions",
  "review_due_hours", "browser_unlockers"];
const holds = (list, item) => list.some((each) => alike(each, item));
const denies = (pattern) => pattern.startsWith("!");

const caseLoosened = (old, now) => {
  const { delay_minutes: waited = 0 } = old;
  const { delay_minutes: waits = 0 } = now;
  const bare = ({ title: _, max_minutes: _m, scope: _s, delay_minutes: _d, delay_when = null, co_approver = null, ...rest }) =>
    ({ ...rest, delay_when, co_approver });
  return now.max_minutes > old.max_minutes || waits < waited || !alike(bare(old), bare(now))
    || now.scope.some((pattern) => !denies(pattern) && !old.scope.includes(pattern))
    || old.scope.some((pattern) => denies(pattern) && !now.scope.includes(pattern));
};

// Whatever is not known to tighten loosens.
const loosened = (before, after) => {
  const { from_hour: from, to_hour: to, days } = before.office_hours;
  const hours = after.office_hours;
  const within = hours.from_hour >= from && hours.to_hour <= to && hours.days.every((day) => days.includes(day));
  const others = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => !known.includes(name));
  return !within || after.review_due_hours > before.review_due_hours
    || (before.browser_unlockers && !after.browser_unlockers)
    || after.use_cases.some((now) => {
      const old = before.use_cases.find((each) => each.id === now.id);
      return !old || caseLoosened(old, now);
    })
    || !before.channels.every((each) => holds(after.channels, each))
    || !before.review_questions.every((each) => holds(after.review_questions, each))
    || others.some((name) => !(name in before && name in after && alike(before[name], after[name])));
};

// As `is_plain_text` of `src/domain/terms.rs`: nothing that makes a page show what is not signed.
const plain = (text) => !/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c\u2028\u2029\ufeff]/u.test(text);
const details = (text) => text === undefined || (typeof text === "string" && plain(text) && text && [...text].length <= 400);

// Ceilings that no signatures lift.
const checkPolicy = (policy) => {
  only(policy, "v vault seq prev_sha256 tree use_cases office_hours channels review_questions review_due_hours | access_details browser_unlockers");
  policy.use_cases.forEach((each) =>
    only(each, "id title max_minutes scope | delay_minutes delay_when co_approver"));
  const within = (value, limit) => value > 0 && value <= limit;
  const fits = policy.v === "breakglass/1" && policy.tree.length && policy.channels.length > 1 && details(policy.access_details)
    && [undefined, "below_k"].includes(policy.browser_unlockers)
    && within(policy.review_due_hours, 14 * 24) && policy.use_cases.every((each) => within(each.max_minutes, 240));
  if (!fits) refuse(text.policyRule);
};

// Whose signatures make `after` the policy in force; `k` is the roster's.
export const policyNeeds = (before, sha256, after, k) => {
  follows(before, sha256, after);
  checkPolicy(after);
  return loosened(before, after) ? { custodians: k } : { two_operators: true };
};

// Whether these people of the version before are enough. k custodians are always enough, and who
// holds two roles counts once.
export const met = (needs, before, signers) => {
  const who = (role) => before.people.filter(has(role)).map((person) => person.id).filter((id) => signers.has(id));
  const [operators, custodians] = [who("operator"), who("custodian")];
  if (custodians.length >= (needs.custodians ?? before.k)) return true;
  if (needs.herself) return signers.has(needs.herself);
  if (needs.two_operators) return operators.length > 1;
  return !!needs.operator_and_custodian && operators.some((one) => custodians.some((other) => other !== one));
};
