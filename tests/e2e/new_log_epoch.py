"""An older database is restored: the vault refuses, people declare a new log epoch, work goes on.

    python tests/e2e/new_log_epoch.py --binary target/release/breakglass [--store postgres]

First a backup of the same custody epoch: what was lost is told to who had seen it, and an incident
runs to its end under the new name. Then one that is older than the last custody epoch: its
credential is dead, which everyone is told, and nothing is opened.
"""

import json
import pathlib
import shutil
import subprocess

import vault as v
from children import until

SIGNERS = ("ada", "ben", "cleo", "otto", "olga")


def on_host(vault, *words):
    """A command on the vault's host: exit code, its object, what it said."""
    done = subprocess.run([vault.binary, *map(str, words), "--config", str(vault.config), "--json"],
                          capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
                          env=v.quiet_environment())
    try:
        printed = json.loads(done.stdout)
    except ValueError:
        printed = None
    return done.returncode, printed, done.stderr


def restore(vault, backup, folder="data"):
    """The host's database becomes that of a backup; everything else on the host stays."""
    vault.serve.kill()
    data = vault.dir / "vault" / folder
    if vault.store == "postgres":
        # psql puts the copy into a new database, and the host is led to it.
        url = vault.postgres.url()
        vault.postgres.sql("", None, "-f", backup / "breakglass.sql")
        (vault.dir / "vault" / "pg.url").write_text(url)
        return data
    for path in data.glob("vault.db*"):
        path.unlink()
    shutil.copy(backup / "breakglass.db", data / "vault.db")
    return data


def nobody_serves(checks, vault, folder):
    """On a server the database itself is looked at, so a process that serves it is not disturbed."""
    code, _, said = on_host(vault, "log", "new-epoch", "propose", "--why", "the disk died",
                            "--out", folder / "epoch.json")
    checks.hold("nothing is proposed while a process serves the database",
                code == 1 and "another process" in said, said)


def away(checks, vault, data, remembered):
    """Another node over the same database, which was away when the epoch was declared."""
    vault.serve.end()
    (data / "head.hw").write_bytes(remembered)
    vault.start_serve()
    checks.hold("a node that was away follows the declaration, and keeps what it remembers",
                (data / "head.hw.e1.2").read_bytes() == remembered)


def refuses(vault):
    """`serve` on the database as it is: exit code and what it said."""
    code, _, said = on_host(vault, "serve")
    return code, said


def declared(checks, vault, name, *more):
    """Proposes and signs; the file and the signed files."""
    folder = vault.folder / name
    folder.mkdir()
    file = folder / "epoch.json"
    code, printed, said = on_host(vault, "log", "new-epoch", "propose", "--why", "the disk died",
                                  "--out", file, *more)
    checks.hold(f"{name}: an operator proposes", code == 0, said)
    return folder, file, printed


def signed(vault, folder, file, name):
    """One person signs: exit code, object, what was said."""
    return vault.runs(name, "log", "new-epoch", "sign", file, "--out", folder / f"{name}.json",
                      "--yes")


def main():
    args = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(args.binary, keep=args.keep, store=args.store) as vault:
        first = vault.folder / "first"
        # Before the backup: the entries of mails under way come on their own.
        vault.does("dora", "status")
        checks.equal("a backup is taken", on_host(vault, "backup", first)[0], 0)
        for _ in range(3):
            vault.does("otto", "alert", "test", "mail")
        for name in (*SIGNERS, "rio", "vera"):
            vault.does(name, "status")
        seen = vault.does("ada", "log", "head")
        (vault.folder / "seen.note").write_text(seen["checkpoint"])

        # The host's own mark follows the log within a second.
        mark = next((vault.dir / "vault").rglob("head.hw"))
        until("the host's mark", lambda: int(mark.read_text().split("\n")[1]) >= seen["size"])
        if args.store == "postgres":
            nobody_serves(checks, vault, vault.folder)
        remembered = mark.read_bytes()
        data = restore(vault, first)
        code, said = refuses(vault)
        checks.hold("the restored database is refused, with what to do",
                    code == 8 and "high-water mark" in said and "new-epoch" in said, said)
        folder, file, printed = declared(checks, vault, "second")
        kept = printed["declaration"]["prev_size"]
        checks.hold("it says how much this host remembers", printed["remembered"] >= seen["size"],
                    printed)
        for name in SIGNERS:
            code, printed, said = signed(vault, folder, file, name)
            checks.hold(f"{name} reads what is lost, and signs",
                        code == 0 and "LOST" in said and printed["seen"] > kept, said)
        few = [folder / f"{name}.json" for name in ("ada", "ben", "otto", "olga")]
        code, _, said = on_host(vault, "log", "new-epoch", "apply", file, *few)
        checks.hold("two custodians are not enough", code == 1 and "2 custodian(s)" in said, said)
        checks.equal("and the database is refused as before", refuses(vault)[0], 8)
        everybody = [folder / f"{name}.json" for name in SIGNERS]
        alone = [path for path in everybody if path.stem not in ("otto", "olga")]
        code, _, said = on_host(vault, "log", "new-epoch", "apply", file, *alone)
        checks.hold("nor are custodians without operators", code == 1 and "0 operator" in said, said)
        code, printed, said = on_host(vault, "log", "new-epoch", "apply", file, *everybody)
        checks.hold("three custodians and two operators declare it",
                    code == 0 and printed["epoch"] == 2 and not printed["stale"], said)
        checks.equal("what signers had seen beyond it is counted",
                     printed["lost"] >= seen["size"] - kept, True)
        code, _, said = on_host(vault, "log", "new-epoch", "apply", file, *everybody)
        checks.equal("it is declared once", code, 2)
        checks.hold("the former mark is kept as evidence", (data / "head.hw.e1").exists())

        vault.start_serve()
        if args.store == "postgres":
            away(checks, vault, data, remembered)
        code, _, said = vault.runs("ada", "status")
        checks.hold("ada's client tells her once, with the number lost",
                    code == 0 and "NEW LOG EPOCH 2" in said and "LOST" in said, said)
        code, _, said = vault.runs("ada", "status")
        checks.hold("and not again", code == 0 and "NEW LOG EPOCH" not in said, said)
        code, _, said = vault.runs("dora", "status")
        checks.hold("dora, who had seen less, proves that nothing of hers is missing",
                    code == 0 and "NEW LOG EPOCH 2" in said and "Nothing this machine" in said, said)
        until("the alert to everyone", lambda: any(
            b"NEW LOG EPOCH" in path.read_bytes() for path in (vault.dir / "mail").glob("*.eml")))
        checks.hold("everyone was mailed", True)

        second = vault.folder / "second-backup"
        checks.equal("a backup under the new name", on_host(vault, "backup", second)[0], 0)
        incident, _ = vault.open_session()
        vault.close(incident)
        checks.hold("an incident runs to its end under the new name",
                    vault.phase(incident) == "in_review")
        vault.does("ada", "prove", "--yes")
        seen_files = [vault.folder / "seen.note", *sorted((vault.dir / "mail").glob("*.eml"))[:3]]
        export, entries = vault.exported(seen=seen_files)
        seam = [entry for entry in entries if entry["t"] == "log.epoch"]
        checks.equal("the log has one seam, where the saved entries end",
                     [(entry["seq"], entry["epoch"]) for entry in seam], [(kept, 2)])
        report = vault.does("vera", "log", "verify", export, "--seen", *seen_files)
        third = next(level for level in report["levels"] if level["level"] == 3)
        checks.hold("verify says that the lost entries are declared",
                    report["passed"] and "declares the rest lost" in third.get("reason", ""), third)
        script = subprocess.run(["python3", str(export / "verify.py"), str(export), "--seen",
                                 *map(str, seen_files)],
                                capture_output=True, text=True, timeout=600)
        checks.hold("so does the independent verifier, which leaves the seam's signatures to us",
                    script.returncode == 8 and "declares the rest lost" in script.stdout
                    and "level 1 passed" in script.stdout and "failed" not in script.stdout
                    and "breakglass log verify` only" in script.stdout, script.stdout)
        forged = vault.folder / "forged"
        shutil.copytree(export, forged)
        for act in seam[0]["acts"][:3]:
            (forged / "acts" / f"{act}.sig").unlink()
            (forged / "acts" / f"{act}.json").unlink()
        code, _, _ = vault.runs("vera", "log", "verify", forged)
        checks.equal("a seam without its signatures does not verify", code, 8)

        # A copy of a file can be looked at while it is served; a server's database cannot.
        if args.store == "postgres":
            vault.serve.end()
        folder, file, _ = declared(checks, vault, "too-early")
        if args.store == "postgres":
            vault.start_serve()
        code, _, said = signed(vault, folder, file, "otto")
        checks.hold("who has not followed the last epoch cannot sign the next",
                    code == 1 and "has not used the vault" in said, said)
        for name in ("otto", "olga"):
            vault.does(name, "status")
        restore(vault, second)
        folder, file, _ = declared(checks, vault, "third")
        code, _, said = signed(vault, folder, file, "ada")
        checks.hold("ada has seen a later custody epoch, and does not sign less",
                    code == 1 and "--newest-epoch 2" in said, said)
        folder, file, printed = declared(checks, vault, "fourth", "--newest-epoch", "2")
        for name in SIGNERS:
            code, _, said = signed(vault, folder, file, name)
            checks.hold(f"{name} signs, and reads that the credential is dead",
                        code == 0 and "credential sealed" in said and "dead" in said, said)
        everybody = [folder / f"{name}.json" for name in SIGNERS]
        code, printed, said = on_host(vault, "log", "new-epoch", "apply", file, *everybody)
        checks.hold("the third epoch is declared, and it is stale",
                    code == 0 and printed["epoch"] == 3 and printed["stale"], said)
        vault.start_serve()
        log = pathlib.Path(vault.dir / "vault.log").read_text(errors="replace")
        checks.hold("serve says it at start", "older than epoch 2" in log, log[-800:])
        checks.equal("status says it", vault.does("otto", "status")["dealt_later"], 2)
        code, _, said = vault.runs("rio", "open", "--no-wait", "--because", "catastrophic-outage",
                                   "--answers", v.ANSWERS, "--workspace",
                                   vault.databricks["workspace_id"], "--for", "30m", "--account",
                                   "nobody can sign in")
        checks.hold("nothing is opened with a dead credential",
                    code != 0 and "credential sealed here is dead" in said, said)
        vault.exported()
        checks.hold("the log with two seams verifies", True)
    checks.finish()


if __name__ == "__main__":
    main()
