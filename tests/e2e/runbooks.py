"""Runs every command of README.md and runbooks/*.md against a real vault, as the right person.

    python3 tests/e2e/runbooks.py --binary target/release/breakglass [PAGE…]

A page gets a vault of its own. A block marked `sh` is one script and must end with 0 (or the code
its comment names); a block marked `text` after it is what must appear, line by line and in order,
where `…` stands for anything. Comments that a reader does not see steer the run:

    <!-- test: person=ben exit=5 before=collecting -->   the next block
    <!-- not run: reason -->                             the next block is not run; counted, printed

Placeholders are those of `placeholders()`, nothing else. This file needs the standard library only;
the responder's page calls Databricks' Python SDK (tests/clients/requirements.txt).
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from pathlib import Path

from children import Failed, free_port, tied, whole

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120
# Page: who acts in it, and what has happened before it begins.
PAGES = {
    "README": ("otto", "bare"),
    "decide": ("rio", "listening"),
    "responder": ("rio", "listening"),
    "custodian": ("ada", "collecting"),
    "auditor": ("tess", "closed"),
    "security": ("sam", "listening"),
    "log-broken": ("vera", "closed"),
    "vault-unreachable": ("rio", "listening"),
    "operator": ("otto", "listening"),
    "postgresql": ("otto", "listening"),
    "real-account": ("otto", "bare"),
    "nobody-answers": ("rio", "collecting"),
    "stop-a-bad-session": ("ada", "open"),
    "rotation-stuck": ("otto", "bare"),
    "host-lost": ("rio", "listening"),
    "leaver": ("otto", "listening"),
    "suspected-theft": ("ada", "listening"),
    "clock": ("rio", "listening"),
    "drill": ("rio", "listening"),
    "first-day": ("ada", "listening"),
    "paper-share": ("ada", "listening"),
}
ANSWERS = "harm_within_hour=yes,admin_can_sign_in=no,rollback_elsewhere=no,platform_down=yes"
RELEASERS = ("ben", "cleo", "dora")


# ---- the vault ---------------------------------------------------------------------------------


class MailSink(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it gets: without it no alert is confirmed."""

    allow_reuse_address = True
    daemon_threads = True
    # An event is several mails at once, one for each local time; with the usual five that may wait to
    # be accepted, the kernel drops the others and they come seconds later.
    request_queue_size = 128

    def __init__(self, address, folder):
        self.folder, self.count, self.lock = folder, 0, threading.Lock()
        super().__init__(address, MailTalk)


class MailTalk(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            self.talk()
        except ConnectionError:
            # The vault was killed, as some pages ask.
            pass

    def talk(self):
        self.say("220 sink")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"EHLO":
                self.say("250-sink")
                self.say("250 8BITMIME")
            elif word == b"DATA":
                self.say("354 go on")
                self.keep()
                self.say("250 kept")
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def keep(self):
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b"..") else line)
        with self.server.lock:
            self.server.count += 1
            path = self.server.folder / f"{self.server.count:04}.eml"
        # A page may read the folder at any moment: a mail is there whole or not at all.
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(b"".join(lines))
        unfinished.rename(path)


class Vault:
    """A staged vault with its simulator and mail sink, and what the page's placeholders mean."""

    def __init__(self, binary, folder):
        self.binary, self.dir = binary, folder / "stage"
        said = self.call([binary, "demo", "--stage", "--json", "-q", "--dir", str(self.dir)])
        self.stage = json.loads(said)
        self.incident = self.phrase = None
        self.children, self.links, self.settings = [], {}, "config"
        host, port = self.stage["mail_address"].rsplit(":", 1)
        self.mail = MailSink((host, int(port)), self.dir / "mail")
        threading.Thread(target=self.mail.serve_forever, daemon=True).start()
        self.databricks = self.stage["databricks"]["http"]
        self.start("simulate", "--json", "--http", self.databricks,
                   "--state-file", str(self.dir / "simulator.json"))
        self.server = None
        config = tomllib.loads((self.dir / "vault" / "breakglass.toml").read_text())
        self.console = config["console"]["url"]

    def call(self, command, **more):
        done = whole(command, timeout=900, **more)
        if done.returncode:
            raise Failed(f"{' '.join(command[:4])}… ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def start(self, *arguments, cwd=None):
        """A child that says one line when it is ready; its talk goes to a log."""
        log = open(self.dir / f"{arguments[0]}.err", "ab")
        child = subprocess.Popen([self.binary, *arguments], stdout=subprocess.PIPE, stderr=log,
                                 cwd=cwd, text=True, preexec_fn=tied())
        self.children.append(child)
        line = child.stdout.readline()
        if not line:
            raise Failed(f"`{arguments[0]}` ended: {Path(log.name).read_text()[-600:]}")
        # Whoever fills a pipe that nobody reads stands still.
        threading.Thread(target=child.stdout.read, daemon=True).start()
        return child

    def listen(self):
        if self.server is None:
            self.server = self.start("serve", "--json", "--config",
                                     str(self.dir / "vault" / "breakglass.toml"))

    def end(self, child):
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self.children.remove(child)

    def close(self):
        for child in list(self.children):
            child.kill()
            child.wait()
        self.mail.shutdown()
        self.mail.server_close()

    # What people do before a page begins.

    def person(self, name):
        return self.dir / "people" / name

    def does(self, name, *arguments):
        folder = self.person(name)
        command = [self.binary, "--json", "-q", "--config", str(folder / "config"),
                   "--state", str(folder / "state"), *arguments]
        return json.loads(self.call(command))

    def prepare(self, what):
        """Brings the vault to where a page or block begins: see PAGES and the pages."""
        if what == "bare":
            return
        if what == "others-release":
            self.release("ben", "cleo")
            return self.until_phase("open")
        if what == "rotated":
            self.release("ben", "cleo")
            return self.until_phase("in_review")
        if what == "epoch-asked":
            return self.epoch_asked()
        if what == "dealt":
            self.release("ben", "cleo")
            return self.until_phase("reviewed")
        if what == "unreachable":
            self.end(self.server)
            self.server = None
            return
        self.listen()
        if what == "listening":
            return
        if what == "longer" and self.incident:
            # The stopped one's epoch must be over, or custodians are asked again under other words.
            self.until_phase("in_review")
        said = self.does("rio", "open", "--no-wait", "--because", "catastrophic-outage",
                         "--answers", ANSWERS, "--workspace", self.workspace(), "--for", "30m",
                         "rehearsal of a runbook")
        self.incident, self.phrase = said["incident"], said["phrase"]
        if what == "collecting":
            return
        self.release(*RELEASERS)
        self.until_phase("open")
        self.does("rio", "claim", self.incident)
        if what == "open":
            return
        if what == "crashed":
            return self.crash()
        if what == "longer":
            asked = self.does("rio", "extend", self.incident, "--minutes", "60", "--no-wait")
            self.phrase = asked["phrase"]
            return
        self.does("rio", "note", self.incident, "restored the admins group")
        self.does("rio", "close", self.incident)

    def release(self, *names):
        for name in names:
            self.does(name, "approve", self.incident, "--phrase", self.phrase)

    def crash(self):
        """The vault is killed with a session open and started again; it asks for a rotation."""
        self.server.kill()
        self.server.wait()
        self.children.remove(self.server)
        self.server = None
        self.listen()
        end = time.monotonic() + PATIENCE_S
        while "phrase" not in (view := self.does("rio", "status", self.incident)):
            if time.monotonic() > end:
                raise Failed(f"nobody was asked for the owed rotation: {view}")
            time.sleep(0.05)
        self.phrase = view["phrase"].replace(" · ", " ")

    def epoch_asked(self):
        """The vault asks for a new epoch by itself; an operator reads the words."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for view in self.does("otto", "status")["incidents"]:
                if view["purpose"] == "rotate" and "phrase" in view:
                    self.incident = view["id"]
                    self.phrase = view["phrase"].replace(" · ", " ")
                    return
            time.sleep(0.05)
        raise Failed("nobody was asked for the new epoch")

    def until_phase(self, phase):
        end = time.monotonic() + PATIENCE_S
        while self.does("vera", "status", self.incident)["phase"] != phase:
            if time.monotonic() > end:
                raise Failed(f"{self.incident} never became {phase}")
            time.sleep(0.05)

    def workspace(self):
        return self.stage["databricks"]["workspace_id"]

    def link(self, name):
        """The line `init` printed for this person."""
        if name in self.links:
            return self.links[name]
        kept = next(self.person(name).glob("config/*.toml"))
        settings = tomllib.loads(kept.read_text())
        pins = settings["pins"]
        return (f"{self.console}/#vault={settings['vault']}&log={pins['log_vkey']}"
                f"&person={settings['person']}&ca={pins.get('ca_sha256') or '-'}")


# ---- the pages ---------------------------------------------------------------------------------


class Block:
    """A fenced block: its language, text, line and the comment before it."""

    def __init__(self, language, text, line, steer, not_run):
        self.language, self.text, self.line = language, text, line
        self.steer, self.not_run = steer, not_run


def blocks(text):
    found, steer, not_run, fence = [], {}, None, None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is not None:
            if line.startswith("```"):
                language, begin, lines = fence
                found.append(Block(language, "\n".join(lines) + "\n", begin, steer, not_run))
                steer, not_run, fence = {}, None, None
            else:
                fence[2].append(line)
        elif line.startswith("```"):
            fence = (line[3:].strip(), number, [])
        elif match := re.fullmatch(r"<!-- test: (.*) -->", line):
            steer = dict(word.split("=", 1) for word in match[1].split())
        elif match := re.fullmatch(r"<!-- not run: (.*) -->", line):
            not_run = match[1]
    if fence is not None:
        raise Failed(f"line {fence[1]}: the block has no end")
    return found


def scripts(page_blocks):
    """Every `sh` block with the `text` block that follows it at once."""
    after = page_blocks[1:] + [None]
    for block, following in zip(page_blocks, after):
        if block.language == "sh":
            expected = following.text if following and following.language == "text" else ""
            yield block, expected


def placeholders(vault, person):
    """What stands in a page for something that only the run knows."""
    return {
        "INC-7": vault.incident or "INC-7",
        "jury lamp iron": vault.phrase or "jury lamp iron",
        "WORKSPACE_ID": vault.workspace(),
        "https://vault.example.com/#vault=…": vault.link(person),
    }


def expected_lines(expected, said):
    """The first expected line that does not appear in what was said, in order; or None."""
    lines = [" ".join(line.split()) for line in said.splitlines()]
    at = 0
    for wanted in expected.splitlines():
        wanted = " ".join(wanted.split())
        if wanted in ("", "…"):
            continue
        pattern = ".*".join(re.escape(part) for part in wanted.split("…"))
        while at < len(lines) and not re.fullmatch(pattern, lines[at]):
            at += 1
        if at == len(lines):
            return wanted
        at += 1
    return None


class Shell:
    """Runs blocks as people: `breakglass` on the path is the binary with that person's folders."""

    def __init__(self, vault, folder):
        self.vault, self.folder = vault, folder

    def environment(self, person):
        home = self.vault.person(person)
        bin_folder = self.folder / "bin" / person
        bin_folder.mkdir(parents=True, exist_ok=True)
        shim = bin_folder / "breakglass"
        settings = f'--config "{home}/{self.vault.settings}" --state "{home}/state"'
        # An operator's commands on the host name their own configuration file.
        shim.write_text("#!/bin/sh\ncase $1 in init|serve|doctor|demo|simulate) set -- \"$@\";;\n"
                        f"*) set -- {settings} \"$@\";; esac\n"
                        f'exec "{self.vault.binary}" "$@"\n')
        shim.chmod(0o755)
        self.camera(bin_folder)
        ssh = home / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        for name in ("id_ed25519", "spare_ed25519"):
            if not (ssh / name).exists():
                (ssh / name).symlink_to(home / name)
        if not (home / "mail").exists():
            (home / "mail").symlink_to(self.vault.dir / "mail")
        path = [str(bin_folder), str(Path(sys.executable).parent), os.environ["PATH"]]
        return {**os.environ, "PATH": ":".join(path), "HOME": str(home)}, home

    def camera(self, bin_folder):
        """`zbarcam` of a machine with a camera: what stands on ada's sheet."""
        sheet = self.vault.person("ada") / "sheet.txt"
        script = bin_folder / "zbarcam"
        script.write_text(f"#!/bin/sh\nsed -nE 's/^ +[0-9]+  ([0-9A-Z]{{2,4}}( |$))/\\1/p' '{sheet}'\n")
        script.chmod(0o755)

    def run(self, script, person, cwd=None):
        environment, home = self.environment(person)
        for placeholder, value in placeholders(self.vault, person).items():
            script = script.replace(placeholder, value)
        command = ["bash", "-e", "-u", "-o", "pipefail", "-c", script]
        child = subprocess.Popen(command, cwd=cwd or home, env=environment, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        said = []
        reader = threading.Thread(target=lambda: said.extend(child.stdout), daemon=True)
        reader.start()
        try:
            if re.search(r"breakglass (open|report-lost|epoch new|drill) (?!.*--no-wait)", script.replace("\\\n", "")):
                self.release_when_asked(said, child)
            if re.search(r"breakglass extend (?!.*--(no-wait|phrase))", script):
                self.agree_when_asked(said, child)
            child.wait(300)
        except subprocess.TimeoutExpired:
            raise Failed(f"did not end within five minutes: {''.join(said)[-400:]}") from None
        finally:
            # Whatever the block left behind, or did not come to the end of.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        reader.join(60)
        self.vault.links.update(
            re.findall(r"^(\w+):\n  breakglass enrol '(.*)'$", "".join(said), re.M))
        return child.returncode, "".join(said)

    def release_when_asked(self, said, child):
        """`open` waits for people: hear the phrase from its screen and release three shares."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and child.poll() is None:
            text = "".join(said)
            phrase = re.search(r"^\s+\((\w+ · \w+ · \w+)\)$", text, re.M)
            incident = re.search(r"\bINC-\d+\b", text)
            if phrase and incident:
                self.vault.phrase = phrase[1].replace(" · ", " ")
                self.vault.incident = incident[0]
                return self.vault.release(*RELEASERS)
            time.sleep(0.02)


    def agree_when_asked(self, said, child):
        """`extend` waits for people: hear the phrase from its screen and agree three times."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and child.poll() is None:
            text = "".join(said)
            phrase = re.search(r"^\s+\((\w+ · \w+ · \w+)\)$", text, re.M)
            minutes = re.search(r"--minutes (\d+)", text)
            if phrase and minutes:
                for name in RELEASERS:
                    self.vault.does(name, "extend", self.vault.incident, "--minutes", minutes[1],
                                    "--phrase", phrase[1].replace(" · ", " "))
                return
            time.sleep(0.02)


# ---- checks ------------------------------------------------------------------------------------


class Report:
    def __init__(self):
        self.passed, self.failed, self.not_run = 0, 0, 0

    def check(self, name, problem):
        if problem:
            self.failed += 1
            print(f"FAIL {name}: {problem}")
        else:
            self.passed += 1
            print(f"ok   {name}")

    def skip(self, name, reason):
        self.not_run += 1
        print(f"not run {name}: {reason}")


class Help:
    """What `--help` knows: commands and their options."""

    def __init__(self, binary):
        self.binary, self.cache = binary, {}

    def of(self, words):
        key = tuple(words)
        if key not in self.cache:
            done = subprocess.run([self.binary, *words, "--help"], capture_output=True, text=True)
            self.cache[key] = done.stdout if done.returncode == 0 else None
        return self.cache[key]

    def problem(self, text):
        """The first command or option in a text that the program does not have."""
        joined = text.replace("\\\n", " ")
        for match in re.finditer(r"(?:^|[\s`$(])breakglass ((?:[a-z-]+ ?)+)?([^`|;\n]*)", joined):
            words = [w for w in (match[1] or "").split() if re.fullmatch(r"[a-z][a-z-]*", w)]
            if not words:
                continue
            if self.of(words[:1]) is None:
                return f"`breakglass {words[0]}` is unknown to --help"
            group = words[0] in ("alert", "log", "review", "person", "roster", "policy", "epoch",
                                 "unlocker", "paper")
            if group and (len(words) < 2 or self.of(words[:2]) is None):
                return f"`breakglass {' '.join(words[:2])}` is unknown to --help"
            depth = 3 if words[:2] == ["log", "new-epoch"] else 2 if group else 1
            known = self.of(words[:depth])
            if known is None:
                return f"`breakglass {' '.join(words[:depth])}` is unknown to --help"
            own = match[0].split(" -- ")[0]
            for option in re.findall(r"(?<=\s)--[a-z][a-z-]+", own):
                if option not in known:
                    return f"`breakglass {words[0]} {option}` is unknown to --help"
        return None


def text_checks(report, help_texts):
    """What needs no vault: names that exist, the tree as the policy has it, the pages' heads."""
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`((?:src|tests|runbooks|migrations)/[\w./-]+)`", readme))
    missing = sorted(name for name in named if not (ROOT / name).exists())
    report.check("README names only files that exist", ", ".join(missing))
    report.check("README is at most 280 lines", len(readme.splitlines()) > 280 and "longer")
    pages = {path.stem: path.read_text() for path in sorted((ROOT / "runbooks").glob("*.md"))}
    wanted = set(re.findall(r'\.page\("([a-z-]+)"\)', sources())) | {
        word for body in re.findall(r"fn runbook\(.*?\n    }\n", sources(), re.S)
        for word in re.findall(r'"([a-z-]+)"', body)}
    report.check("each page that an error names exists", ", ".join(sorted(wanted - set(pages))))
    linked = {link for text in pages.values() for link in re.findall(r"\]\(([\w-]+)\.md\)", text)}
    report.check("each linked page exists", ", ".join(sorted(linked - set(pages))))
    for name, text in pages.items():
        head = re.match(r"---\nowner: .+\ntested: \d{4}-\d\d-\d\d\n---\n", text)
        report.check(f"{name}: says its owner and when it was tested", not head and "no head")
    for name, text in {"README": readme, **pages}.items():
        report.check(f"{name}: every command is known to --help", help_texts.problem(text))
    tree_check(report, pages["decide"])
    keys_check(report, readme)


def sources():
    return "\n".join(p.read_text() for p in sorted((ROOT / "src").rglob("*.rs")))


def tree_check(report, page):
    policy = tomllib.loads((ROOT / "src/domain/policy/built_in.toml").read_text())
    wanted = []
    for question in policy["tree"]:
        wanted.append(f"{question['id']}` {question['text']}")
        for branch in ("yes", "no"):
            leaf = question[branch]
            wanted.append(leaf.get("door") or leaf.get("use_case") or leaf["question"])
    flat = " ".join(page.split())
    report.check("decide: the tree is the built-in policy's",
                 "; ".join(text for text in wanted if text not in flat))
    asked = re.findall(r"^\d+\. `(\w+)`", page, re.M)
    report.check("decide: the questions stand in the policy's order",
                 asked != [q["id"] for q in policy["tree"]] and f"{asked}")


def keys_check(report, readme):
    """Every key of the configuration file stands in the example with a word about it."""
    example = "\n".join(b.text for b in blocks(readme) if b.language == "toml")
    # Rarer channels and the watch have an example of their own, which the README names.
    example += (ROOT / "deploy/examples/every-channel.toml").read_text()
    structs = []
    for path in ("src/config/mod.rs", "src/databricks/config.rs", "src/alerts/config.rs",
                 "src/store/open.rs", "src/config/watch.rs"):
        text = (ROOT / path).read_text()
        structs += re.findall(r"pub struct (?:Config|Console|Proxy|Tls|Waits|SmtpConfig|"
                              r"WebhookConfig|SlackConfig|TeamsConfig|PagerDutyConfig|Watch) \{\n(.*?)\n\}", text, re.S)
    keys = {key for body in structs for key in re.findall(r"^    pub (\w+):", body, re.M)}
    missing = sorted(key for key in keys
                     if not re.search(rf"(^|[\[.# ]){key}(\]| =)", example, re.M))
    report.check("README: the example has every key", ", ".join(missing))


def run_page(report, name, text, binary):
    person, before = PAGES[name]
    with tempfile.TemporaryDirectory(prefix="breakglass-runbooks-") as folder:
        folder = Path(folder)
        vault = Vault(binary, folder)
        try:
            vault.prepare(before)
            shell = Shell(vault, folder)
            # These two make a vault of their own, from the files that stand in the README.
            own = name in ("README", "real-account")
            cwd = own_vault(vault, (ROOT / "README.md").read_text()) if own else None
            for block, expected in scripts(blocks(text)):
                run_block(report, f"{name}:{block.line}", block, expected, person, shell, cwd)
        finally:
            vault.close()


def run_block(report, label, block, expected, person, shell, cwd):
    label = f"{label} {block.text.strip().splitlines()[0][:60]}"
    if block.not_run:
        return report.skip(label, block.not_run)
    try:
        if "before" in block.steer:
            shell.vault.prepare(block.steer["before"])
        if block.text.startswith("breakglass serve"):
            shell.vault.server = shell.vault.start(*block.text.split()[1:], "--json", cwd=cwd)
            return report.check(label, None)
        who = block.steer.get("person", person)
        at_host = cwd if who == "otto" else None
        code, said = shell.run(block.text, who, at_host)
    except Failed as problem:
        return report.check(label, str(problem))
    wanted = int(block.steer.get("exit", 0))
    if code != wanted:
        return report.check(label, f"ended with {code}, not {wanted}: {said[-900:]}")
    for placeholder, value in placeholders(shell.vault, who).items():
        expected = expected.replace(placeholder, value) if value else expected
    lost = expected_lines(expected, said)
    report.check(label, lost and f"did not say: {lost}\n--- it said:\n{said[-900:]}")


def own_vault(vault, readme):
    """README's three files as they stand there, with this machine's addresses and keys."""
    folder = vault.dir / "own"
    folder.mkdir(mode=0o700)
    shutil.copytree(vault.dir / "tls", folder / "tls")
    port = free_port()
    account, workspace = fresh_databricks(vault, folder)
    files = {}
    for block in blocks(readme):
        if block.language == "toml":
            files[re.match(r"# (\S+)", block.text)[1]] = block.text
    said = vault.stage["databricks"]
    config = re.sub(r"(_ms = )(\d[\d_]*)",
                    lambda m: m[1] + str(max(10, int(m[2].replace("_", "")) // 100)),
                    files["breakglass.toml"])
    swaps = {
        "0.0.0.0:443": f"127.0.0.1:{port}",
        "https://vault.example.com": f"https://localhost:{port}",
        "https://databricks.vault.example.com": f"https://127.0.0.1:{port}",
        "https://accounts.cloud.databricks.com": account,
        "https://dbc-0123.cloud.databricks.com": workspace,
        "2f1c7a90-0000-4000-8000-000000000001": said["account_id"],
        "6d0e8f11-0000-4000-8000-000000000002": said["application_id"],
        "4429021012345678": str(said["principal_id"]),
        "WORKSPACE_ID": said["workspace_id"],
        "127.0.0.1:8085": "127.0.0.1:0",
        "mail.example.com": "localhost",
        "https://hooks.example.com/breakglass": "http://127.0.0.1:9/breakglass",
        "request_timeout_ms = 300": "request_timeout_ms = 30000",
        "connect_timeout_ms = 100": "connect_timeout_ms = 10000",
        "head_timeout_ms = 9000": "head_timeout_ms = 900000",
        "\ntimeout_ms = 200": "\ntimeout_ms = 20000",
    }
    for old, new in swaps.items():
        if old not in config:
            raise Failed(f"README's breakglass.toml lacks {old}")
        config = config.replace(old, new)
    (folder / "breakglass.toml").write_text(config)

    def key(match):
        stem = "spare_ed25519.pub" if match[2] else "id_ed25519.pub"
        return (vault.person(match[1]) / stem).read_text().strip()

    roster = re.sub(r"ssh-ed25519 AAAA… (\w+)(-spare)?", key, files["roster.toml"])
    (folder / "roster.toml").write_text(roster)
    (folder / "policy.toml").write_text(files["policy.toml"])
    for name, content in (("smtp.password", "secret"), ("webhook.secret", "whsec_" + "QUFB" * 8),
                          ("metrics.token", "0123456789abcdef" * 2),
                          ("heartbeat.url", "http://127.0.0.1:9/ping")):
        path = folder / name
        path.write_text(content)
        path.chmod(0o600)
    vault.settings = "own-config"
    return folder


def fresh_databricks(vault, folder):
    """A second simulator, whose first secret nobody has rotated."""
    secret = folder / "first-secret.txt"
    child = subprocess.Popen([vault.binary, "simulate", "--json", "--http", "127.0.0.1:0",
                              "--write-first-secret", str(secret)],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                             preexec_fn=tied())
    vault.children.append(child)
    said = json.loads(child.stdout.readline())
    vault.stage["databricks"].update(said)
    return f"http://{said['http']}", f"http://{said['http']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("pages", nargs="*", help="only these pages")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    report = Report()
    text_checks(report, Help(binary))
    pages = {"README": ROOT / "README.md"}
    pages.update((path.stem, path) for path in sorted((ROOT / "runbooks").glob("*.md")))
    report.check("each page is in this test's table",
                 ", ".join(sorted(set(pages) ^ set(PAGES))))
    for name, path in pages.items():
        if name in PAGES and (not arguments.pages or name in arguments.pages):
            try:
                run_page(report, name, path.read_text(), binary)
            except (Failed, OSError, subprocess.SubprocessError) as problem:
                report.check(f"{name}: can be run", f"{type(problem).__name__}: {problem}")
    print(f"{report.not_run} blocks not run, each with its reason above")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
