// The versions of roster and policy, from those that the log began with to those in force, each
// signed by people of the version before (PROTOCOL §1, §9): the steps of `src/sealed/versions.rs`.
// Where they come from, and that the log holds their entries, is the caller's business.
import { hex, sha256, utf8 } from "./bytes.js";
import { comparable, met, only, policyNeeds, rosterNeeds } from "./rules.js";
import { parseAct, verify } from "./signatures.js";
import * as text from "./text/checks.js";

const hashText = async (document) => hex(await sha256(utf8(document)));

// The people of `roster` who signed exactly this, with keys of their own.
export const signersOf = async (roster, what, said, acts) => {
  const people = new Set();
  for (const { document, signature } of acts) {
    const act = only(parseAct(document), `act at_ms cp key person v vault ${Object.keys(said).join(" ")} | incident terms_sha256`);
    only(act.cp, "origin root size");
    const says = act.v === "breakglass/1" && act.act === what && Object.keys(said).every((name) => act[name] === said[name])
      && act.vault === roster.vault;
    if (!says) throw new Error(text.agreesElsewhere);
    const owner = roster.people.find((person) => person.login_keys.some((key) => comparable(key) === comparable(act.key)));
    if (!owner || owner.id !== act.person) throw new Error(text.somebodyElse);
    if (!(await verify(act.key, what, { document, signature }))) throw new Error(text.signatureFails);
    people.add(owner.id);
  }
  return people;
};

// The first ones, from their exact texts. `rosters` has every one that was ever in force, by hash.
export const genesis = async (rosterText, policyText) => {
  const [roster, policy] = [parseAct(rosterText), parseAct(policyText)];
  const [rosterHash, policyHash] = [await hashText(rosterText), await hashText(policyText)];
  return {
    roster, policy, roster_sha256: rosterHash, policy_sha256: policyHash,
    rosters: new Map([[rosterHash, roster]]), policies: new Set([policyHash]),
  };
};

// A version that could follow, and whose signatures would make it count.
export const needsOf = ({ roster, roster_sha256: rosterHash, policy, policy_sha256: policyHash }, what, document) => {
  const after = parseAct(document);
  return what === "roster"
    ? { after, needs: rosterNeeds(roster, rosterHash, after) }
    : { after, needs: policyNeeds(policy, policyHash, after, roster.k) };
};

// The versions after one more step `{ what, text, acts }`; an error says why it does not stand.
export const step = async (versions, { what, text: document, acts }) => {
  const { after, needs } = needsOf(versions, what, document);
  const hash = await hashText(document);
  const { roster } = versions;
  const signers = await signersOf(roster, what, { [`${what}_sha256`]: hash }, acts);
  if (!met(needs, roster, signers)) throw new Error(text.tooFew);
  return what === "roster"
    ? { ...versions, roster: after, roster_sha256: hash, rosters: new Map([...versions.rosters, [hash, after]]) }
    : { ...versions, policy: after, policy_sha256: hash, policies: new Set([...versions.policies, hash]) };
};
