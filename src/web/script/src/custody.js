// Between incidents: making keys, enrolling them on this device, proving one's share.
import { button, facts, h, list, say, show } from "./dom.js";
import { make, unlock } from "./newkey.js";
import { openShare, openTest, opensOwn, proof } from "./share.js";
import { Stop } from "./stop.js";
import * as text from "./text/custody.js";
import { roles, touch } from "./text/shared.js";
import { changes, checkEpoch } from "./vault.js";
import { fingerprint } from "./words.js";

export { versionsPage } from "./proposals.js";

// Two keys, made before the vault knows them: their lines go to the operator (roster.toml).
export const newKeys = (run, name = text.you, done = lines) => {
  const made = [];
  const step = async () => {
    const key = await make(name, made.map((each) => each.id));
    if (!(await opensOwn(key.recipient, key.unlocker))) {
      throw new Stop("no_unlocker", text.noUnlocker, text.noUnlockerNow);
    }
    made.push(key);
    if (made.length === 2) return done(made);
    ask();
  };
  const ask = () =>
    show(made.length ? text.secondKey : text.firstKey,
      h("p", null, made.length ? text.secondKeyNow : text.firstKeyNow),
      h("p", null, text.listedAs(text.keyLabel)),
      button(made.length ? text.makeSecond : text.makeFirst, () => run(step), true));
  ask();
};

// Lines for the roster, one below the other, with a button that copies them.
const copied = (id, name, all) => [
  h("p", null, h("strong", null, name)),
  h("pre", null, h("code", { id }, all.join("\n"))),
  button(text.copy, () => navigator.clipboard.writeText(all.join("\n"))
    .then(() => say(text.isCopied(name)), () => getSelection().selectAllChildren(document.getElementById(id)))),
];

const lines = (made) =>
  show(text.bothWork,
    h("p", null, text.sendLines),
    ...copied("login-keys", "login_keys", made.map((key) => key.key)),
    ...copied("unlockers", "unlockers", made.map((key) => key.recipient)),
    h("p", null, text.linkNext));

// Each passkey of this person opens a test envelope on this device; the pins remember which is which.
export const enrolPage = async (person, run) => {
  const found = await person.documents();
  const known = { ...person.pins.passkeys };
  const test = async (id) => {
    say(touch);
    const unlocker = await unlock(id);
    if (!found.person.unlockers.includes(unlocker.recipient)) {
      throw new Stop("unknown_key", text.unknownKey, text.unknownKeyNow);
    }
    const envelope = await person.api.post("/enrol/test", { unlocker: unlocker.recipient });
    const opened = await openTest(envelope.envelope, unlocker);
    await person.api.post("/enrol/opened", { id: envelope.id, opened });
    known[unlocker.id] = unlocker.recipient;
    await person.keep({ passkeys: known });
    await render();
  };
  const render = async () => {
    const open = new Set(Object.values(known));
    // Her sheet of paper has an age1 recipient too, which no touch opens: passkeys of this page count.
    const missing = found.person.login_keys.filter((key) => key.startsWith(`passkey ${location.hostname}/`) && !known[key.split("/")[1]]);
    const shut = found.person.unlockers.some((each) => each.startsWith("age1") && !open.has(each));
    const own = found.person.unlockers[0] ?? found.person.login_keys[0];
    const words = await fingerprint(`${person.pins.vault}${person.pins.log_vkey}${own}`);
    show(text.enrol,
      facts([[text.factVault, person.pins.vault], [text.factYou, found.person.name], [text.factOpened, String(open.size)]]),
      h("p", null, missing.length && shut ? text.touchEach : text.allOpened),
      missing.length && shut ? button(text.testKey, () => run(() => test(null)), true) : null,
      open.size ? [
        h("p", null, text.readToOperator),
        h("p", { class: "large", id: "words" }, words),
        found.index ? h("p", null, h("a", { href: "#prove" }, text.nextProve)) : null,
      ] : null);
  };
  if (!found.person.roles.includes("custodian") || !found.person.unlockers.length) {
    await person.keep({});
    return show(text.enrolled, h("p", null, text.maySignIn(found.person.name)),
      h("p", null, h("a", { class: "main", href: `${person.api.origin}/sign-in` }, text.toSignIn)));
  }
  await render();
};

// Shows that the share opens; signs roster, policy and manifest by doing so. The share stays here.
export const provePage = async (person, run) => {
  const found = await person.documents();
  const { manifest, roster, policy } = found;
  if (!found.index) {
    throw new Stop("no_share", text.noShare(manifest.epoch), text.noShareNow);
  }
  checkEpoch(person.pins, manifest.epoch, found.manifest_sha256);
  const told = await changes(person.api, person.pins, found);
  const sealed = await person.api.get(`/shares/${manifest.kind}/${manifest.epoch}`);
  show(text.prove(found.index, manifest.epoch),
    told.length ? h("div", { class: "note" }, list(told)) : null,
    h("p", null, text.proveMeans(roster.k, roster.n)),
    list(roster.people.map((each) => text.person(each.name, roles(each.roles)))),
    list(policy.use_cases.map((each) => text.useCase(each.id, each.max_minutes))),
    h("p", null, text.staysHere),
    button(text.proveButton, () => run(() => prove(person, found, sealed)), true));
};

const prove = async (person, found, sealed) => {
  const { manifest } = found;
  const { challenge } = await person.api.post("/prove/challenge", {});
  if (!/^[0-9a-f]{64}$/.test(challenge)) throw new Stop("challenge", text.badChallenge, text.tryAgain);
  const deed = {
    challenge, epoch: manifest.epoch, index: found.index, kind: manifest.kind,
    manifest_sha256: found.manifest_sha256, policy_sha256: found.policy_sha256,
    roster_sha256: found.roster_sha256, unlocker: person.recipient(),
  };
  say(touch);
  const { signed, unlocker } = await person.act("prove", null, deed, found.head, true);
  const share = await openShare(sealed.share, unlocker, manifest, found.manifest_sha256, found.index);
  await person.api.post("/prove", { act: signed, possession: await proof(share, signed.document) });
  await person.keep({
    roster_sha256: found.roster_sha256, policy_sha256: found.policy_sha256,
    epoch: manifest.epoch, manifest_sha256: found.manifest_sha256,
  });
  show(text.proved, h("p", null, text.provedNow(found.index, manifest.epoch)), h("p", null, text.mayClose));
};
