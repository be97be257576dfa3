"""The custodian's page follows a log that goes on under a new name after a restore.

    python tests/browser/restored_log.py --binary target/release/breakglass

One custodian has passkeys and this page alone; the others declare the new epoch by command. Her page
tells it once, with what was lost, and goes on; it fetches what that takes only then.
"""

import json
import sys

import custodian_page as page_of  # first: it says where the helpers lie
import new_log_epoch as declare
from children import until
from passkey_browser import Browser
from vault import Checks, arguments

SSH = {"ben": "custodian", "cleo": "custodian", "dora": "custodian", "rio": "responder", "vera": "auditor",
       "tess": "auditor", "otto": "operator", "olga": "operator"}
SIGNERS = ("ben", "cleo", "dora", "otto", "olga")


class MixedVault(page_of.PasskeyVault):
    """ada by passkey, everybody else by the SSH keys of the stage."""

    def roster(self):
        entry = ('[[people]]\nname = "{}"\nroles = ["{}"]\ntime_zone = "Europe/Berlin"\n'
                 'contacts = {{ mail = "{}@example.com" }}\nlogin_keys = {}\nunlockers = {}\n')
        ada = self.keys["ada"]
        lines = ['vault = "demo-vault"', "k = 3",
                 entry.format("ada", "custodian", "ada", json.dumps(ada["login"]), json.dumps(ada["unlockers"]))]
        for name, role in SSH.items():
            folder = self.dir / "people" / name
            keys = [(folder / f"{key}.pub").read_text().strip() for key in ("id_ed25519", "spare_ed25519")]
            unlockers = keys if role == "custodian" else []
            lines.append(entry.format(name, role, name, json.dumps(keys[:1]), json.dumps(unlockers)))
        return "\n".join(lines)

    def enrol_the_others(self):
        """By command, with both keys where there are two unlockers."""
        for name, role in SSH.items():
            folder = self.dir / "people" / name
            for kept in (folder / "config").glob("*"):
                kept.unlink()
            keys = ["--key", folder / "id_ed25519"]
            keys += ["--unlocker-key", folder / "spare_ed25519"] if role == "custodian" else []
            self.does(name, "enrol", self.lines()[name], *keys)
            if role == "custodian":
                self.does(name, "prove", "--yes")


def asked_for(browser):
    """Files of the page that were fetched since the last look."""
    return [url.rsplit("/", 1)[1] for _, url, _, _ in browser.traffic() if "/custodian/" in url]


def stops_once(checks, browser, page):
    """The page says it, shows nothing else, and goes on at the next try."""
    browser.traffic()
    browser.open(f"{page}#prove")
    browser.wait("what the page says", lambda: "NEW LOG EPOCH" in browser.text())
    said = browser.text()
    checks.hold("her page stops, and tells the new epoch, who signed it, why, and what is lost",
                all(word in said for word in ("NEW LOG EPOCH 2", "ben", "olga", "the disk died", "LOST",
                                              "Nothing was released")), said)
    checks.hold("it offers nothing to sign", "Prove my share" not in said, said)
    fetched = asked_for(browser)
    checks.hold("what that takes was fetched now", "epochs.js" in fetched, fetched)
    page_of.prove(checks, browser, page, 1)
    fetched = asked_for(browser)
    checks.hold("and not again", "epochs.js" not in fetched, fetched)


def main():
    given = arguments(__doc__)
    checks, apart, browser = Checks(), page_of.PageApart(), Browser("ada")
    apart.policy = page_of.POLICY.format("'self'")
    try:
        keys = {"ada": page_of.make_keys(checks, browser, f"{apart.console_name}/custodian/")}
        with MixedVault(given.binary, given.keep, keys, apart) as vault:
            apart.policy = page_of.POLICY.format(vault.console_url)
            page = f"{vault.console_url}/custodian/"
            vault.enrol_the_others()
            page_of.enrol(checks, vault, browser, page)
            page_of.prove(checks, browser, page, 1)
            backup = vault.folder / "backup"
            checks.equal("a backup is taken", declare.on_host(vault, "backup", backup)[0], 0)
            for _ in range(3):
                vault.does("otto", "alert", "test", "mail")
            # She sees what will be lost.
            page_of.prove(checks, browser, page, 1)
            seen = vault.does("otto", "log", "head")["size"]
            mark = vault.dir / "vault" / "data-passkeys" / "head.hw"
            until("the host's mark", lambda: int(mark.read_text().split("\n")[1]) >= seen)
            declare.restore(vault, backup, "data-passkeys")
            folder, file, _ = declare.declared(checks, vault, "declared")
            for name in SIGNERS:
                code, _, said = declare.signed(vault, folder, file, name)
                checks.hold(f"{name} signs", code == 0, said)
            signed = [folder / f"{name}.json" for name in SIGNERS]
            code, _, said = declare.on_host(vault, "log", "new-epoch", "apply", file, *signed)
            checks.hold("three custodians and two operators declare it", code == 0, said)
            vault.start_serve()
            stops_once(checks, browser, page)
            incident, phrase = vault.asks()
            page_of.offered(browser, page, incident)
            page_of.release(browser, " ".join(phrase.replace("\u00b7", " ").split()))
            checks.hold("she releases her share under the new name",
                        any(each["state"] == "in" for each in vault.view(incident)["custodians"]))
            checks.equal("no violation of the content policy", browser.complaints(), [])
    finally:
        browser.close()
        apart.stop()
    checks.finish()


if __name__ == "__main__":
    sys.exit(main())
