// Chains of roster and policy made by Rust: what stands there stands here, and nothing else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as vault from "../src/vault.js";
import { genesis, step } from "../src/versions.js";

const folder = process.env.BREAKGLASS_VECTORS ?? new URL("../../../../tests/vectors", import.meta.url).pathname;
const vectors = JSON.parse(readFileSync(`${folder}/sealed/versions.json`, "utf8"));

// The last step's outcome; those before it must stand.
const walk = async ({ steps }) => {
  let versions = await genesis(vectors.roster, vectors.policy);
  for (const each of steps.slice(0, -1)) versions = await step(versions, each);
  try {
    return [true, await step(versions, steps.at(-1))];
  } catch (why) {
    return [false, versions, why.message];
  }
};

for (const chain of vectors.chains) {
  test(`${chain.stands ? "stands" : "falls"}: ${chain.name}`, async () => {
    const [stood, versions, why] = await walk(chain);
    assert.equal(stood, chain.stands, why);
    assert.equal(versions.roster_sha256, chain.roster_sha256);
    assert.equal(versions.policy_sha256, chain.policy_sha256);
    assert.ok(versions.rosters.has(versions.roster_sha256) && versions.policies.has(versions.policy_sha256));
  });
}

test("a version with a member that this page does not know never stands", async () => {
  const good = vectors.chains.find((chain) => chain.stands);
  const [{ text, ...rest }] = good.steps;
  const more = { ...rest, text: text.replace(/}$/, ',"zz":1}') };
  const versions = await genesis(vectors.roster, vectors.policy);
  await assert.rejects(step(versions, more), /expected document/);
  assert.equal(typeof vault.documents, "function");
});
