// What a client checks before it relies on the vault's documents or an incident's terms
// (PROTOCOL §5). Everything shown and signed afterwards comes from what was hashed here.
import { alike, canonical, concat, hashOf, hex, sha256, utf8 } from "./bytes.js";
import * as log from "./log.js";
import { parseAct, verify } from "./signatures.js";
import { Stop, broken, refused } from "./stop.js";

const version = "breakglass/1";

const termsHash = async (terms) =>
  hex(await sha256(concat(utf8("breakglass/terms/v1\n"), utf8(canonical(terms)))));

const checkManifest = (manifest, pins, kind) => {
  const good = manifest.v === version && manifest.vault === pins.vault && manifest.kind === kind
    && manifest.log_vkey === pins.log_vkey && manifest.possession_keys.length === manifest.n;
  if (!good) throw broken("The manifest is of another vault, log or kind of epoch.");
};

// Roster, policy and manifest in force, found in the signed log.
export const documents = async (api, pins) => {
  const view = await api.get("/vault");
  const { roster, policy, manifest } = view;
  if (view.vault !== pins.vault || view.log_vkey !== pins.log_vkey) {
    throw broken("This is another vault or log than the one this device knows.");
  }
  const head = await log.head(api, pins);
  const genesis = await log.entry(api, head, 0);
  const found = {
    roster, policy, manifest, head,
    roster_sha256: await hashOf(roster),
    policy_sha256: await hashOf(policy),
    manifest_sha256: await hashOf(manifest),
  };
  if (genesis.t !== "log.genesis" || genesis.vault !== pins.vault || genesis.vkey !== pins.log_vkey) {
    throw broken("The log began as another vault's.");
  }
  // This page knows roster 1 and policy 1 by their hashes in the log's first entry. It does not
  // check signatures over later versions, so it relies on none of them.
  if (genesis.roster_sha256 !== found.roster_sha256 || genesis.policy_sha256 !== found.policy_sha256) {
    throw new Stop("changed_since", "Roster or policy has changed since the vault began, and this page cannot check by whom.",
      "Use the command line: breakglass approve, refuse or prove. It checks the signatures.");
  }
  checkManifest(manifest, pins, "live");
  found.person = roster.people.find((person) => person.id === pins.person);
  if (!found.person) throw new Stop("not_in_roster", "You are not in the roster.", "Ask an operator.");
  found.index = custodians(roster).findIndex((person) => person.id === pins.person) + 1;
  return found;
};

export const custodians = (roster) => roster.people.filter((person) => person.roles.includes("custodian"));

export const nameOf = (roster, id) => roster.people.find((person) => person.id === id)?.name ?? id;

// Her passkey of this id, as the roster writes it.
export const keyOf = (person, id) => {
  const key = person.login_keys.find((text) => text.startsWith("passkey ") && text.split("/")[1] === id);
  if (!key) throw new Stop("unknown_key", "This passkey is not in the roster.", "Use one you enrolled with.");
  return key;
};

const byHash = async (api, folder, sha256Hex) => {
  const text = await api.text(`/log/files/${folder}/${sha256Hex}.json`);
  if (hex(await sha256(utf8(text))) !== sha256Hex) {
    throw broken(`The ${folder} this device knows is not what the vault keeps.`);
  }
  return JSON.parse(text);
};

// A manifest never goes back, and one epoch has one.
export const checkEpoch = (pins, epoch, manifestSha256) => {
  const back = pins.epoch !== undefined && (epoch < pins.epoch || (epoch === pins.epoch && manifestSha256 !== pins.manifest_sha256));
  if (back) throw broken("The vault shows an older or another epoch than the one this device has seen.");
};

// What is new in roster and policy since this person signed them here.
export const changes = async (api, pins, found) => {
  const lines = [];
  if (!pins.roster_sha256) return ["You have not signed a roster of this vault on this device yet."];
  if (pins.roster_sha256 !== found.roster_sha256) {
    const old = await byHash(api, "roster", pins.roster_sha256);
    const { roster } = found;
    lines.push(`The roster changed since you last signed: ${old.k} of ${old.n} \u2192 ${roster.k} of ${roster.n}.`);
    for (const person of roster.people) {
      const before = old.people.find((other) => other.id === person.id);
      if (!before) lines.push(`+ ${person.name} joined as ${person.roles.join(", ")}`);
      else if (!alike(before, person)) lines.push(`~ ${person.name} has other roles, keys or contacts`);
    }
    for (const person of old.people) {
      if (!roster.people.some((other) => other.id === person.id)) lines.push(`\u2212 ${person.name} left`);
    }
  }
  if (pins.policy_sha256 !== found.policy_sha256) lines.push("The policy changed since you last signed.");
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
    ["number of approvals", terms.needed >= terms.k && terms.needed <= terms.n],
    ["roster", terms.roster_sha256 === found.roster_sha256],
    ["roster of the epoch", manifest.roster_sha256 === found.roster_sha256],
    ["policy", terms.policy_sha256 === found.policy_sha256],
  ], (what) => `The terms' ${what} is not the approved one.`);

const checkPurpose = (terms) => {
  const kinds = { incident: "live", drill: "drill", rotate: terms.kind };
  if (terms.kind !== kinds[terms.purpose]) throw refused(`The terms ask for ${terms.kind} shares for another purpose.`);
  const sessionless = !terms.scope.length && !terms.grants_to.length && terms.max_minutes === 0 && terms.claim_key === null;
  if (terms.purpose === "rotate" && !sessionless) throw refused("The terms of a rotation ask for a session.");
};

// The responder's signed opening says what the terms say.
const checkRequest = async (terms, view, found) => {
  if (terms.requester === "vault" && terms.purpose === "rotate" && !view.request && terms.request_sha256 === null) return null;
  const signed = view.request;
  if (!signed || hex(await sha256(utf8(signed.document))) !== terms.request_sha256) {
    throw refused("The opening is not the one the terms name.");
  }
  const act = parseAct(signed.document);
  const owner = found.roster.people.find((person) => person.id === act.person);
  const may = act.act === "open" && act.v === version && act.vault === terms.vault && act.person === terms.requester
    && owner?.login_keys.includes(act.key) && (act.purpose === "rotate" || owner.roles.includes("responder"));
  if (!may || !(await verify(act.key, "open", signed))) {
    throw refused("The opening was not signed by a responder of the roster.");
  }
  const rotation = terms.purpose === "rotate" && act.purpose !== "rotate";
  const useCase = found.policy.use_cases.find((each) => each.id === act.use_case);
  const scope = act.scope.length ? act.scope : useCase?.scope ?? [];
  need([
    ["purpose", act.purpose === terms.purpose || rotation],
    ["use case", act.use_case === terms.use_case],
    ["answers", alike(act.answers, terms.answers)],
    ["reason", act.reason === terms.reason],
    ["ticket", act.ticket === terms.ticket],
    ["target", alike(act.target, terms.target)],
    ["scope", alike(scope, terms.scope) || rotation],
    ["grants", alike(act.grants_to, terms.grants_to) || rotation],
    ["minutes", act.max_minutes === terms.max_minutes || rotation],
    ["claim key", act.claim_key === terms.claim_key || rotation],
  ], (what) => `The terms' ${what} is not what was signed when it was opened.`);
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
  if (!shown) throw broken(`The terms shown for ${id} are not the ones in the log.`);
  const manifest = terms.manifest_sha256 === found.manifest_sha256
    ? found.manifest : await byHash(api, "manifests", terms.manifest_sha256);
  checkManifest(manifest, pins, terms.kind);
  checkEpochOf(terms, manifest, await hashOf(manifest), found);
  if (terms.kind === "live") checkEpoch(pins, terms.epoch, terms.manifest_sha256);
  checkPurpose(terms);
  const act = await checkRequest(terms, view, found);
  const endless = terms.purpose === "rotate" && act !== null && act.purpose !== "rotate";
  if (!endless && Date.now() >= terms.expires_ms) {
    throw new Stop("lapsed", `${id} has lapsed.`, "The responder opens again if it is still needed.");
  }
  return { view, terms, termsSha256, manifest, head };
};

// Phrases of other incidents that collect: the likeliest mix-up. Best effort, they are decoys.
export const otherTerms = async (api, id) => {
  const { incidents } = await api.get("/incidents").catch(() => ({ incidents: [] }));
  const others = incidents.filter((view) => view.id !== id && view.phase === "collecting");
  return Promise.all(others.map((view) => termsHash(view.terms)));
};
