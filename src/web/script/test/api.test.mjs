// What the vault refuses is told in the vault's parts; where nobody can know, that is told.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Api } from "../src/api.js";

const { fetch } = globalThis;
afterEach(() => { globalThis.fetch = fetch; });

const answering = (status, body) => {
  globalThis.fetch = async () => new Response(body, { status });
  return new Api("http://vault");
};
const parts = { happened: "The terms have changed.", released: "Nothing was released.", now: "Load it again.", exactly: "Other terms." };

test("a refusal is told in the three parts of the vault's table, with its own sentence", async () => {
  const api = answering(409, JSON.stringify({ error: { code: "other_terms", message: "x", hint: "y", runbook: "z", parts } }));
  await assert.rejects(api.post("/incidents/INC-7/approve", {}), {
    code: "other_terms", what: parts.happened, released: parts.released, now: parts.now, exactly: parts.exactly,
  });
});

test("what somebody before the vault answers is no answer, and what was signed may have arrived", async () => {
  const api = answering(502, "<html>Bad gateway</html>");
  await assert.rejects(api.post("/incidents/INC-7/approve", {}), { code: "unreachable", released: /^Your share may have arrived/ });
  await assert.rejects(api.post("/incidents/INC-7/veto", {}),
    { code: "unreachable", released: "Nothing was released, but what you signed may have arrived." });
  await assert.rejects(api.get("/incidents/INC-7"), { code: "unreachable", released: "Nothing was released.", exactly: "" });
});

test("without an answer it is not known what arrived", async () => {
  globalThis.fetch = async () => { throw new TypeError("no network"); };
  const api = new Api("http://vault");
  await assert.rejects(api.post("/incidents", {}), { code: "unreachable", released: /may have arrived/ });
  await assert.rejects(api.post("/login/challenge", {}), { code: "unreachable", released: "Nothing was released." });
});
