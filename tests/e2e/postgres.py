"""A PostgreSQL server of a script's own: a new cluster in a temporary folder, on a loopback port.

It has a password, so that nothing works by accident without one. Must not know: a vault.
"""

import atexit
import os
import pathlib
import pwd
import secrets
import shutil
import subprocess
import tempfile

from children import Failed, free_port

ROLE = "breakglass"


def programs():
    """The folder with the newest server's programs."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if not found:
        raise Failed("no PostgreSQL server is installed")
    return found[-1]


class Server:
    """One cluster; `url()` names a new, empty database in it."""

    def __init__(self, **settings):
        self.bin, self.settings, self.made = programs(), settings, 0
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="breakglass-postgres-"))
        self.folder.chmod(0o755)
        self.data, self.password = self.folder / "data", secrets.token_hex(16)
        self.port = free_port()
        # A script that dies must not leave a server behind.
        atexit.register(self.stop)
        try:
            self._make()
            self.start()
        except BaseException:
            self.stop()
            raise

    def _make(self):
        self.data.mkdir(mode=0o700)
        word = self.folder / "password"
        word.write_text(self.password)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            for path in (self.data, word):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        word.chmod(0o600)
        self._as_owner("initdb", "-D", self.data, "-A", "scram-sha-256", "-U", ROLE, "--pwfile", word,
                       "-E", "UTF8", "--locale", "C")
        word.unlink()

    def _as_owner(self, program, *words):
        """A program of the server, which refuses to be run by root."""
        command = [str(self.bin / program), *map(str, words)]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd="/",
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failed(f"{program} ended with {done.returncode}: {done.stderr[-1000:]}")

    def start(self):
        """Starts it; what it says is in `log` of its folder."""
        settings = {"listen_addresses": "127.0.0.1", "port": self.port,
                    "unix_socket_directories": "", **self.settings}
        words = " ".join(f"-c {name}={value}" for name, value in settings.items())
        # pg_ctl's child keeps its output: a file, or the caller would wait for its end.
        self._as_owner("pg_ctl", "-D", self.data, "-w", "-t", "300", "-l", self.data / "log", "-o", words, "start")

    def stop(self):
        """Ends it at once and removes it."""
        atexit.unregister(self.stop)
        if (self.data / "postmaster.pid").exists():
            self._as_owner("pg_ctl", "-D", self.data, "-w", "-t", "300", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self):
        """The URL of a new, empty database."""
        self.made += 1
        name = f"vault_{self.made}"
        self.sql(f"CREATE DATABASE {name}", "postgres")
        return f"postgres://{ROLE}:{self.password}@127.0.0.1:{self.port}/{name}"

    def sql(self, text, database=None, *words):
        """What stock psql says to a statement, as bare text; ends at the first error."""
        database = database or f"vault_{self.made}"
        command = ["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", ROLE, "-d", database, "-X", "-A",
                   "-t", "-q", "-v", "ON_ERROR_STOP=1", *map(str, words)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=600,
                              env={**os.environ, "PGPASSWORD": self.password})
        if done.returncode != 0:
            raise Failed(f"psql: {done.stderr[-1000:]}")
        return done.stdout.strip()
