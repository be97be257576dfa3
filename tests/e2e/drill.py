"""A drill with the real binary: the path of an emergency over a decoy, and Databricks hears nothing.

    python tests/e2e/drill.py --binary target/debug/breakglass

A responder rehearses, three custodians give shares, calls are judged and logged and none is sent,
the close deals the next decoy, an auditor signs, the export is verified by the binary and by
`verify.py`; then an emergency takes the vault from a second drill.
"""

import json
import subprocess
import sys

import vault as v

REASON = "the quarterly drill"
MARK = "[DRILL"


def last_drills(vault):
    """Who gave a share in a drill, by name."""
    shown = vault.does("rio", "status")["drills"]
    return sorted(one["person"] for one in shown if one["at"])


def rehearsed(checks, vault):
    """A drill up to its claimed session; its id."""
    code, _, said = vault.runs("ada", "drill", REASON, "--no-wait")
    checks.hold("a custodian may not ask for a drill (exit 9)", code == 9, f"{code}: {said}")
    asked = vault.does("rio", "drill", REASON, "--no-wait")
    incident = asked["incident"]
    checks.equal("the answer says that it is a drill", asked["purpose"], "drill")
    pages(checks, vault, ["/", f"/i/{incident}", f"/i/{incident}/release", f"/i/{incident}/refuse"])
    code, _, said = vault.runs("ben", "approve", incident, "--phrase", "able acid also")
    checks.hold("other words than the drill's release nothing (exit 5)", code == 5, f"{code}: {said}")
    given = vault.approves(incident, asked["phrase"])
    checks.equal("three drill shares are in", (given[-1]["purpose"], given[-1]["shares_in"]),
                 ("drill", 3))
    v.until("the drill's session", lambda: vault.phase(incident) == "open")
    claimed = vault.does("rio", "claim", incident)
    checks.hold("the claim says that it is a drill", claimed["drill"] is True, claimed)
    return incident


def pages(checks, vault, paths):
    """Every page about a drill says so first."""
    for path in paths:
        headers = {"cookie": f"__Host-breakglass={vault.login_token('ada')}"}
        reply = v.call(vault.console, "GET", path, headers)
        shown = reply.body.decode()
        checks.hold(f"the page {path} is marked", reply.status == 200 and "DRILL" in shown,
                    f"{reply.status}: {shown[:1500]}")


def calls(checks, vault, incident):
    """What calls do: judged, logged, never sent."""
    token = vault.token(incident)
    reply = vault.through(token, "GET", "/api/2.0/accounts/%s/workspaces"
                          % vault.databricks["account_id"])
    body = json.loads(reply.body)
    checks.hold("an allowed call is answered by the vault itself",
                reply.status == 403 and body["message"].startswith("DRILL"), body)
    reply = vault.through(token, "POST", "/api/2.0/token/create", {"comment": "x"})
    body = json.loads(reply.body)
    checks.hold("a call that no session may make is refused as in an emergency",
                reply.status == 403 and not body["message"].startswith("DRILL"), body)


def reviewed(checks, vault, incident):
    """tess, who took no part, answers everything and signs."""
    view = vault.api("tess", "GET", f"/reviews/{incident}")
    wanted = [one["id"] for one in view["questions"] + view["items"]]
    answers = vault.folder / "answers.toml"
    answers.write_text("".join(f"{one} = \"looked at\"\n" for one in wanted))
    vault.does("tess", "review", "sign", incident, "--verdict", "justified",
               "--answers", str(answers))
    checks.equal("the drill is reviewed", vault.phase(incident), "reviewed")


def marked(checks, vault, incident):
    """Every entry and every mail of the drill carries the mark; the export verifies twice."""
    folder, entries = vault.exported()
    about = [one for one in entries if one.get("inc") == incident]
    bare = sorted({one["t"] for one in about if one.get("drill") is not True})
    checks.hold("every entry of the drill is marked", len(about) > 20 and not bare, bare)
    begun = [one for one in about if one["t"] == "call.begin"]
    ended = [one for one in about if one["t"] == "call.abort" and one["why"] == "drill"]
    checks.hold("the call has its begin and was not sent", len(begun) == len(ended) == 1, about)
    dealt = [one["epoch"] for one in entries if one["t"] == "drill.dealt"]
    checks.equal("one decoy before and one after, in numbers of their own", dealt, [1, 2])
    done = subprocess.run([sys.executable, str(folder / "verify.py"), str(folder)],
                          capture_output=True, text=True, timeout=600)
    checks.hold("verify.py takes drill epochs and acts", done.returncode == 0,
                done.stdout[-1500:] + done.stderr[-1500:])

    def mails():
        return [mail for mail in vault.mail.mails if incident in mail["subject"]]

    v.until("the mail about its review", lambda: len(mails()) > 5 and any(
        "REVIEWED" in m["subject"] for m in mails()))
    plain = [mail["subject"] for mail in mails() if MARK not in mail["subject"]]
    checks.hold("every mail about it is marked", len(mails()) > 5 and not plain, plain)


def interrupted(checks, vault):
    """An emergency takes the vault from a drill that has it."""
    asked = vault.does("otto", "drill", "a second one", "--no-wait")
    vault.approves(asked["incident"], asked["phrase"], ("cleo", "dora", "emil"))
    v.until("the second drill's session", lambda: vault.phase(asked["incident"]) == "open")
    incident, token = vault.open_session()
    headers = {"cookie": f"__Host-breakglass={vault.login_token('ada')}"}
    shown = v.call(vault.console, "GET", f"/i/{incident}", headers).body.decode()
    checks.hold("the emergency's own page is not marked", "DRILL" not in shown, shown[:1500])
    checks.comes("the drill made room", lambda: vault.phase(asked["incident"]) == "in_review",
                 lambda: vault.phase(asked["incident"]))
    reply = vault.through(token, "GET", "/api/2.0/preview/scim/v2/Me")
    checks.equal("the emergency's calls reach Databricks", reply.status, 200)
    closed = vault.close(incident)
    checks.hold("and it is closed as ever", closed["old_secret_refused"], closed)
    checks.equal("all five have drilled by now", len(last_drills(vault)), 5)


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, keep=given.keep, store=given.store) as vault:
        checks.equal("nobody has drilled yet", last_drills(vault), [])
        heard = len(vault.upstream())
        incident = rehearsed(checks, vault)
        calls(checks, vault, incident)
        closed = vault.close(incident)
        checks.hold("the close says that it was a drill", closed["purpose"] == "drill"
                    and closed["safe"], closed)
        pages(checks, vault, [f"/i/{incident}", "/incidents", "/reviews", f"/reviews/{incident}"])
        reviewed(checks, vault, incident)
        # The clock is held against Databricks' before every opening, without a credential.
        asked = [one for one in vault.upstream()[heard:]
                 if one["authorization_headers"] or one["method"] != "GET"]
        checks.equal("Databricks was asked for nothing but the time", asked, [])
        checks.equal("three have drilled", len(last_drills(vault)), 3)
        marked(checks, vault, incident)
        interrupted(checks, vault)
        vault.exported()
    checks.finish()


if __name__ == "__main__":
    main()
