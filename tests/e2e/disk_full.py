"""A disk fills up while a call is on its way, on a small file system that is really full.

    python tests/e2e/disk_full.py --binary target/release/breakglass

First with the ballast: the session is cut, closed and rotated on the record, nothing new is opened,
and the same process goes on once somebody makes room. Then where no ballast could be kept: the way
back goes on the emergency log, the process ends, and the next start that has room binds it.

The small disk is an image with ext4 on it, or a tmpfs where that cannot be mounted, in a mount
namespace of this script's own: nothing of it is left, however the script ends.
"""

import errno
import json
import os
import subprocess
import sys
import threading

import vault as v
from children import Failed, Process, until

INSIDE = "BREAKGLASS_TEST_OWN_MOUNTS"
DISK_MIB = 48
# As `demo --stage` writes it.
BALLAST_MIB = 8
CALL = "/api/2.0/clusters/list"
# Longer than any wait of this script: a call that is still held when the disk is full.
HELD_MS = 900_000


def in_own_mounts():
    """Starts this script again in a mount namespace of its own; says so where that is forbidden."""
    if os.environ.get(INSIDE):
        return
    unshare = ["unshare", "--mount", "--propagation", "private"]
    unshare += [] if os.geteuid() == 0 else ["--map-root-user"]
    try:
        probe = subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                               capture_output=True, text=True, timeout=300)
        why = probe.stderr.strip() if probe.returncode else None
    except OSError as error:
        why = str(error)
    if why is not None:
        checks = v.Checks()
        checks.hold(f"skipped: no small disk can be mounted here ({why})", True)
        checks.finish()
    os.execvpe(unshare[0], [*unshare, sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})


class SmallDisk:
    """A file system of some megabytes in place of a folder, with the folder's files."""

    def __init__(self, folder, image):
        self.folder, self.filler = folder, folder / "of-somebody-else"
        files = {path.name: path.read_bytes() for path in folder.iterdir()
                 if path.name not in ("ballast", "emergency.room")}
        self.kind = self._mount(image)
        folder.chmod(0o700)
        for name, content in files.items():
            path = folder / name
            path.touch(0o600)
            path.write_bytes(content)

    def _mount(self, image):
        with open(image, "wb") as file:
            file.truncate(DISK_MIB << 20)
        ways = {
            "ext4": [["mkfs.ext4", "-q", "-m", "0", image],
                     ["mount", "-o", "loop", image, self.folder]],
            "tmpfs": [["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", self.folder]],
        }
        said = []
        for kind, commands in ways.items():
            for command in commands:
                try:
                    done = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                                          timeout=300)
                except OSError as error:
                    said.append(str(error))
                    break
                if done.returncode:
                    said.append(done.stderr.strip())
                    break
            else:
                return kind
        raise Failed(f"no small disk: {said}")

    def fill(self):
        """Somebody else's file takes every byte that is left."""
        with open(self.filler, "ab", buffering=0) as file:
            for piece in (1 << 20, 4096, 1):
                try:
                    while True:
                        file.write(b"\0" * piece)
                        if piece > 1:
                            os.fsync(file.fileno())
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def make_room(self):
        """And is removed."""
        self.filler.unlink()

    def unmount(self):
        """Takes it away."""
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, timeout=300)


class SmallVault(v.Vault):
    """A staged vault whose data lie on a disk of their own."""

    disk = None

    def stage(self):
        super().stage()
        self.disk = SmallDisk(self.config.parent / "data", self.folder / "disk.image")

    def __exit__(self, *how):
        for process in (self.serve, self.simulator):
            if process and process.alive():
                process.kill()
        if self.disk:
            self.disk.unmount()
        super().__exit__(*how)


class HeldCall:
    """A call that Databricks has and does not answer."""

    def __init__(self, vault, incident, token):
        self.status = self.body = None
        vault.knobs(first_byte_delay_ms=HELD_MS)
        before = len(vault.upstream(incident))
        self.thread = threading.Thread(target=self._wait, args=(vault, token), daemon=True)
        self.thread.start()
        until("the held call at Databricks", lambda: len(vault.upstream(incident)) > before)
        vault.knobs(first_byte_delay_ms=0)

    def _wait(self, vault, token):
        try:
            reply = vault.through(token, "GET", CALL, timeout=3000)
            self.status, self.body = reply.status, reply.body
        except (OSError, v.http.client.HTTPException) as error:
            self.status, self.body = 0, type(error).__name__.encode()

    def end(self):
        """What its client saw: status and error code."""
        self.thread.join(300)
        if self.thread.is_alive():
            raise Failed("the held call did not end")
        return self.status, code_of(self.body)


def code_of(body):
    """The error code of a reply in Databricks' shape."""
    try:
        return json.loads(body).get("error_code", "")
    except ValueError:
        return body.decode(errors="replace")[:200]


def calls_until_refused(vault, token):
    """Calls until one is refused: how many were answered, and what the refusal was."""
    for answered in range(5_000):
        try:
            reply = vault.through(token, "GET", CALL)
        except (OSError, v.http.client.HTTPException) as error:
            return answered, (0, type(error).__name__)
        if reply.status != 200:
            return answered, (reply.status, code_of(reply.body))
    raise Failed("5,000 calls fitted on a full disk")


def calls_of(entries, incident):
    """The incident's calls: the entries of each, by its id."""
    calls = {}
    for entry in entries:
        if entry["t"].startswith("call.") and entry.get("inc") == incident:
            calls.setdefault(entry["cid"], []).append(entry)
    return calls


def opens(vault):
    """An opening that is not waited for: exit code, what was printed."""
    words = ["open", "--no-wait", "--because", "catastrophic-outage", "--answers", v.ANSWERS,
             "--workspace", vault.databricks["workspace_id"], "--for", "30m", "--ticket", "OPS-8813",
             "--scope", "ws:read", "the next night"]
    code, printed, _ = vault.runs("rio", *words)
    return code, printed


def fills_up(checks, vault, name):
    """A session with a call on its way, when the disk becomes full: incident, token, call, how many
    calls were answered since, and what the first refused one saw."""
    incident, token = vault.open_session()
    checks.equal(f"{name}: a call passes while there is room",
                 vault.through(token, "GET", CALL).status, 200)
    held = HeldCall(vault, incident, token)
    vault.disk.fill()
    answered, refusal = calls_until_refused(vault, token)
    return incident, token, held, answered, refusal


def holds_the_record(checks, vault, name, incident, entries, answered):
    """No call went upstream without its entry, and each has an end that is not invented."""
    calls = calls_of(entries, incident)
    sent = [entry for entry in vault.upstream(incident) if entry["path"] == CALL]
    begun = [cid for cid, told in calls.items() if told[-1]["t"] != "call.abort"]
    checks.hold(f"{name}: {len(sent)} calls reached Databricks, each with its begin in the log",
                2 <= len(sent) <= len(begun)
                and all(told[0]["t"] == "call.begin" for told in calls.values()), calls)
    ends = {cid: told[-1] for cid, told in calls.items()}
    checks.hold(f"{name}: every call has its end",
                all(end["t"] in ("call.end", "call.abort", "call.lost") for end in ends.values()), ends)
    complete = [end for end in ends.values() if end.get("ended") == "complete"]
    # The one before the disk was full, and those that its last bytes took. The end of one more may
    # have been written on the room that was given back.
    checks.hold(f"{name}: the log has the {answered + 1} answers that clients saw",
                answered + 1 <= len(complete) <= answered + 2, ends)
    return calls


def with_the_ballast(checks, vault):
    """The reserved room takes the way back; the same process goes on afterwards."""
    incident, token, held, answered, refusal = fills_up(checks, vault, "ballast")
    checks.hold(f"ballast: after {answered} more calls one is refused with {refusal}",
                refusal in ((503, "AUDIT_UNAVAILABLE"), (403, "PERMISSION_DENIED")), refusal)
    seen = held.end()
    checks.hold(f"ballast: the call on its way is cut, its client sees {seen}",
                seen == (403, "PERMISSION_DENIED"), seen)
    until("the close on the ballast", lambda: vault.phase(incident) == "in_review", 300)
    checks.equal("ballast: one live secret after the rotation", vault.sim("secrets")["live"], 1)
    checks.equal("ballast: the token is dead", vault.through(token, "GET", CALL).status, 403)
    code, printed = opens(vault)
    checks.hold("ballast: nothing new is opened, and the sentence says why",
                code == 5 and printed["error"]["code"] == "disk_full"
                and "the disk is full" in printed["error"]["message"], (code, printed))
    checks.hold("ballast: the same process is alive", vault.serve.alive())
    until("the alarm by mail", lambda: any("[DISK FULL]" in s for s in vault.mail.subjects()))
    checks.hold("ballast: people were told", True)
    _, entries = vault.exported()
    calls = holds_the_record(checks, vault, "ballast", incident, entries, answered)
    # Begun first after the one that passed while there was room.
    told = list(calls.values())[1]
    checks.hold("ballast: the call on its way has its end in the log",
                told[-1]["t"] == "call.end" and told[-1]["ended"] == "session_closed", told)
    whys = [entry["why"] for entry in entries if entry["t"] == "session.close"]
    checks.equal("ballast: the log says why the session ended", whys, ["log_lost"])
    checks.hold("ballast: the log has the rotation to its end",
                v.kinds(entries)["rotate.done"] == 2 and v.kinds(entries)["disk.full"] == 1)
    vault.disk.make_room()
    until("the ballast to be taken back", lambda: "disk.room" in v.kinds(vault.exported()[1]), 300)
    checks.hold("room: the vault took its ballast back",
                (vault.disk.folder / "ballast").stat().st_size == BALLAST_MIB << 20)


def without_a_ballast(checks, vault):
    """Where none could be kept: the emergency log takes the way back, and the process ends."""
    checks.equal("emergency: the vault ends", vault.serve.end(), 0)
    text = vault.config.read_text()
    vault.config.write_text(text.replace(f"ballast_mib = {BALLAST_MIB}", f"ballast_mib = {2 * DISK_MIB}"))
    (vault.disk.folder / "ballast").unlink()
    vault.start_serve()
    checks.hold("emergency: a disk too small for the ballast has none",
                not (vault.disk.folder / "ballast").exists())
    incident, token, held, answered, refusal = fills_up(checks, vault, "emergency")
    checks.hold(f"emergency: after {answered} more calls one is refused with {refusal}",
                refusal in ((503, "AUDIT_UNAVAILABLE"), (502, "AUDIT_OUTCOME_UNKNOWN"),
                            (403, "PERMISSION_DENIED")), refusal)
    seen = held.end()
    checks.hold(f"emergency: the call on its way shows its client nothing but {seen}",
                seen in ((502, "AUDIT_OUTCOME_UNKNOWN"), (403, "PERMISSION_DENIED")), seen)
    until("the end of the process", lambda: not vault.serve.alive(), 300)
    checks.equal("emergency: one live secret after the rotation", vault.sim("secrets")["live"], 1)
    said = [json.loads(line) for line in
            (vault.disk.folder / "emergency.ndjson").read_text().splitlines()]
    checks.hold("emergency: its log has the rotation to its end",
                said[-1]["t"] == "emergency.ended" and said[-1]["rotation"] == "done", said[-1])
    # What the emergency log did not need of its own room.
    vault.disk.fill()
    try:
        vault.start_serve()
        started = "it started"
    except Failed as error:
        started = str(error)
    checks.hold("emergency: no start while the disk is full, in a plain sentence",
                "the disk is full" in started, started)
    vault.disk.make_room()
    vault.start_serve()
    until("the end of the incident", lambda: vault.phase(incident) == "in_review", 300)
    _, entries = vault.exported()
    calls = holds_the_record(checks, vault, "emergency", incident, entries, answered)
    told = list(calls.values())[1]
    # The emergency log may have given room back before the call's end was written.
    wanted = "call.end" if seen[0] == 403 else "call.lost"
    checks.hold(f"emergency: the log has {wanted} of the call on its way",
                told[-1]["t"] == wanted and told[-1].get("ended") in (None, "session_closed"), told)
    checks.equal("emergency: one live secret after the start", vault.sim("secrets")["live"], 1)
    checks.equal("emergency: the next night is opened", opens(vault)[0], 0)


def main():
    in_own_mounts()
    args = v.arguments(__doc__)
    checks = v.Checks()
    with SmallVault(args.binary, keep=args.keep) as vault:
        print(f"a disk of {DISK_MIB} MiB with {vault.disk.kind}", flush=True)
        with_the_ballast(checks, vault)
        without_a_ballast(checks, vault)
    checks.finish()


if __name__ == "__main__":
    main()
