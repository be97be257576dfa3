// Between incidents: making keys, enrolling them on this device, proving one's share.
import { button, facts, h, list, say, show } from "./dom.js";
import * as passkey from "./passkey.js";
import { openShare, openTest, opensOwn, proof } from "./share.js";
import { Stop } from "./stop.js";
import { changes, checkEpoch } from "./vault.js";
import { fingerprint } from "./words.js";

export { versionsPage } from "./proposals.js";

// Two keys, made before the vault knows them: their lines go to the operator (roster.toml).
export const newKeys = (run, name = "you", done = lines) => {
  const made = [];
  const step = async () => {
    const key = await passkey.make(name, made.map((each) => each.id));
    if (!(await opensOwn(key.recipient, key.unlocker))) {
      throw new Stop("no_unlocker", "What was sealed to this key did not open with it.", "Use another key or browser.");
    }
    made.push(key);
    if (made.length === 2) return done(made);
    ask();
  };
  const ask = () =>
    show(made.length ? "Now your second key" : "Make your first key",
      h("p", null, made.length
        ? "On another device or a security key, so that one lost key loses no share."
        : "Your phone, laptop or security key. You will touch it three times: browsers differ, so it is tried twice before it is trusted."),
      h("p", null, "It will be listed as \u201cBreak-glass share \u2013 do not delete\u201d. Keep it."),
      button(made.length ? "Make the second key" : "Make the key", () => run(step), true));
  ask();
};

const lines = async (made) => {
  const words = await fingerprint(made.map((key) => key.key + key.recipient).join("\n"));
  show("Both keys work",
    h("p", null, "Send these lines to the operator who writes the roster:"),
    h("p", null, h("code", { id: "login-keys" }, made.map((key) => key.key).join("\n"))),
    h("p", null, h("code", { id: "unlockers" }, made.map((key) => key.recipient).join("\n"))),
    h("p", null, "Then read these words to her by phone; she compares them with her own:"),
    h("p", { class: "large", id: "words" }, words));
};

// Each passkey of this person opens a test envelope on this device; the pins remember which is which.
export const enrolPage = async (person, run) => {
  const found = await person.documents();
  const known = { ...person.pins.passkeys };
  const test = async (id) => {
    say("Touch your key…");
    const unlocker = await passkey.unlock(id);
    if (!found.person.unlockers.includes(unlocker.recipient)) {
      throw new Stop("unknown_key", "This passkey is none of your unlockers in the roster.", "Use one you enrolled with.");
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
    const missing = found.person.unlockers.filter((each) => each.startsWith("age1") && !open.has(each));
    const own = found.person.unlockers[0] ?? found.person.login_keys[0];
    const words = await fingerprint(`${person.pins.vault}${person.pins.log_vkey}${own}`);
    show("Enrol your keys here",
      facts([["Vault", person.pins.vault], ["You", found.person.name], ["Keys that opened a test here", String(open.size)]]),
      missing.length
        ? h("p", null, "Touch each of your keys once; each opens a test envelope.")
        : h("p", null, "Every passkey of yours opened its test envelope."),
      missing.length ? button("Test a key", () => run(() => test(null)), true) : null,
      open.size ? [
        h("p", null, "Read these words to an operator by phone:"),
        h("p", { class: "large", id: "words" }, words),
        found.index ? h("p", null, h("a", { href: "#prove" }, "Next: prove your share")) : null,
      ] : null);
  };
  if (!found.person.roles.includes("custodian") || !found.person.unlockers.length) {
    await person.keep({});
    return show("Enrolled", h("p", null, `${found.person.name} may sign in on this device.`));
  }
  await render();
};

// Shows that the share opens; signs roster, policy and manifest by doing so. The share stays here.
export const provePage = async (person, run) => {
  const found = await person.documents();
  const { manifest, roster, policy } = found;
  if (!found.index) {
    throw new Stop("no_share", `You hold no share of epoch ${manifest.epoch}.`,
      "If you have just become a custodian, you get one with the next epoch.");
  }
  checkEpoch(person.pins, manifest.epoch, found.manifest_sha256);
  const told = await changes(person.api, person.pins, found);
  const sealed = await person.api.get(`/shares/${manifest.kind}/${manifest.epoch}`);
  show(`Prove share ${found.index} of epoch ${manifest.epoch}`,
    told.length ? h("div", { class: "note" }, list(told)) : null,
    h("p", null, `${roster.k} of ${roster.n} shares open the vault. By proving you sign that these are the people and uses you know:`),
    list(roster.people.map((each) => `${each.name}: ${each.roles.join(", ")}`)),
    list(policy.use_cases.map((each) => `${each.id}: up to ${each.max_minutes} minutes`)),
    h("p", null, "The share is opened on this device and does not leave it."),
    button("Prove my share", () => run(() => prove(person, found, sealed)), true));
};

const prove = async (person, found, sealed) => {
  const { manifest } = found;
  const { challenge } = await person.api.post("/prove/challenge", {});
  if (!/^[0-9a-f]{64}$/.test(challenge)) throw new Stop("challenge", "The vault's challenge is not 32 bytes.", "Try again.");
  const deed = {
    challenge, epoch: manifest.epoch, index: found.index, kind: manifest.kind,
    manifest_sha256: found.manifest_sha256, policy_sha256: found.policy_sha256,
    roster_sha256: found.roster_sha256, unlocker: person.recipient(),
  };
  say("Touch your key…");
  const { signed, unlocker } = await person.act("prove", null, deed, found.head, true);
  const share = await openShare(sealed.share, unlocker, manifest, found.manifest_sha256, found.index);
  await person.api.post("/prove", { act: signed, possession: await proof(share, signed.document) });
  await person.keep({
    roster_sha256: found.roster_sha256, policy_sha256: found.policy_sha256,
    epoch: manifest.epoch, manifest_sha256: found.manifest_sha256,
  });
  show("Proved", h("p", null, `Share ${found.index} of epoch ${manifest.epoch} opens. It stayed on this device.`));
};
