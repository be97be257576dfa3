"""The ways out: a log that cannot be written while a session is open, and a secret nobody can open.

    python tests/e2e/fresh_credential.py --binary target/release/breakglass

The first rotates on the emergency log and ends; the next start makes the rows of it, and both
verifiers hold. The second is an operator's fresh secret: refused beside a running vault, else
replaced at once, with the one that was sealed. Values are looked for in everything that stays.
"""

import json
import sqlite3
import subprocess
import sys

import vault as v
from children import until

LOG_LOST = 70


def sql(vault, text):
    """A statement of somebody who can write to the database's file."""
    with sqlite3.connect(vault.dir / "vault" / "data" / "vault.db", timeout=120) as rows:
        rows.execute(text)
    rows.close()


def live(vault):
    """Ids of the principal's live secrets at Databricks."""
    return [s["id"] for s in vault.sim("secrets")["secrets"] if s["live"]]


def supplies(vault, value, *more):
    """`epoch new --credential-file` on the host: exit code, its object, what it said."""
    file = vault.folder / "fresh.txt"
    file.touch(0o600)
    file.write_text(value + "\n")
    done = subprocess.run(
        [vault.binary, "epoch", "new", "--json", "--because", "the custodians' safe burnt down",
         "--config", str(vault.config), "--credential-file", str(file), *more],
        capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
        env=v.quiet_environment())
    file.unlink()
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def lost_log(vault, checks):
    """The session's log breaks; the next start finds the rotation done."""
    incident, _ = vault.open_session()
    before = live(vault)
    checks.equal("session secret and credential live", len(before), 2)
    sql(vault, "CREATE TRIGGER broken BEFORE INSERT ON log_entry WHEN NEW.kind = 'call.begin' "
               "BEGIN SELECT RAISE(ABORT, 'the disk is broken'); END")
    reply = vault.through(vault.token(incident), "GET", "/api/2.0/clusters/list")
    checks.hold("a call that cannot be logged is not sent", reply.status in (502, 503),
                [reply.status, reply.body[:300]])
    until("the vault's end", lambda: not vault.serve.alive())
    checks.equal("its exit code", vault.serve.child.wait(), LOG_LOST)
    left = live(vault)
    checks.hold("one secret lives, and it is a new one",
                len(left) == 1 and left[0] not in before, [before, left])
    sql(vault, "DROP TRIGGER broken")
    vault.start_serve()
    checks.equal("the incident waits for its review", vault.phase(incident), "in_review")
    checks.equal("epoch", vault.does("vera", "epoch", "status")["epoch"], 2)
    folder, entries = vault.exported()
    count = v.kinds(entries)
    checks.hold("the emergency log stands in the main one",
                count["emergency.bound"] == 1 and count["emergency.entry"] > 8
                and count["rotate.done"] == 2, count)
    script = subprocess.run([sys.executable, str(folder / "verify.py"), str(folder)],
                            capture_output=True, text=True, timeout=300)
    checks.equal("verify.py says so too", (script.returncode, script.stderr), (0, ""))
    return left[0]


def fresh(vault, checks, sealed):
    """An operator brings a secret."""
    for name in ("ada", "ben", "cleo"):
        vault.does(name, "prove", "--yes")
    made = vault.sim("foreign-secret", "POST", {"show": True})
    value = made["secret"]
    code, _, said = supplies(vault, value)
    checks.hold("refused beside a running vault", code != 0 and "serve" in said, [code, said])
    vault.serve.end()
    code, _, said = supplies(vault, "dose" + "0" * 32)
    checks.hold("a secret that Databricks does not know changes nothing",
                code == 1 and sorted(live(vault)) == sorted([sealed, made["id"]]), [code, said])
    code, done, said = supplies(vault, value)
    checks.hold("the fresh secret is taken", code == 0 and done and done["epoch"] == 3, [code, said])
    left = live(vault)
    checks.hold("both old ones are dead", len(left) == 1
                and not {sealed, made["id"]} & set(left), left)
    mails = until("the mail", lambda: [p for p in (vault.dir / "mail").iterdir()
                                       if b"brought a fresh secret" in p.read_bytes()
                                       .replace(b"=\r\n", b"").replace(b"=\n", b"")])
    checks.hold("people are mailed before serve starts", mails)
    vault.start_serve()
    incident, _ = vault.open_session()
    vault.close(incident)
    until("the review", lambda: vault.phase(incident) == "in_review")
    _, entries = vault.exported()
    count = v.kinds(entries)
    checks.hold("it is in the log", count["credential.supplied"] == 1
                and count["epoch.secret_deleted"] == 1, count)
    found = [str(path) for path, raw in v.contents(vault.dir)
             if path.name != "simulator.json" and value.encode() in raw]
    checks.equal("the value stands nowhere", found, [])


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, keep=given.keep, store=given.store) as vault:
        sealed = lost_log(vault, checks)
        fresh(vault, checks, sealed)
    checks.finish()


main()
