// Versions of roster and policy that wait for signatures: shown difference by difference, held here
// against what is in force, signed by a touch.
import { hex, sha256, utf8 } from "./bytes.js";
import { differences } from "./differ.js";
import { button, facts, h, list, say, show } from "./dom.js";
import { Stop } from "./stop.js";
import { nameOf } from "./vault.js";
import { needsOf } from "./versions.js";

const whose = (found, needs) => {
  if (needs.herself) return `${nameOf(found.roster, needs.herself)} herself`;
  if (needs.two_operators) return "two operators";
  return needs.custodians ? `${needs.custodians} custodians` : "one operator and one custodian";
};

// Those that can take effect; `needs` and the hash are computed here.
const waiting = async (person, found) => {
  const { proposals } = await person.api.get("/proposals");
  const read = await Promise.all(proposals.map(async ({ what, document, signed, by }) => {
    try {
      const { after, needs } = needsOf(found, what, document);
      return { what, after, needs, signed, by, sha256: hex(await sha256(utf8(document))) };
    } catch {
      return null;
    }
  }));
  return read.filter(Boolean);
};

export const versionsPage = async (person, run) => {
  const found = await person.documents();
  const all = await waiting(person, found);
  const mine = all.filter(({ signed }) => !signed.includes(person.pins.person));
  if (!mine.length) {
    return show("Nothing waits for your signature",
      h("p", null, `Roster ${found.roster.seq} and policy ${found.policy.seq} are in force.`),
      all.length ? h("p", null, "You have signed what waits; others have still to.") : null);
  }
  show("Sign a new version?", mine.map((each) => [
    h("h2", null, `${each.what === "roster" ? "Roster" : "Policy"} ${each.after.seq}`),
    facts([
      ["Proposed by", nameOf(found.roster, each.by)],
      ["Signed so far", each.signed.map((id) => nameOf(found.roster, id)).join(", ") || "nobody"],
      ["Must sign", whose(found, each.needs)],
    ]),
    h("p", null, "What differs from the version in force:"),
    list(differences(found[each.what], { ...each.after, seq: found[each.what].seq, prev_sha256: found[each.what].prev_sha256 })),
    button(`Sign ${each.what} ${each.after.seq}`, () => run(() => sign(person, found, each)), true),
  ]), h("p", null, "If you did not expect this, sign nothing and call the person who proposed it."));
};

const sign = async (person, found, { what, after, sha256: hash }) => {
  say("Touch your key\u2026");
  const { signed } = await person.act(what, null, { [`${what}_sha256`]: hash }, found.head);
  const view = await person.api.post("/proposals/sign", signed);
  if (view.sha256 !== hash) throw new Stop("other_version", "The vault answered about another version.", "Look at it again.");
  // What one has signed and what is in force is no news at the next release.
  if (view.in_force) await person.keep({ [`${what}_sha256`]: hash });
  show(view.in_force ? `The ${what} is in force` : "You signed",
    h("p", null, view.in_force ? `Version ${after.seq} counts from now on.` : "It counts when the others have signed too."),
    h("p", null, "Nothing of your share was opened."));
};
