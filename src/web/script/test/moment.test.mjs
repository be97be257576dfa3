// Moments as a custodian reads them: her own clock, and UTC with its date where that is another day.
import assert from "node:assert/strict";
import { test } from "node:test";
import { moment } from "../src/dom.js";

process.env.TZ = "America/New_York";
Object.defineProperty(globalThis, "navigator", { value: { language: "en-GB" }, configurable: true });

test("the evening in New York is the next day in UTC, and the date says so", () => {
  const said = moment(Date.parse("2026-11-23T03:15:00Z"));
  assert.match(said, /^Sun,? 22 Nov,? (at )?22:15 (EST|GMT-5) \(2026-11-23 03:15 UTC\)$/);
});

test("on the same day the hour is enough", () => {
  const said = moment(Date.parse("2026-11-22T15:04:00Z"));
  assert.match(said, /^Sun,? 22 Nov,? (at )?10:04 (EST|GMT-5) \(15:04 UTC\)$/);
});

test("the last minute of a day and of a year, and summer time", () => {
  assert.match(moment(Date.parse("2027-01-01T04:59:00Z")), /^Thu,? 31 Dec,? (at )?23:59 .*\(2027-01-01 04:59 UTC\)$/);
  assert.match(moment(Date.parse("2026-07-01T03:59:00Z")), /^Tue,? 30 Jun,? (at )?23:59 .*\(2026-07-01 03:59 UTC\)$/);
  assert.match(moment(Date.parse("2026-07-01T04:00:00Z")), /^Wed,? 1 Jul,? (at )?00:00 .*\(04:00 UTC\)$/);
});

test("a clock that shows UTC says it once", () => {
  process.env.TZ = "UTC";
  assert.match(moment(Date.parse("2026-11-22T15:04:00Z")), /^Sun,? 22 Nov,? (at )?15:04 UTC$/);
});
