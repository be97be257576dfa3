"""The host is gone: a backup taken while the vault worked, and the secret back by three custodians.

    python tests/e2e/recover.py --binary target/release/breakglass

Each custodian opens her own share with her own key file; the machine that takes knows no vault.
The secret it writes must mint a token at the simulator. Shares for another machine, from a
stranger's key, with wrong words, cut, or given twice must not help. Then a vault is made of it in an
empty folder, which rotates the secret that a person has just seen, and a custodian proves her share
of that one.
"""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess

import vault as v
from children import Process, tied, until

CUSTODIANS = ("ada", "ben", "cleo")


def key_of(vault, name):
    """A person's key file, as the stage keeps it."""
    return next(path for path in sorted((vault.dir / "people" / name).glob("*"))
                if path.is_file() and b"OPENSSH PRIVATE KEY" in path.read_bytes())


class Machine:
    """`recover take` on an empty machine: its recipient, its words, its inbox."""

    def __init__(self, binary, bundle, folder):
        folder.mkdir(mode=0o700)
        self.inbox, self.out = folder / "in", folder / "secret.txt"
        command = [binary, "recover", "take", str(bundle), "--inbox", str(self.inbox),
                   "--out", str(self.out), "--json"]
        self.said = folder / "said.log"
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=self.said.open("wb"), env=v.quiet_environment(),
                                      preexec_fn=tied())
        self.recipient = until("the recipient", lambda: self.find(r"recipient\s+(age1\w+)"))
        self.words = self.find(r"words\s+(\w+ \w+ \w+ \w+)")

    def find(self, pattern):
        found = re.search(pattern, self.text())
        return found and found.group(1)

    def text(self):
        return self.said.read_text()

    def drops(self, name, content):
        """Somebody puts a file into the inbox, whole."""
        part = self.inbox.parent / (name + ".part")
        part.write_bytes(content)
        os.rename(part, self.inbox / name)


def gives(binary, bundle, machine, key, out, words=None):
    """`recover give`: exit code, what it said."""
    done = subprocess.run(
        [binary, "recover", "give", str(bundle), "--to", machine.recipient, "--key", str(key),
         "--words", words or machine.words, "--out", str(out), "--json",
         "--config", str(out.parent / "nobody")],
        capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
        env=v.quiet_environment())
    return done.returncode, done.stdout + done.stderr


def mints(vault, client_id, secret):
    """Status of a token request at the simulator."""
    import base64
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    reply = v.call(vault.databricks["http"], "POST", "/oidc/v1/token",
                   {"authorization": f"Basic {basic}",
                    "content-type": "application/x-www-form-urlencoded"},
                   "grant_type=client_credentials&scope=all-apis")
    return reply.status


def made_anew(checks, vault, machine, client_id):
    """The runbook's last step: `init` in an empty folder with the recovered secret."""
    host, seen = vault.folder / "new-host", machine.out.read_text().strip()
    host.mkdir(mode=0o700)
    for name in ("breakglass.toml", "roster.toml", "policy.toml", "webhook.secret"):
        shutil.copy2(vault.dir / "vault" / name, host / name)
    if vault.postgres:
        (host / "pg.url").touch(0o600)
        (host / "pg.url").write_text(vault.postgres.url())
    config = host / "breakglass.toml"
    done = subprocess.run(
        [vault.binary, "init", "--json", "--config", config, "--roster", host / "roster.toml",
         "--policy", host / "policy.toml", "--credential-file", machine.out],
        capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
        env=v.quiet_environment())
    checks.hold("init in an empty folder takes the recovered secret", done.returncode == 0, done.stderr)
    checks.equal("which is dead now", mints(vault, client_id, seen), 401)
    live = [one for one in vault.sim("secrets")["secrets"] if one["live"]]
    checks.equal("its successor is the only one alive", len(live), 1)
    raw = b"".join(path.read_bytes() for path in host.rglob("*") if path.is_file())
    checks.equal("neither of them lies in the folder", v.secrets_in(raw, seen.encode()), [])
    machine.out.unlink()
    vault.serve = Process([vault.binary, "serve", "--json", "--config", str(config)], host / "vault.log")
    vault.reached_at(vault.serve.ready)
    # The same key files, a client that knows nothing of the former vault.
    keys, ada = vault.dir / "people" / "ada", vault.folder / "ada"
    link = next(one["link"] for one in json.loads(done.stdout)["people"] if one["name"] == "ada")
    words = [vault.binary, "--json", "--config", ada / "config", "--state", ada / "state"]
    for command in (["enrol", link, "--key", keys / "id_ed25519",
                     "--unlocker-key", keys / "spare_ed25519"], ["prove", "--yes"]):
        done = subprocess.run([*words, *command], capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL, env=v.quiet_environment())
        checks.hold(f"ada: {command[0]} at the new vault", done.returncode == 0, done.stderr)


def main():
    args = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(args.binary, keep=args.keep, store=args.store) as vault:
        safe = vault.folder / "safe"
        done = subprocess.run([args.binary, "backup", str(safe), "--config", str(vault.config), "--json"],
                              capture_output=True, text=True, timeout=300, env=v.quiet_environment())
        checks.equal("a backup is taken while the vault serves", done.returncode, 0)
        about = json.loads(done.stdout)
        until("the vault's note of the backup",
              lambda: vault.does("otto", "status")["backup_epoch"] == 1)
        board = vault.runs_plain("otto", "status")
        checks.hold("status shows the backup's age and epoch", "Last backup: today, epoch 1." in board,
                    board)
        checks.equal("it names threshold and number", (about["recovery"]["k"], about["recovery"]["n"]), (3, 5))
        again = subprocess.run([args.binary, "backup", str(safe), "--config", str(vault.config)],
                               capture_output=True, text=True, timeout=300)
        checks.equal("it is never written over another", again.returncode, 2)
        open_to_others = [path for path in safe.rglob("*")
                          if stat.S_IMODE(path.stat().st_mode) & 0o077]
        checks.equal("nobody else can read it", open_to_others, [])
        raw = b"".join(path.read_bytes() for path in safe.rglob("*") if path.is_file())
        seed = (vault.dir / "vault" / "data" / "log.seed").read_bytes().strip()
        found = v.secrets_in(raw, seed)
        checks.hold("no secret and no seed is in it", len(raw) > 100_000 and not found, found)
        # The host is gone; Databricks is not.
        vault.serve.kill()
        bundle = safe / "recovery"
        # What would fail at the end fails before anybody is asked for a share.
        for name, damage, target in (("no-credential", "credential.age", "secret.txt"),
                                     ("no-folder", None, "nowhere/secret.txt")):
            copy = vault.folder / name
            shutil.copytree(bundle, copy)
            if damage:
                (copy / damage).unlink()
            tried = subprocess.run(
                [args.binary, "recover", "take", str(copy), "--inbox", str(copy / "in"),
                 "--out", str(copy / target)], capture_output=True, text=True, timeout=300,
                stdin=subprocess.DEVNULL, env=v.quiet_environment())
            checks.hold(f"{name}: it ends before it shows a recipient",
                        tried.returncode == 1 and "recipient" not in tried.stderr, tried.stderr)
        machine = Machine(args.binary, bundle, vault.folder / "empty")
        other = Machine(args.binary, bundle, vault.folder / "other")
        out = vault.folder / "given"
        out.mkdir(mode=0o700)

        code, said = gives(args.binary, bundle, machine, key_of(vault, "ada"), out / "no", other.words)
        checks.hold("words of another machine open nothing", code == 5 and not (out / "no").exists(), said)
        code, said = gives(args.binary, bundle, machine, key_of(vault, "rio"), out / "no")
        checks.hold("a key of no custodian gives nothing", code == 6 and not (out / "no").exists(), said)
        code, said = gives(args.binary, bundle, other, key_of(vault, "dora"), out / "other")
        checks.equal("dora gives to the other machine", code, 0)
        machine.drops("dora", (out / "other").read_bytes())
        until("the refusal", lambda: "dora was refused" in machine.text())
        checks.hold("a share for another machine is refused by name", "unreadable" in machine.text())
        # A file that cannot be read ends nothing: what was given already is in this process alone.
        with (machine.inbox / "large").open("wb") as large:
            large.truncate(1 << 30)
        until("the word about it", lambda: "too large" in machine.text())
        machine.drops("noise", b"{}")
        until("the refusal", lambda: "noise was refused" in machine.text())

        for name in CUSTODIANS:
            code, said = gives(args.binary, bundle, machine, key_of(vault, name), out / name)
            checks.equal(f"{name} gives", code, 0) if code == 0 else checks.hold(f"{name} gives", False, said)
        machine.drops("ada", (out / "ada").read_bytes())
        machine.drops("ada-again", (out / "ada").read_bytes())
        machine.drops("ben", (out / "ben").read_bytes())
        until("two shares", lambda: machine.text().count(" is good ") >= 3)
        checks.hold("the same share twice counts once",
                    machine.child.poll() is None and not machine.out.exists(), machine.text())
        machine.drops("cleo", (out / "cleo").read_bytes())
        printed, _ = machine.child.communicate(timeout=300)
        checks.equal("three shares open the credential", machine.child.returncode, 0)
        result = json.loads(printed)
        secret = machine.out.read_text().strip()
        checks.hold("the secret is in the file only", secret not in printed.decode()
                    and secret not in machine.text())
        checks.equal("the file is its owner's alone", stat.S_IMODE(machine.out.stat().st_mode), 0o600)
        checks.equal("the secret mints a token", mints(vault, result["client_id"], secret), 200)
        checks.equal("a wrong one does not", mints(vault, result["client_id"], "dose" + "0" * 32), 401)
        other.child.kill()
        other.child.wait()
        made_anew(checks, vault, machine, result["client_id"])
    checks.finish()


if __name__ == "__main__":
    main()
