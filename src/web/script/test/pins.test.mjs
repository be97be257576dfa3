// Two tabs of one device: what one has learnt the other does not take back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { learn, load, save } from "../src/pins.js";

const kept = new Map();
globalThis.localStorage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, text) => kept.set(name, text) };
const at = (size, root = `root ${size}`) => ({ origin: "o", root, size });
const first = { vault: "prod-eu", log_vkey: "key", person: "ada", checkpoint: at(5), newest_roster: "r1", passkeys: { a: "age1a" } };

test("a tab that waited does not put back what another has seen", () => {
  save(first);
  const waiting = load("prod-eu");
  learn(load("prod-eu"), { checkpoint: at(12), newest_roster: "r2", newest_policy: "p2", epoch: 2, manifest_sha256: "m2" });
  const joined = learn(waiting, { checkpoint: at(10), newest_roster: "r1", newest_policy: "p1", epoch: 1, manifest_sha256: "m1", roster_sha256: "r1" });
  assert.deepEqual(joined, load("prod-eu"));
  assert.deepEqual(joined, {
    ...first, checkpoint: at(12), newest_roster: "r2", newest_policy: "p2", epoch: 2, manifest_sha256: "m2", roster_sha256: "r1",
  });
});

test("what is newer is kept, member by member", () => {
  save({ ...first, epoch: 1, manifest_sha256: "m1" });
  const waiting = load("prod-eu");
  learn(load("prod-eu"), { checkpoint: at(12), passkeys: { b: "age1b" } });
  learn(waiting, { checkpoint: at(13), newest_roster: "r3", epoch: 2, manifest_sha256: "m2", passkeys: { a: "age1a", c: "age1c" } });
  assert.deepEqual(load("prod-eu"), {
    ...first, checkpoint: at(13), newest_roster: "r3", epoch: 2, manifest_sha256: "m2",
    passkeys: { a: "age1a", b: "age1b", c: "age1c" },
  });
});

test("the first checkpoint and the first epoch are kept", () => {
  const { checkpoint: _, ...bare } = first;
  save(bare);
  assert.deepEqual(learn(load("prod-eu"), { checkpoint: at(3), epoch: 1, manifest_sha256: "m1" }),
    { ...bare, checkpoint: at(3), epoch: 1, manifest_sha256: "m1" });
});

test("a device that was enrolled anew keeps nothing of before", () => {
  const anew = { vault: "prod-eu", log_vkey: "another", person: "ada" };
  save(anew);
  learn(first, { checkpoint: at(9) });
  assert.deepEqual(load("prod-eu"), anew);
});
