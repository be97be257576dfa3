"""Load on one small GET: direct, through nginx, through the vault's plain proxy.

Called by tests/bench/run. The upstream is the simulator without its request log; nginx proxies the
same simulator with one worker per core, an ordinary access log and kept connections. Every call
through the vault is logged durably twice. Beside it the cost of two durable writes, measured bare
on the same disk.
"""

import argparse
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import bodies  # noqa: E402
import vault as v  # noqa: E402

PATH = "/api/2.0/clusters/list"
CLIENTS = (1, 64)
UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}

NGINX = """\
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
daemon off;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/access.log combined;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  client_max_body_size 0;
  proxy_request_buffering off;
  upstream databricks {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen {listen};
    location / {{
      proxy_pass http://databricks;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


class Bench(v.Vault):
    """A vault whose simulator also knows a secret of ours, so that the upstream can be loaded
    without the vault."""

    def stage(self):
        super().stage()
        self.own = "dose" + os.urandom(16).hex()
        path = self.dir / "simulator.json"
        state = json.loads(path.read_text())
        now = int(time.time())
        secret = {"id": os.urandom(16).hex(), "created_ms": now * 1000,
                  "value_sha256": hashlib.sha256(self.own.encode()).hexdigest(),
                  "expire_s": now + 86_400, "scopes": [], "deleted_ms": None, "settled": True}
        state["secrets"]["by_principal"][str(self.databricks["principal_id"])].append(secret)
        path.write_text(json.dumps(state))

    def own_token(self):
        """An access token of the upstream."""
        info = self.databricks
        pair = base64.b64encode(f"{info['application_id']}:{self.own}".encode()).decode()
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": "all-apis"})
        reply = v.call(info["http"], "POST", f"/oidc/accounts/{info['account_id']}/v1/token",
                       {"authorization": f"Basic {pair}",
                        "content-type": "application/x-www-form-urlencoded"}, form)
        return json.loads(reply.body)["access_token"]


def start_nginx(vault):
    """nginx on a free port; its address and process."""
    port = v.free_port()
    folder = vault.folder / "nginx"
    folder.mkdir()
    folder.chmod(0o777)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, upstream=vault.databricks["http"],
                                   listen=f"127.0.0.1:{port}"))
    vault.folder.chmod(0o755)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    child = subprocess.Popen([nginx, "-c", str(config), "-e", str(folder / "error.log")],
                             stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"127.0.0.1:{port}"

    def answers():
        try:
            return v.call(address, "GET", "/", {}).status
        except OSError:
            return None

    v.until("nginx", answers)
    return address, child


def loaded(address, token, clients, seconds):
    """One run of wrk: calls a second, p50 and p99 in microseconds."""
    words = ["wrk", "--timeout", "30s", "--latency", "-t", str(min(2, clients)), "-c", str(clients),
             "-d", f"{seconds}s", "-H", f"Authorization: Bearer {token}", f"http://{address}{PATH}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 300, check=True)
    text = done.stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise v.Failed(f"wrk at {address}: {text}")

    def percentile(name):
        number, unit = re.search(rf"{name}%\s+([0-9.]+)(us|ms|s|m)\b", text).groups()
        return float(number) * UNITS[unit]

    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", text).group(1))
    return {"calls_s": rate, "p50_us": percentile(50), "p99_us": percentile(99)}


def cpu_s(pid):
    """Processor time that a process has used, in seconds: what a shared machine does not blur."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family_cpu_s(pid):
    """The same for a process and its children."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_s(pid) + sum(cpu_s(child) for child in children)


def median(runs):
    """Member by member."""
    return {name: round(statistics.median(run[name] for run in runs), 1) for name in runs[0]}


def bare(folder, rounds):
    """Two durable writes on the same disk, in microseconds: as plain fdatasync of one page each,
    and as two SQLite commits with the settings of the store."""
    path = folder / "bare"
    flags = os.O_CREAT | os.O_WRONLY
    page, file = b"x" * 4096, os.open(path, flags, 0o600)
    syncs, commits = [], []
    for number in range(rounds):
        began = time.perf_counter()
        for half in (0, 1):
            os.pwrite(file, page, (2 * number + half) * len(page))
            os.fdatasync(file)
        syncs.append(time.perf_counter() - began)
    os.close(file)
    store = sqlite3.connect(folder / "bare.db", isolation_level=None)
    store.execute("PRAGMA journal_mode=WAL")
    store.execute("PRAGMA synchronous=FULL")
    store.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, entry BLOB)")
    for _ in range(rounds):
        began = time.perf_counter()
        for _half in (0, 1):
            store.execute("BEGIN IMMEDIATE")
            store.execute("INSERT INTO entries (entry) VALUES (?)", (page[:600],))
            store.execute("COMMIT")
        commits.append(time.perf_counter() - began)
    store.close()
    return {"two_fdatasyncs_us": round(statistics.median(syncs) * 1e6, 1),
            "two_commits_us": round(statistics.median(commits) * 1e6, 1)}


def measure(vault, given):
    """Every door at every number of clients, taking turns so that a slow moment hits all."""
    seconds, rounds = (3, 1) if given.quick else (10, 3)
    incident, session = vault.open_session()
    address, nginx = start_nginx(vault)
    try:
        own = vault.own_token()
        doors = {"direct": (vault.databricks["http"], own), "nginx": (address, own),
                 "proxy": (vault.plain, session)}
        vault.knobs(no_request_log=True)
        # First, while the log is short enough to be read whole.
        long = {} if given.quick else bodies.measure(vault, doors, incident, rounds)
        if long:
            print(f"1 GiB    {json.dumps(long, sort_keys=True)}", flush=True)
        for door in doors.values():
            loaded(*door, 8, 1)
        runs = {}
        for _ in range(rounds):
            for clients in CLIENTS:
                for name, door in doors.items():
                    pid = {"nginx": nginx.pid, "proxy": vault.serve.pid}.get(name)
                    before = family_cpu_s(pid) if pid else 0.0
                    run = loaded(*door, clients, seconds)
                    used = family_cpu_s(pid) - before if pid else 0.0
                    run["cpu_us_per_call"] = used * 1e6 / (run["calls_s"] * seconds)
                    runs.setdefault((name, clients), []).append(run)
                    print(f"{name:7} {clients:3} clients  {run['calls_s']:9.0f} calls/s  "
                          f"p50 {run['p50_us']:8.0f} us  p99 {run['p99_us']:8.0f} us  "
                          f"cpu {run['cpu_us_per_call']:6.0f} us a call", flush=True)
        return long, {key: median(list_) for key, list_ in runs.items()}
    finally:
        nginx.terminate()
        nginx.wait(timeout=120)


def memory_kib(pid):
    """Resident memory of a process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", action="store_true", help="nothing but the JSON object")
    given = parser.parse_args()
    out = sys.stdout
    if given.json:
        sys.stdout = sys.stderr
    with Bench(str(pathlib.Path(given.binary).resolve())) as vault:
        idle_kib = memory_kib(vault.serve.pid)
        figures = bare(vault.dir / "vault" / "data", 100 if given.quick else 500)
        long, medians = measure(vault, given)
        for (name, clients), run in medians.items():
            figures[f"{name}_{clients}"] = run
        figures |= {
            "proxy_vs_nginx_64": round(
                medians["proxy", 64]["calls_s"] / medians["nginx", 64]["calls_s"], 3),
            "added_us_1": round(medians["proxy", 1]["p50_us"] - medians["direct", 1]["p50_us"], 1),
            "resident_idle_kib": idle_kib,
            "resident_loaded_kib": memory_kib(vault.serve.pid),
            "cpus": os.cpu_count(), "quick": given.quick,
        }
        if long:
            figures["gib"] = long
    # What lies over two durable commits, which the bars of the design are about.
    figures["added_over_commits_us_1"] = round(figures["added_us_1"] - figures["two_commits_us"], 1)
    print(json.dumps(figures, sort_keys=True), file=out, flush=True)


if __name__ == "__main__":
    main()
