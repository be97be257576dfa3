// The words of a claim key: what is signed is the key whose words are shown, and no other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bundled } from "./bundled.mjs";

const { claimKey, showClaim } = await bundled("claim.js");

// The few things of a page that this needs.
const element = (name) => {
  const made = { name, class: "", children: [], text: "" };
  return Object.assign(made, {
    setAttribute: (key, value) => { made[key] = value; },
    append: (...more) => made.children.push(...more),
    prepend: (more) => made.children.unshift(more),
    querySelector: (css) => {
      const found = made.children.find((each) => each.class?.split(" ").includes(css.slice(1)));
      return found && { ...found, remove: () => made.children.splice(made.children.indexOf(found), 1) };
    },
  });
};
const classes = new Set();
globalThis.document = {
  createElement: element,
  documentElement: { classList: { toggle: (name, on) => (on ? classes.add(name) : classes.delete(name)) } },
};
const at = (claim) => { globalThis.location = { hash: claim && `#claim=${encodeURIComponent(claim)}` }; };
const wordsIn = (box) => box.children.map((claim) => claim.children.find((each) => each.id === "claim-words").children[0]);

const ours = `ssh-ed25519 ${"A".repeat(68)}`;
const theirs = ours.replace("AA", "AB");

test("the words are those of the command line, and the key is the one whose words are shown", async () => {
  const box = element("div");
  at(ours);
  await showClaim(box);
  // The command line's own test has the same key and words.
  assert.deepEqual(wordsIn(box), ["keno drum zoom iced"]);
  assert.equal(claimKey(), ours);
  assert.ok(classes.has("has-claim"));
});

test("another address on the same page shows other words, once", async () => {
  const box = element("div");
  at(ours);
  await showClaim(box);
  at(theirs);
  const changing = [showClaim(box), showClaim(box)];
  assert.equal(claimKey(), null, "nothing is signed while no words are shown");
  await Promise.all(changing);
  assert.equal(claimKey(), theirs);
  assert.equal(wordsIn(box).length, 1);
  assert.notDeepEqual(wordsIn(box), ["keno drum zoom iced"]);
});

test("a key whose words came too late is not the one that is signed", async () => {
  const box = element("div");
  at(theirs);
  const late = showClaim(box);
  at(ours);
  await Promise.all([late, showClaim(box)]);
  assert.deepEqual([claimKey(), wordsIn(box)], [ours, ["keno drum zoom iced"]]);
});

test("without a key, or with something else, there are no words and nothing to sign", async () => {
  for (const claim of ["", "ssh-ed25519 AAAA", `ssh-rsa ${"A".repeat(68)}`, `${ours} `, `<b>${ours}`]) {
    const box = element("div");
    at(claim);
    await showClaim(box);
    assert.deepEqual([box.children.length, claimKey(), classes.has("has-claim")], [0, null, false], claim);
  }
});
