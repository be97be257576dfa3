"""Bad input through the real doors: refused, never upstream, and each with its entry in the log.

    python tests/e2e/refusals.py --binary target/release/breakglass

Four parts: start-up and files; strangers and replays at the API; one session against everything
that no session may do; the cuts (stop in the middle of a download, a leaked bearer, the deadline).
"""

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time

import vault as v
from cuts import deadline, leak_cuts, stop_cuts
from refused_calls import WIDE, never_calls, scope_calls, wires

# Part one: start-up and files

def run(binary, *words):
    """A command of the operator: exit code and what it said."""
    done = subprocess.run([binary, *map(str, words)], capture_output=True, text=True, timeout=300,
                          stdin=subprocess.DEVNULL, env=v.quiet_environment())
    return done.returncode, done.stderr


def copied(vault, name, without="data"):
    """A second configuration folder, by default without data, for starts that must fail."""
    folder = vault.folder / name
    # The vault is at work: a file that is being written has another name until it is whole.
    shutil.copytree(vault.dir / "vault", folder, ignore=shutil.ignore_patterns(without, "*.next"))
    config = folder / "breakglass.toml"
    lines = config.read_text().splitlines()
    # Other ports: what is refused is refused for its own reason. The URLs stay those of the vault.
    for index, line in enumerate(lines):
        if line.startswith(("listen", "plain_listen")):
            lines[index] = f'{line.rsplit(":", 1)[0]}:{v.free_port()}"'
    config.write_text("\n".join(lines) + "\n")
    return folder


def init(vault, folder):
    """`init` of that folder with a secret that Databricks does not know."""
    secret = folder / "secret.txt"
    if not secret.exists():
        secret.write_text("dose" + "0" * 32)
        secret.chmod(0o600)
    return run(vault.binary, "init", "--json", "--config", folder / "breakglass.toml", "--roster",
               folder / "roster.toml", "--policy", folder / "policy.toml", "--credential-file",
               secret)


def files(checks, vault):
    """Configuration, secret files, roster, second process, refused secret."""
    def told(name, code, wanted, said, *words):
        checks.hold(name, code == wanted and all(w in said for w in words), f"exit {code}: {said}")

    folder = copied(vault, "unknown-key")
    config = folder / "breakglass.toml"
    config.write_text('colour = "red"\n' + config.read_text())
    told("an unknown configuration key: exit 2, named",
         *reversed_pair(run(vault.binary, "serve", "--config", config), 2), "colour")
    folder = copied(vault, "open-secret")
    (folder / "secret.txt").write_text("dose" + "1" * 32)
    (folder / "secret.txt").chmod(0o644)
    told("a secret file others can read: exit 2, named", *reversed_pair(init(vault, folder), 2),
         "secret.txt")
    folder = copied(vault, "open-hook", without="")
    (folder / "webhook.secret").chmod(0o644)
    told("a channel's secret file others can read: exit 2, named",
         *reversed_pair(run(vault.binary, "serve", "--config", folder / "breakglass.toml"), 2),
         "webhook.secret")
    folder = copied(vault, "few")
    roster = folder / "roster.toml"
    roster.write_text(roster.read_text().replace("k = 3", "k = 6"))
    told("a roster with fewer custodians than k: exit 2", *reversed_pair(init(vault, folder), 2),
         "roster.toml")
    folder = copied(vault, "second")
    (folder / "data").symlink_to(vault.dir / "vault" / "data")
    if vault.store == "postgres":
        stands_by(checks, vault, folder)
    else:
        code, said = run(vault.binary, "serve", "--config", folder / "breakglass.toml")
        checks.hold("a second process on the same vault is refused, and says so",
                    code not in (0, None) and "another process uses this vault (lock file " in said,
                    f"{code}: {said}")
        print(f"     exit {code}: {said.strip().splitlines()[0][:140]}", flush=True)
    folder = copied(vault, "dead-secret")
    code, said = init(vault, folder)
    checks.hold("init with a secret that Databricks refuses fails (1 or 10)", code in (1, 10), said)
    checks.hold("and never shows it", "dose" + "0" * 32 not in said, said)
    checks.hold("the first vault still serves",
                vault.ask_api(None, "GET", "/health").status == 200)


def stands_by(checks, vault, folder):
    """On a server's database a second process waits for the first one's end."""
    log = folder / "standby.log"
    with open(log, "wb") as talk:
        second = subprocess.Popen([vault.binary, "serve", "--json", "--config",
                                   str(folder / "breakglass.toml")], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=talk)
    v.until("the standby", lambda: "standing by" in log.read_text())
    checks.hold("a second process on the same vault stands by, and says so", second.poll() is None)
    second.terminate()
    printed, _ = second.communicate(timeout=300)
    checks.equal("it never listened", printed, b"")


def reversed_pair(pair, wanted):
    """(code, said) as (code, wanted, said)."""
    return pair[0], wanted, pair[1]


# Part two: strangers

def signed_login(vault, name, challenge, namespace="breakglass-login"):
    """A login document signed by stock ssh-keygen."""
    person = vault.dir / "people" / name
    key = " ".join((person / "id_ed25519.pub").read_text().split()[:2])
    document = json.dumps({"at_ms": int(time.time() * 1000), "challenge": challenge, "key": key,
                           "origin": f"http://{vault.console}"},
                          sort_keys=True, separators=(",", ":"))
    done = subprocess.run(["ssh-keygen", "-Y", "sign", "-n", namespace, "-f",
                           str(person / "id_ed25519")], input=document, capture_output=True,
                          text=True, check=True, timeout=120)
    return {"document": document, "signature": done.stdout}, key


def strangers(checks, vault, incident):
    """No login, a login without the role, replays."""
    routes = [("POST", "/incidents"), ("POST", f"/incidents/{incident}/approve"),
              ("POST", f"/incidents/{incident}/withdraw"), ("POST", f"/incidents/{incident}/stop"),
              ("POST", f"/incidents/{incident}/close"), ("POST", f"/incidents/{incident}/claim"),
              ("POST", f"/reviews/{incident}/sign"), ("GET", "/incidents"), ("GET", "/vault")]
    for method, path in routes:
        for token in (None, "bgl_guessed"):
            reply = vault.ask_api(token, method, path, {} if method == "POST" else None)
            checks.hold(f"a stranger is refused: {method} {path} ({token or 'no token'})",
                        reply.status == 401, reply.status)
    for name, words in (("otto", ("approve", incident, "--phrase", "a b c")),
                        ("vera", ("withdraw", incident)),
                        ("ben", ("close", incident)),
                        ("olga", ("stop", incident, "--reason", "because")),
                        ("ada", ("claim", incident)),
                        ("vera", ("open", "--no-wait", "--because", "catastrophic-outage",
                                  "--answers", v.ANSWERS, "--account", "x"))):
        code, _, said = vault.runs(name, *words)
        checks.hold(f"{name} may not {words[0]} (exit {code})", code not in (0, 2), f"{code} {said}")
    checks.equal("the incident did not move", vault.phase(incident), "collecting")
    replays(checks, vault)


def replays(checks, vault):
    """A login is good once, and only as what it was signed for."""
    def challenge(key):
        return json.loads(vault.ask_api(None, "POST", "/login/challenge", {"key": key}).body)

    _, key = signed_login(vault, "rio", "00" * 32)
    login, _ = signed_login(vault, "rio", challenge(key)["challenge"])
    checks.equal("a login signed by ssh-keygen works",
                 vault.ask_api(None, "POST", "/login", login).status, 200)
    reply = vault.ask_api(None, "POST", "/login", login)
    checks.hold("the same login again is refused", reply.status in (401, 403, 409), reply.status)
    wrong, _ = signed_login(vault, "rio", challenge(key)["challenge"], "breakglass-approve")
    reply = vault.ask_api(None, "POST", "/login", wrong)
    checks.hold("a signature for something else is refused", reply.status in (400, 401, 403),
                reply.status)


# Part three: one session against everything

def raw(vault, text, address=None):
    """Bytes on a socket; the status line."""
    host, port = (address or vault.plain).rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=120) as stream:
        stream.sendall(text.encode())
        answer = b""
        while b"\r\n" not in answer:
            piece = stream.recv(4096)
            if not piece:
                break
            answer += piece
    first = answer.split(b"\r\n")[0].decode(errors="replace").split(" ")
    return int(first[1]) if len(first) > 1 else 0


def session(checks, vault, incident, token):
    """Every refusal of an open session, counted against log and simulator."""
    before, refused, whys = len(vault.upstream()), 0, []
    for name, method, path, body, word in never_calls(vault.databricks):
        reply = vault.through(token, method, path, body)
        wanted = 400 if word == "external_links" else 403
        checks.equal(f"never: {name}", reply.status, wanted)
        refused, whys = refused + 1, whys + [word]
    for name, method, path, body, status, word in scope_calls():
        headers = {"content-type": "application/json"} if body is not None else {}
        reply = vault.through(token, method, path, body, headers)
        good = reply.status in status if isinstance(status, tuple) else reply.status == status
        checks.hold(f"refused: {name}", good, f"{reply.status} {reply.body[:200]}")
        refused, whys = refused + 1, whys + ([word] if word else [])
    for name, text, statuses in wires(vault, token):
        status = raw(vault, text)
        checks.hold(f"refused: {name} ({status})", status in statuses, status)
    reply = vault.through(token, "GET", "/api/2.0/clusters/list", None,
                          {"X-Databricks-Workspace-Id": "1"})
    checks.equal("refused: another workspace's id", reply.status, 403)
    refused, whys = refused + 1, whys + ["foreign_workspace"]
    for name, bearer in (("an unknown token", "bgt_" + "x" * 43), ("no token", None),
                         ("a login token", vault.login_token("rio"))):
        reply = vault.through(bearer, "GET", "/api/2.0/clusters/list")
        checks.equal(f"refused: {name}", reply.status, 401)
    checks.equal("nothing of all this reached Databricks", len(vault.upstream()), before)
    overridden(checks, vault, token)
    return refused, whys


def overridden(checks, vault, token):
    """A method override is no method."""
    reply = vault.through(token, "POST", "/api/2.2/jobs/run-now", {"job_id": 101},
                          {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE",
                           "X-Forwarded-For": "10.0.0.1", "Cookie": "a=b"})
    checks.equal("a method override is dropped", reply.status, 200)
    newest = vault.upstream()[-1]
    checks.equal("the simulator saw the method as sent", newest["method"], "POST")


def after_close(checks, vault, token):
    """403 with the reason, at once: clients must not try for minutes."""
    # Their import takes seconds on a slow machine; it is no time that a client waits.
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    began = time.monotonic()
    reply = vault.through(token, "GET", "/api/2.0/clusters/list")
    checks.equal("a token after the close", reply.status, 403)
    checks.hold("says why in X-Databricks-Reason-Phrase",
                "ended" in reply.headers.get("x-databricks-reason-phrase", ""), reply.headers)
    client = WorkspaceClient(config=Config(host=f"http://{vault.plain}", token=token,
                                           auth_type="pat"))
    try:
        client.current_user.me()
        checks.hold("the SDK gets nothing after the close", False)
    except Exception as error:  # noqa: BLE001 - whatever class, it must come soon
        seen = f"{type(error).__name__}: {error}"
    took = time.monotonic() - began
    checks.hold(f"the SDK stops at once after the close ({took:.2f} s)",
                took < 60 and "PermissionDenied" in seen, seen)
    print(f"     the SDK says: {seen.splitlines()[0][:120]}", flush=True)


def entries_of(checks, vault, incidents, refused, whys):
    """Each refusal has its entry; the log of it all verifies."""
    first, stopped, leaked = incidents
    _, entries = vault.exported()
    number = v.kinds(entries)
    denied = [e for e in entries if e["t"] == "deny" and e.get("inc") == first]
    counted = sum(e["n"] for e in entries if e["t"] == "deny.burst" and e.get("inc") == first)
    checks.equal("each refused call of the session is in the log", len(denied) + counted, refused)
    seen = {e["why"] for e in denied}
    missing = sorted(set(whys) - seen) if not counted else []
    checks.equal("with its reason", missing, [])
    checks.hold("unknown tokens are in the log",
                any(e["t"] == "deny" and e.get("why") == "unknown_token" for e in entries))
    checks.hold("refused logins are in the log", number["login.failed"] >= 2, dict(number))
    checks.hold("refused acts are in the log", number["act.refused"] >= 3, dict(number))
    checks.hold("the leak is in the log", any(
        e["t"] == "session.token_seen" and e["inc"] == leaked for e in entries))
    ended = {e["inc"]: e["why"] for e in entries if e["t"] == "session.close" and "why" in e}
    checks.hold("so is the stop", stopped in {e.get("inc") for e in entries
                                               if e["t"] == "session.close"}, ended)
    begun = {e["cid"] for e in entries if e["t"] == "call.begin"}
    closed = {e["cid"] for e in entries if e["t"] == "call.end"}
    checks.hold("every begin has its end, cut calls too", begun == closed, len(begun - closed))


def more(parser):
    """Options of this script."""
    parser.add_argument("--no-deadline", action="store_true",
                        help="leave the session out that waits for its deadline, a minute long")


def main():
    given = v.arguments(__doc__, more)
    checks, found, aside = v.Checks(), {}, None
    with contextlib.ExitStack() as vaults:
        vault = vaults.enter_context(v.Vault(given.binary, keep=given.keep, store=given.store))
        if not given.no_deadline:
            other = vaults.enter_context(v.Vault(given.binary, store=given.store))
            aside = threading.Thread(target=deadline, args=(other, found))
            aside.start()
        files(checks, vault)
        incident, phrase = vault.asks(WIDE)
        strangers(checks, vault, incident)
        vault.approves(incident, phrase)
        v.until("the open session", lambda: vault.phase(incident) == "open")
        vault.does("rio", "claim", incident)
        token = vault.token(incident)
        refused, whys = session(checks, vault, incident, token)
        vault.close(incident)
        after_close(checks, vault, token)
        incidents = (incident, stop_cuts(checks, vault), leak_cuts(checks, vault))
        entries_of(checks, vault, incidents, refused, whys)
        if aside:
            aside.join(900)
            checks.hold("the deadline ended a one-minute session by itself, as the log says",
                        found.get("why") == "deadline" and 60 <= found["lasted"] < 74, found)
            checks.hold(f"and its client soon knew ({found['took']:.1f} s)", found["took"] < 120, found)
    checks.finish()


if __name__ == "__main__":
    main()
