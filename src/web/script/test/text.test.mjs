// What a person reads stands in src/text/ and nowhere else: a translator looks at one folder.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const src = new URL("../src/", import.meta.url);
const read = (name) => readFileSync(new URL(name, src), "utf8");
const withoutComments = (code) => code.replace(/^\s*\/\/.*$/gm, "").replace(/\s\/\/ .*$/gm, "");

// Words as people read them: two words in a row, or one that begins with a capital.
const sentence = /[A-Za-z,]{2} [a-z]{2}|^[A-Z][a-z]+$/;
const literals = (code) =>
  [...withoutComments(code).matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(([, one, other]) => one ?? other);

// Names that machines read, and faults that are caught before anybody could read them.
const machines = [
  /^(id name|mail|mail \||origin root|v vault|id title|only |act at_ms|office_hours)/, /^contacts \|/,
  /^Ed25519$/, /^Bearer \$/, /^(not hexadecimal|not base64|not base64url|not an integer|not canonical|no hash|proof too long|cut off|too long|no integer|no pair)$/,
  /^X25519$/, /^-----BEGIN/, /^(#questions textarea|box bad|box warn claim)$/,
];

const stray = (code) => literals(code).filter((text) => sentence.test(text) && !machines.some((known) => known.test(text)));

test("no sentence stands outside the folder of texts", () => {
  const files = readdirSync(src).filter((name) => name.endsWith(".js"));
  assert.ok(files.length > 15, "the sources were not found");
  for (const file of files) assert.deepEqual(stray(read(file)), [], file);
});

test("a sentence in the code would be found", () => {
  assert.deepEqual(stray('show("Sign in", h("p", null, "Touch your key"))'), ["Sign in", "Touch your key"]);
  assert.deepEqual(stray("say(`${name} asks for shares`); say(\"Refuse\");"), ["${name} asks for shares", "Refuse"]);
});

test("the page itself has only names of texts, and commands", () => {
  const shown = read("index.html").replace(/<code>[^<]*<\/code>|<[^>]*>/g, "").replace(/\{\w+\}/g, "");
  assert.match(shown.replace(/doctype|[\s,.]/g, ""), /^$/);
});

test("every text is used, once at least", () => {
  const sources = [...readdirSync(src).filter((name) => name.endsWith(".js")), "../build.mjs"];
  const code = sources.map(read).join("\n");
  for (const file of readdirSync(new URL("text/", src))) {
    const names = [...read(`text/${file}`).matchAll(/^export const (\w+)/gm)].map(([, name]) => name);
    assert.ok(names.length, file);
    const own = read(`text/${file}`);
    for (const name of names) {
      const uses = code.match(new RegExp(`\\b${name}\\b`, "g")) ?? [];
      const within = own.match(new RegExp(`\\b${name}\\b`, "g"));
      assert.ok(uses.length || within.length > 1, `${file}: ${name}`);
    }
  }
});
