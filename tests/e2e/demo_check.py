"""What an outsider can check about a finished demo, without a line of our code.

    python tests/e2e/demo_check.py FOLDER

The export's own verify.py recomputes tree and signature against every checkpoint in the mails;
stock ssh-keygen checks every signed act; the files are searched for secrets.
"""

import json
import pathlib
import re
import subprocess
import sys

import vault as v

CLEAR = re.compile(rb"dose[0-9a-f]{32}|AGE-SECRET-KEY-1|bg[lt]_[0-9A-Za-z]{20,}|BEGIN OPENSSH PRIVATE")


def verified(checks, folder):
    """The tree, by the script that travels with the export."""
    export, mails = folder / "export", sorted((folder / "mail").glob("*.eml"))
    # Mails that came after the export name a log that has grown since.
    size = int((export / "checkpoint").read_text().splitlines()[1])
    seen = [mail for mail in mails if named_size(mail) <= size]
    words = [sys.executable, str(export / "verify.py"), str(export)]
    words += ["--seen", *map(str, seen)] if seen else []
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    checks.hold(f"verify.py holds against {len(seen)} mails", done.returncode == 0 and seen,
                done.stdout + done.stderr)


def named_size(mail):
    """Tree size of the checkpoint in a mail."""
    text = mail.read_text(errors="replace")
    found = re.search(r"/log/[^\n]*\n(\d+)\n", text.replace("\r", ""))
    return int(found.group(1)) if found else sys.maxsize


def acts(checks, folder):
    """Every act that a person of the roster signed, by stock ssh-keygen."""
    export, by_person, by_claim = folder / "export", 0, 0
    (signers,) = (export / "allowed_signers").iterdir()
    known = signers.read_text()
    for path in sorted((export / "acts").glob("*.json")):
        act, signature = json.loads(path.read_text()), path.with_suffix(".sig")
        if act["key"].split()[1] in known:
            words = ["verify", "-f", str(signers), "-I", act["person"]]
            by_person += 1
        else:
            # A claim is signed by the key its opening named, which is nobody's login key.
            checks.equal(f"{path.name[:8]} is the one kind of act without a login key",
                         act["act"], "claim")
            words, by_claim = ["check-novalidate"], by_claim + 1
        done = subprocess.run(
            ["ssh-keygen", "-Y", *words, "-n", f"breakglass-{act['act']}", "-s", str(signature)],
            input=path.read_bytes(), capture_output=True, timeout=300)
        checks.hold(f"ssh-keygen accepts {act['act']} {path.name[:8]}", done.returncode == 0,
                    (done.stdout + done.stderr).decode(errors="replace"))
    checks.hold(f"{by_person} acts of people and {by_claim} claim", by_person > 5 and by_claim == 1)


def clear(checks, folder):
    """No secret in what a backup, a mailbox or an auditor would hold."""
    for part in ("vault", "export", "mail"):
        files = [path for path in (folder / part).rglob("*") if path.is_file()]
        found = [path.name for path in files if CLEAR.search(path.read_bytes())]
        checks.hold(f"nothing secret in the {len(files)} files of {part}/", files and not found,
                    found)


def main():
    checks, folder = v.Checks(), pathlib.Path(sys.argv[1])
    verified(checks, folder)
    acts(checks, folder)
    clear(checks, folder)
    checks.finish()


if __name__ == "__main__":
    main()
