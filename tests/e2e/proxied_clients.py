"""Databricks' own clients through an open session, compared with the same clients direct.

    python tests/e2e/proxied_clients.py --binary target/release/breakglass

Each script of tests/clients runs against a fresh simulator and through the proxy, over plain http
and over TLS; what they print must be equal, except for the calls that a session may never make.
Then the log is counted against the simulator's own record, and mails and webhooks against the
steps they must have announced.
"""

import base64
import json
import pathlib
import subprocess
import sys
import urllib.parse

import vault as v

CLIENTS = pathlib.Path(__file__).resolve().parent.parent / "clients"

# MLflow's writes are reviewed by nobody: terms name each one, and no class lets it through.
MLFLOW = [f"ws:POST /api/*/mlflow/{what}" for what in (
    "experiments/create", "experiments/delete", "runs/create", "runs/update", "runs/log-parameter",
    "runs/log-metric", "runs/log-batch", "runs/set-tag")]
# Results that differ by design: script, result, the message the proxy must give, and why.
BY_DESIGN = [
    ("sdk_workspace.py", "unknown_endpoint", "is not a reviewed call",
     "an unknown path is refused here and never reaches Databricks"),
    ("sdk_m2m.py", "wrong_secret", "invalid_client",
     "the proxy's own token endpoint refuses a wrong session token in its own words"),
]
SCRIPTS = ("sdk_workspace.py", "sdk_account.py", "sdk_m2m.py", "sdk_files.py", "sql_connector.py",
           "sdk_go_replay.py", "mlflow_tracking.py")
# The lines a mailbox must hold after the main path.
STEPS = ("[ASKED]", "[SHARE IN]", "[UNSEALING]", "[OPEN]", "[CLAIMED]", "[ENDED, NOT SAFE YET]",
         "[ROTATING]", "[ROTATED]", "[CLOSED]", "[REVIEW DUE")


def run(script, host, environment, ca_file):
    """The JSON object a client script printed."""
    words = [sys.executable, str(CLIENTS / script), "--host", host, "--ca-file", str(ca_file)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        raise v.Failed(f"{script} at {host} ended with {done.returncode}: {done.stderr[-2500:]}")
    return json.loads(done.stdout)


def environment(info, token, client_id, client_secret, ca_file):
    """What the scripts read; nothing else about Databricks."""
    return v.quiet_environment() | {
        "DATABRICKS_TOKEN": token, "DATABRICKS_CLIENT_ID": client_id,
        "DATABRICKS_CLIENT_SECRET": client_secret, "DATABRICKS_ACCOUNT_ID": info["account_id"],
        "DATABRICKS_WORKSPACE_ID": info["workspace_id"],
        "BREAKGLASS_PRINCIPAL_ID": info["principal_id"], "REQUESTS_CA_BUNDLE": str(ca_file),
        "SSL_CERT_FILE": str(ca_file), "NO_PROXY": "127.0.0.1,localhost",
    }


def minted(info, secret):
    """An access token of a simulator's first secret."""
    pair = base64.b64encode(f"{info['application_id']}:{secret}".encode()).decode()
    form = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": "all-apis"})
    reply = v.call(info["http"], "POST", f"/oidc/accounts/{info['account_id']}/v1/token",
                   {"authorization": f"Basic {pair}",
                    "content-type": "application/x-www-form-urlencoded"}, form)
    return json.loads(reply.body)["access_token"]


def direct(vault, tls):
    """Results of every script against a simulator of its own."""
    certificates = vault.dir / "tls"
    first = vault.folder / f"direct-secret-{'tls' if tls else 'plain'}"
    simulator = v.Process(
        [vault.binary, "simulate", "--json", "--http", "127.0.0.1:0", "--tls", "127.0.0.1:0",
         "--cert", str(certificates / "cert.pem"), "--key", str(certificates / "key.pem"),
         "--write-first-secret", str(first)], vault.folder / "direct.log")
    vault.children.append(simulator)
    info, secret = simulator.ready, first.read_text().strip()
    token = minted(info, secret)
    ca_file = certificates / "ca.pem"
    given = environment(info, token, info["application_id"], secret, ca_file)
    host = f"https://localhost:{info['tls'].rsplit(':', 1)[1]}" if tls else f"http://{info['http']}"
    results = {script: run(script, host, given, ca_file) for script in SCRIPTS
               if tls or script != "sql_connector.py"}
    simulator.kill()
    return results


def proxied(vault, incident, tls):
    """Results of every script through the open session."""
    door = () if tls else ("--http",)
    env = vault.environment(incident, *door)
    session = vault.view(incident)["session"]["id"]
    ca_file = env["SSL_CERT_FILE"]
    given = environment(vault.databricks, env["DATABRICKS_TOKEN"], session,
                        env["DATABRICKS_TOKEN"], ca_file)
    host = env["DATABRICKS_HOST"]
    return {script: run(script, host, given, ca_file) for script in SCRIPTS
            if tls or script != "sql_connector.py"}


def is_error(result):
    """Whether a script's result is an error that the client raised, or was answered."""
    if not isinstance(result, dict):
        return False
    status = result.get("status")
    return "raised" in result or (isinstance(status, int) and status >= 400)


def compare(checks, door, want, got):
    """Every result of every script."""
    for script in want:
        special = {name: (words, why) for each, name, words, why in BY_DESIGN if each == script}
        other = {}
        checks.equal(f"{door} {script}: the same results are there", sorted(got[script]),
                     sorted(want[script]))
        for name, result in want[script].items():
            mine = got[script][name]
            if name in special:
                words, why = special[name]
                checks.hold(f"{door} {script} {name}: differs by design ({why})",
                            words in json.dumps(mine), mine)
            elif json.dumps(mine, sort_keys=True) != json.dumps(result, sort_keys=True):
                other[name] = {"proxied": mine, "direct": result}
        equal = len(want[script]) - len(special)
        checks.hold(f"{door} {script}: {equal} results equal to the direct run, byte for byte",
                    not other, other)
        # Two runs that fail alike would be equal as well.
        failed = sorted(name for name, result in want[script].items() if is_error(result))
        checks.hold(f"{door} {script}: at least half of them are no errors ({', '.join(failed)})",
                    want[script] and len(failed) <= len(want[script]) / 2, failed)


def count(checks, vault, incident):
    """begin == end == what the simulator saw."""
    seen = vault.upstream(incident)
    folder, entries = vault.exported(seen=sorted((vault.dir / "mail").glob("*.eml")))
    mine = [entry for entry in entries if entry.get("inc") == incident]
    begun = {entry["cid"] for entry in mine if entry["t"] == "call.begin"}
    number = v.kinds(mine)
    checks.hold("the export verifies offline against every mailed checkpoint", True)
    checks.equal("one begin for each upstream request", number["call.begin"], len(seen))
    checks.equal("one end for each upstream request", number["call.end"], len(seen))
    checks.equal("call ids are used once", len(begun), number["call.begin"])
    ended = {entry["cid"] for entry in mine if entry["t"] == "call.end"}
    checks.hold("each begin has its own end", begun == ended)
    checks.hold("every upstream request carried one Authorization and one Host",
                all(entry["authorization_headers"] == entry["host_headers"] == 1
                    for entry in seen))
    print(f"     {len(seen)} upstream requests, {number['call.begin']} begins, "
          f"{number['call.end']} ends, {len(entries)} entries", flush=True)
    return folder


def alerts(checks, vault, incident):
    """Mails and webhooks of the main path and of failed attempts."""
    def subjects():
        return [text for text in vault.mail.subjects() if incident in text]

    def hooked():
        return [taken["data"]["subject"] for taken in vault.hook.taken]

    # Each message goes out by itself: that one has come says nothing of any other.
    for way, texts in (("mail", subjects), ("webhook", hooked)):
        for step in STEPS:
            checks.comes(f"a {way} said {step}",
                         lambda: any(t.startswith(step) for t in texts()), texts)
    checks.equal("the standardwebhooks library verified every webhook", vault.hook.refused, [])
    checks.hold("every mail carries a checkpoint",
                all(mail["checkpoint"] for mail in vault.mail.mails))
    for tag, what in (("[ACT REFUSED]", "a withdrawal by somebody who did not ask"),
                      ("[WRONG PHRASE]", "wrong words"),
                      ("[OUT OF SCOPE]", "a call outside the scope")):
        checks.comes(f"mail and webhook told of {what}", lambda: all(
            any(text.startswith(tag) for text in texts())
            for texts in (vault.mail.subjects, hooked)), lambda: vault.mail.subjects() + hooked())


def opened(checks, vault):
    """An open session, with failed attempts on the way."""
    incident, phrase = vault.asks(v.WORKSPACE_SCOPE + MLFLOW)
    code, _, said = vault.runs("rio", "approve", incident, "--phrase", phrase)
    checks.hold("the responder cannot approve", code != 0, said)
    code, _, said = vault.runs("emil", "approve", incident, "--phrase", "able able able")
    checks.equal("wrong words release nothing (exit 5)", code, 5)
    code, _, said = vault.runs("vera", "withdraw", incident)
    checks.hold("an auditor cannot withdraw it", code != 0, said)
    vault.approves(incident, phrase)
    v.until("the open session", lambda: vault.phase(incident) == "open")
    vault.does("rio", "claim", incident)
    reply = vault.through(vault.token(incident), "POST", "/api/2.0/workspace/delete",
                          {"path": "/", "recursive": True})
    checks.equal("a call outside the scope is refused", reply.status, 403)
    reply = vault.through(vault.token(incident), "POST", "/api/2.0/mlflow/registered-models/create",
                          {"name": "night"})
    checks.hold("an MLflow write that the terms do not name is refused, and told why",
                reply.status == 403 and b"not a reviewed call" in reply.body, reply.body.decode())
    return incident


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, keep=given.keep, store=given.store) as vault:
        incident = opened(checks, vault)
        for tls, door in ((False, "plain"), (True, "tls")):
            want, got = direct(vault, tls), proxied(vault, incident, tls)
            compare(checks, door, want, got)
            for script in want:
                print(f"     matrix {script[:-3]:<16} {door:<6} direct: yes, proxy: equal",
                      flush=True)
            for name, size in (("small", 5), ("big", 60 << 20)):
                result = got["sdk_files.py"][name]
                checks.hold(f"{door} files: {size} bytes up and down are the same",
                            result.get("same") and result.get("bytes") == size, result)
        vault.close(incident)
        count(checks, vault, incident)
        alerts(checks, vault, incident)
    checks.finish()


if __name__ == "__main__":
    main()
