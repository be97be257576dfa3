// The words on an open page: asked for once for each part, by documents as they are then.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Stop } from "../src/stop.js";
import { termsHash } from "../src/vault.js";
import { bundled } from "./bundled.mjs";

const { keepWords, wordsBy } = await bundled("asked.js");
const { phrase } = await bundled("words.js");

const place = () => ({ dataset: { incident: "INC-7" }, textContent: "", parentElement: {} });

// A page whose part of the words may be put in place anew; `changed` is what an observer is told.
const page = (shown) => {
  const observers = [];
  const fresh = () => ("tried" in shown.place.dataset ? null : shown.place);
  globalThis.document = { body: {}, querySelector: (css) => (css.includes(":not([data-tried])") ? fresh() : shown.place) };
  globalThis.MutationObserver = class {
    constructor(told) { observers.push(told); }
    observe() {}
  };
  return async () => { for (const told of observers) await told(); };
};

test("terms that are refused are told once, whatever the page does to itself", async () => {
  const shown = { place: place() };
  const [asked, told] = [[], []];
  const changed = page(shown);
  const words = async (where) => {
    asked.push(where);
    throw new Stop("terms_refused", "The terms' roster is not the approved one.", "");
  };
  // The box is a change of the page, which its observer sees.
  const tell = async (part, error) => {
    told.push(error.code);
    if (told.length < 50) await changed();
  };
  await keepWords(words, tell);
  for (let n = 0; n < 5; n++) await changed();
  assert.deepEqual([asked.length, told], [1, ["terms_refused"]]);
});

test("a part that was put in place anew gets its words, and one that failed is tried with the next", async () => {
  const shown = { place: place() };
  const changed = page(shown);
  let silent = false;
  const words = async () => {
    if (silent) throw new Stop("unreachable", "The vault did not answer.", "");
    return "able acid also";
  };
  const told = [];
  await keepWords(words, (_, error) => told.push(error));
  assert.equal(shown.place.textContent, "able acid also");
  for (const [now, said] of [[true, ""], [false, "able acid also"]]) {
    silent = now;
    shown.place = place();
    await changed();
    await changed();
    assert.equal(shown.place.textContent, said);
  }
  assert.deepEqual(told, [], "a vault that does not answer is no alarm: the command is shown");
});

test("a place differs from the server's from the first try on, so that each refresh replaces it", () => {
  const shown = { place: place() };
  page(shown);
  keepWords(() => new Promise(() => {}), () => {});
  assert.equal(shown.place.dataset.tried, "", "while its words are still on their way");
});

test("terms that were asked anew are checked against documents of that moment, the same ones once", async () => {
  const vault = { roster: "one", terms: { incident: "INC-7", roster_sha256: "one" }, looks: 0, checks: 0 };
  const api = { get: async () => ({ terms: vault.terms }) };
  const prepare = async () => {
    vault.looks += 1;
    return { api, kept: {}, found: { roster_sha256: vault.roster } };
  };
  const check = async (_api, _kept, found) => {
    vault.checks += 1;
    if (found.roster_sha256 !== vault.terms.roster_sha256) throw new Stop("terms_refused", "", "");
    return { termsSha256: await termsHash(vault.terms) };
  };
  const words = wordsBy(prepare, check);
  const first = await words(place());
  assert.equal(first, phrase(await termsHash(vault.terms)));
  assert.equal(await words(place()), first);
  assert.deepEqual([vault.looks, vault.checks], [1, 1]);
  // A new roster takes effect, and the incident is asked anew.
  vault.roster = "two";
  vault.terms = { incident: "INC-7", roster_sha256: "two" };
  assert.equal(await words(place()), phrase(await termsHash(vault.terms)));
  assert.deepEqual([vault.looks, vault.checks], [2, 2]);
});
