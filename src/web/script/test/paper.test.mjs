// The text of a paper, read in the browser: the vector that the program's own reader is held to, and
// every kind of slip a person makes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { look, marks, normalise } from "../src/paper/read.js";
import { says } from "../src/text/paper.js";

const folder = process.env.BREAKGLASS_VECTORS ?? new URL("../../../../tests/vectors", import.meta.url).pathname;
const vector = JSON.parse(readFileSync(join(folder, "sealed/share_text.json"), "utf8"));
const { text } = vector;
const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const hex = (bytes) => Buffer.from(bytes).toString("hex");
// Another letter of the alphabet at each place, counted from 1.
const spoiled = (...places) => places.reduce((so, place) => {
  const letter = ALPHABET[(ALPHABET.indexOf(so[place - 1]) + 7) % 32];
  return so.slice(0, place - 1) + letter + so.slice(place);
}, text);

test("the vector is read, in any case, with any spaces", () => {
  const wide = text.toUpperCase().match(/.{1,4}/g).join(" - ");
  for (const typed of [text, wide, `\n${text}\n`, `\uff42${text.slice(1)}`]) {
    const read = look(typed);
    assert.equal(read.kind, "good", typed);
    assert.equal(hex(read.secret), vector.secret);
    assert.deepEqual(read.filled, []);
  }
  assert.equal(says(look(text)), null);
});

test("one to three wrong characters are named, wherever they stand", () => {
  for (let place = 5; place <= 78; place += 1) {
    assert.deepEqual(look(spoiled(place)), { kind: "wrong", places: [place] });
  }
  for (const places of [[13, 41], [5, 78], [6, 7], [13, 41, 77], [5, 6, 7], [20, 50, 66]]) {
    assert.deepEqual(look(spoiled(...places)), { kind: "wrong", places });
  }
  assert.deepEqual(says(look(spoiled(13, 41))),
    ["Characters 13 and 41 look wrong (groups 4 and 11).", "Nothing was sent.", "Read those groups again."]);
  assert.equal(says(look(spoiled(9)))[0], "Character 9 looks wrong (group 3).");
});

test("a letter that no text has is named at its place", () => {
  const typed = `${text.slice(0, 29)}b${text.slice(30)}`;
  assert.deepEqual(look(typed), { kind: "wrong", places: [30] });
  assert.equal(marks(typed)[7], "odd");
});

test("what is marked as unreadable follows from the rest, and is said", () => {
  const typed = `${text.slice(0, 19)}?${text.slice(20, 60)}?${text.slice(61)}`;
  const read = look(typed);
  assert.equal(read.kind, "good");
  assert.equal(hex(read.secret), vector.secret);
  assert.deepEqual(read.filled.filter((place) => ![20, 61].includes(place)), []);
});

test("a character left out or typed twice is found; other lengths say how many there are", () => {
  const short = text.slice(0, 33) + text.slice(34), long = text.slice(0, 40) + "z" + text.slice(40);
  const [missing, extra] = [look(short), look(long)];
  assert.equal(missing.kind, "missing");
  assert.ok(Math.abs(missing.places[0] - 34) <= 1, `${missing.places}`);
  assert.equal(extra.kind, "extra");
  assert.ok(Math.abs(extra.places[0] - 41) <= 1, `${extra.places}`);
  assert.deepEqual(look(text.slice(0, 50)), { kind: "length", found: 50 });
});

test("a sheet of something else is told apart", () => {
  assert.equal(look("ms10testsxxx").kind, "prefix");
  assert.equal(look("").kind, "prefix");
});

test("each group has its mark while somebody types", () => {
  assert.deepEqual(marks("").slice(0, 2), ["empty", "empty"]);
  assert.equal(marks("").length, 20);
  assert.deepEqual(marks("bgs1 qge3 yq").slice(0, 4), ["typed", "typed", "part", "empty"]);
  assert.deepEqual(marks("bgt1").slice(0, 1), ["odd"]);
  assert.deepEqual(new Set(marks(text)), new Set(["good"]));
  const wrong = marks(spoiled(13, 41));
  assert.deepEqual(wrong.flatMap((mark, at) => (mark === "wrong" ? [at + 1] : [])), [4, 11]);
  assert.equal(wrong.filter((mark) => mark === "typed").length, 18);
  assert.equal(marks(`${text}qq`).at(-1), "odd");
});

test("no sentence repeats what was typed", () => {
  for (const typed of [spoiled(13), text.slice(0, 50), `${text}q`, spoiled(5, 6, 7), "bgs1bbbb"]) {
    const sentence = says(look(typed)).join(" ");
    assert.ok(!normalise(typed).match(/.{5}/g).some((part) => sentence.includes(part)), sentence);
  }
});
