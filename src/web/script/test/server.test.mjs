// A server that lies about roster and policy: the page relies on none of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { base64, canonical, hex } from "../src/bytes.js";
import * as vault from "../src/vault.js";
import { name, note, path, root, sha, vkey } from "./log.mjs";

const folder = process.env.BREAKGLASS_VECTORS ?? new URL("../../../../tests/vectors", import.meta.url).pathname;
const vectors = JSON.parse(readFileSync(`${folder}/sealed/versions.json`, "utf8"));
const chain = vectors.chains.find((each) => each.name.startsWith("a responder joins, signed by otto ada"));
const [step] = chain.steps;
const hash = (text) => hex(sha(text));
const [firstRoster, policy] = [hash(vectors.roster), hash(vectors.policy)];
const document = (text) => [`/log/files/roster/${hash(text)}.json`, text];

// An honest vault whose roster 2 took effect at entry 2; `bend` changes what it says.
const served = (bend = () => {}) => {
  const told = {
    entries: [
      { seq: 0, t: "log.genesis", vault: "prod-eu", vkey, roster_sha256: firstRoster, policy_sha256: policy },
      { seq: 1, t: "x" },
      { seq: 2, t: "roster.changed", roster_sha256: hash(step.text), acts: step.acts.map((act) => hash(act.document)) },
    ],
    view: {
      vault: "prod-eu", log_vkey: vkey, log_epochs: [], roster: JSON.parse(step.text), policy: JSON.parse(vectors.policy),
      versions: [{ seq: 2, what: "roster", sha256: hash(step.text) }],
      manifest: {
        v: "breakglass/1", vault: "prod-eu", kind: "live", epoch: 1, k: 2, n: 3, log_vkey: vkey,
        roster_sha256: firstRoster, possession_keys: ["a", "b", "c"],
      },
    },
    files: new Map([
      document(vectors.roster), document(step.text), [`/log/files/policy/${policy}.json`, vectors.policy],
      ...step.acts.flatMap((act) => [
        [`/log/files/acts/${hash(act.document)}.json`, act.document], [`/log/files/acts/${hash(act.document)}.sig`, act.signature],
      ]),
    ]),
  };
  bend(told);
  const texts = told.entries.map(canonical);
  const leaves = texts.map((text) => sha([0], text));
  return {
    text: async (asked) => asked === "/log/checkpoint" ? note(leaves.length, root(leaves)) : told.files.get(asked),
    get: async (asked) => {
      if (asked === "/vault") return told.view;
      const seq = Number(/seq=(\d+)/.exec(asked)[1]);
      return { entry: texts[seq], inclusion: path(seq, leaves).map((each) => base64(each)) };
    },
  };
};

const pins = { vault: "prod-eu", log_vkey: vkey, person: "ben" };

test("an honest vault's second roster is taken, with the share of the roster it was dealt to", async () => {
  const found = await vault.documents(served(), pins);
  assert.equal(found.roster_sha256, hash(step.text));
  assert.equal(found.index, 2);
  assert.equal(found.head.origin, name);
  const { newest_roster } = { newest_roster: found.roster_sha256 };
  assert.equal((await vault.documents(served(), { ...pins, newest_roster })).roster.seq, 2);
});

const lies = {
  "a roster that no entry made": (told) => { told.view.versions = []; },
  "an older roster than this device has seen": (told) => {
    told.view.versions = [];
    told.view.roster = JSON.parse(vectors.roster);
  },
  "a change that the log names by another hash": (told) => { told.entries[2].roster_sha256 = firstRoster; },
  "an entry of another kind": (told) => { told.entries[2].t = "x"; },
  "one signature too few": (told) => { told.entries[2].acts.pop(); },
  "another document under the hash": (told) => { told.files.set(...[document(step.text)[0], `${step.text} `]); },
  "another signature": (told) => {
    const [one, other] = step.acts;
    told.files.set(`/log/files/acts/${hash(one.document)}.sig`, other.signature);
  },
  "another first roster": (told) => { told.entries[0].roster_sha256 = hash(step.text); },
  "an epoch dealt to a roster that nobody approved": (told) => { told.view.manifest.roster_sha256 = "ab"; },
  "an epoch with another threshold": (told) => { told.view.manifest.k = 1; },
  "versions out of order": (told) => { told.view.versions.push(told.view.versions[0]); },
};

for (const [lie, bend] of Object.entries(lies)) {
  test(`refused: ${lie}`, async () => {
    const seen = { ...pins, newest_roster: hash(step.text) };
    await assert.rejects(vault.documents(served(bend), seen), { code: "log_broken" });
  });
}
