"""What watches the vault, and how it ends: heartbeat, service manager, channels, signals.

    python tests/e2e/watched.py --binary target/release/breakglass

An own monitor, an own datagram socket in place of the service manager's, and the real program:
beats while it is well and silence when it is dead; READY, WATCHDOG and STOPPING; a dead channel told
on the other one, in `status` and in health; `serve --check`; SIGTERM once and twice with a session
open.
"""

import http.server
import json
import os
import socket
import subprocess
import threading
import time

import vault as v
from children import HookSink, Process, until

# A path that only the monitor and the configuration know.
PATH = "/ping/4f1d"
# What this script asks the monitor itself.
MARK = "/mark"


class Monitor:
    """What an outside monitor would be: counts the calls and keeps their heads."""

    def __init__(self):
        self.beats = []
        monitor = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("content-length") or 0)
                monitor.beats.append((self.path, dict(self.headers.items()), self.rfile.read(length)))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        # One after the other, in the order of their connections: see `all_heard`.
        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.address}{PATH}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def all_heard(self):
        """How many beats there were, after every connection before this call has been read."""
        v.call(self.address, "GET", MARK, {})
        return sum(path != MARK for path, _, _ in self.beats)

    def stop(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


class Manager:
    """The service manager's end of sd_notify."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.said = []
        # Read at all times, as a manager does: a full socket takes no further word.
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            self.said.append(self.socket.recv(4096).decode())

    def hears(self, word):
        """Whether it was told this by now."""
        return word in self.said

    def forget(self):
        """Nothing was said yet: nobody is there who could."""
        self.said.clear()


class WatchedVault(v.Vault):
    """A vault with a monitor and a service manager."""

    def stage(self):
        """As staged, with a heartbeat each second."""
        super().stage()
        self.monitor = Monitor()
        self.manager = Manager(self.folder / "notify")
        address = self.config.with_name("heartbeat.url")
        address.write_text(self.monitor.url)
        address.chmod(0o600)
        self.config.write_text(self.config.read_text() + (
            '\n[watch]\nheartbeat_url_file = "heartbeat.url"\nheartbeat_every_s = 1\n'))

    def start_serve(self):
        """The vault as a unit with a watchdog of a second would start it."""
        self.manager.forget()
        told = os.environ | {"NOTIFY_SOCKET": self.manager.path, "WATCHDOG_USEC": "1000000"}
        told.pop("WATCHDOG_PID", None)
        command = [self.binary, "serve", "--json", "--config", str(self.config)]
        self.serve = Process(command, self.dir / "vault.log", told)
        self.reached_at(self.serve.ready)

    def check(self):
        """`serve --check` beside the running vault: exit code and what it printed."""
        done = subprocess.run([self.binary, "serve", "--check", "--json", "--config",
                               str(self.config)], capture_output=True, text=True, timeout=300,
                              env=v.quiet_environment())
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def health(self):
        """What the vault says of itself to everybody."""
        return json.loads(self.ask_api(None, "GET", "/health").body)


def manager(checks, vault):
    """What the service manager hears of a start."""
    until("READY=1", lambda: vault.manager.hears("READY=1"))
    checks.equal("the service manager first hears that it is ready", vault.manager.said[0],
                 "READY=1")
    until("two signs of life", lambda: vault.manager.hears("WATCHDOG=1")
          and vault.manager.said.count("WATCHDOG=1") >= 2)
    checks.hold("and then a sign of life twice within the watchdog's time", True)


def heartbeat(checks, vault):
    """Beats while it is well, silence when it is dead, beats again after a restart."""
    beats = vault.monitor.beats
    until("three beats", lambda: len(beats) >= 3)
    path, headers, body = beats[0]
    lower = {name.lower() for name in headers}
    checks.hold("a beat is a bare GET of the configured address",
                path == PATH and body == b"" and "authorization" not in lower
                and "cookie" not in lower, beats[0][:2])
    vault.serve.kill()
    # A beat that was on the wire at the kill is noted first.
    before = vault.monitor.all_heard()
    # Three times the pause: a vault that lived would have been heard.
    time.sleep(3.5)
    checks.equal("a killed vault is silent", vault.monitor.all_heard(), before)
    noted = len(beats)
    vault.start_serve()
    until("a beat after the restart", lambda: len(beats) > noted)
    checks.hold("a restarted one is heard at once", True)


def channels(checks, vault):
    """A dead channel is told on the other one, in `status` and in health."""
    vault.does("otto", "alert", "test")
    def shown():
        return vault.does("rio", "status")["channels"]

    checks.equal("status shows every channel", sorted(c["name"] for c in shown()), ["hook", "mail"])
    checks.comes("each with its last delivery and no failure", lambda: all(
        c["delivered_at"] and c["failing"] == 0 for c in shown()), shown)
    # The test ends with any delivery since: its own mail may come after that of something else.
    test = until("the test's mail", lambda: [mail["body"] for mail in vault.mail.mails
                                             if mail["subject"].startswith("[TEST]")])[-1]
    code = test.split("--confirm ")[1].split()[0]
    vault.does("vera", "alert", "test", "--confirm", code)
    mail = [c for c in vault.does("rio", "status")["channels"] if c["name"] == "mail"][0]
    checks.hold("and when somebody confirmed it last", mail["confirmed_at"], mail)
    vault.hook.stop()
    incident, _ = vault.asks()
    until("the mail about the dead hook", lambda: any(
        text.startswith("[ALERTS FAILING] channel hook") for text in vault.mail.subjects()))
    checks.hold("a dead channel is an alert on the other one", True)
    hook = [c for c in vault.does("rio", "status")["channels"] if c["name"] == "hook"][0]
    checks.hold("status says why it fails", hook["failing"] >= 1 and hook["last_error"], hook)
    health = vault.health()
    checks.equal("health counts it and names nobody",
                 (health["channels"], health["channels_failing"]), (2, 1))
    secret = (vault.dir / "vault" / "webhook.secret").read_text().strip()
    vault.hook = HookSink(vault.info["webhook_address"], secret)
    until("the hook's deliveries", lambda: vault.health()["channels_failing"] == 0, 300)
    checks.comes("a channel that is back takes what waited", lambda: any(
        "[ASKED]" in taken["data"]["subject"] for taken in vault.hook.taken), seconds=300)
    return incident


def check(checks, vault, incident):
    """`serve --check` at each stage. Ends with a session open."""
    code, said = vault.check()
    checks.equal("an incident without shares makes a stop harmless: exit 0",
                 (code, said["running"], said["harmless"]), (0, True, True))
    phrase = vault.does("rio", "status", incident)["phrase"]
    vault.approves(incident, phrase, ["ada"])
    code, said = vault.check()
    checks.equal("a share that would be lost: exit 5", (code, said["harmless"]), (5, False))
    vault.approves(incident, phrase, ["ben", "cleo"])
    until("the open session", lambda: vault.phase(incident) == "open")
    code, said = vault.check()
    checks.hold("a session: exit 5, and why", code == 5 and "session open" in said["why"], said)
    checks.equal("and which incident", [i["id"] for i in said["incidents"]], [incident])
    return incident


def twice(checks, vault, incident):
    """SIGTERM while Databricks is away, then again: it goes at once, and a rotation is owed."""
    vault.does("rio", "claim", incident)
    token = vault.token(incident)
    beats = len(vault.monitor.beats)
    until("a beat with the session open", lambda: len(vault.monitor.beats) > beats)
    checks.hold("the heart beats with a session open too", True)
    vault.knobs(unavailable_next=1_000_000)
    vault.serve.child.terminate()
    until("STOPPING=1", lambda: vault.manager.hears("STOPPING=1"))
    checks.hold("the service manager hears that it is stopping", True)
    until("the end of the session", lambda: vault.through(
        token, "GET", "/api/2.0/preview/scim/v2/Me").status == 403)
    checks.hold("a first SIGTERM ends the session, and the process stays for the rotation",
                vault.serve.alive())
    vault.serve.child.terminate()
    vault.serve.child.wait(timeout=120)
    checks.equal("a second one ends it at once: exit 130", vault.serve.child.returncode, 130)
    vault.knobs(unavailable_next=0)
    vault.start_serve()
    view = vault.view(incident)
    checks.equal("the restart says that it is not safe yet", view["phase"], "closing")
    code, said = vault.check()
    checks.equal("a close that waits for people is no harmless moment: exit 5", code, 5)
    phrase = vault.does("otto", "status", incident)["phrase"]
    vault.approves(incident, phrase)
    until("the rotation", lambda: vault.phase(incident) == "in_review")
    checks.hold("three custodians settle it", True)


def once(checks, vault):
    """SIGTERM with a session open ends it in order; then nobody runs, and a check says so."""
    incident, _ = vault.open_session()
    checks.equal("SIGTERM with a session open ends with exit 0", vault.serve.end(), 0)
    code, said = vault.check()
    checks.equal("without a vault there is nothing to harm: exit 0",
                 (code, said["running"], said["harmless"]), (0, False, True))
    vault.start_serve()
    checks.equal("the session was closed and rotated first", vault.phase(incident), "in_review")
    text = vault.config.read_text()
    vault.config.write_text(text.replace("heartbeat_every_s = 1", "heartbeat_every_s = 0"))
    code, said = vault.check()
    checks.equal("a configuration that cannot be: exit 2", code, 2)


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with WatchedVault(given.binary, keep=given.keep) as vault:
        manager(checks, vault)
        heartbeat(checks, vault)
        incident = channels(checks, vault)
        check(checks, vault, incident)
        twice(checks, vault, incident)
        once(checks, vault)
        vault.exported()
        checks.hold("the log verifies", True)
        vault.monitor.stop()
    checks.finish()


if __name__ == "__main__":
    main()
