"""Drives `breakglass init --guided` at a real terminal (a pty) against the simulator, as somebody
who has read nothing types it: wrong answers first, then right ones, then once more over what was
written. Ends with the vault made, and with `doctor` telling that the typed secret is dead.

    python3 tests/e2e/guided_init.py --binary target/release/breakglass

Standard library only.
"""

import argparse
import base64
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tomllib
import urllib.parse
import urllib.request

import children

PATIENCE_S = 180


class Failed(Exception):
    """One check that did not hold."""


class Terminal:
    """A command at a terminal of its own: what it says, and what is typed into it."""

    def __init__(self, command, cwd):
        self.text, self.seen = "", 0
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execv(command[0], command)

    def read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            # The other end is gone.
            return None
        if not data:
            return None
        self.text += data.decode(errors="replace").replace("\r\n", "\n")
        return True

    def expect(self, words):
        """Waits until these words come, after those that came before."""
        end = time.monotonic() + PATIENCE_S
        while True:
            at = self.text.find(words, self.seen)
            if at >= 0:
                self.seen = at + len(words)
                return
            state = self.read(1)
            if state is None or time.monotonic() > end:
                self.finish()
                raise Failed(f"waited in vain for {words!r}; it said:\n{self.text[-3000:]}")

    def answer(self, question, text):
        """Types an answer when the question stands there."""
        self.expect(question)
        os.write(self.master, text.encode() + b"\n")

    def hidden(self, question, text):
        """Types what must not be seen, once the terminal has stopped showing it."""
        self.expect(question)
        shows = lambda: termios.tcgetattr(self.master)[3] & termios.ECHO
        children.until("a terminal that shows nothing", lambda: not shows())
        os.write(self.master, text.encode() + b"\n")

    def end(self):
        """Reads to the end; the exit code."""
        end = time.monotonic() + PATIENCE_S
        while self.read(1) is not None:
            if time.monotonic() > end:
                self.finish()
                raise Failed(f"it does not end; it said:\n{self.text[-3000:]}")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)

    def finish(self):
        """Ends it."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def mail_port():
    """Something that takes connections, as a mail server would; nothing is sent to it."""
    server = socket.create_server(("127.0.0.1", 0))

    def take():
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return

    threading.Thread(target=take, daemon=True).start()
    return server, server.getsockname()[1]


PEOPLE = [("ada", "custodian", 2), ("ben", "custodian", 2), ("cleo", "custodian", 2),
          ("rio", "responder", 1), ("vera", "auditor", 1), ("tess", "auditor", 1),
          ("otto", "operator", 1)]
WAITS = """
[databricks.waits]
create_propagation_ms = 2000
propagation_step_ms = 20
reconcile_wait_ms = 100
reconcile_gap_ms = 50
delete_proof_ms = 200
delete_retry_max_ms = 200
me_poll_ms = 2000
"""


class Run:
    def __init__(self, binary, folder):
        self.binary, self.dir, self.passed, self.failed = binary, folder, 0, 0
        self.home = folder / "vault"
        self.home.mkdir()
        self.keys = folder / "keys"
        self.keys.mkdir()
        self.secret_file = folder / "first-secret"
        self.simulator = children.Process(
            [binary, "simulate", "--json", "--http", "127.0.0.1:0",
             "--workspace-id", "900800700600", "--workspace-id", "900800700601",
             "--write-first-secret", str(self.secret_file)], folder / "simulator.log")
        self.info = self.simulator.ready
        self.databricks = f"http://{self.info['http']}"
        self.secret = self.secret_file.read_text().strip()
        self.mail, self.mail_at = mail_port()

    def check(self, what, holds, more=""):
        if holds:
            self.passed += 1
            print(f"ok   {what}")
        else:
            self.failed += 1
            print(f"FAIL {what} {more}")

    def key(self, name):
        path = self.keys / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path],
                       check=True, stdin=subprocess.DEVNULL)
        return path.with_suffix(".pub")

    def terminal(self, *words):
        command = [self.binary, "init", "--guided", "--config", "breakglass.toml", *words]
        return Terminal(command, self.home)

    def first(self):
        """Every question, some of them answered wrongly first."""
        it = self.terminal()
        it.answer("vault's id", "9")
        it.expect("✗ 3 to 40")
        it.answer("vault's id", "prod-eu")
        it.answer("Folder for what it keeps [data]:", "")
        it.answer("Address people dial", "http://vault.example.com")
        it.expect("✗ may be http:// on loopback only")
        it.answer("Address people dial", f"http://127.0.0.1:{children.free_port()}")
        it.answer("Plain listener", f"127.0.0.1:{children.free_port()}")
        it.answer("Cloud", "aws")
        it.answer("Account host [https://accounts.cloud.databricks.com]:",
                  f"http://127.0.0.1:{children.free_port()}")
        it.answer("Outbound proxy", "")
        it.answer("certificate authorities", "")
        it.expect("✗ databricks is not reachable")
        it.answer("Account host", self.databricks)
        it.answer("Outbound proxy", "proxy.example.com:3128")
        it.expect("✗ [databricks] proxy must be http://host:port")
        it.answer("Outbound proxy", "")
        it.answer("certificate authorities", "")
        it.expect("✓ it answers; the clocks are")
        it.answer("Account id", "prod")
        it.expect("✗ it looks like")
        it.answer("Account id", self.info["account_id"])
        it.answer("application id", self.info["application_id"])
        it.hidden("OAuth secret (not shown):", "dose-wrong")
        it.expect("✗ Databricks refuses it")
        it.hidden("OAuth secret (not shown):", self.secret)
        it.expect("✓ it mints; a token lives 60 minutes")
        it.expect("✓ it is account admin")
        it.expect("ends in 729 days")
        it.answer("Private link", "10.0.0.0/24")
        it.expect("✗ 10.0.0.0/24 is no address such as 10.0.0.5")
        # Nothing answers there: the question comes again, with this answer in brackets.
        it.answer("Private link", "127.0.0.2")
        it.answer("Guard workspace 900800700600", "y")
        behind_link = self.databricks.replace("127.0.0.1", "localhost")
        it.answer("its address", behind_link)
        it.expect("✗ databricks is not reachable")
        it.answer("Keep it all the same?", "n")
        it.answer("empty for none [127.0.0.2]:", "127.0.0.1")
        it.answer("its address", behind_link)
        it.expect("✓ it answers; the principal is admin there")
        it.expect("✓ the account can make its principal an admin there")
        it.answer("Guard workspace 900800700601", "n")
        it.answer("only while a session is open?", "")
        it.answer("Addresses from which", "somewhere")
        it.expect("✗ somewhere is no address")
        it.answer("Addresses from which", "192.0.2.7")
        it.answer("Mail server", "127.0.0.1")
        it.answer("Its port", str(self.mail_at))
        it.expect("✓ it takes connections")
        it.answer("Its protection (starttls, tls, none) [none]:", "")
        it.answer("Sender address", "breakglass@example.com")
        it.answer("User name", "breakglass")
        it.hidden("Its password (not shown):", "mail-password-canary")
        it.answer("The second", "webhook")
        it.answer("Address to post to", "http://127.0.0.1:9/hook")
        it.expect("wrote webhook.secret")
        it.expect("Wrote breakglass.toml")
        for name, roles, keys in PEOPLE:
            it.answer("Name:", name)
            it.answer("roles", roles)
            it.answer("mail:", f"{name}@example.com")
            it.answer("time zone [UTC]:", "Europe/Berlin" if name == "ada" else "")
            public = self.key(name)
            if name == "ada":
                it.answer("login key", str(public.with_suffix("")))
                it.expect("holds the secret half")
            it.answer("login key", str(public))
            it.answer("login key", "")
            if keys == 2:
                it.answer("may the login key open the share too?", "")
                it.answer("unlocker", self.key(f"{name}-spare").read_text().strip())
                it.answer("unlocker", "")
        it.answer("Name:", "")
        it.answer("How many of the 3 custodians open the vault (k) [2]:", "")
        it.expect("Wrote roster.toml")
        it.expect("Wrote policy.toml")
        it.expect("What Databricks says to all this")
        it.expect("the account directly, every workspace by its private link at 127.0.0.1")
        it.expect("other admins")
        it.expect("1 besides our principal: olga@example.com")
        it.expect("managers")
        it.expect("2 besides our principal: group on-call, rio@example.com (group on-call)")
        it.expect("remove every Manager")
        it.expect("owned by metastore-admins")
        it.expect("Databricks' own emergency access stays")
        it.expect("while single sign-on is down these must work")
        it.expect("whoever owns the AWS organisation's root")
        it.answer("Make the vault now?", "n")
        code = it.end()
        self.check("the questions end with the files written and nothing made", code == 0, it.text)
        self.check("no secret was shown while it was typed",
                   self.secret not in it.text and "mail-password-canary" not in it.text)
        self.check("what to run next is said", "breakglass init --guided --config" in it.text)

    def files(self):
        wanted = {"breakglass.toml": 0o600, "roster.toml": 0o600, "policy.toml": 0o600,
                  "smtp.password": 0o600, "webhook.secret": 0o600, "metrics.token": 0o600,
                  "data": 0o700}
        modes = {name: (self.home / name).stat().st_mode & 0o777 for name in wanted}
        self.check("every file is for its owner alone", modes == wanted, str(modes))
        config = (self.home / "breakglass.toml").read_text()
        self.check("the principal's numeric id was found by its application id",
                   f"principal_id = {self.info['principal_id']}" in config, config)
        self.check("only the workspace that was chosen is in it",
                   "900800700600" in config and "900800700601" not in config, config)
        self.check("the private link's address is in it, no proxy and no authorities",
                   'workspace_address = "127.0.0.1"' in config and "proxy = " not in config
                   and "ca_file" not in config, config)
        self.check("doctor and a monitor may read what it measures",
                   '[watch]\nmetrics_token_file = "metrics.token"' in config, config)
        written = [path for path in self.home.rglob("*") if path.is_file()
                   and self.secret in path.read_text(errors="replace")]
        self.check("the typed secret was written nowhere", not written, str(written))
        hook = (self.home / "webhook.secret").read_text()
        self.check("the webhook got a secret of its own",
                   re.fullmatch(r"whsec_[A-Za-z0-9+/]{32}", hook) is not None)

    def second(self):
        """Over what stands: checked, kept, and the vault made."""
        path = self.home / "breakglass.toml"
        # Hundredths of the real waits; a person would leave them alone.
        path.write_text(path.read_text() + WAITS)
        before = {name: (self.home / name).read_bytes()
                  for name in ("breakglass.toml", "roster.toml", "policy.toml")}
        it = self.terminal()
        it.expect("breakglass.toml is there and is kept")
        it.hidden("OAuth secret (not shown):", self.secret)
        it.expect("roster.toml is there and is kept")
        it.answer("Make the vault now?", "")
        it.expect("the secret given is dead; its successor is sealed")
        code = it.end()
        self.check("the same command makes the vault", code == 0, it.text)
        links = re.findall(r"breakglass enrol '[^']+'", it.text)
        self.check("each person has her own line", len(links) == len(PEOPLE), it.text)
        after = {name: (self.home / name).read_bytes() for name in before}
        self.check("what stood was kept byte for byte", before == after)

    def ask(self, method, path, body=None, secret=None):
        """One call of an account admin beside the vault."""
        token = ""
        if secret:
            form = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": "all-apis"})
            pair = base64.b64encode(f"{self.info['application_id']}:{secret}".encode()).decode()
            url = f"{self.databricks}/oidc/accounts/{self.info['account_id']}/v1/token"
            mint = urllib.request.Request(url, form.encode(), {"Authorization": f"Basic {pair}"})
            with urllib.request.urlopen(mint, timeout=PATIENCE_S) as reply:
                token = json.load(reply)["access_token"]
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.databricks + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
            return json.loads(reply.read() or b"{}")

    def make_admin(self, table, number, secret):
        """Somebody becomes account admin."""
        path = f"/api/2.0/accounts/{self.info['account_id']}/scim/v2/{table}/{number}"
        role = {"op": "add", "path": "roles", "value": [{"value": "account_admin"}]}
        self.ask("PATCH", path, {"Operations": [role]}, secret)

    def others(self):
        """Who else could let somebody in, before there is a vault: an admin, and a group that
        manages the principal."""
        self.make_admin("Users", 4000000010, self.secret)
        account = f"accounts/{self.info['account_id']}"
        name = f"{account}/servicePrincipals/{self.info['application_id']}/ruleSets/default"
        path = f"/api/2.0/preview/{account}/access-control/rule-sets"
        etag = self.ask("GET", f"{path}?name={name}&etag=", secret=self.secret)["etag"]
        rule = {"role": "roles/servicePrincipal.manager", "principals": ["groups/on-call"]}
        rules = {"name": name, "etag": etag, "grant_rules": [rule]}
        self.ask("PUT", path, {"name": name, "rule_set": rules}, self.secret)

    def told(self, *words):
        """Doctor's answers by what they are about, and its exit code."""
        command = [self.binary, "doctor", "--json", "--config", str(self.home / "breakglass.toml"),
                   *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        self.check("doctor shows no secret", self.secret not in done.stdout + done.stderr)
        answers = json.loads(done.stdout)["answers"]
        return {one["about"]: one for one in answers}, done

    def doctor(self):
        answers, done = self.told("--credential-file", str(self.secret_file))
        self.check("doctor says that the typed secret is dead",
                   done.returncode == 1 and answers["secret"]["light"] == "red", done.stdout)
        seen = answers["who else, last seen"]
        self.check("without a live one it tells who else could let somebody in, and how old that is",
                   seen["light"] == "amber" and seen["found"] == "0 days ago: account admins: "
                   "olga@example.com; managers: group on-call, rio@example.com (group on-call); "
                   "may run as it: nobody else", str(seen))

    def doctor_looks_again(self):
        """With a secret that an account admin made for it: what it can see now."""
        made = self.ask("POST", "/_simulator/foreign-secret", {"show": True})["secret"]
        self.make_admin("ServicePrincipals", 7001002099, made)
        file = self.dir / "second-secret"
        file.write_text(made)
        file.chmod(0o600)
        answers, done = self.told("--credential-file", str(file))
        robot = "application e71a0000-0e71-4000-8000-000000000002"
        admins, managers = answers["other admins"], answers["managers"]
        self.check("doctor names each account admin, who is not on the roster, and who is new",
                   admins["light"] == "amber" and admins["who"] == [robot, "olga@example.com"]
                   and f"not on the roster: olga@example.com, {robot}" in admins["found"]
                   and f"new since the vault looked 0 days ago: {robot}" in admins["found"],
                   str(admins))
        self.check("and who manages the principal, a group by its members",
                   managers["light"] == "amber" and managers["who"] ==
                   ["group on-call", "rio@example.com (group on-call)"]
                   and "remove every Manager" in managers["mend"], str(managers))
        self.check("and that nobody else runs jobs as it",
                   answers["run as it"]["light"] == "green", str(answers["run as it"]))
        self.check("and by which way it looked",
                   "private link at 127.0.0.1" in answers["way"]["found"], str(answers["way"]))
        self.check("the second secret is nowhere in it", made not in done.stdout + done.stderr)

    def nobody_there(self):
        command = [self.binary, "init", "--guided", "--config", str(self.home / "other.toml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S,
                              stdin=subprocess.DEVNULL)
        self.check("without a terminal it is a usage error with the way to go",
                   done.returncode == 2 and "nobody is here to be asked" in done.stderr,
                   done.stderr)

    def interrupted(self):
        """Hanging up in the middle leaves nothing but what was said to be written."""
        it = Terminal([self.binary, "init", "--guided", "--config", "half.toml"], self.home)
        it.answer("vault's id", "half")
        it.answer("Folder for what it keeps", "half-data")
        it.expect("Address people dial")
        os.write(it.master, b"\x04")
        code = it.end()
        self.check("answers that end early end the command and write no configuration",
                   code == 130 and not (self.home / "half.toml").exists(), f"{code} {it.text}")

    def elsewhere(self, cloud, host):
        """Another cloud: its account host is offered, and the configuration that is written reads
        back. (A workspace's address is derived from the account's own host only.)"""
        folder = self.dir / cloud
        folder.mkdir()
        it = Terminal([self.binary, "init", "--guided", "--config", "breakglass.toml"], folder)
        it.answer("vault's id", f"prod-{cloud}")
        it.answer("Folder for what it keeps [data]:", "")
        it.answer("Address people dial", f"http://127.0.0.1:{children.free_port()}")
        it.answer("Plain listener", f"127.0.0.1:{children.free_port()}")
        it.answer("Cloud", cloud)
        it.answer(f"Account host [{host}]:", self.databricks)
        it.answer("Outbound proxy", "")
        it.answer("certificate authorities", "")
        it.answer("Account id", self.info["account_id"])
        if cloud == "azure":
            it.expect("a *Databricks managed* one")
        it.answer("application id", self.info["application_id"])
        it.hidden("OAuth secret (not shown):", self.secret)
        it.answer("Private link", "")
        it.answer("Guard workspace 900800700600", "y")
        it.answer("its address", self.databricks)
        it.answer("Guard workspace 900800700601", "n")
        it.answer("only while a session is open?", "")
        it.answer("Addresses from which", "")
        it.answer("Mail server", "127.0.0.1")
        it.answer("Its port", str(self.mail_at))
        it.answer("Its protection (starttls, tls, none) [none]:", "")
        it.answer("Sender address", "breakglass@example.com")
        it.answer("User name", "")
        it.answer("The second", "webhook")
        it.answer("Address to post to", "http://127.0.0.1:9/hook")
        it.expect("Wrote breakglass.toml")
        it.expect("Name:")
        os.write(it.master, b"\x04")
        it.end()
        self.check(f"{cloud}: its account host was offered", True)
        config = tomllib.loads((folder / "breakglass.toml").read_text())["databricks"]
        self.check(f"{cloud}: the file says so", config["cloud"] == cloud
                   and config["workspaces"] == {"900800700600": self.databricks}, str(config))
        # Not made yet: whoever has read the file misses the log's seed next.
        done = subprocess.run([self.binary, "serve", "--check", "--config", "breakglass.toml"],
                              cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S)
        self.check(f"{cloud}: and the program reads it back", "log.seed" in done.stderr,
                   f"{done.returncode}: {done.stderr}")

    def all(self):
        self.nobody_there()
        self.interrupted()
        self.elsewhere("azure", "https://accounts.azuredatabricks.net")
        self.elsewhere("gcp", "https://accounts.gcp.databricks.com")
        self.others()
        self.first()
        self.files()
        self.second()
        self.doctor()
        self.doctor_looks_again()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    binary = str(pathlib.Path(parser.parse_args().binary).resolve())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="breakglass-guided-"))
    run = Run(binary, folder)
    try:
        run.all()
    except (Failed, children.Failed) as why:
        run.failed += 1
        print(f"FAIL {why}")
    finally:
        run.simulator.kill()
        run.mail.close()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"test result: {'ok' if not run.failed else 'FAILED'}. "
          f"{run.passed} passed; {run.failed} failed;")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
