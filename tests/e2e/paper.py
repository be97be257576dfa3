"""Paper shares with the real binary: made, checked, dealt to, released by two people, audited.

    python3 tests/e2e/paper.py --binary target/debug/breakglass
"""

import json
import pathlib
import re
import stat
import subprocess
import sys

import vault as v


def piped(vault, name, text, *words):
    """A command of a person with a text on standard input: exit code, object, what it said."""
    person = vault.dir / "people" / name
    command = [vault.binary, "--json", "--config", str(person / "config"),
               "--state", str(person / "state"), *map(str, words)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=600,
                          env=v.quiet_environment())
    try:
        printed = json.loads(done.stdout)
    except ValueError:
        printed = None
    return done.returncode, printed, done.stderr


def text_of(sheet):
    """What a person types from a sheet: the rows of groups, in any spelling."""
    rows = re.findall(r"^ *(?:<pre>)? *\d+  ((?:[0-9A-Z]{2,4} *)+)$", sheet, re.M)
    return " ".join(rows)


def made(checks, vault):
    """ada makes a paper: a private file, a roster entry, her share sealed to it."""
    code, _, said = vault.runs("ada", "paper", "new", "--yes")
    checks.hold("without a terminal and a file no secret is printed (exit 2)",
                code == 2 and "--sheet" in said, f"{code}: {said}")
    code, _, said = vault.runs("rio", "paper", "new", "--yes", "--sheet", vault.folder / "rio.txt")
    checks.hold("only a custodian keeps one (exit 9), and no file is left",
                code == 9 and not (vault.folder / "rio.txt").exists(), f"{code}: {said}")
    file = vault.folder / "ada.html"
    done = vault.does("ada", "paper", "new", "--yes", "--sheet", file)
    checks.equal("the sheet is its keeper's alone", stat.S_IMODE(file.stat().st_mode), 0o600)
    sheet = file.read_text()
    text = text_of(sheet)
    checks.hold("the sheet is a page with text and square, without script",
                len(text.replace(" ", "")) == 78 and "<svg" in sheet and "<script" not in sheet,
                f"{len(sheet)} characters")
    checks.equal("her present share is sealed to it", (done["epoch"], done["index"]), (1, 1))
    code, _, said = vault.runs("ada", "paper", "new", "--yes", "--sheet", vault.folder / "two.txt")
    checks.hold("a second one only in its place (exit 5)", code == 5 and "--replace" in said,
                f"{code}: {said}")
    return text, done["paper"]


def checked(checks, vault, text, recipient, epoch):
    """The keeper proves it, others only read whose it is, mistakes are named by place."""
    code, found, said = piped(vault, "ada", text, "paper", "check")
    checks.hold(f"the paper opens her share of epoch {epoch} and the proof is taken",
                code == 0 and (found["proved"], found["epoch"]) == (True, epoch), f"{code}: {said}")
    plain = text.replace(" ", "").lower()
    wrong = list(plain)
    for place in (13, 41):
        wrong[place - 1] = "q" if wrong[place - 1] != "q" else "p"
    code, _, said = piped(vault, "ada", "".join(wrong), "paper", "check")
    checks.hold("two wrong characters are named (exit 6)",
                code == 6 and "characters 13 and 41 look wrong" in said, f"{code}: {said}")
    checks.hold("and nothing of the text is repeated", plain[20:30] not in said.lower(), said)
    spotted = plain[:29] + "?" + plain[30:]
    code, found, said = piped(vault, "ben", spotted, "paper", "check")
    checks.hold("ben reads whose it is, with a stain, and proves nothing",
                code == 0 and found["name"].lower() == "ada" and found["proved"] is False
                and "30" in said, f"{code}: {found} {said}")
    entries = [one for one in vault.exported()[1] if one["t"] == "custody.proved"]
    checks.hold("the log has the proof", any(one["epoch"] == epoch for one in entries), entries)


def dealt(checks, vault, text):
    """A whole emergency later the same sheet opens the share of the next epoch."""
    incident, _ = vault.open_session()
    vault.close(incident)
    v.until("the end of the first incident", lambda: vault.phase(incident) == "in_review")
    checks.hold("epoch 2 is dealt", vault.does("ada", "prove", "--yes")["epoch"] == 2)
    code, found, said = piped(vault, "ada", text, "paper", "check")
    checks.hold("the sheet that was never touched opens the share of epoch 2",
                code == 0 and (found["proved"], found["epoch"]) == (True, 2), f"{code}: {said}")


def witnesses(vault, incident, name="cleo", opener="ben", keeper="ada", bag="0017"):
    """Somebody stands beside the opener: exit code, object, what it said."""
    return vault.runs(name, "paper", "witness", incident, "--opener", opener, "--keeper", keeper,
                      "--bag", bag, "--yes")


def refused(checks, vault, incident, phrase, text):
    """Who may not stand by, who may not open, what does not count."""
    for name, opener, wanted in (("rio", "ben", 9), ("ben", "ben", 5), ("otto", "ben", 9),
                                 ("cleo", "rio", 9), ("cleo", "vera", 9)):
        code, _, said = witnesses(vault, incident, name, opener)
        checks.hold(f"{name} beside {opener} is refused (exit {wanted})", code == wanted,
                    f"{code}: {said}")
    code, _, said = witnesses(vault, incident, keeper="dora")
    checks.hold("dora keeps no paper (exit 2)", code == 2 and "no paper" in said, f"{code}: {said}")
    code, _, said = piped(vault, "ben", text, "approve", incident, "--paper", "--phrase", phrase)
    checks.hold("without a witness the bag stays closed (exit 5)",
                code == 5 and "leave the bag closed" in said, f"{code}: {said}")
    reply = vault.ask_api(vault.login_token("ben"), "GET", f"/incidents/{incident}/paper-share")
    checks.hold("nor is the sealed share given out", reply.status != 200 and b"no_witness" in reply.body,
                f"{reply.status} {reply.body[:300]!r}")
    checks.equal("nothing counts yet", vault.view(incident)["shares_in"], 0)


def released(checks, vault, text):
    """ben opens ada's paper beside cleo; the session opens with it; nobody counts twice."""
    incident, phrase = vault.asks()
    refused(checks, vault, incident, phrase, text)
    code, signed, said = witnesses(vault, incident)
    checks.hold("cleo signs that she stands beside ben", code == 0 and signed["index"] == 1,
                f"{code}: {said}")
    plain = text.replace(" ", "")
    other = plain[:-1] + ("Q" if plain[-1] != "Q" else "P")
    code, _, said = piped(vault, "ben", other, "approve", incident, "--paper", "--phrase", phrase)
    checks.hold("a mistyped paper releases nothing (exit 6)", code == 6 and "78" in said, f"{code}: {said}")
    code, given, said = piped(vault, "ben", text, "approve", incident, "--paper", "--phrase", phrase)
    checks.hold("ben releases ada's share with her paper",
                code == 0 and (given["index"], given["shares_in"]) == (1, 1), f"{code}: {said}")
    for name in ("ben", "ada"):
        code, _, said = vault.runs(name, "approve", incident, "--phrase", phrase)
        checks.hold(f"{name}'s own share does not count beside it (exit 5)", code == 5,
                    f"{code}: {said}")
    code, _, said = witnesses(vault, incident, "vera", "dora")
    checks.hold("one paper counts (exit 5)", code == 5 and "one counts" in said, f"{code}: {said}")
    states = {one["name"].lower(): one["state"] for one in vault.view(incident)["custodians"]}
    checks.equal("the board tells keeper and opener apart", (states["ada"], states["ben"]),
                 ("paper", "opener"))
    headers = {"cookie": f"__Host-breakglass={vault.login_token('dora')}"}
    page = v.call(vault.console, "GET", f"/i/{incident}", headers).body.decode()
    checks.hold("the page says whose paper, who opened it, who stood by, which bag",
                "with her paper (bag 0017)" in page and "stood by" in page, page[:2000])
    vault.approves(incident, phrase, ("cleo", "dora"))
    v.until("the session", lambda: vault.phase(incident) == "open")
    vault.does("rio", "claim", incident)
    reply = vault.through(vault.token(incident), "GET", "/api/2.0/preview/scim/v2/Me")
    checks.equal("a quorum with a paper share opens a session that works", reply.status, 200)
    vault.close(incident)
    v.until("its end", lambda: vault.phase(incident) == "in_review")
    return incident


def told(checks, vault, incident):
    """Everybody gets both mails; the witness may not review."""
    everybody = len(vault.api("vera", "GET", "/vault")["roster"]["people"])

    def addressed(word):
        mails = [one for one in vault.mail.mails if f"[{word}]" in one["subject"] and incident in one["subject"]]
        return len({to for one in mails for to in one["to"]})

    for word in ("PAPER", "PAPER USED"):
        v.until(f"the mails {word}", lambda: addressed(word) >= everybody)
        checks.hold(f"[{word}] reaches everybody", addressed(word) == everybody,
                    f"{addressed(word)} of {everybody}")


def audited(checks, vault, incident):
    """Both signatures stand in the export; both verifiers hold them against the entries."""
    folder, entries = vault.exported()
    about = [one for one in entries if one.get("inc") == incident]
    seen = [one for one in about if one["t"] == "paper.witnessed"]
    paper = [one for one in about if one["t"] == "share.accept" and "paper" in one]
    checks.hold("one witness, one paper share, each naming the other's act",
                len(seen) == len(paper) == 1
                and paper[0]["paper"]["witness_sha256"] == seen[0]["act_sha256"], about)
    for act, one in (("witness", seen[0]), ("approve", paper[0])):
        document = folder / "acts" / f"{one['act_sha256']}.json"
        signer = json.loads(document.read_text())["person"]
        done = subprocess.run(
            ["ssh-keygen", "-Y", "verify", "-n", f"breakglass-{act}", "-I", signer, "-f",
             str(next(folder.glob("allowed_signers/*"))), "-s", str(document.with_suffix(".sig"))],
            stdin=document.open(), capture_output=True, text=True)
        checks.hold(f"stock ssh-keygen verifies the act {act}", done.returncode == 0,
                    f"{signer} {done.stdout} {done.stderr} {sorted(map(str, folder.glob('*')))}")
    done = subprocess.run([sys.executable, str(folder / "verify.py"), str(folder)],
                          capture_output=True, text=True, timeout=600)
    checks.hold("verify.py passes", done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:])
    # The witness's document put aside: neither verifier lets the paper share stand.
    (folder / "acts" / f"{seen[0]['act_sha256']}.json").unlink()
    done = subprocess.run([sys.executable, str(folder / "verify.py"), str(folder)],
                          capture_output=True, text=True, timeout=600)
    checks.hold("without the witness's act verify.py fails (exit 8)", done.returncode == 8, done.stdout)
    code, _, said = vault.runs("vera", "log", "verify", str(folder))
    checks.hold("and so does log verify (exit 8)", code == 8, f"{code}: {said}")


def replaced(checks, vault, text):
    """A new sheet in its place; the old one is nobody's any more."""
    file = vault.folder / "new.txt"
    vault.does("ada", "paper", "new", "--yes", "--replace", "--sheet", file)
    code, _, said = piped(vault, "ada", text, "paper", "check")
    checks.hold("the old sheet is nobody's any more (exit 6)", code == 6 and "replaced" in said,
                f"{code}: {said}")
    code, found, said = piped(vault, "ada", text_of(file.read_text()), "paper", "check")
    checks.hold("the new one opens her present share", code == 0 and found["proved"], f"{code}: {said}")


def nowhere(checks, vault, text):
    """The text and the identity stand in no file of the vault, the client or the log."""
    plain = text.replace(" ", "")
    words = [plain.encode(), plain.lower().encode(), text[:40].encode()]
    found = []
    for folder in (vault.dir, pathlib.Path("/tmp")):
        for path in folder.glob("**/*") if folder == vault.dir else folder.glob("*"):
            try:
                raw = path.read_bytes() if path.is_file() and path.stat().st_size < 2**24 else b""
            except OSError:
                continue
            found += [str(path) for word in words if word in raw]
    checks.hold("the sheet's text is in no other file", not found, found)


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, keep=given.keep, store=given.store) as vault:
        text, recipient = made(checks, vault)
        checked(checks, vault, text, recipient, 1)
        dealt(checks, vault, text)
        incident = released(checks, vault, text)
        told(checks, vault, incident)
        audited(checks, vault, incident)
        replaced(checks, vault, text)
        nowhere(checks, vault, text)
    checks.finish()


if __name__ == "__main__":
    main()
