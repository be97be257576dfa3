"""Every state an incident can be in, as its pages show it, and what stays where no script runs.

Each page is inspected in both themes at 320 and 390 px, and a picture of it is kept. Must not know:
how pages are made.
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "browser"))

from browser import Browser  # noqa: E402
import plain  # noqa: E402
from looks import Looks  # noqa: E402
from vault import ANSWERS, Checks, Vault, arguments, until  # noqa: E402

COOKIE = "__Host-breakglass"
BLOCKED = "harm_within_hour=yes,admin_can_sign_in=no,rollback_elsewhere=no,platform_down=no,recovery_path_broken=yes"
MANDATE = BLOCKED.replace("broken=yes", "broken=no,written_order=yes")


def more(parser):
    """What this script takes besides the binary."""
    parser.add_argument("--axe", required=True, help="axe.min.js")
    parser.add_argument("--pictures", required=True, help="folder for the pictures")


# Never office hours: a delay out of hours is one at any time.
POLICY = 'use = "built_in"\n\n[office_hours]\nfrom_hour = 0\nto_hour = 1\ndays = []\n'


class States:
    """Somebody's browser at the console."""

    def __init__(self, vault, checks, looks):
        self.vault, self.checks, self.looks = vault, checks, looks
        self.browser = Browser(f"http://{vault.console}")
        self.browser.name = "somebody"
        self.who = None

    def as_(self, name):
        """Signed in as somebody."""
        if self.who != name:
            self.browser.cdp("Network.clearBrowserCookies")
            self.checks.hold(f"{name}'s cookie is kept", self.browser.keep_cookie(COOKIE, self.vault.login_token(name)))
            self.who = name

    def look(self, name, who, path, *wanted):
        """A page in both themes and sizes, and what a tired person must find on it."""
        self.as_(who)
        self.browser.go(path)
        said = self.browser.text()
        missing = [text for text in wanted if text not in said]
        self.checks.hold(f"{name} says {', '.join(map(repr, wanted))}", not missing, [missing, said])
        self.looks.inspect(self.browser, f"state-{name}")

    def asks(self, who, because, answers, *words):
        """An opening: incident and phrase."""
        done = self.vault.does(who, "open", "--no-wait", "--because", because, "--answers", answers,
                               "--workspace", self.vault.databricks["workspace_id"], "--for", "20m", *words,
                               "nobody can sign in")
        return done["incident"], done["phrase"]


def another_responder(vault):
    """ida: nobody opens more than three times an hour."""
    key = vault.dir / "people" / "ida-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    vault.does("otto", "person", "add", "ida", "--role", "responder", "--mail", "ida@example.com",
               "--login-key", key.with_suffix(".pub"), "--yes")
    vault.does("ada", "roster", "sign", "--yes")
    link = vault.does("otto", "person", "invite", "ida")["link"]
    (vault.dir / "people" / "ida").mkdir()
    vault.does("ida", "enrol", link, "--key", key)


def not_yet_open(states):
    """Waiting, withdrawn, a veto, cooling, vetoed, refused."""
    vault, checks = states.vault, states.checks
    incident, _ = states.asks("rio", "compliance-mandate", MANDATE)
    states.look("waiting", "rio", f"/i/{incident}", "Waiting", "not asked yet")
    vault.does("rio", "withdraw", incident)
    states.look("withdrawn", "rio", f"/i/{incident}", "Withdrawn")
    checks.hold("nobody is asked to agree any more", "must agree" not in states.browser.text(), states.browser.text())
    incident, phrase = states.asks("rio", "blocked-recovery-path", BLOCKED)
    states.look("veto", "sam", f"/i/{incident}/veto", "Veto it?", f"breakglass veto {incident}")
    vault.approves(incident, phrase)
    states.look("cooling", "sam", f"/i/{incident}", "Veto window")
    states.look("release-cooling", "dora", f"/i/{incident}/release", "Enough shares are in")
    vault.does("sam", "veto", incident, "--reason", "nothing is planned")
    states.look("vetoed", "rio", f"/i/{incident}", "nothing is planned", "A security person said no",
                "share came in, worth nothing now")
    states.look("veto-too-late", "sam", f"/i/{incident}/veto", "Nothing was changed by you")
    incident, _ = states.asks("ida", "catastrophic-outage", ANSWERS)
    for name in ("cleo", "dora", "emil"):
        vault.does(name, "refuse", incident, "--reason", "nobody called me")
    states.look("refused", "ida", f"/i/{incident}", "Refused", "nobody called me")
    states.look("release-refused", "cleo", f"/i/{incident}/release", "You refused this incident")


def lapsed(states):
    """Asked three times again, then lapsed."""
    vault = states.vault
    incident, _ = states.asks("ida", "catastrophic-outage", ANSWERS)
    for _ in range(4):
        restart(vault)
    until("the lapse", lambda: vault.phase(incident) == "lapsed")
    states.who = None
    states.look("lapsed", "ida", f"/i/{incident}", "Lapsed", "did not answer")
    states.look("release-lapsed", "ada", f"/i/{incident}/release", "Too few shares came in time", "Nothing was released")


def restart(vault):
    """Whatever collects is asked anew."""
    vault.serve.end()
    vault.start_serve()


def worked_in(states):
    """An open session, asked for by the pages that script does without; its incident."""
    vault = states.vault
    plain.signs_in(states)
    plain.asks(states)
    incident, phrase = states.asks("rio", "catastrophic-outage", ANSWERS)
    plain.commands(states, "ada", f"/i/{incident}/release", f"breakglass approve {incident}")
    plain.commands(states, "ada", f"/i/{incident}/refuse", f"breakglass refuse {incident} --reason")
    plain.custodian_page(states, incident)
    plain.copies(states, f"/i/{incident}/release", f"breakglass approve {incident}")
    states.as_("rio")
    plain.counts_down(states, f"/i/{incident}")
    dead_ends(states, incident)
    plain.refreshes(states, incident, lambda: vault.approves(incident, phrase, ["ada"]))
    vault.approves(incident, phrase, ["ben", "cleo"])
    until("the open session", lambda: vault.phase(incident) == "open")
    vault.does("rio", "claim", incident)
    vault.through(vault.token(incident), "GET", "/api/2.0/clusters/list")
    plain.commands(states, "ada", f"/i/{incident}/stop", f"breakglass stop {incident} --reason")
    return incident


def says(states, who, path, *wanted):
    """What a page says, by its parts."""
    states.as_(who)
    states.browser.go(path)
    said = states.browser.text()
    missing = [part for part in wanted if part not in said]
    states.checks.hold(f"{path} to {who}: what happened, whether anything was released, what to do now", not missing, said)


def dead_ends(states, incident):
    """Who has nothing to release here, and why."""
    vault, path = states.vault, f"/i/{incident}/release"
    says(states, "vera", path, "You hold no share", "Nothing was released by you", "Nothing for you to do")
    for _ in range(2):
        vault.runs("dora", "approve", incident, "--phrase", "able able able")
    says(states, "dora", path, "paused for five minutes", "Nothing was released", "in five minutes")
    states.look("paused", "dora", f"/i/{incident}", "paused: other words were picked")
    vault.does("emil", "refuse", incident, "--reason", "nobody called me")
    says(states, "emil", path, "a no is final", "Nothing was released by you", "opens another incident")


def closing(states):
    """Databricks is away while it closes, then the vault dies: not safe yet, rotation owed."""
    vault = states.vault
    incident = worked_in(states)
    vault.knobs(unavailable_next=1_000_000)
    vault.does("rio", "close", incident, "--no-wait")
    states.look("closing", "rio", f"/i/{incident}", "Closing", "Not safe yet")
    states.look("board-closing", "ada", "/", incident)
    vault.serve.kill()
    vault.knobs(unavailable_next=0)
    vault.start_serve()
    until("the vault's question", lambda: "phrase" in vault.does("otto", "status", incident))
    states.who = None
    states.look("rotation-owed", "otto", f"/i/{incident}", "A rotation is owed", "Not safe yet")
    states.look("board-rotation-owed", "ada", "/", incident, "They are asked for below")
    states.look("release-rotation", "ada", f"/i/{incident}/release", "For the rotation alone: nobody gets access")
    vault.approves(incident, vault.does("otto", "status", incident)["phrase"])
    until("the review", lambda: vault.phase(incident) == "in_review")
    return incident


def review(states, incident):
    """A finding that is not taken, then one that is."""
    states.look("review-participant", "rio", f"/reviews/{incident}", "You took part")
    plain.commands(states, "rio", f"/reviews/{incident}")
    plain.typing_survives(states, incident, lambda: restart(states.vault))
    plain.review(states, incident)
    states.look("review-finding", "tess", f"/reviews/{incident}", "FINDING")


def own_incident(states):
    """A custodian who asks for a rotation does not count in it."""
    vault = states.vault
    asked = vault.does("emil", "open", "--purpose", "rotate", "--no-wait", "a rehearsal")
    incident = asked["incident"]
    says(states, "emil", f"/i/{incident}/release", "You asked for this yourself", "Nothing was released by you",
         "Read the phrase to the others")
    states.look("rotation-release", "ada", f"/i/{incident}/release", "For the rotation alone: nobody gets access")
    vault.does("emil", "withdraw", incident)


def drill(states):
    """A rehearsal from its asking to its review."""
    vault = states.vault
    asked = vault.does("otto", "drill", "the quarterly drill", "--no-wait")
    incident, phrase = asked["incident"], asked["phrase"]
    states.look("drill-collecting", "ben", f"/i/{incident}", "DRILL")
    states.look("drill-release", "ben", f"/i/{incident}/release", "DRILL")
    vault.approves(incident, phrase)
    until("the drill's session", lambda: vault.phase(incident) == "open")
    states.look("drill-open", "otto", f"/i/{incident}", "DRILL")
    states.look("drill-board", "ben", "/", "DRILL")
    vault.does("otto", "close", incident)
    until("the drill's review", lambda: vault.phase(incident) == "in_review")
    states.look("drill-review", "tess", f"/reviews/{incident}", "DRILL")


def main():
    """Runs everything; prints the counts."""
    given = arguments(__doc__, more)
    checks = Checks()
    looks = Looks(checks, given.axe, given.pictures)
    with Vault(given.binary, given.keep, policy=POLICY) as vault:
        another_responder(vault)
        states = States(vault, checks, looks)
        with states.browser:
            not_yet_open(states)
            lapsed(states)
            review(states, closing(states))
            drill(states)
            own_incident(states)
            checks.equal("no request left the origin", states.browser.strangers(), [])
            checks.equal("no policy was violated", states.browser.violations(), [])
    checks.finish()


if __name__ == "__main__":
    main()
