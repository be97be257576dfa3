// A stop does not hang on the log: warned once, then signed over what this device saw last.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ending, seenLast } from "../src/ending.js";
import { Stop, broken } from "../src/stop.js";

test("a log that does not follow warns at the first press and ends at the second", async () => {
  const toEnd = ending(async () => { throw broken("another log"); }, (box) => `ended ${box}`);
  await assert.rejects(toEnd("INC-7"), (error) => error.code === "log_broken" && error.what === "another log"
    && error.now.includes("Press again") && error.released === "Nothing was signed.");
  assert.equal(await toEnd("INC-7"), "ended INC-7");
});

test("anything else still stops it, and a whole log needs nothing", async () => {
  const other = ending(async () => { throw new Stop("not_enrolled", "no", "no"); }, () => assert.fail());
  for (let press = 0; press < 2; press++) await assert.rejects(other("INC-7"), { code: "not_enrolled" });
  assert.equal(await ending(async () => "desk", () => assert.fail())("INC-7"), "desk");
});

test("what was seen last is the pinned checkpoint, or nothing of the pinned log", () => {
  const checkpoint = { origin: "o/e1", size: 7, root: "r" };
  assert.equal(seenLast({ checkpoint, log_vkey: "o/e1+1+k" }), checkpoint);
  const { origin, size } = seenLast({ log_vkey: "o/e1+1+k" });
  assert.deepEqual([origin, size], ["o/e1", 0]);
});
