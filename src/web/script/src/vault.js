// What a client checks before it relies on the vault's documents or an incident's terms
// (PROTOCOL §5). Everything shown and signed afterwards comes from what was hashed here.
import { alike, canonical, concat, hashOf, hex, sha256, utf8 } from "./bytes.js";
import * as log from "./log.js";
import { parseAct, verify } from "./signatures.js";
import { Stop, broken, refused } from "./stop.js";
import * as text from "./text/checks.js";
import { roles } from "./text/shared.js";
import { move } from "./pins.js";
import { genesis, signersOf, step } from "./versions.js";

const version = "breakglass/1";
const clocksApartMs = 10 * 60_000;

export const termsHash = async (terms) =>
  hex(await sha256(concat(utf8("breakglass/terms/v1\n"), utf8(canonical(terms)))));

// Keys of the log, one per epoch of it.
const keysOf = (pins) => pins.log_vkeys ?? [pins.log_vkey];

const checkManifest = (manifest, pins, kind) => {
  const good = manifest.v === version && manifest.vault === pins.vault && manifest.kind === kind
    && keysOf(pins).includes(manifest.log_vkey) && manifest.possession_keys.length === manifest.n;
  if (!good) throw broken(text.otherManifest);
};

// The bytes of a kept document, which its hash names.
const byHash = async (api, folder, sha256Hex) => {
  const file = await api.text(`/log/files/${folder}/${sha256Hex}.json`);
  if (hex(await sha256(utf8(file))) !== sha256Hex) throw unapproved(folder);
  return file;
};

const unapproved = (what) => broken(text.unapproved(what));

// A version that took effect: its entry in the log, the document, the acts under it.
const stepOf = async (api, head, { seq, what, sha256: hash }) => {
  if (what !== "roster" && what !== "policy") throw unapproved(what);
  const entry = await log.entry(api, head, seq);
  if (entry.t !== `${what}.changed` || entry[`${what}_sha256`] !== hash) throw unapproved(what);
  return { what, text: await byHash(api, what, hash), acts: await actsOf(api, entry.acts) };
};

const actsOf = (api, hashes) => Promise.all((hashes ?? []).map(async (act) => ({
  document: await byHash(api, "acts", act), signature: await api.text(`/log/files/acts/${act}.sig`),
})));

// Every version from the log's first entry on, up to an entry, each signed by people of the one before.
const versionsOf = async (api, pins, view, head, end = 0) => {
  const first = await log.entry(api, head, 0);
  if (first.t !== "log.genesis" || first.vault !== pins.vault || first.vkey !== keysOf(pins)[0]) {
    throw broken(text.otherBeginning);
  }
  const { roster_sha256: roster, policy_sha256: policy } = first;
  let versions = await genesis(await byHash(api, "roster", roster), await byHash(api, "policy", policy));
  let before = 0;
  for (const named of view.versions) {
    if (!(named.seq > before)) throw broken(text.outOfOrder);
    if (end && named.seq >= end) return versions;
    before = named.seq;
    const taken = await stepOf(api, head, named);
    versions = await step(versions, taken).catch((why) => {
      throw broken(text.doesNotStand(taken.what, why.message));
    });
  }
  versions.genesis = await hashOf(first);
  if (end) return versions;
  for (const what of ["roster", "policy"]) if (!alike(view[what], versions[what])) throw unapproved(what);
  const known = (!pins.newest_roster || versions.rosters.has(pins.newest_roster))
    && (!pins.newest_policy || versions.policies.has(pins.newest_policy));
  if (!known) throw broken(text.older);
  return versions;
};

// The roster to which an epoch was dealt: one that was approved, perhaps not the last.
const dealtTo = ({ rosters }, manifest) => {
  const dealt = rosters.get(manifest.roster_sha256);
  if (!dealt || dealt.k !== manifest.k || dealt.n !== manifest.n) {
    throw broken(text.dealtToNobody);
  }
  return dealt;
};

// A log that goes by another name than the pinned one, or whose first key is not known yet. What is told
// is told once, before anything is shown or signed; the next try goes on under the new name.
const followed = async (api, pins, view) => {
  const { follow } = await import("./epochs.js");
  const { moved, told } = await follow(api, pins, view, {
    entry: log.entry, grows: log.grows, openCheckpoint: log.openCheckpoint, actsOf, versionsOf, signersOf, hashOf, broken,
  });
  const now = move(pins, moved);
  if (told) throw new Stop("log_epoch", ...told);
  return now;
};

// Roster, policy and manifest in force, found in the signed log.
export const documents = async (api, kept) => {
  const view = await api.get("/vault");
  const { manifest } = view;
  if (view.vault !== kept.vault) throw broken(text.otherVault);
  const same = view.log_vkey === kept.log_vkey && view.log_epochs.length < keysOf(kept).length;
  const pins = same ? kept : await followed(api, kept, view);
  const head = await log.head(api, pins);
  const found = { ...(await versionsOf(api, pins, view, head)), manifest, head, manifest_sha256: await hashOf(manifest) };
  checkManifest(manifest, pins, "live");
  found.person = found.roster.people.find((person) => person.id === pins.person);
  if (!found.person) throw new Stop("not_in_roster", text.notInRoster, text.notInRosterNow);
  found.index = indexIn(found, manifest, pins.person);
  return found;
};

// What was just checked is what the next look must extend; no older version is ever taken for these.
export const newest = ({ head: { origin, root, size }, roster_sha256: newest_roster, policy_sha256: newest_policy, genesis }) =>
  ({ newest_roster, newest_policy, genesis, checkpoint: { origin, root, size } });

// The share index of a person in an epoch; 0 for who holds none.
const indexIn = (found, manifest, id) =>
  custodians(dealtTo(found, manifest)).findIndex((person) => person.id === id) + 1;

export const custodians = (roster) => roster.people.filter((person) => person.roles.includes("custodian"));

export const nameOf = (roster, id) => roster.people.find((person) => person.id === id)?.name ?? id;

// Her passkey of this id, as the roster writes it.
export const keyOf = (person, id) => {
  const key = person.login_keys.find((each) => each.startsWith("passkey ") && each.split("/")[1] === id);
  if (!key) throw new Stop("unknown_key", text.notInRosterKey, text.notInRosterKeyNow);
  return key;
};

// A manifest never goes back, and one epoch has one.
export const checkEpoch = (pins, epoch, manifestSha256) => {
  const back = pins.epoch !== undefined && (epoch < pins.epoch || (epoch === pins.epoch && manifestSha256 !== pins.manifest_sha256));
  if (back) throw broken(text.epochBack);
};

// What is new in roster and policy since this person signed them here.
export const changes = async (api, pins, found) => {
  const lines = [];
  if (!pins.roster_sha256) return [text.neverSigned];
  if (pins.roster_sha256 !== found.roster_sha256) {
    const old = JSON.parse(await byHash(api, "roster", pins.roster_sha256));
    const { roster } = found;
    lines.push(text.rosterChanged(old.seq, roster.seq, roster.k, roster.n));
    for (const person of roster.people) {
      const before = old.people.find((other) => other.id === person.id);
      if (!before) lines.push(text.joined(person.name, roles(person.roles)));
      const differs = Object.keys({ ...before, ...person })
        .filter((member) => before && !alike(before[member] ?? null, person[member] ?? null));
      if (differs.length) lines.push(text.has(person.name, differs.join(", ").replaceAll("_", " ")));
    }
    for (const person of old.people) {
      if (!roster.people.some((other) => other.id === person.id)) lines.push(text.left(person.name));
    }
  }
  if (pins.policy_sha256 !== found.policy_sha256) lines.push(text.policyChanged);
  return lines;
};

const need = (pairs, say) => {
  const wrong = pairs.find(([, good]) => !good);
  if (wrong) throw refused(say(wrong[0]));
};

const checkEpochOf = (terms, manifest, manifestSha256, found) =>
  need([
    ["vault", terms.vault === manifest.vault && terms.vault === found.roster.vault],
    ["manifest", terms.manifest_sha256 === manifestSha256],
    ["epoch", terms.epoch === manifest.epoch && terms.kind === manifest.kind],
    ["threshold", terms.k === manifest.k && terms.n === manifest.n],
    ["needed", terms.needed >= terms.k && terms.needed <= terms.n],
    ["roster", terms.roster_sha256 === found.roster_sha256],
    ["policy", terms.policy_sha256 === found.policy_sha256],
  ], text.notApproved);

const checkPurpose = (terms) => {
  const kinds = { incident: "live", drill: "drill", rotate: terms.kind };
  if (terms.kind !== kinds[terms.purpose]) throw refused(text.otherKind(terms.kind));
  const sessionless = !terms.scope.length && !terms.grants_to.length && terms.max_minutes === 0 && terms.claim_key === null;
  if (terms.purpose === "rotate" && !sessionless) throw refused(text.rotationSession);
};

// The responder's signed opening says what the terms say.
const checkRequest = async (terms, view, found) => {
  if (terms.requester === "vault" && terms.purpose === "rotate" && !view.request && terms.request_sha256 === null) return null;
  const signed = view.request;
  if (!signed || hex(await sha256(utf8(signed.document))) !== terms.request_sha256) {
    throw refused(text.otherOpening);
  }
  const act = parseAct(signed.document);
  const owner = found.roster.people.find((person) => person.id === act.person);
  const may = act.act === "open" && act.v === version && act.vault === terms.vault && act.person === terms.requester
    && owner?.login_keys.includes(act.key) && (act.purpose === "rotate" || owner.roles.includes("responder")
      || (act.purpose === "drill" && owner.roles.includes("operator")));
  if (!may || !(await verify(act.key, "open", signed))) {
    throw refused(text.noResponder);
  }
  const rotation = terms.purpose === "rotate" && act.purpose !== "rotate";
  const useCase = found.policy.use_cases.find((each) => each.id === act.use_case);
  const scope = act.scope.length ? act.scope : useCase?.scope ?? [];
  // A delay at any hour was not cut short; the two clocks may be a little apart.
  const delay = useCase?.delay_when === "always" && terms.purpose === "incident" ? useCase.delay_minutes * 60_000 : 0;
  need([
    ["delay", !delay || terms.not_before_ms >= act.at_ms + delay - clocksApartMs],
    ["purpose", act.purpose === terms.purpose || rotation],
    ["useCase", act.use_case === terms.use_case],
    ["answers", alike(act.answers, terms.answers)],
    ["reason", act.reason === terms.reason],
    ["ticket", act.ticket === terms.ticket],
    ["target", alike(act.target, terms.target)],
    ["scope", alike(scope, terms.scope) || rotation],
    ["grants", alike(act.grants_to, terms.grants_to) || rotation],
    ["displaces", (act.displaces ?? null) === (terms.displaces ?? null)],
    ["continues", (act.continues ?? null) === (terms.continues ?? null)],
    ["minutes", act.max_minutes === terms.max_minutes || rotation],
    ["claimKey", act.claim_key === terms.claim_key || rotation],
  ], text.notSigned);
  return act;
};

// An incident's terms, checked.
export const terms = async (api, pins, found, id) => {
  const view = await api.get(`/incidents/${encodeURIComponent(id)}`);
  const { terms } = view;
  const head = await log.head(api, { ...pins, checkpoint: found.head });
  const entry = await log.entry(api, head, view.terms_seq);
  const termsSha256 = await termsHash(terms);
  const asked = ["incident.opened", "incident.asked_again"].includes(entry.t);
  const shown = asked && entry.inc === id && entry.terms_sha256 === termsSha256 && view.terms_sha256 === termsSha256
    && terms.v === version && terms.incident === id;
  if (!shown) throw broken(text.otherTerms(id));
  const manifest = terms.manifest_sha256 === found.manifest_sha256
    ? found.manifest : JSON.parse(await byHash(api, "manifests", terms.manifest_sha256));
  checkManifest(manifest, pins, terms.kind);
  checkEpochOf(terms, manifest, await hashOf(manifest), found);
  if (terms.kind === "live") checkEpoch(pins, terms.epoch, terms.manifest_sha256);
  checkPurpose(terms);
  const act = await checkRequest(terms, view, found);
  const endless = terms.purpose === "rotate" && act !== null && act.purpose !== "rotate";
  if (!endless && Date.now() >= terms.expires_ms) {
    throw new Stop("lapsed", text.lapsed(id), text.lapsedNow);
  }
  return { view, terms, termsSha256, manifest, head, index: indexIn(found, manifest, pins.person) };
};

// Phrases of other incidents that collect: the likeliest mix-up. Best effort, they are decoys.
export const otherTerms = async (api, id) => {
  const { incidents } = await api.get("/incidents").catch(() => ({ incidents: [] }));
  const others = incidents.filter((view) => view.id !== id && view.phase === "collecting");
  return Promise.all(others.map((view) => termsHash(view.terms)));
};
