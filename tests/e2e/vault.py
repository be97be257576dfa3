"""A real vault for scripts: simulator, `serve`, people with their own keys, mail and webhook sinks.

`breakglass demo --stage` sets a folder up and ends its processes; `Vault` starts them again, so
that a script can kill, restart and watch them. Everything is on loopback, every wait has an end,
and nothing survives the `with` block. Must not know: what a script checks.
"""

import argparse
import collections
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from children import PATIENCE_S, Failed, HookSink, MailSink, Process, free_port, until, whole
from postgres import Server

WORKSPACE_SCOPE = [
    "account:read", "ws:read", "ws:egress", "ws:change",
    # Files are written and removed by the client scripts; their routes are class *destroy*.
    "ws:destroy:/api/*/fs/**",
    "ws:PUT /api/2.0/fs/files/**",
]
# Whole secrets, not their first letters: four letters stand in any long base64 now and then.
SECRETS = re.compile(rb"dose[0-9a-f]{32}|AGE-SECRET-KEY-1[0-9A-Z]{20}|bg[lt]_[0-9A-Za-z]{43}")
ANSWERS = ("harm_within_hour=yes,admin_can_sign_in=no,rollback_elsewhere=no,platform_down=yes")


class Checks:
    """One line per check; stops at the first that does not hold."""

    def __init__(self):
        self.passed = 0

    def hold(self, name, held, seen=None):
        """Notes a check; ends the script when it does not hold."""
        if not held:
            shown = seen if isinstance(seen, str) else json.dumps(seen, default=str)
            print(f"FAIL {name}" + ("" if seen is None else f": got {shown[:2000]}"), flush=True)
            self.finish(1)
        self.passed += 1
        print(f"ok   {name}", flush=True)

    def equal(self, name, seen, wanted):
        """Notes that two values are the same."""
        self.hold(name, seen == wanted, f"{seen!r} instead of {wanted!r}")

    def comes(self, name, ask, seen=lambda: None, seconds=PATIENCE_S):
        """Notes a check of what happens by itself, sooner or later: a message, a worker's deed.
        `seen` gives what was there in its place."""
        try:
            until(name, ask, seconds)
        except Failed as why:
            self.hold(f"{name}: {why}", False, seen())
        self.hold(name, True)

    def finish(self, failed=0):
        """Prints the counts as cargo's test runner does, and ends the script."""
        word = "FAILED" if failed else "ok"
        print(f"test result: {word}. {self.passed} passed; {failed} failed;", flush=True)
        sys.stdout.flush()
        raise SystemExit(1 if failed else 0)


def arguments(description, more=None):
    """The command line every script takes."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--binary", required=True, help="breakglass with the simulator in it")
    parser.add_argument("--keep", action="store_true", help="keep the folder, for a look")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite",
                        help="where the vaults keep their rows and log")
    if more:
        more(parser)
    given = parser.parse_args()
    given.binary = str(pathlib.Path(given.binary).resolve())
    return given


Reply = collections.namedtuple("Reply", "status headers body")


class Vault:
    """A staged vault with its processes; a context manager."""

    def __init__(self, binary, keep=False, traceable=False, sinks=True, policy=None, store="sqlite"):
        self.binary, self.keep, self.traceable, self.sinks = binary, keep, traceable, sinks
        self.policy, self.store, self.postgres = policy, store, None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="breakglass-e2e-"))
        self.dir = self.folder / "stage"
        self.simulator = self.serve = self.mail = self.hook = None
        self.children = []

    def __enter__(self):
        try:
            self.stage()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for process in [self.serve, self.simulator, *self.children]:
            if process and process.alive():
                process.kill()
        for sink in (self.mail, self.hook, self.postgres):
            if sink:
                sink.stop()
        if self.keep:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    # Setting up

    def stage(self):
        """Keys, certificates, configuration, init, everybody enrolled, custodians proved."""
        given = []
        if self.policy:
            (self.folder / "policy.toml").write_text(self.policy)
            given = ["--policy", str(self.folder / "policy.toml")]
        if self.store == "postgres":
            given += self.empty_database()
        done = whole(
            [self.binary, "demo", "--stage", "--json", "-q", "--dir", str(self.dir), *given],
            timeout=900, env=quiet_environment())
        if done.returncode != 0:
            init = self.dir / "init.log"
            said = init.read_text()[-1000:] if init.exists() else ""
            raise Failed(f"demo --stage ended with {done.returncode}: {done.stderr[-2000:]} {said}")
        self.info = json.loads(done.stdout)
        self.databricks = self.info["databricks"]
        self.config = self.dir / "vault" / "breakglass.toml"

    def empty_database(self):
        """The words that put the stage's vault on a new database of a server of its own."""
        self.postgres = self.postgres or Server()
        file = self.folder / "pg.url"
        file.touch(0o600)
        file.write_text(self.postgres.url())
        return ["--postgres-url-file", str(file)]

    def start(self):
        """Sinks, simulator, vault."""
        if self.sinks:
            self.start_sinks()
        self.start_simulator()
        self.start_serve()

    def start_sinks(self):
        """Mail and webhook sinks where the configuration looks for them."""
        secret = (self.dir / "vault" / "webhook.secret").read_text().strip()
        self.mail = MailSink(self.info["mail_address"], self.dir / "mail")
        self.hook = HookSink(self.info["webhook_address"], secret)

    def start_simulator(self, **knobs):
        """The same Databricks again, from its state file."""
        command = [self.binary, "simulate", "--json", "--http", self.databricks["http"],
                   "--state-file", str(self.dir / "simulator.json")]
        self.simulator = Process(command, self.dir / "simulator.log")
        if knobs:
            self.knobs(**knobs)

    def start_serve(self):
        """The vault, until it listens."""
        command = [self.binary, "serve", "--json", "--config", str(self.config)]
        if self.traceable:
            command.append("--traceable")
        self.serve = Process(command, self.dir / "vault.log")
        self.reached_at(self.serve.ready)

    def reached_at(self, ready):
        """Where a process that said it is ready answers."""
        # By its name: passkeys belong to a name, and the vault answers to no other.
        self.console = ready["console_address"].replace("127.0.0.1", "localhost")
        self.plain = ready["plain_address"]
        self.proxy = ready["proxy_address"]

    # People

    def runs(self, name, *words, timeout=300):
        """A command of a person: exit code, the object it printed, what it said."""
        person = self.dir / "people" / name
        command = [self.binary, "--json", "--config", str(person / "config"),
                   "--state", str(person / "state"), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, env=quiet_environment())
        try:
            printed = json.loads(done.stdout)
        except ValueError:
            printed = None
        return done.returncode, printed, done.stderr

    def runs_plain(self, name, *words, timeout=300):
        """What a command prints for people."""
        person = self.dir / "people" / name
        command = [self.binary, "--plain", "--config", str(person / "config"),
                   "--state", str(person / "state"), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, env=quiet_environment())
        return done.stdout

    def does(self, name, *words, timeout=300):
        """A command that must succeed; the object it printed."""
        code, printed, said = self.runs(name, *words, timeout=timeout)
        if code != 0:
            raise Failed(f"{name}: {' '.join(map(str, words))} ended with {code}: {said.strip()}")
        return printed

    def asks(self, scope=WORKSPACE_SCOPE, name="rio", minutes=30, account=True):
        """An opening without waiting: incident and phrase."""
        words = ["open", "--no-wait", "--because", "catastrophic-outage", "--answers", ANSWERS,
                 "--workspace", self.databricks["workspace_id"], "--for", f"{minutes}m",
                 "--ticket", "OPS-8812"]
        words += ["--account"] if account else []
        for pattern in scope:
            words += ["--scope", pattern]
        opened = self.does(name, *words, "nobody can sign in")
        return opened["incident"], opened["phrase"]

    def approves(self, incident, phrase, names=("ada", "ben", "cleo")):
        """These custodians release their shares."""
        return [self.does(name, "approve", incident, "--phrase", phrase) for name in names]

    def phase(self, incident, name="vera"):
        """Phase of an incident."""
        return self.view(incident, name)["phase"]

    def view(self, incident, name="vera"):
        """What the API shows of an incident."""
        return self.api(name, "GET", f"/incidents/{incident}")

    def open_session(self, scope=WORKSPACE_SCOPE, minutes=30, account=True):
        """The whole way to a claimed session: incident and token."""
        incident, phrase = self.asks(scope, minutes=minutes, account=account)
        self.approves(incident, phrase)
        until("the open session", lambda: self.phase(incident) == "open")
        return incident, self.does("rio", "claim", incident) and self.token(incident)

    def token(self, incident):
        """The session token in rio's environment."""
        return self.environment(incident)["DATABRICKS_TOKEN"]

    def environment(self, incident, *door):
        """What `env` sets."""
        return self.does("rio", "env", incident, *door)["set"]

    def close(self, incident):
        """rio closes; what `close` printed."""
        return self.does("rio", "close", incident)

    # Wires

    def login_token(self, name):
        """The kept API token of a person."""
        files = list((self.dir / "people" / name / "state").glob("*.login"))
        if not files:
            self.does(name, "login")
            files = list((self.dir / "people" / name / "state").glob("*.login"))
        found = re.search(r"bgl_[0-9A-Za-z]+", files[0].read_text())
        return found.group(0)

    def api(self, name, method, path, body=None):
        """A call of the vault's API under somebody's login; logs in afresh when it has ended."""
        reply = self.ask_api(self.login_token(name), method, path, body)
        if reply.status == 401:
            self.does(name, "login")
            reply = self.ask_api(self.login_token(name), method, path, body)
        if reply.status != 200:
            raise Failed(f"{method} {path}: {reply.status} {reply.body[:500]!r}")
        return json.loads(reply.body)

    def ask_api(self, token, method, path, body=None):
        """A call of the vault's API with any token or none."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return call(self.console, method, f"/api/v1{path}", headers, body)

    def through(self, token, method, path, body=None, headers=None, timeout=PATIENCE_S):
        """A call through the plain proxy."""
        given = {"authorization": f"Bearer {token}"} if token else {}
        given.update(headers or {})
        return call(self.plain, method, path, given, body, timeout)

    def sim(self, path, method="GET", body=None):
        """The simulator's own record and knobs."""
        reply = call(self.databricks["http"], method, f"/_simulator/{path}", {}, body)
        if reply.status != 200:
            raise Failed(f"simulator {path}: {reply.status} {reply.body[:300]!r}")
        return json.loads(reply.body)

    def knobs(self, **changed):
        """Turns knobs."""
        return self.sim("knobs", "PUT", changed)

    def upstream(self, incident=None):
        """Requests that the simulator saw with this session's mark."""
        requests = self.sim("requests")["requests"]
        if incident is None:
            return requests
        mark = f"bg-session/{incident}"
        return [entry for entry in requests if mark in entry["user_agent"].split()]

    # The log

    def exported(self, name="vera", seen=()):
        """Exports and verifies the log; its folder and its entries."""
        folder = self.dir / f"export-{time.monotonic_ns()}"
        self.does(name, "log", "export", str(folder))
        words = ["log", "verify", str(folder)]
        if seen:
            words += ["--seen", *map(str, seen)]
        report = self.does(name, *words)
        if report.get("passed") is not True:
            raise Failed(f"log verify: {report}")
        lines = (folder / "entries.ndjson").read_text().splitlines()
        return folder, [json.loads(line) for line in lines]


def quiet_environment():
    """The environment without anything that could configure a client."""
    names = ("DATABRICKS_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy",
             "all_proxy", "XDG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)}


def call(address, method, path, headers, body=None, timeout=PATIENCE_S):
    """One HTTP request on its own connection; dicts become JSON."""
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        headers = dict(headers)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("content-type", "application/json")
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        content = reply.read()
        lower = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, lower, content)
    finally:
        connection.close()


def secrets_in(raw, *more):
    """What of Databricks' secrets, age identities, our tokens and `more` stands in these bytes,
    also in the hex in which PostgreSQL writes bytes."""
    texts = [raw] + [bytes.fromhex(run.decode()) for run in re.findall(rb"\\x((?:[0-9a-f]{2})+)", raw)]
    return [found[:12] for text in texts
            for found in SECRETS.findall(text) + [word for word in more if word in text]]


def contents(folder):
    """Path and bytes of every file below a folder in use: what vanishes meanwhile is passed over."""
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                yield path, path.read_bytes()
        except FileNotFoundError:
            continue


def kinds(entries):
    """How many entries of each type."""
    return collections.Counter(entry["t"] for entry in entries)
