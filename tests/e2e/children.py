"""Child processes and sinks of the scripts: a process that says one JSON line when it is ready, a
real SMTP server, and a webhook receiver that checks signatures. Must not know: a vault."""

import contextlib
import ctypes
import email
import email.policy
import http.server
import json
import os
import pathlib
import queue
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

# Only what never comes takes this long: a machine five times slower than any must do.
PATIENCE_S = 120
# <sys/prctl.h>
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A command or a wait that did not end as it must."""


def until(what, ask, seconds=PATIENCE_S):
    """Asks until there is an answer that counts as true, for a bounded time."""
    end, pause = time.monotonic() + seconds, 0.01
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s in vain for {what}")
        time.sleep(pause)
        # A long wait is for a busy machine: asking must not be what keeps it busy.
        pause = min(pause * 1.1, 0.1)


def free_port():
    """A port that nobody listens on, below those that Linux gives to outgoing connections: one of
    them could take it before it is bound, or between a kill and a restart. Below those of `demo
    --stage` as well (20,000 to 32,000), whose listeners may be away just now."""
    for _ in range(200):
        port = random.randrange(12_000, 20_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failed("no free port was found")


def tied():
    """What a child does first, on Linux: it asks to be killed when this script ends, however that
    comes about. Tied to the thread that starts it, so only the main one may ask."""
    if not sys.platform.startswith("linux"):
        return None
    if threading.current_thread() is not threading.main_thread():
        return None
    libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()

    def tie():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def whole(command, timeout, **more):
    """Runs a command that has processes of its own to its end. None of them is left behind when
    it takes too long or dies: killing the command alone would leave its `serve` running."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, start_new_session=True, **more)
    try:
        said = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[1]} did not end within {timeout} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return subprocess.CompletedProcess(command, child.returncode, *said)


class Process:
    """A child that says one JSON line when it is ready."""

    def __init__(self, command, log, environment=None):
        self.log = pathlib.Path(log)
        self.talk = open(self.log, "ab")
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=self.talk, env=environment, preexec_fn=tied())
        lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self.reader.start()
        try:
            line = lines.get(timeout=PATIENCE_S)
        except queue.Empty:
            line = b""
        if not line:
            self.kill()
            said = self.log.read_text(errors="replace")[-2000:]
            raise Failed(f"{command[1]} ended with {self.child.returncode} before it was ready: {said}")
        self.ready = json.loads(line)
        if "error" in self.ready:
            self.kill()
            raise Failed(f"{command[1]}: {self.ready['error']}")

    def _read(self, lines):
        for line in self.child.stdout:
            lines.put(line)
        lines.put(b"")

    @property
    def pid(self):
        """Process id."""
        return self.child.pid

    def alive(self):
        """Whether it still runs."""
        return self.child.poll() is None

    def kill(self):
        """SIGKILL, and waits for its end."""
        if self.alive():
            self.child.kill()
        self.child.wait(timeout=PATIENCE_S)
        self.talk.close()

    def end(self):
        """SIGTERM, waits; gives the exit code back."""
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self.talk.close()
        return self.child.returncode


class MailSink:
    """A real SMTP server (aiosmtpd) that keeps what it took."""

    def __init__(self, address, folder):
        from aiosmtpd.controller import Controller

        self.mails, self.folder = [], pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        host, port = address.rsplit(":", 1)
        # A name of its own: otherwise it asks a name server for this machine's.
        self.controller = Controller(self, hostname=host, port=int(port), server_hostname="sink",
                                     ready_timeout=60)
        self.controller.start()

    async def handle_DATA(self, _server, _session, envelope):
        """Keeps one message."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        # Beside the mails of the staging, which have four digits.
        name = self.folder / f"e2e-{len(self.mails):05}.eml"
        # Whole or not at all, and from elsewhere: a script may read the folder at any moment.
        handle, part = tempfile.mkstemp(prefix="breakglass-mail-")
        with open(handle, "wb") as file:
            file.write(envelope.content)
        os.replace(part, name)
        self.mails.append({"to": envelope.rcpt_tos, "subject": str(mail["subject"]),
                           "checkpoint": mail["x-log-checkpoint"], "body": mail.get_content()})
        return "250 taken"

    def subjects(self):
        """Subjects so far."""
        return [mail["subject"] for mail in self.mails]

    def stop(self):
        """Ends the server."""
        self.controller.stop()


class HookSink:
    """A webhook receiver that checks signatures with the public standardwebhooks library."""

    def __init__(self, address, secret):
        from standardwebhooks.webhooks import Webhook, WebhookVerificationError

        self.taken, self.refused = [], []
        check, sink = Webhook(secret), self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    sink.taken.append(check.verify(body, dict(self.headers.items())))
                    self.send_response(204)
                except WebhookVerificationError as why:
                    sink.refused.append(str(why))
                    self.send_response(400)
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True
            # Of the usual five that may wait to be accepted the kernel drops the rest, for a second.
            request_queue_size = 128

        host, port = address.rsplit(":", 1)
        self.server = Server((host, int(port)), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        """Ends the server."""
        self.server.shutdown()
        self.server.server_close()
