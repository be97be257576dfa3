// A log that goes on under a new name: followed only where enough people of the roster signed it.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign as nodeSign } from "node:crypto";
import { beforeEach, test } from "node:test";
import { base64, canonical, hex, unbase64url } from "../src/bytes.js";
import * as kept from "../src/pins.js";
import * as vault from "../src/vault.js";
import { keyed, name, path, root, sha, subproof, vkey } from "./log.mjs";

const storage = new Map();
globalThis.localStorage = {
  getItem: (key) => storage.get(key) ?? null,
  setItem: (key, value) => storage.set(key, value),
};
beforeEach(() => storage.clear());

const newName = name.replace("/e1", "/e2");
const second = keyed(newName);
const hash = (text) => hex(sha(text));

const field = (bytes) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, Buffer.from(bytes)]);
};
// OpenSSH PROTOCOL.sshsig.
const person = (id, roles) => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const blob = Buffer.concat([field("ssh-ed25519"), field(unbase64url(publicKey.export({ format: "jwk" }).x))]);
  const key = `ssh-ed25519 ${blob.toString("base64")}`;
  const signed = (word, document) => {
    const about = [field(`breakglass-${word}`), field(""), field("sha512")];
    const digest = createHash("sha512").update(document).digest();
    const made = nodeSign(null, Buffer.concat([Buffer.from("SSHSIG"), ...about, field(digest)]), privateKey);
    const whole = Buffer.concat([Buffer.from("SSHSIG"), Buffer.from([0, 0, 0, 1]), field(blob), ...about,
      field(Buffer.concat([field("ssh-ed25519"), field(made)]))]);
    const lines = whole.toString("base64").match(/.{1,70}/g).join("\n");
    return `-----BEGIN SSH SIGNATURE-----\n${lines}\n-----END SSH SIGNATURE-----\n`;
  };
  return { id, key, signed, row: { id, name: id, roles, contacts: { mail: `${id}@x.example` }, login_keys: [key], unlockers: [] } };
};
const people = Object.fromEntries([
  ["ada", ["custodian"]], ["ben", ["custodian"]], ["cleo", ["custodian"]], ["otto", ["operator"]], ["olga", ["operator"]],
].map(([id, roles]) => [id, person(id, roles)]));
const roster = canonical({ v: "breakglass/1", vault: "prod-eu", seq: 1, k: 2, n: 3, people: Object.values(people).map((each) => each.row) });
const policy = canonical({ use_cases: [] });

const entries = (texts) => texts.map((text) => sha([0], text));
const first = { seq: 0, t: "log.genesis", vault: "prod-eu", vkey, roster_sha256: hash(roster), policy_sha256: hash(policy) };
const saved = entries([canonical(first), canonical({ seq: 1, t: "x" })]);

// A vault that was restored with two entries; `bend` changes what it says.
const served = (bend = () => {}, signers = ["ada", "ben", "otto", "olga"]) => {
  const manifest = {
    v: "breakglass/1", vault: "prod-eu", kind: "live", epoch: 1, k: 2, n: 3, log_vkey: vkey,
    roster_sha256: hash(roster), possession_keys: ["a", "b", "c"],
  };
  const told = {
    first: { ...first },
    declared: {
      custody_epoch: 1, epoch: 2, manifest_sha256: hash(canonical(manifest)), newest_epoch: 1, origin: newName,
      policy_sha256: hash(policy), prev_origin: name, prev_root: base64(root(saved)), prev_size: 2, prev_vkey: vkey,
      roster_sha256: hash(roster), vkey: second.vkey, why: "the disk died",
    },
    view: {
      vault: "prod-eu", log_vkey: second.vkey, log_epochs: [2], versions: [], manifest,
      roster: JSON.parse(roster), policy: JSON.parse(policy),
    },
    act: (act) => act,
    note: second.note,
  };
  bend(told);
  const acts = signers.map((id) => {
    const document = canonical(told.act({
      ...told.signed ?? told.declared, act: "epoch", at_ms: 1, cp: { origin: name, root: "x", size: 2 },
      key: people[id].key, person: id, v: "breakglass/1", vault: "prod-eu",
    }, id));
    return { document, signature: people[id].signed("epoch", document) };
  });
  const texts = [told.first, { seq: 1, t: "x" },
    { ...told.declared, seq: 2, t: "log.epoch", seen_size: 2, acts: acts.map((act) => hash(act.document)) },
    { seq: 3, t: "y" }].map(canonical);
  const leaves = entries(texts);
  const files = new Map([
    [`/log/files/roster/${hash(roster)}.json`, roster], [`/log/files/policy/${hash(policy)}.json`, policy],
    ...acts.flatMap((act) => [
      [`/log/files/acts/${hash(act.document)}.json`, act.document], [`/log/files/acts/${hash(act.document)}.sig`, act.signature],
    ]),
  ]);
  return {
    text: async (asked) => asked === "/log/checkpoint" ? told.note(leaves.length, root(leaves)) : files.get(asked),
    get: async (asked) => {
      if (asked === "/vault") return told.view;
      const [, old, size] = /old=(\d+)&new=(\d+)/.exec(asked) ?? [];
      if (old) return { proof: subproof(Number(old), leaves.slice(0, Number(size)), true).map((each) => base64(each)) };
      const seq = Number(/seq=(\d+)/.exec(asked)[1]);
      return { entry: texts[seq], inclusion: path(seq, leaves).map((each) => base64(each)) };
    },
  };
};

const genesis = hash(canonical(first));
const pins = { vault: "prod-eu", log_vkey: vkey, person: "ben", checkpoint: { origin: name, size: 2, root: base64(root(saved)) } };
// It had seen a third entry, which was not saved.
const ahead = {
  ...pins, genesis, epoch: 2, manifest_sha256: "ab", newest_roster: "cd", newest_policy: "ef",
  checkpoint: { origin: name, size: 3, root: base64(root([...saved, sha("lost")])) },
};

test("what was declared by enough people is told once, and then the log goes on", async () => {
  kept.save(pins);
  await assert.rejects(vault.documents(served(), pins), (stop) => {
    assert.equal(stop.code, "log_epoch");
    assert.match(stop.what, /NEW LOG EPOCH 2.*Signed by ada, ben, otto, olga\. Reason: the disk died\. Nothing/);
    return true;
  });
  const moved = kept.load("prod-eu");
  assert.deepEqual([moved.log_vkey, moved.log_vkeys, moved.checkpoint], [second.vkey, [vkey, second.vkey], undefined]);
  assert.deepEqual(moved.former, [pins.checkpoint]);
  const found = await vault.documents(served(), moved);
  assert.equal(found.head.origin, newName);
  // The manifest is of the epoch before, whose key is known.
  const after = kept.learn(moved, vault.newest(found));
  assert.deepEqual([after.checkpoint.size, after.genesis], [4, genesis]);
  assert.equal((await vault.documents(served(), after)).roster.seq, 1);
});

test("who had seen more is told how much is lost, and what was declared takes its place", async () => {
  kept.save(ahead);
  await assert.rejects(vault.documents(served(), ahead), { code: "log_epoch", what: /1 entries .* \(up to 3\) are LOST/ });
  const { epoch, newest_roster: newest } = kept.load("prod-eu");
  assert.deepEqual([epoch, newest], [1, hash(roster)]);
  await vault.documents(served(), kept.load("prod-eu"));
});

test("a device that is enrolled under the new name learns the way there, and is told nothing", async () => {
  const fresh = { vault: "prod-eu", log_vkey: second.vkey, person: "ben" };
  assert.equal((await vault.documents(served(), fresh)).genesis, genesis);
  assert.deepEqual(kept.load("prod-eu").log_vkeys, [vkey, second.vkey]);
});

test("a later custody epoch that is dead by then is told", async () => {
  const stale = (told) => { told.declared.newest_epoch = 2; };
  await assert.rejects(vault.documents(served(stale), pins), { what: /epoch 2 was dealt later/ });
});

const other = keyed("vault.example/log/other/e1").vkey;
const lies = {
  "one custodian too few": [() => {}, pins, ["ada", "otto", "olga"]],
  "one operator too few": [() => {}, pins, ["ada", "ben", "cleo", "otto"]],
  "nobody signed": [() => {}, pins, []],
  "people signed another declaration": [(told) => { told.signed = { ...told.declared, prev_size: 1 }; }, pins],
  "one of them signed for another vault": [(told) => { told.act = (act) => ({ ...act, vault: "other-eu" }); }, pins],
  "one signed as somebody else": [(told) => { told.act = (act, id) => ({ ...act, person: id === "ben" ? "cleo" : id }); }, pins],
  "an act with a member more": [(told) => { told.act = (act) => ({ ...act, more: 1 }); }, pins],
  "it follows another key": [(told) => { told.declared.prev_vkey = other; }, pins],
  "it skips a number": [(told) => { told.declared.epoch = 3; }, pins],
  "it says another end of what was saved": [(told) => { told.declared.prev_size = 1; }, pins],
  "it says another root of what was saved": [(told) => { told.declared.prev_root = base64(sha("x")); }, pins],
  "a reason that reads otherwise than it stands": [(told) => { told.declared.why = "a\u202eb"; }, pins],
  "a roster that was not in force": [(told) => { told.declared.roster_sha256 = "ab"; }, pins],
  "the head is of the former name still": [(told) => { told.note = keyed(name).note; }, pins],
  "the vault names a key that signed nothing": [(told) => { told.view.log_vkey = other; }, pins],
  "nothing declares it": [(told) => { told.view.log_epochs = []; }, pins],
  "another entry declares it": [(told) => { told.view.log_epochs = [3]; }, pins],
  "another history than this device has seen": [() => {}, { ...pins, checkpoint: { ...pins.checkpoint, root: base64(sha("x")) } }],
  "another beginning, where more was seen": [() => {}, { ...ahead, genesis: "ab" }],
  "a beginning that was never seen": [() => {}, { ...ahead, genesis: undefined }],
  "another beginning, and its own people": [(told) => { told.first.policy_sha256 = "ab"; }, ahead],
};

for (const [lie, [bend, seen, signers]] of Object.entries(lies)) {
  test(`not followed: ${lie}`, async () => {
    kept.save(seen);
    await assert.rejects(vault.documents(served(bend, signers), seen), { code: "log_broken" });
    assert.equal(kept.load("prod-eu").log_vkey, vkey, "nothing has moved");
  });
}
