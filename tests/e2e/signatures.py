"""What people change and lift by signing: policy, roster, gates, all by the real commands.

    python tests/e2e/signatures.py --binary target/release/breakglass [--store postgres]

A tightening by two operators, a loosening and a smaller circle by three custodians, each of whom is
shown the differences; an overdue review that only security lifts, since no further custodian is
left; and an alert that no channel confirmed, for which one approver more stands in.
"""

import json
import socket
import sqlite3
import time

import vault as v
from children import until

CUSTODIANS = ("ada", "ben", "cleo")
# An approver may stand in for a confirmation from this long after the opening on (PROTOCOL §6).
GRACE_S = 60


def shown(checks, vault, name, what, *wanted):
    """Signs what waits, and holds that the signer was shown every difference first."""
    code, printed, said = vault.runs(name, what, "sign", "--yes")
    checks.hold(f"{name} signs the {what}, having read: {', '.join(wanted)}",
                code == 0 and all(line in said for line in wanted), f"exit {code}: {said}")
    checks.hold(f"{name}: a script is told the same", all(
        any(line in one for one in printed["differences"]) for line in wanted), printed)
    return printed


def proposes(vault, name, what, text):
    """A version written by hand."""
    file = vault.folder / f"{what}.toml"
    file.write_text(text)
    return vault.does(name, what, "propose", file, "--yes")


def refused(checks, vault, name, wanted, who, *words):
    """A command that must be refused with an exit code and a word in what it said."""
    code, _, said = vault.runs(who, *words)
    checks.hold(name, code == wanted[0] and wanted[1] in said, f"exit {code}: {said}")


def policies(checks, vault):
    """A tightening needs two operators, a loosening k custodians."""
    use = 'use = "built_in"\nreview_due_hours = '
    done = proposes(vault, "otto", "policy", use + "48\n")
    checks.hold("a tightening needs two operators; one is not enough",
                not done["in_force"] and done["needs"] == "two operators", done)
    refused(checks, vault, "who signed it cannot sign it again: exit 3", (3, "waits for your"), "otto",
            "policy", "sign", "--yes")
    done = shown(checks, vault, "olga", "policy", "72 → 48 hours")
    checks.hold("with the second operator it is in force", done["in_force"], done)
    done = proposes(vault, "otto", "policy", use + "96\n")
    checks.hold("a loosening needs three custodians", not done["in_force"]
                and done["needs"] == "3 custodians", done)
    code, printed, _ = vault.runs("olga", "policy", "sign", "--yes")
    checks.hold("operators' signatures do not make it one", code != 0 or not printed["in_force"], printed)
    for name in CUSTODIANS:
        done = shown(checks, vault, name, "policy", "48 → 96 hours")
        checks.equal(f"after {name} it is in force", done["in_force"], name == CUSTODIANS[-1])
    policy = vault.does("vera", "policy", "show")
    checks.equal("everybody reads the new version",
                 (policy["version"], policy["policy"]["review_due_hours"]), (3, 96))


def rosters(checks, vault):
    """Contacts by an operator and a custodian; custodians by one operator down to k + 1, then by k."""
    done = vault.does("otto", "person", "reach", "rio", "--mail", "rio@new.example.com", "--yes")
    checks.hold("other contacts need a custodian too", not done["in_force"], done)
    done = shown(checks, vault, "ada", "roster", "rio@new.example.com")
    checks.hold("with her signature they are in force", done["in_force"], done)
    roster = vault.does("vera", "roster", "show", "--toml")["toml"]
    checks.hold("roster show has them", "rio@new.example.com" in roster, roster)
    # The same by a file that somebody edited.
    done = proposes(vault, "olga", "roster", roster.replace("rio@new.example.com", "rio@example.com"))
    checks.hold("a roster written by hand waits as well", not done["in_force"], done)
    waits = vault.does("vera", "roster", "show")["proposals"]
    checks.hold("roster show says what waits, and for whom", len(waits) == 1 and any(
        "rio@example.com" in line for line in waits[0]["differences"]), waits)
    done = shown(checks, vault, "ben", "roster", "rio@example.com")
    checks.hold("and counts once a custodian has signed", done["in_force"], done)
    code, _, said = vault.runs("otto", "person", "remove", "emil", "--yes")
    checks.equal(f"one operator proposes to be without emil ({said.strip()[:60]})", code, 0)
    refused(checks, vault, "who is out at once is out: exit 9", (9, ""), "emil", "status")
    for name in ("dora", *CUSTODIANS):
        code, printed, said = vault.runs(name, "roster", "sign", "--yes")
        checks.hold(f"{name} signs a circle without emil", code == 0 and "emil" in said, said)
        if printed["in_force"]:
            break
    checks.hold("k signatures make it one", printed["in_force"], printed)
    done = vault.does("otto", "person", "remove", "dora", "--yes")
    checks.hold("below k + 1 custodians an operator's word is not enough", not done["in_force"], done)
    checks.hold("dora may still look", vault.runs("dora", "status")[0] == 0)
    for name in CUSTODIANS:
        done = shown(checks, vault, name, "roster", "dora")
    checks.hold("by k custodians it is done", done["in_force"], done)
    refused(checks, vault, "dora is out now: exit 9", (9, ""), "dora", "status")


def overdue(checks, vault, incident):
    """The review of `incident` is late, and there is no fourth custodian: security lifts the gate."""
    vault.serve.kill()
    late = int(time.time() * 1000) - 1000
    if vault.postgres:
        vault.postgres.sql(
            "UPDATE incident SET doc = jsonb_set(doc::jsonb, '{phase,due_ms}', "
            f"'{late}')::text WHERE id = '{incident}'")
    else:
        with sqlite3.connect(vault.dir / "vault" / "data" / "vault.db", timeout=120) as rows:
            rows.execute("UPDATE incident SET doc = json_set(doc, '$.phase.due_ms', ?) "
                         "WHERE id = ?", (late, incident))
        rows.close()
    vault.start_serve()
    second, phrase = vault.asks()
    given = vault.approves(second, phrase)
    checks.equal("three shares are in, and all there are", (given[-1]["shares_in"], given[-1]["needed"]),
                 (3, 3))
    shown = vault.does("rio", "status", second)
    checks.equal("yet it waits", shown["phase"], "collecting")
    checks.hold("status says for whom", "security" in json.dumps(shown["asked"]["missing"]), shown["asked"])
    refused(checks, vault, "an auditor cannot lift the gate: exit 9", (9, "security"), "vera", "override",
            second, "--yes")
    refused(checks, vault, "a gate that is not closed is not lifted", (5, ""), "sam", "override", second,
            "--gate", "rotation_owed", "--yes")
    code, _, said = vault.runs("sam", "override", second)
    checks.hold("nothing is signed that nobody said yes to", code == 2 and "--yes" in said, said)
    code, printed, said = vault.runs("sam", "override", second, "--yes")
    checks.hold("security lifts it, having read the terms", code == 0
                and printed["gates"] == ["review_overdue"] and "overdue" in said, f"exit {code}: {said}")
    until("the open session", lambda: vault.phase(second) == "open")
    checks.hold("and the session opens", True)
    return second


def unconfirmed(checks, vault):
    """No channel lives: three shares are in, and nothing opens."""
    # Bound and silent: nobody else may listen where its alerts go.
    for address in (vault.info["mail_address"], vault.info["webhook_address"]):
        host, port = address.rsplit(":", 1)
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, int(port)))
        vault.taken = [*getattr(vault, "taken", []), taken]
    incident, phrase = vault.asks()
    began = time.monotonic()
    refused(checks, vault, "nobody stands in before a minute has passed: exit 5", (5, ""), "dora",
            "approve", incident, "--phrase", phrase, "--override", "no_alert_confirmed")
    given = vault.approves(incident, phrase)
    checks.equal("with dead channels three shares open nothing", given[-1]["phase"], "collecting")
    text = vault.runs_plain("rio", "status", incident)
    checks.hold("status says that no alert was confirmed", "no alert channel has confirmed" in text, text)
    return incident, phrase, began


def stood_in(checks, vault, incident, phrase, began):
    """After a minute one approver more than needed stands in for the alert."""
    time.sleep(max(0, began + GRACE_S + 1 - time.monotonic()))
    checks.equal("time alone opens nothing", vault.phase(incident), "collecting")
    done = vault.does("dora", "approve", incident, "--phrase", phrase, "--override", "no_alert_confirmed")
    checks.equal("a fourth approver stands in", done["shares_in"], 4)
    until("the open session", lambda: vault.phase(incident) == "open")
    vault.does("rio", "claim", incident)
    vault.close(incident)
    folder, entries = vault.exported()
    acts = [json.loads(path.read_text()) for path in (folder / "acts").glob("*.json")]
    signed = [act for act in acts if act["act"] == "approve" and act["overrides"]]
    kinds = v.kinds(e for e in entries if e.get("inc") == incident)
    checks.equal("both her signatures over it are in the export, which verifies: refused, and taken",
                 ([act["overrides"] for act in signed], kinds["act.refused"], kinds["share.accept"]),
                 ([["no_alert_confirmed"]] * 2, 1, 4))
    checks.hold("the log says that no channel took an alert",
                kinds["alert.failed"] > 0 and kinds["alert.sent"] == 0, kinds)


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, given.keep, store=given.store, sinks=False) as silent:
        asked = unconfirmed(checks, silent)
        with v.Vault(given.binary, given.keep, store=given.store) as vault:
            first, _ = vault.open_session()
            vault.close(first)
            policies(checks, vault)
            rosters(checks, vault)
            second = overdue(checks, vault, first)
            vault.does("rio", "claim", second)
            vault.close(second)
            folder, _ = vault.exported()
            kinds = {json.loads(path.read_text())["act"] for path in (folder / "acts").glob("*.json")}
            checks.hold("every signature is in the export, which verifies",
                        {"policy", "roster", "override"} <= kinds, sorted(kinds))
        stood_in(checks, silent, *asked)
    checks.finish()


if __name__ == "__main__":
    main()
