"""Scans the live `serve` process from outside: what is in its memory, phase by phase.

    python tests/e2e/memory_scan.py --binary target/release/breakglass

Canaries are learned honestly: shares by opening the custodians' share files with their own keys,
Databricks secrets by hashing everything in memory that looks like one and asking the simulator
which hashes are alive. Needs the right to read /proc/PID/mem (root, or the same user: `serve` runs
with --traceable here).
"""

import base64
import hashlib
import json
import re
import subprocess

import vault as v

SECRET = re.compile(rb"dose[0-9a-f]{32}")
# In either case, but not mixed: no other text looks like this by chance, and the search is quick.
IDENTITY = re.compile(rb"AGE-SECRET-KEY-1[0-9A-Z]{20,}|age-secret-key-1[0-9a-z]{20,}")
TOKEN = re.compile(rb"eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}")
PIECE = 16 << 20
OVERLAP = 4096


def memory(pid):
    """Readable private memory of a process, piece by piece, pieces overlapping."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            words = line.split()
            name = words[5] if len(words) > 5 else ""
            if not words[1].startswith("rw") or name in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(part, 16) for part in words[0].split("-"))
            at = start
            while at < end:
                size = min(PIECE, end - at)
                try:
                    mem.seek(at)
                    yield at, mem.read(size)
                except OSError:
                    # Unmapped meanwhile; what was there is gone.
                    pass
                at += size if at + size >= end else size - OVERLAP


class Scan:
    """What one look at the memory found, each place once."""

    def __init__(self, pid, needles):
        self.needles = {name: set() for name in needles}
        self.secrets, self.identities, self.tokens = {}, {}, {}
        self.bytes = 0
        for at, piece in memory(pid):
            self.bytes += len(piece)
            for pattern, found in ((SECRET, self.secrets), (IDENTITY, self.identities),
                                   (TOKEN, self.tokens)):
                for match in pattern.finditer(piece):
                    found.setdefault(match.group(0), set()).add(at + match.start())
            for name, needle in needles.items():
                place = piece.find(needle)
                while place >= 0:
                    self.needles[name].add(at + place)
                    place = piece.find(needle, place + 1)

    def count(self, name):
        """Copies of a needle."""
        return len(self.needles[name])

    def of_hash(self, hashes):
        """Copies of secrets with one of these SHA-256."""
        return sum(len(places) for value, places in self.secrets.items()
                   if hashlib.sha256(value).hexdigest() in hashes)

    def identity_copies(self):
        """Age identities in text."""
        return sum(len(places) for places in self.identities.values())

    def token_copies(self):
        """Access tokens."""
        return sum(len(places) for places in self.tokens.values())


def opened_share(vault, name, epoch):
    """y of a custodian's share, by her own key and the Debian package age."""
    view = vault.api(name, "GET", f"/shares/live/{epoch}")
    key = vault.dir / "people" / name / "id_ed25519"
    done = subprocess.run(["age", "-d", "-i", str(key)], input=base64.b64decode(view["share"]),
                          capture_output=True, check=True, timeout=300)
    y = json.loads(done.stdout)["y"]
    return bytes.fromhex(y) if len(y) == 64 else base64.b64decode(y)


def disguises(name, value):
    """A value as bytes, hexadecimal and base64."""
    return {f"{name} raw": value, f"{name} hex": value.hex().encode(),
            f"{name} HEX": value.hex().upper().encode(),
            f"{name} base64": base64.b64encode(value)[:40]}


def basic(info, value):
    """A secret as it stands inside the Authorization header of a mint."""
    pair = f"{info['application_id']}:".encode() + value
    return base64.b64encode(pair).rstrip(b"=")[-38:-2]


class Phases:
    """Looks, checks and reports."""

    def __init__(self, checks, vault, needles):
        self.checks, self.vault, self.needles = checks, vault, needles

    def look(self, phase, share_copies):
        """One look; shares and identities are checked, the rest is given back."""
        scan = Scan(self.vault.serve.pid, self.needles)
        names = sorted({name.rsplit(" ", 1)[0] for name in self.needles})
        counts = {name: sum(scan.count(each) for each in self.needles
                            if each.rsplit(" ", 1)[0] == name) for name in names}
        print(f"     {phase}: {counts}, {sum(map(len, scan.secrets.values()))} copies of "
              f"{len(scan.secrets)} secrets, {scan.identity_copies()} identities, "
              f"{scan.token_copies()} access tokens in {scan.bytes >> 20} MiB", flush=True)
        self.checks.equal(f"{phase}: copies of the secret a person had seen",
                          counts["first secret"], 0)
        if not share_copies:
            shares = {name: n for name, n in counts.items() if name.startswith("share")}
            self.checks.hold(f"{phase}: no copy of a share", not any(shares.values()), shares)
            self.checks.equal(f"{phase}: copies of an age identity in text",
                              scan.identity_copies(), 0)
        return scan


def hashes(vault):
    """SHA-256 of live secrets: of the credential, of session secrets."""
    live = [s for s in vault.sim("secrets")["secrets"] if s["live"]]
    long = {s["value_sha256"] for s in live if s["lifetime_seconds"] > 30 * 86_400}
    return long, {s["value_sha256"] for s in live} - long


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, keep=given.keep, traceable=True, store=given.store) as vault:
        first = (vault.dir / "first-secret.txt").read_bytes().strip()
        needles = {"first secret raw": first}
        for name in ("ada", "ben", "cleo"):
            needles |= disguises(f"share of {name}", opened_share(vault, name, 1))
        phases = Phases(checks, vault, needles)
        credential, _ = hashes(vault)
        scan = phases.look("sealed", share_copies=False)
        checks.equal("sealed: copies of the credential", scan.of_hash(credential), 0)
        incident, phrase = vault.asks()
        vault.approves(incident, phrase, ("ada", "ben"))
        scan = phases.look("two shares in", share_copies=False)
        checks.equal("two shares in: copies of the credential", scan.of_hash(credential), 0)
        vault.approves(incident, phrase, ("cleo",))
        v.until("the open session", lambda: vault.phase(incident) == "open")
        vault.does("rio", "claim", incident)
        token = vault.token(incident)
        phases.needles["session token raw"] = token.encode()
        for _ in range(20):
            vault.through(token, "GET", "/api/2.0/clusters/list")
        credential, session = hashes(vault)
        scan = phases.look("open", share_copies=False)
        held = {value for value in scan.secrets if hashlib.sha256(value).hexdigest() in credential}
        checks.hold("open: the scan finds the credential where it must be (at least one copy)",
                    scan.of_hash(credential) >= 1)
        checks.hold("open: and the session's secret", scan.of_hash(session) >= 1)
        for value in scan.secrets:
            phases.needles[f"minting {len(phases.needles)} header"] = basic(vault.databricks, value)
        vault.close(incident)
        dead = credential | session
        credential, session = hashes(vault)
        # The reply of `close` comes when the record says so; wiping is before that.
        scan = phases.look("closed", share_copies=False)
        checks.equal("closed: copies of the old credential and the session's secret",
                     scan.of_hash(dead), 0)
        checks.equal("closed: copies of the new credential", scan.of_hash(credential), 0)
        checks.equal("closed: strings that look like a secret", len(scan.secrets), 0)
        checks.equal("closed: secrets inside Authorization headers",
                     sum(scan.count(name) for name in phases.needles if "header" in name), 0)
        # Connections to Databricks are kept for a second; their buffers end with them.
        v.until("the last access token to leave memory",
                lambda: Scan(vault.serve.pid, {}).token_copies() == 0)
        checks.hold("closed: no access token is left within seconds", True)
        for name in ("ada", "ben", "cleo"):
            phases.needles |= disguises(f"new share of {name}", opened_share(vault, name, 2))
        new = Scan(vault.serve.pid, phases.needles)
        left = {name: new.count(name) for name in phases.needles
                if name.startswith("new share") and new.count(name)}
        checks.equal("closed: copies of the new shares", left, {})
        checks.hold(f"the old credential was in memory in {len(held)} value(s)", len(held) == 1)
    checks.finish()


if __name__ == "__main__":
    main()
