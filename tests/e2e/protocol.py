"""Delays, vetoes, co-approvers, longer and displaced sessions, through the real commands.

    python tests/e2e/protocol.py --binary target/release/breakglass

The policy is the built-in one, but the mandate has no delay, so that its co-approval is played
whole, the outage has one of a day, and no hour is an office hour. Must not know: the rules' inside.
"""

import json
import subprocess

import vault as v
from children import until

MANDATE = ("harm_within_hour=yes,admin_can_sign_in=no,rollback_elsewhere=no,platform_down=no,"
           "recovery_path_broken=no,written_order=yes")
BLOCKED = ("harm_within_hour=yes,admin_can_sign_in=no,rollback_elsewhere=no,platform_down=no,"
           "recovery_path_broken=yes")
POLICY = """use = "built_in"

[office_hours]
from_hour = 0
to_hour = 1
days = []

[[use_cases]]
id = "catastrophic-outage"
title = "Outage that waits"
max_minutes = 60
scope = ["ws:read"]
delay_minutes = 1440
delay_when = "always"

[[use_cases]]
id = "blocked-recovery-path"
title = "Blocked recovery path"
max_minutes = 60
scope = ["ws:read"]
delay_minutes = 10
delay_when = "out_of_hours"

[[use_cases]]
id = "compliance-mandate"
title = "Compliance mandate"
max_minutes = 120
scope = ["account:read", "ws:read"]
co_approver = "auditor"
"""


def opens(vault, because, answers, *more, name="rio"):
    """An opening without waiting: what the command printed."""
    return vault.does(name, "open", "--no-wait", "--because", because, "--answers", answers,
                      "--workspace", vault.databricks["workspace_id"], "--for", "20m", *more,
                      "a rehearsal of the protocol")


def refused(checks, vault, name, wanted, who, *words):
    """A command that must be refused with an exit code and a word in what it said."""
    code, _, said = vault.runs(who, *words)
    checks.hold(name, code == wanted[0] and wanted[1] in said, f"exit {code}: {said}")


def waiting_and_cooling(checks, vault):
    """Nothing is asked while it waits, nothing opens while it cools, security vetoes both."""
    waits = opens(vault, "catastrophic-outage", v.ANSWERS)
    inc = waits["incident"]
    checks.equal("a delay of a day is waited for", waits["phase"], "waiting")
    refused(checks, vault, "no share is taken while it waits: exit 3", (3, "does not accept approve"),
            "ada", "approve", inc, "--phrase", waits["phrase"])
    refused(checks, vault, "a veto is security's: exit 9", (9, "only a security"), "vera", "veto", inc,
            "--reason", "no")
    done = vault.does("sam", "veto", inc, "--reason", "nothing is planned")
    checks.equal("a veto ends the wait", done["phase"], "refused")
    shown = vault.does("ada", "status", inc)["asked"]["vetoed"]
    checks.equal("the veto's reason is shown", shown["reason"], "nothing is planned")
    cools = opens(vault, "blocked-recovery-path", BLOCKED)
    inc = cools["incident"]
    vault.does("emil", "refuse", inc, "--reason", "nobody called me")
    given = vault.approves(inc, cools["phrase"])
    checks.equal("quorum within the veto window cools", given[-1]["phase"], "cooling")
    shown = vault.does("rio", "status", inc)["asked"]
    checks.hold("status says until when", shown["waits_until"].endswith("Z"), shown)
    checks.equal("status says who refused and why", shown["refusals"][0]["reason"],
                 "nobody called me")
    done = vault.does("sam", "veto", inc, "--reason", "still nothing")
    checks.hold("a second veto within a day waits", done["waits_for_second"], done)
    checks.equal("and is not obeyed alone", done["phase"], "cooling")
    refused(checks, vault, "nor twice by the same person: exit 5", (5, "another person"), "sam",
            "veto", inc, "--reason", "really")
    checks.equal("the responder may still withdraw", vault.does("rio", "withdraw", inc)["phase"],
                 "withdrawn")


def mandate(checks, vault):
    """An auditor agrees without a share, then the session opens, and is extended."""
    asked = opens(vault, "compliance-mandate", MANDATE)
    inc, phrase = asked["incident"], asked["phrase"]
    vault.approves(inc, phrase)
    view = vault.does("rio", "status", inc)
    checks.equal("three shares are not enough", view["phase"], "collecting")
    checks.hold("status says who is missing", "auditor" in view["asked"]["missing"], view["asked"])
    refused(checks, vault, "an operator cannot co-approve", (6, "no custodian"), "otto",
            "approve", inc, "--phrase", phrase)
    refused(checks, vault, "an auditor who heard wrong words: exit 5", (5, "not the phrase"), "vera",
            "approve", inc, "--phrase", "able able able")
    done = vault.does("vera", "approve", inc, "--phrase", phrase)
    checks.hold("an auditor co-approves with the same command", done["co_approved"], done)
    until("the open session", lambda: vault.phase(inc) == "open")
    vault.does("rio", "claim", inc)
    before = vault.view(inc)["session"]["exp_ms"]
    asked = vault.does("rio", "extend", inc, "--minutes", "45", "--no-wait")
    refused(checks, vault, "wrong words under a longer session: exit 5", (5, "not the phrase"),
            "dora", "extend", inc, "--minutes", "45", "--phrase", "able able able")
    for name in ("ada", "ben", "emil"):
        vault.does(name, "extend", inc, "--minutes", "45", "--phrase", asked["phrase"])
    until("the longer session", lambda: vault.view(inc)["session"]["exp_ms"] > before)
    session = vault.view(inc)["session"]
    checks.equal("the session lasts 25 minutes more", session["exp_ms"] - before, 25 * 60_000)
    code, _, said = vault.runs("rio", "run", inc, "--", "true")
    checks.hold("its token still runs commands", code == 0, said)
    return inc


def displace(checks, vault, first):
    """A second quorum closes the first incident; then the custodians are asked once more."""
    second = opens(vault, "compliance-mandate", MANDATE, "--displace", first)
    inc = second["incident"]
    vault.approves(inc, second["phrase"])
    vault.does("tess", "approve", inc, "--phrase", second["phrase"])
    until("the first incident's review", lambda: vault.phase(first) == "in_review")
    code, _, said = vault.runs("rio", "run", first, "--", "true")

    def asks_again():
        view = vault.does("rio", "status", inc)
        return (view["phase"], view["shares_in"]) == ("collecting", 0) and "phrase" in view

    checks.comes("it asks again, under new words", asks_again, lambda: vault.does("rio", "status", inc))
    phrase = vault.does("rio", "status", inc)["phrase"].replace(" · ", " ")
    vault.approves(inc, phrase)
    vault.does("vera", "approve", inc, "--phrase", phrase)
    until("the second session", lambda: vault.phase(inc) == "open")
    vault.does("rio", "claim", inc)
    done = vault.does("cleo", "stop", inc, "--reason", "rehearsal over")
    checks.hold("a first stop is obeyed at once", not done["waits_for_second"], done)
    until("the second review", lambda: vault.phase(inc) == "in_review")
    vault.does("rio", "close", inc)
    refused(checks, vault, "run after close: exit 7, session ended", (7, "session has ended"),
            "rio", "run", inc, "--", "true")


def record(checks, vault, wanted):
    """The log verifies with both programs, and OpenSSH says the same of a veto."""
    folder, entries = vault.exported()
    kinds = {entry["t"] for entry in entries}
    checks.equal("every new kind of entry is in the log", wanted - kinds, set())
    second = subprocess.run(["python3", folder / "verify.py", folder], capture_output=True,
                            text=True, timeout=300)
    checks.hold("the second verifier agrees", second.returncode == 0, second.stderr)
    return folder


def veto_by_openssh(checks, folder):
    """OpenSSH says the same of a veto."""
    acts = sorted((folder / "acts").glob("*.json"))
    veto = next(path for path in acts if json.loads(path.read_text())["act"] == "veto")
    signers = next((folder / "allowed_signers").iterdir())
    verified = subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", json.loads(veto.read_text())["person"],
         "-n", "breakglass-veto", "-s", veto.with_suffix(".sig")],
        stdin=veto.open(), capture_output=True, text=True, timeout=300)
    checks.hold("ssh-keygen verifies a veto", verified.returncode == 0, verified.stderr)


def review(checks, vault, inc):
    """A review is read with names and moments."""
    tess = vault.dir / "people" / "tess"
    shown = subprocess.run(
        [vault.binary, "--config", tess / "config", "--state", tess / "state", "review", "show", inc],
        capture_output=True, text=True, timeout=300, env=v.quiet_environment())
    checks.hold("a review shows moments in UTC", " UTC" in shown.stdout, shown.stdout[:500])


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, given.keep, policy=POLICY, store=given.store) as vault:
        waiting_and_cooling(checks, vault)
        folder = record(checks, vault, {"incident.vetoed", "incident.cooling", "stop.asked"})
        veto_by_openssh(checks, folder)
    # Another vault: one person opens three times an hour at most.
    with v.Vault(given.binary, given.keep, policy=POLICY, store=given.store) as vault:
        inc = mandate(checks, vault)
        displace(checks, vault, inc)
        record(checks, vault, {"approve.co", "extend.asked", "extend.signed", "session.extended",
                               "incident.displacing"})
        review(checks, vault, inc)
    checks.finish()


main()
