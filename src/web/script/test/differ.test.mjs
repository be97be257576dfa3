// What is signed is shown: every difference has a line, another order among them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { differences } from "../src/differ.js";

const person = (id, more = {}) => ({ id, name: id, unlockers: [`age1${id}`, `age1spare${id}`], ...more });
const roster = (...people) => ({ k: 2, people });

test("another order of people is told beside what else differs", () => {
  const [ada, ben, cleo] = ["ada", "ben", "cleo"].map((id) => person(id));
  assert.deepEqual(differences(roster(ada, ben, cleo), roster(ben, ada, cleo)), ["~ people: another order"]);
  const joined = differences(roster(ada, ben, cleo), roster(person("gus"), cleo, ben, ada));
  assert.ok(joined.some((line) => line.startsWith("+ people: gus")), joined);
  assert.equal(joined.at(-1), "~ people: another order");
  const renamed = differences(roster(ada, ben), roster(ben, person("ada", { name: "Ada" })));
  assert.deepEqual(renamed, ["~ people Ada name: ada \u2192 Ada", "~ people: another order"]);
});

test("who comes and goes is no other order", () => {
  const [ada, ben, cleo] = ["ada", "ben", "cleo"].map((id) => person(id));
  for (const [before, after] of [[[ada, ben], [cleo, ada, ben]], [[ada, ben, cleo], [ada, cleo]], [[ada, ben], [ada, cleo]]]) {
    const lines = differences(roster(...before), roster(...after));
    assert.ok(lines.length && !lines.some((line) => line.includes("order")), lines);
  }
});

test("another order of keys is told, with a key more and without", () => {
  const before = roster(person("ada"));
  assert.deepEqual(differences(before, roster(person("ada", { unlockers: ["age1spareada", "age1ada"] }))),
    ["~ people ada unlockers: another order"]);
  assert.deepEqual(differences(before, roster(person("ada", { unlockers: ["age1spareada", "age1ada", "age1new"] }))),
    ["+ people ada unlockers: age1new", "~ people ada unlockers: another order"]);
});

test("the same thing once more or once less is never silent", () => {
  assert.equal(differences({ scope: ["a", "a"] }, { scope: ["a"] }).length, 1);
  assert.equal(differences({ scope: ["a"] }, { scope: ["a", "a"] }).length, 1);
});

test("only keys and hashes are shortened: what is signed is shown whole", () => {
  const text = "https://workspace.example/" + "a".repeat(80);
  const sentence = `Call the number on the ${"b".repeat(60)} wall, and nobody else`;
  const said = (before, after) => differences(before, after).join("\n");
  assert.ok(said({ access_details: "" }, { access_details: text }).includes(text));
  assert.ok(said({ access_details: "" }, { access_details: sentence }).includes(sentence));
  assert.ok(said({ scope: [] }, { scope: [text] }).includes(text));
  assert.ok(said({ use_cases: [] }, { use_cases: [{ id: "x", title: text }] }).includes(text));
  const key = `ssh-ed25519 ${"c".repeat(60)}tail`;
  assert.ok(!said(roster(person("ada")), roster(person("ada", { unlockers: [key] }))).includes(key));
  assert.ok(!said({ prev_sha256: "d".repeat(64) }, { prev_sha256: "e".repeat(64) }).includes("d".repeat(64)));
});
