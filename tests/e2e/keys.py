"""Every kind of login key at a vault: RSA in a real ssh-agent, RSA in a file, ecdsa, beside ed25519.

    python tests/e2e/keys.py --binary target/release/breakglass

A vault is made with these keys in its roster; each custodian enrols, logs in, proves and approves
with her own, and OpenSSH says the same of what they signed. The agent's private key is in no file.
"""

import json
import os
import shutil
import subprocess

import vault as v
from children import Process, tied, until

# Who has what: the kind for ssh-keygen, its bits, and whether only an agent holds it.
KEYS = {"ada": ("rsa", "3072", True), "ben": ("ecdsa", "256", False), "cleo": ("rsa", "4096", False)}


class Keys(v.Vault):
    """A staged vault, made again with other login keys."""

    def stage(self):
        """The stage's people and addresses; an init of our own."""
        super().stage()
        roster = (self.config.parent / "roster.toml").read_text()
        self.agent = Agent(self.folder / "agent")
        self.children.append(self.agent)
        for name, (kind, bits, in_agent) in KEYS.items():
            folder = self.dir / "people" / name
            key = folder / f"id_{kind}"
            ran("ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", "", "-f", key)
            if in_agent:
                ran("ssh-add", "-q", key)
                key.unlink()
            before = (folder / "id_ed25519.pub").read_text().strip()
            after = key.with_suffix(".pub").read_text().strip()
            line = f'login_keys = ["{before}"]'
            if line not in roster:
                raise v.Failed(f"{name}'s login key is not in the roster as {line}")
            roster = roster.replace(line, f'login_keys = ["{after}"]')
        (self.config.parent / "roster.toml").write_text(roster)
        shutil.rmtree(self.config.parent / "data")

    def start_simulator(self, **knobs):
        """A fresh Databricks at the same address, and the vault made around its first secret."""
        first = self.folder / "first.txt"
        self.simulator = Process(
            [self.binary, "simulate", "--json", "--http", self.databricks["http"],
             "--write-first-secret", str(first)], self.dir / "simulator.log")
        folder = self.config.parent
        done = subprocess.run(
            [self.binary, "init", "--json", "--config", self.config, "--roster", folder / "roster.toml",
             "--policy", folder / "policy.toml", "--credential-file", first], capture_output=True,
            text=True, timeout=600, stdin=subprocess.DEVNULL, env=v.quiet_environment())
        if done.returncode != 0:
            raise v.Failed(f"init: {done.stderr}")
        self.links = {one["name"]: one["link"] for one in json.loads(done.stdout)["people"]}


class Agent:
    """A real ssh-agent of this script's own."""

    def __init__(self, path):
        os.environ["SSH_AUTH_SOCK"] = str(path)
        self.child = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, preexec_fn=tied())
        until("the agent", path.exists)

    def alive(self):
        """Whether it still runs."""
        return self.child.poll() is None

    def kill(self):
        """Ends it."""
        self.child.kill()
        self.child.wait()


def ran(*words):
    """A tool of OpenSSH's that must succeed."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=600,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise v.Failed(f"{words[0]}: {done.stderr}")


def enrols(checks, vault):
    """Everybody pins the vault; each with her own key."""
    for name in ("ada", "ben", "cleo", "rio", "vera"):
        folder = vault.dir / "people" / name
        shutil.rmtree(folder / "config")
        shutil.rmtree(folder / "state")
        kind, bits, in_agent = KEYS.get(name, ("ed25519", "", False))
        words = ["enrol", vault.links[name], "--key", folder / f"id_{kind}{'.pub' if in_agent else ''}"]
        if name in KEYS:
            for unlocker in ("id_ed25519", "spare_ed25519"):
                words += ["--unlocker-key", folder / unlocker]
        code, _, said = vault.runs(name, *words)
        checks.hold(f"{name} enrols with {kind} {bits}{' in an agent' if in_agent else ''}", code == 0, said)
        code, _, said = vault.runs(name, "login")
        checks.hold(f"{name} logs in", code == 0, said)


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with Keys(given.binary, keep=given.keep, store=given.store) as vault:
        checks.hold("the agent's key is in no file", not any(
            (vault.dir / "people" / "ada").glob("id_rsa")))
        enrols(checks, vault)
        for name in KEYS:
            code, _, said = vault.runs(name, "prove", "--yes")
            checks.hold(f"{name} proves her share", code == 0, said)
        incident, phrase = vault.asks()
        for number, name in enumerate(KEYS, 1):
            code, done, said = vault.runs(name, "approve", incident, "--phrase", phrase)
            checks.hold(f"{name} approves: {number} of 3", code == 0 and done["shares_in"] == number,
                        f"exit {code}: {said}")
        until("the open session", lambda: vault.phase(incident) == "open")
        vault.does("rio", "claim", incident)
        vault.agent.kill()
        code, _, said = vault.runs("ada", "stop", incident, "--reason", "a rehearsal")
        checks.hold("without her agent ada signs nothing, and is told so",
                    code == 9 and "ssh-add" in said, f"exit {code}: {said}")
        checks.equal("and nothing was stopped", vault.phase(incident), "open")
        vault.does("cleo", "stop", incident, "--reason", "a rehearsal")
        until("the review", lambda: vault.phase(incident) == "in_review")
        folder, _ = vault.exported()
        signers = next((folder / "allowed_signers").iterdir())
        kinds = set()
        for path in sorted((folder / "acts").glob("*.json")):
            act = json.loads(path.read_text())
            if act["act"] in ("prove", "approve", "stop"):
                verified = subprocess.run(
                    ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", act["person"], "-n",
                     f"breakglass-{act['act']}", "-s", path.with_suffix(".sig")], stdin=path.open(),
                    capture_output=True, text=True, timeout=300)
                checks.hold(f"OpenSSH verifies {act['act']} by {act['key'].split()[0]}",
                            verified.returncode == 0, verified.stderr)
                kinds.add((act["act"], act["key"].split()[0]))
        checks.equal("RSA and ecdsa keys proved, approved and stopped", kinds, {
            *((act, key) for act in ("prove", "approve") for key in ("ssh-rsa", "ecdsa-sha2-nistp256")),
            ("stop", "ssh-rsa")})
    checks.finish()


if __name__ == "__main__":
    main()
