// Versions of roster and policy that wait for signatures: shown difference by difference, held here
// against what is in force, signed by a touch.
import { hex, sha256, utf8 } from "./bytes.js";
import { differences } from "./differ.js";
import { button, facts, h, list, say, show } from "./dom.js";
import { Stop } from "./stop.js";
import * as text from "./text/custody.js";
import { touch } from "./text/shared.js";
import { nameOf } from "./vault.js";
import { needsOf } from "./versions.js";

const whose = (found, needs) => {
  if (needs.herself) return text.herself(nameOf(found.roster, needs.herself));
  if (needs.two_operators) return text.twoOperators;
  return needs.custodians ? text.custodians(needs.custodians) : text.oneAndOne;
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
    return show(text.nothingWaits,
      h("p", null, text.inForce(found.roster.seq, found.policy.seq)),
      all.length ? h("p", null, text.othersHaveTo) : null);
  }
  show(text.signVersion, mine.map((each) => [
    h("h2", null, text.versionOf(each.what, each.after.seq)),
    facts([
      [text.factBy, nameOf(found.roster, each.by)],
      [text.factSigned, each.signed.map((id) => nameOf(found.roster, id)).join(", ") || text.nobody],
      [text.factMust, whose(found, each.needs)],
    ]),
    h("p", null, text.differs),
    list(differences(found[each.what], { ...each.after, seq: found[each.what].seq, prev_sha256: found[each.what].prev_sha256 })),
    button(text.signButton(each.what, each.after.seq), () => run(() => sign(person, found, each)), true),
  ]), h("p", null, text.notExpected));
};

const sign = async (person, found, { what, after, sha256: hash }) => {
  say(touch);
  const { signed } = await person.act(what, null, { [`${what}_sha256`]: hash }, found.head);
  const view = await person.api.post("/proposals/sign", signed);
  if (view.sha256 !== hash) throw new Stop("other_version", text.otherVersion, text.otherVersionNow);
  // What one has signed and what is in force is no news at the next release.
  if (view.in_force) await person.keep({ [`${what}_sha256`]: hash });
  show(view.in_force ? text.isInForce(what) : text.youSigned,
    h("p", null, view.in_force ? text.counts(after.seq) : text.countsLater),
    h("p", null, text.nothingOpened));
};
