"""`log follow` through an incident, as a shipper runs it: killed, resumed, and shown a gap.

    python tests/e2e/follow.py --binary target/release/breakglass

What two followers printed, joined, must be the exported entries byte for byte. A server that leaves
one entry out must be noticed: exit 8.
"""

import http.server
import json
import subprocess
import threading

import vault as v
from children import free_port, tied, until

PATIENCE_S = 180


class Follower:
    """`log follow --json` of vera's, into a file."""

    def __init__(self, vault, name, start):
        self.file = vault.folder / name
        person = vault.dir / "people" / "vera"
        command = [vault.binary, "--json", "--config", person / "config", "--state", person / "state",
                   "log", "follow", "--from", str(start)]
        self.said = vault.folder / f"{name}.said"
        with self.file.open("wb") as out, self.said.open("wb") as talk:
            self.child = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=talk, env=v.quiet_environment(), preexec_fn=tied())

    def lines(self):
        """Whole lines so far: a shipper throws the rest of a broken one away."""
        return self.file.read_bytes().split(b"\n")[:-1]

    def kinds(self):
        """The types of the entries so far."""
        return [json.loads(line)["t"] for line in self.lines()]

    def alive(self):
        """Whether it still runs."""
        return self.child.poll() is None

    def kill(self):
        """SIGKILL, in the middle of whatever it does."""
        self.child.kill()
        self.child.wait()


def forgetful(vault, left_out):
    """At the vault's address, and before the vault, a server that leaves one entry out."""
    address, behind = vault.console, f"127.0.0.1:{free_port()}"
    text = vault.config.read_text()
    port = address.rsplit(":", 1)[1]
    vault.config.write_text(text.replace(f'listen = "127.0.0.1:{port}"', f'listen = "{behind}"', 1))
    vault.serve.end()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            headers = {name: value for name, value in self.headers.items()
                       if name.lower() in ("authorization", "accept", "content-type", "host")}
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            reply = v.call(behind, self.command, self.path, headers, sent)
            body = reply.body
            if "/log/entries?" in self.path:
                kept = [line for line in body.split(b"\n")
                        if not line or json.loads(line)["seq"] != left_out]
                body = b"\n".join(kept)
            self.send_response(reply.status)
            self.send_header("content-type", reply.headers.get("content-type", "text/plain"))
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        allow_reuse_address = True

    server = Server(("127.0.0.1", int(port)), Handler)
    vault.start_serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, keep=given.keep, store=given.store) as vault:
        first = Follower(vault, "first.ndjson", 0)
        vault.children.append(first)
        incident, token = vault.open_session()
        for _ in range(5):
            vault.through(token, "GET", "/api/2.1/clusters/list")
        until("the calls", lambda: first.kinds().count("call.end") >= 5, PATIENCE_S)
        first.kill()
        got = first.lines()
        checks.equal("it was there from the first entry on", json.loads(got[0])["t"], "log.genesis")
        # While nobody follows, the log goes on.
        for _ in range(5):
            vault.through(token, "GET", "/api/2.1/clusters/list")
        second = Follower(vault, "second.ndjson", json.loads(got[-1])["seq"] + 1)
        vault.children.append(second)
        vault.close(incident)
        until("the close", lambda: "incident.closed" in second.kinds(), PATIENCE_S)
        second.kill()
        joined = got + second.lines()
        folder, _ = vault.exported()
        exported = (folder / "entries.ndjson").read_bytes().split(b"\n")[:-1]
        checks.hold(f"{len(got)} entries before the kill and {len(second.lines())} after it are the "
                    "exported ones, byte for byte", joined == exported[:len(joined)],
                    [at for at, (a, b) in enumerate(zip(joined, exported)) if a != b][:3])
        kinds = [json.loads(line)["t"] for line in joined]
        checks.hold("the incident is in them whole", kinds.count("call.end") == 10
                    and {"incident.opened", "session.open", "rotate.done"} <= set(kinds), sorted(set(kinds)))
        left_out = len(exported) // 2
        server = forgetful(vault, left_out)
        third = Follower(vault, "third.ndjson", 0)
        vault.children.append(third)
        code, said = third.child.wait(timeout=PATIENCE_S), third.said.read_text()
        checks.hold("a gap ends it: exit 8", code == 8, f"exit {code}: {said}")
        checks.hold("it says which entry did not come",
                    f"{left_out + 1} came where {left_out} was due" in said, said)
        *before, last = third.lines()
        checks.hold("what came before it was printed as it was", before == exported[:left_out],
                    [len(before), left_out])
        checks.hold("and then the error, as with every command", "error" in json.loads(last), last.decode())
        server.shutdown()
    checks.finish()


if __name__ == "__main__":
    main()
