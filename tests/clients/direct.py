"""Runs every client script directly against the simulator and checks what it must have seen.

    python tests/clients/direct.py --binary target/debug/breakglass [--keep RESULTS_FOLDER]

Exits 0 only when every check held. `openssl` makes a throw-away certificate authority.
"""

import argparse
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
PROBLEMS = []


def check(name, held, seen):
    """Notes a check that did not hold."""
    if not held:
        PROBLEMS.append(f"{name}: got {json.dumps(seen)[:400]}")


def certificates(folder):
    """A throw-away authority and a certificate for 127.0.0.1 and localhost."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=throw-away authority",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", *curve, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost")
    (folder / "leaf.ext").write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n"
        "extendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
            "-CAcreateserial", "-extfile", "leaf.ext", "-out", "leaf.pem")


def mint(base, ready, secret):
    """An account-level access token, which serves the workspace as well."""
    pair = base64.b64encode(f"{ready['application_id']}:{secret}".encode()).decode()
    body = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": "all-apis"})
    url = f"{base}/oidc/accounts/{ready['account_id']}/v1/token"
    request = urllib.request.Request(url, body.encode(), {"Authorization": f"Basic {pair}"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)["access_token"]


def run(script, host, environment, ca_file):
    """The JSON object a client script printed."""
    words = [sys.executable, str(HERE / script), "--host", host, "--ca-file", str(ca_file)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        PROBLEMS.append(f"{script} at {host} ended with {done.returncode}: {done.stderr[-1500:]}")
        return {}
    return json.loads(done.stdout)


def raised(result):
    """The class of the error in a result, if it is one."""
    return result.get("raised") if isinstance(result, dict) else None


def check_workspace(seen, ready):
    """What the WorkspaceClient must have seen."""
    def expect(name, wanted):
        check(f"workspace {name}", raised(seen[name]) == wanted, seen[name])

    check("me", seen["me"].get("userName") == ready["application_id"], seen["me"])
    check("org id", str(seen["workspace_id"]) == ready["workspace_id"], seen["workspace_id"])
    check("admins", len(seen["groups_admins"]) == 1, seen["groups_admins"])
    check("bare filter", len(seen["groups_bare"]) == 1, seen["groups_bare"])
    check("users paged", len(seen["users_paged"]) == 11, seen["users_paged"])
    check("clusters", len(seen["clusters"]) == 2, seen["clusters"])
    check("jobs paged", len(seen["jobs"]) == 23, seen["jobs"])
    check("run", seen["run_now"].get("state", {}).get("result_state") == "SUCCESS", seen["run_now"])
    check("cancel", seen["run_cancelled"] == ["RUNNING", "CANCELED"], seen["run_cancelled"])
    check("select", seen["select"]["result"]["data_array"] == [["1"]], seen["select"])
    check("chunks", seen["select_chunks"] == {"rows": 250, "last": ["249"], "chunks": 3},
          seen["select_chunks"])
    check("later", seen["select_later"] == ["PENDING", "SUCCEEDED", [["later"]]],
          seen["select_later"])
    check("failing", seen["select_failing"]["status"]["state"] == "FAILED", seen["select_failing"])
    expect("cluster_missing", "ResourceDoesNotExist")
    expect("job_missing", "ResourceDoesNotExist")
    expect("run_missing", "ResourceDoesNotExist")
    expect("group_missing", "NotFound")
    expect("groups_bad_filter", "BadRequest")
    expect("secret_denied", "PermissionDenied")
    expect("workspace_missing", "ResourceDoesNotExist")
    expect("select_bad_wait", "InvalidParameterValue")
    expect("unknown_endpoint", "NotFound")
    refused = {"cluster_missing", "job_missing", "run_missing", "group_missing", "secret_denied",
               "groups_bad_filter", "workspace_missing", "select_bad_wait", "unknown_endpoint",
               "warehouse_missing", "secret_scope_missing"}
    for name, result in seen.items():
        if name not in refused:
            check(f"workspace {name} works", raised(result) is None, result)


def check_account(seen):
    """What the AccountClient must have seen."""
    refused = {"group_missing", "secrets_missing_principal"}
    for name, result in seen.items():
        check(f"account {name}", (raised(result) is not None) == (name in refused), result)
    check("account users", len(seen["users_paged"]) == 11, seen["users_paged"])
    check("assignments", len(seen["assignments"]) == 3, seen["assignments"])
    check("secrets", seen["secrets"][0]["has_expiry"], seen["secrets"])
    check("list without members", "members" not in seen["groups"][0], seen["groups"])
    check("group with members", "members" in seen["group"], seen["group"])


def check_others(m2m, files, connector):
    """What oauth-m2m, the files API and the SQL connector must have seen."""
    check("m2m", raised(m2m["me"]) is None, m2m["me"])
    check("m2m wrong secret", "invalid_client" in m2m["wrong_secret"].get("message", ""),
          m2m["wrong_secret"])
    for name, length in (("small", 5), ("big", 60 * 1024 * 1024)):
        seen = files[name]
        check(f"files {name}", seen.get("same") and seen.get("bytes") == length, seen)
    check("files refused", raised(files["refused"]) == "AlreadyExists", files["refused"])
    check("files missing", raised(files["missing"]) == "NotFound", files["missing"])
    if connector:
        check("sql many", connector["many"].get("count") == 350, connector["many"])
        check("sql types", len(connector["types"].get("rows", [])) == 3, connector["types"])
        check("sql failing", raised(connector["failing"]) == "ServerOperationError",
              connector["failing"])
        check("sql select", connector["select"].get("rows") == [["1"]], connector["select"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--keep", help="write each script's results into this folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        certificates(folder)
        command = [
            given.binary, "simulate", "--http", "127.0.0.1:0", "--tls", "127.0.0.1:0",
            "--cert", str(folder / "leaf.pem"), "--key", str(folder / "leaf.key"),
            "--write-first-secret", str(folder / "first"), "--json",
        ]
        simulator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            line = simulator.stdout.readline()
            if not line:
                sys.exit(f"direct: {given.binary} simulate ended before it was ready")
            drive(folder, json.loads(line), given.keep)
        finally:
            simulator.terminate()
            simulator.wait(timeout=120)
    for problem in PROBLEMS:
        print(f"FAILED {problem}", file=sys.stderr)
    print("direct: every client is content" if not PROBLEMS
          else f"direct: {len(PROBLEMS)} checks did not hold")
    sys.exit(1 if PROBLEMS else 0)


def drive(folder, ready, keep):
    """Runs all scripts over http and https and compares the two."""
    secret = (folder / "first").read_text()
    plain = f"http://{ready['http']}"
    ca_file = folder / "ca.pem"
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("DATABRICKS_")}
    environment |= {
        "DATABRICKS_TOKEN": mint(plain, ready, secret),
        "DATABRICKS_CLIENT_ID": ready["application_id"],
        "DATABRICKS_CLIENT_SECRET": secret,
        "DATABRICKS_ACCOUNT_ID": ready["account_id"],
        "DATABRICKS_WORKSPACE_ID": ready["workspace_id"],
        "BREAKGLASS_PRINCIPAL_ID": ready["principal_id"],
        "REQUESTS_CA_BUNDLE": str(ca_file),
        "NO_PROXY": "127.0.0.1",
    }
    kept = {}
    for host in (plain, f"https://{ready['tls']}"):
        scripts = ["sdk_workspace.py", "sdk_account.py", "sdk_m2m.py", "sdk_files.py"]
        if host.startswith("https"):
            scripts.append("sql_connector.py")
        kept[host] = {script: run(script, host, environment, ca_file) for script in scripts}
        results = kept[host]
        if all(results.values()):
            check_workspace(results["sdk_workspace.py"], ready)
            check_account(results["sdk_account.py"])
            check_others(results["sdk_m2m.py"], results["sdk_files.py"],
                         results.get("sql_connector.py"))
    first, second = kept.values()
    for script, result in first.items():
        check(f"{script} over http and https", result == second[script], second[script])
    for script, result in second.items():
        print(f"{script}: {len(result)} results")
        if keep:
            target = pathlib.Path(keep, script.replace(".py", ".json"))
            target.write_text(json.dumps(result, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
