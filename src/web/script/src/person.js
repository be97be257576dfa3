// The person at this page: her pins, her login, her checked documents, the passkey in her hand.
import { Api } from "./api.js";
import { canonical } from "./bytes.js";
import * as log from "./log.js";
import * as passkey from "./passkey.js";
import * as pins from "./pins.js";
import { Stop } from "./stop.js";
import * as text from "./text/shared.js";
import * as vault from "./vault.js";

export class Person {
  constructor(kept) {
    this.pins = kept;
    this.api = new Api(kept.server);
    this.keyId = null;
  }

  // Signs in with whichever passkey of this page is at hand. Asks for no PRF.
  async signIn() {
    if (this.api.loggedIn()) return;
    const key = `passkey ${location.hostname}`;
    const { challenge } = await this.api.post("/login/challenge", { key });
    const document = canonical({ at_ms: Date.now(), challenge, key, origin: this.api.origin });
    const { signed, id } = await passkey.sign("login", document, null);
    const reply = await this.api.post("/login", signed);
    if (reply.person !== this.pins.person) {
      throw new Stop("other_person", text.othersPasskey(reply.name), text.othersPasskeyNow);
    }
    this.api.login(reply.token);
    this.keyId = id;
    document_of(this, reply.name);
  }

  async documents() {
    // Moved by the try before this one, perhaps, or in another tab.
    this.pins = { ...this.pins, ...pins.load(this.pins.vault) };
    this.found = await vault.documents(this.api, this.pins);
    this.pins = pins.learn(this.pins, vault.newest(this.found));
    return this.found;
  }

  // Signs an act. `about` is an incident with the hash of its terms, or null.
  async act(word, about, more, head, open = false) {
    const act = {
      v: "breakglass/1", act: word, vault: this.pins.vault, person: this.pins.person,
      key: vault.keyOf(this.found.person, this.keyId), at_ms: Date.now(),
      cp: { origin: head.origin, root: head.root, size: head.size },
      ...(about && { incident: about.terms.incident }),
      ...(about?.termsSha256 && { terms_sha256: about.termsSha256 }),
      ...more,
    };
    return passkey.sign(word, canonical(act), this.keyId, open);
  }

  // The recipient that the passkey in her hand opens.
  recipient() {
    const known = this.pins.passkeys?.[this.keyId];
    if (!known) {
      throw new Stop("unlocker_unknown", text.unlockerUnknown, text.unlockerUnknownNow);
    }
    return known;
  }

  other() {
    return Object.keys(this.pins.passkeys ?? {}).find((id) => id !== this.keyId);
  }

  async keep(changed, head) {
    const { origin, root, size } = head ?? (await log.head(this.api, this.pins));
    this.pins = pins.learn(this.pins, { ...changed, checkpoint: { origin, root, size } });
  }
}

const document_of = (person, name) => {
  document.getElementById("who").textContent = text.who(name, person.pins.vault);
};
