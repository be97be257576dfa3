"""Every example configuration of deploy/examples is one that `init` and `serve --check` accept.

    python tests/e2e/examples.py --binary target/release/breakglass

Each is copied as it stands, but for its folders. `init` alone also needs a Databricks that answers:
for it the account's and workspaces' addresses lead to a simulator with the example's ids. Then the
example's own addresses stand again, and the check must say nothing but that all is well.
"""

import base64
import json
import pathlib
import re
import shutil
import subprocess
import time
import tomllib

import vault as v

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "examples"
# What stands in the secret files, by the end of their names.
SECRETS = {
    "tls.key": None,  # the stage's
    "tls.pem": None,
    "mail.password": "correct horse battery staple",
    "hook.secret": "whsec_" + base64.b64encode(bytes(range(32))).decode(),
    "slack.url": "https://hooks.slack.com/services/T00000000/B00000000/0123456789abcdef01234567",
    "teams.url": "https://example.webhook.office.com/webhookb2/0123456789abcdef",
    "pagerduty.key": "0123456789abcdef0123456789abcdef",
    "pagerduty-ada.key": "a" * 32,
    "pagerduty-ben.key": "b" * 32,
    "heartbeat.url": "https://monitor.example.com/ping/0123456789abcdef",
    "metrics.token": "0123456789abcdef" * 4,
    "log.seed": None,  # `init` makes it
    "pg.url": None,  # the script's own server
}


def in_folder(stage, example, folder):
    """The example's text with its folders moved into this one, and every file it names."""
    text = (EXAMPLES / example).read_text()
    for there, here in (("/var/lib/breakglass", folder / "data"),
                        ("/run/credentials/breakglass.service", folder / "secrets"),
                        ("/etc/breakglass", folder)):
        text = text.replace(there, str(here))
    (folder / "secrets").mkdir(parents=True)
    named = re.findall(r'"([^"]*\.(?:key|pem|password|secret|url|token|seed))"', text)
    for path in {folder / name for name in named}:
        what = SECRETS[path.name]
        if path.name == "tls.pem":
            shutil.copy(stage.dir / "tls" / "cert.pem", path)
        elif path.name == "tls.key":
            shutil.copy(stage.dir / "tls" / "key.pem", path)
        elif path.name == "pg.url":
            stage.empty_database()
            shutil.copy(stage.folder / "pg.url", path)
        elif what:
            path.write_text(what)
        if path.exists():
            path.chmod(0o600)
    (folder / "breakglass.toml").write_text(text)
    roster = (stage.dir / "vault" / "roster.toml").read_text()
    (folder / "roster.toml").write_text(roster.replace("demo-vault", "prod-eu"))
    shutil.copy(stage.dir / "vault" / "policy.toml", folder)
    return text


def databricks_of(stage, example, folder):
    """A simulator with the example's ids."""
    ids = tomllib.loads((folder / "breakglass.toml").read_text())["databricks"]
    command = [stage.binary, "simulate", "--json", "--http", "127.0.0.1:0",
               "--account-id", ids["account_id"], "--application-id", ids["application_id"],
               "--principal-id", str(ids["principal_id"]),
               "--write-first-secret", str(folder / "first.txt")]
    for workspace in ids["workspaces"]:
        command += ["--workspace-id", workspace]
    simulator = v.Process(command, stage.folder / f"{example}.log")
    stage.children.append(simulator)
    return f"http://{simulator.ready['http']}"


def runs(stage, *words):
    """A command on the host."""
    return subprocess.run([stage.binary, *map(str, words)], capture_output=True, text=True,
                          timeout=600, stdin=subprocess.DEVNULL, env=v.quiet_environment())


def accepted(checks, stage, example):
    """`init`, then `serve --check` with the example as it is."""
    folder = stage.folder / example
    text = in_folder(stage, example, folder)
    at = databricks_of(stage, example, folder)
    for_init = re.sub(r'"https://(accounts|dbc|adb)[^"]*"', f'"{at}"', text)
    # The real waits are minutes.
    for_init += "\n[databricks.waits]\n" + "".join(
        f"{name} = 100\n" for name in ("create_propagation_ms", "propagation_step_ms", "reconcile_wait_ms",
                                       "reconcile_gap_ms", "delete_proof_ms", "delete_retry_max_ms"))
    (folder / "init.toml").write_text(for_init)
    words = ("init", "--json", "--config", folder / "init.toml", "--roster", folder / "roster.toml",
             "--policy", folder / "policy.toml", "--credential-file", folder / "first.txt")
    done = runs(stage, *words)
    # A busy server may not have seen yet that a connection of `init` has ended: it is run again.
    end = time.monotonic() + 300
    while "another process uses this vault" in done.stderr and time.monotonic() < end:
        done = runs(stage, *words)
    checks.hold(f"{example}: init makes the vault", done.returncode == 0, done.stderr)
    done = runs(stage, "serve", "--check", "--json", "--config", folder / "breakglass.toml")
    checks.hold(f"{example}: serve --check accepts it", done.returncode == 0, done.stderr)
    said = json.loads(done.stdout)
    checks.hold(f"{example}: and says that it is good", said["configuration"] == "ok"
                and said["harmless"] and not said["running"], said)
    checks.equal(f"{example}: with no word of warning", done.stderr, "")
    config = folder / "breakglass.toml"
    config.write_text(text.replace("metrics_token_file", "metrics_tokn_file") if "metrics_token_file"
                      in text else text + "\nnot_a_key = 1\n")
    done = runs(stage, "serve", "--check", "--json", "--config", config)
    checks.equal(f"{example}: a misspelt key is not", done.returncode, 2)
    stage.children.pop().kill()
    shutil.rmtree(folder)


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    stage = v.Vault(given.binary, keep=given.keep)
    try:
        stage.stage()
        examples = sorted(path.name for path in EXAMPLES.glob("*.toml"))
        for example in examples:
            accepted(checks, stage, example)
        checks.hold(f"all {len(examples)} examples", len(examples) >= 3)
    finally:
        stage.__exit__(None, None, None)
    checks.finish()


if __name__ == "__main__":
    main()
