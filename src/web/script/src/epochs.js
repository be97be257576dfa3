// The log went on under a new name after a restore (PROTOCOL §11): followed only where k custodians and
// two operators of the roster in force signed it, told once, and never back. As `cli/client/log_epoch.rs`.
//
// Fetched only where it is needed. It imports nothing of the page, which stays as light as it is: what it
// needs of it is handed in.
import * as text from "./text/epochs.js";

const names = ["custody_epoch", "epoch", "manifest_sha256", "newest_epoch", "origin", "policy_sha256",
  "prev_origin", "prev_root", "prev_size", "prev_vkey", "roster_sha256", "vkey", "why"];

// A log's name without the number of its epoch, and that number.
const split = (origin) => {
  const [, base, number] = /^(.+)\/e([1-9][0-9]{0,8})$/.exec(origin) ?? [];
  return [base, Number(number)];
};

// One line without signs that change how it is read.
const plain = /^[^\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]{1,500}$/u;

const follows = (declared, seq) => {
  const { origin, prev_origin: former, vkey, prev_vkey: before } = declared;
  const [[base, number], [formerBase, formerNumber]] = [split(origin), split(former)];
  return declared.prev_size === seq && base !== undefined && base === formerBase
    && number === declared.epoch && number === formerNumber + 1
    && vkey.startsWith(`${origin}+`) && before.startsWith(`${former}+`)
    && declared.newest_epoch >= declared.custody_epoch && plain.test(declared.why);
};

// The declarations in the log, each of which goes on where the one before ended, and the keys from the
// first to the one that signed the head.
const chainOf = async (api, view, page, first, head) => {
  const [keys, chain] = [[first.vkey], []];
  for (const seq of view.log_epochs) {
    const { t, acts, ...found } = await page.entry(api, head, seq);
    const declared = Object.fromEntries(names.map((name) => [name, found[name]]));
    if (t !== "log.epoch" || !follows(declared, seq) || declared.prev_vkey !== keys.at(-1)) throw page.broken(text.unlinked);
    keys.push(declared.vkey);
    chain.push({ declared, acts });
  }
  return { keys, chain };
};

// The log under the new name begins as the one that this device knows.
const checkBeginning = async (api, pins, page, genesis, saved, head) => {
  const { checkpoint } = pins;
  if (checkpoint && checkpoint.size <= saved) {
    if (!(await page.grows(api, checkpoint, head))) throw page.broken(text.notSaved);
  } else if (!pins.genesis) throw page.broken(text.unseen);
  else if (pins.genesis !== genesis) throw page.broken(text.otherStart);
};

// Names of those who signed a declaration, by the roster in force where it stands.
const signedBy = async (api, view, page, known, { declared, acts }, head) => {
  const versions = await page.versionsOf(api, known, view, head, declared.prev_size);
  const { roster, roster_sha256: rosterHash, policy_sha256: policyHash } = versions;
  if (rosterHash !== declared.roster_sha256 || policyHash !== declared.policy_sha256) throw page.broken(text.notInForce);
  const signed = await page.actsOf(api, acts);
  const people = await page.signersOf(roster, "epoch", declared, signed).catch((why) => {
    throw page.broken(text.doesNotStand(why.message));
  });
  const signers = roster.people.filter((person) => people.has(person.id));
  const of = (all, role) => all.filter((person) => person.roles.includes(role)).length;
  if (of(signers, "custodian") < roster.k || of(signers, "operator") < Math.min(2, of(roster.people, "operator"))) {
    throw page.broken(text.tooFew);
  }
  if (!(await page.grows(api, { size: declared.prev_size, root: declared.prev_root }, head))) throw page.broken(text.notSaved);
  return signers.map((person) => person.name).join(", ");
};

// What changes in the pins, and what is told of it; nothing is told where only the way from the log's
// first key to the pinned one was not known yet.
export const follow = async (api, pins, view, page) => {
  const note = await api.text("/log/checkpoint");
  // Believed once it is opened below, with a key that people whom this device knows signed for.
  const [origin, size, root] = note.split("\n");
  const head = { origin, size: Number(size), root };
  const first = await page.entry(api, head, 0);
  const { keys, chain } = await chainOf(api, view, page, first, head);
  await page.openCheckpoint(note, keys.at(-1));
  const at = keys.indexOf(pins.log_vkey);
  if (at < 0 || keys.at(-1) !== view.log_vkey) throw page.broken(text.unlinked);
  const way = chain.slice(at);
  if (!way.length) return { moved: { log_vkeys: keys } };
  const [{ declared: saved }] = way;
  await checkBeginning(api, pins, page, await page.hashOf(first), saved.prev_size, head);
  // Nothing of what was lost is asked for here.
  const known = { vault: pins.vault, log_vkeys: keys };
  const signers = [];
  for (const each of way) signers.push(await signedBy(api, view, page, known, each, head));
  const seen = pins.checkpoint?.size ?? 0;
  const lost = Math.max(0, seen - saved.prev_size);
  const { custody_epoch: epoch, manifest_sha256, roster_sha256: newest_roster, policy_sha256: newest_policy } = saved;
  const told = way.map(({ declared }, i) => text.newEpoch(declared, signers[i]));
  return {
    moved: {
      log_vkey: keys.at(-1), log_vkeys: keys, former: [...(pins.former ?? []), pins.checkpoint], checkpoint: undefined,
      // Its memory of rosters and shares goes back with what was lost, to what the signers declared.
      ...(lost && { epoch, manifest_sha256, newest_roster, newest_policy }),
    },
    told: [[...told, lost ? text.lost(lost, seen) : text.nothingLost].join(" "), text.newEpochNow],
  };
};
